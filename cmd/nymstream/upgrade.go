// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/app"
)

type upgradeCommands struct {
	Status   upgradeStatus   `cmd:"" help:"Say in which format people are stored, and which instance reads which."`
	Finalize upgradeFinalize `cmd:"" help:"Store people in this release's format: the release before cannot use the store any more."`
}

type upgradeStatus struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (upgradeStatus) Help() string {
	return "Example:\n  nymstream upgrade status -c config/nymstream.yaml"
}

func (c *upgradeStatus) Run(ctx context.Context, std streams) error {
	s, err := ask[app.UpgradeStatus](ctx, &c.adminFlags, std, "upgrade status", struct{}{})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, i := range s.Instances {
		rows = append(rows, []string{i.Name, fmt.Sprint(i.Reads)})
	}
	if err := printList(std.out, c.Output, s, []string{"INSTANCE", "READS"}, rows); err != nil {
		return err
	}
	if c.Output == "table" && s.Format < s.Newest {
		fmt.Fprintf(std.out, "people are stored in format %d; once nobody needs the release before, `nymstream upgrade finalize` changes to format %d\n", s.Format, s.Newest)
	} else if c.Output == "table" {
		fmt.Fprintf(std.out, "people are stored in format %d, the newest that this release knows\n", s.Format)
	}
	return nil
}

type upgradeFinalize struct{ adminFlags }

func (upgradeFinalize) Help() string {
	return "It cannot be undone: to go back afterwards, restore a backup of before. Refused while an instance lives that does not read the new format.\n\n" +
		"Example:\n  nymstream upgrade finalize -c config/nymstream.yaml --token ops.token"
}

func (c *upgradeFinalize) Run(ctx context.Context, std streams) error {
	return c.tellDone(ctx, std, "upgrade finalize", struct{}{})
}
