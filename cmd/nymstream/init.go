// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/nymstream/nymstream/internal/app"
)

type initCommand struct {
	Dir  string   `arg:"" help:"Folder to write into; it may exist, its files may not."`
	Pack []string `required:"" sep:"," placeholder:"NAME" help:"Platform packs; 'nymstream policy packs' lists them."`
}

func (initCommand) Help() string {
	return "Example:\n  nymstream init ./social --pack mastodon,bluesky"
}

func (c *initCommand) Run(std streams) error {
	if err := app.Scaffold(c.Dir, c.Pack, time.Now()); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(c.Dir, name) }
	fmt.Fprintf(std.out, `wrote %s  the process: brokers, group, limits
wrote %s     what each recipient may have
wrote %s            keys for the policy's recipients (back up %s apart)

Next, without a broker:
  nymstream sanitize -p %s --keys %s --source %s --recipient analytics --assume-consent -i EVENTS.jsonl
With Kafka on 127.0.0.1:9092 and its topics made (nymstream doctor names what is missing):
  nymstream run -c %s
`, at("nymstream.yaml"), at("policy.yaml"), at("keys"), at("keys/kek"), at("policy.yaml"), at("keys"), c.Pack[0], at("nymstream.yaml"))
	return nil
}
