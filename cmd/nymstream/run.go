// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
)

type runCommand struct {
	Config        string `short:"c" required:"" placeholder:"FILE" help:"Configuration."`
	Check         bool   `help:"Only verify configuration, policy, keys, topics and rights."`
	AssumeConsent bool   `help:"Forward for purposes whose basis is consent although nobody was asked (also: assume_consent in the configuration)."`
}

func (runCommand) Help() string {
	return "Ends with SIGTERM: finishes the batches in hand, commits, leaves the group.\n\nExample:\n  nymstream run -c config/nymstream.yaml"
}

func (c *runCommand) Run(ctx context.Context, std streams) error {
	conf, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	conf.AssumeConsent = conf.AssumeConsent || c.AssumeConsent
	if conf.AssumeConsent {
		fmt.Fprintln(std.err, app.AssumedConsent)
	}
	service, err := app.New(app.ServiceOptions{Config: conf, Version: version(), Err: std.err, Lookup: os.LookupEnv})
	if err != nil {
		return err
	}
	warnings, err := service.Check(ctx)
	for _, w := range warnings {
		fmt.Fprintln(std.err, "warning:", w)
	}
	if err != nil {
		return err
	}
	if c.Check {
		fmt.Fprintln(std.out, "ok: configuration, policy, keys, topics and rights are as the service needs them")
		return nil
	}
	return service.Run(ctx)
}
