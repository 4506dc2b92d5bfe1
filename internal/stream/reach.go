// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	// patience is how long Check asks a cluster of which some broker can be reached: others may just be starting.
	patience    = 15 * time.Second
	dialTimeout = 5 * time.Second
)

// reach connects to the cluster and asks about the topics. When nobody answers, the error names every address that was
// tried and what came back; it is of class event.ErrTransient unless the brokers turned the credentials down.
func (s *Stream) reach(ctx context.Context, topics []string) (map[string]topicState, error) {
	if err := s.dial(ctx); err != nil {
		return nil, err
	}
	pause := backoff{next: 100 * time.Millisecond, longest: 2 * time.Second}
	for end := time.Now().Add(patience); ; {
		states, err := s.cluster.refresh(ctx, topics...)
		if err == nil || hopeless(err) {
			return states, err
		}
		if time.Now().After(end) || pause.wait(ctx) != nil {
			return nil, fmt.Errorf("brokers do not answer: %w: %w", event.ErrTransient, err)
		}
	}
}

// dial tries the configured addresses in turn, with TLS and SASL, until one lets us in. kafka-go's transport would
// keep the reason of a failure to itself.
func (s *Stream) dial(ctx context.Context) error {
	d := kafka.Dialer{ClientID: s.opts.ClientID, TLS: s.opts.TLS, SASLMechanism: s.opts.SASL, Timeout: dialTimeout}
	class := event.ErrTransient
	var tried []error
	for _, address := range s.opts.Brokers {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism) {
			class = event.ErrFatal
		}
		tried = append(tried, fmt.Errorf("%s: %w", address, err))
	}
	return fmt.Errorf("no broker lets us in: %w: %w", class, errors.Join(tried...))
}
