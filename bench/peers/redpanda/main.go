// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command redpanda is Redpanda Connect as a contender of `make bench-peers`: its engine, its mapping language and its Kafka
// components (Apache-2.0) with a mapping that does what the product's policy does. At least once, its usual way.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"

	"github.com/nymstream/nymstream/bench/peers/redpanda/contender"
)

//go:embed mapping.blobl
var mapping string

//go:embed stream.yaml
var stream string

func main() {
	os.Exit(contender.Contender{Transform: transform, Kafka: kafka}.Main(os.Args[1:]))
}

func transform() (contender.Sanitize, error) {
	program, err := bloblang.Parse(mapping)
	if err != nil {
		return nil, err
	}
	return func(e []byte) ([]byte, error) {
		out, err := service.NewMessage(e).BloblangQuery(program)
		if err != nil {
			return nil, err
		}
		return out.AsBytes()
	}, nil
}

func kafka(ctx context.Context, t contender.Topics) error {
	b := service.NewStreamBuilder()
	config := strings.NewReplacer("${BROKERS}", strings.Join(t.Brokers, ","), "${GROUP}", t.Group, "${IN}", t.In, "${OUT}", t.Out).Replace(stream)
	err := errors.Join(b.SetYAML(config), b.AddProcessorYAML("mapping: |\n  "+strings.ReplaceAll(mapping, "\n", "\n  ")), b.SetLoggerYAML("level: WARN"))
	if err != nil {
		return err
	}
	s, err := b.Build()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }() // it is stopped below: its own end commits what it has finished
	select {
	case err := <-ended:
		return fmt.Errorf("ended by itself: %w", err)
	case <-ctx.Done():
		return errors.Join(s.StopWithin(10*time.Second), <-ended)
	}
}
