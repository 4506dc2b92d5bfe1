// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
)

type quarantineCommands struct {
	List   quarantineList   `cmd:"" help:"List what waits in quarantine: coordinates, reason, rule, recipients. Never content."`
	Stats  quarantineStats  `cmd:"" help:"Count what waits in quarantine, by reason and recipient."`
	Show   quarantineShow   `cmd:"" help:"Show one record's reason and path."`
	Replay quarantineReplay `cmd:"" help:"Decide records again, once for each source coordinate and recipient."`
	Purge  quarantinePurge  `cmd:"" help:"Destroy the keys of days that are over."`
}

// quarantineFlags say which quarantine, and what of it.
type quarantineFlags struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"Configuration."`
	Reason string `placeholder:"REASON" help:"Only records with this reason, such as malformed."`
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (f *quarantineFlags) held(ctx context.Context, coordinate string) ([]app.Held, error) {
	c, err := config.Load(f.Config, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return app.Quarantine(ctx, c, app.HeldFilter{Reason: f.Reason, Coordinate: coordinate})
}

type quarantineList struct{ quarantineFlags }

func (quarantineList) Help() string {
	return "Example:\n  nymstream quarantine list -c config/nymstream.yaml --reason malformed"
}

func (c *quarantineList) Run(ctx context.Context, std streams) error {
	held, err := c.held(ctx, "")
	if err != nil {
		return err
	}
	return printHeld(std, c.Output, held)
}

func printHeld(std streams, format string, held []app.Held) error {
	rows := make([][]string, len(held))
	for i, h := range held {
		rows[i] = []string{h.Coordinate, h.Reason, h.Rule, strings.Join(h.Recipients, ","), moment(h.At), fmt.Sprint(h.Bytes)}
	}
	return printList(std.out, format, held, []string{"COORDINATE", "REASON", "RULE", "RECIPIENTS", "AT", "SEALED BYTES"}, rows)
}

type quarantineStats struct{ quarantineFlags }

func (quarantineStats) Help() string {
	return "Example:\n  nymstream quarantine stats -c config/nymstream.yaml"
}

// statistic counts the records of one reason that one recipient waits for.
type statistic struct {
	Reason    string `json:"reason"`
	Recipient string `json:"recipient"`
	Records   int    `json:"records"`
}

func (c *quarantineStats) Run(ctx context.Context, std streams) error {
	held, err := c.held(ctx, "")
	if err != nil {
		return err
	}
	counts := map[statistic]int{}
	for _, h := range held {
		for _, r := range h.Recipients {
			counts[statistic{Reason: h.Reason, Recipient: r}]++
		}
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b statistic) int {
		return strings.Compare(a.Reason+" "+a.Recipient, b.Reason+" "+b.Recipient)
	})
	rows := make([][]string, len(keys))
	for i := range keys {
		keys[i].Records = counts[keys[i]]
		rows[i] = []string{keys[i].Reason, keys[i].Recipient, fmt.Sprint(keys[i].Records)}
	}
	return printList(std.out, c.Output, keys, []string{"REASON", "RECIPIENT", "RECORDS"}, rows)
}

type quarantineShow struct {
	quarantineFlags
	Coordinate string `arg:"" help:"Source coordinate: topic/partition/offset."`
}

func (quarantineShow) Help() string {
	return "The original stays sealed.\n\nExample:\n  nymstream quarantine show -c config/nymstream.yaml social.raw.mastodon/0/1742"
}

func (c *quarantineShow) Run(ctx context.Context, std streams) error {
	held, err := c.held(ctx, c.Coordinate)
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return answer{fmt.Errorf("nothing at %s waits in quarantine", c.Coordinate)}
	}
	return printHeld(std, c.Output, held)
}

type quarantineReplay struct {
	quarantineFlags
	Coordinate string `arg:"" optional:"" help:"Only this source coordinate: topic/partition/offset."`
	All        bool   `help:"Everything that waits (with --reason: of this reason)."`
}

func (quarantineReplay) Help() string {
	return "A record passes policy and consent as they are today; what is still unfit stays.\n\nExample:\n  nymstream quarantine replay -c config/nymstream.yaml --reason too-deep --all"
}

func (c *quarantineReplay) Run(ctx context.Context, std streams) error {
	if c.Coordinate == "" && !c.All {
		return errors.New("which records? give a coordinate, or --all")
	}
	conf, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	done, err := app.Replay(ctx, conf, os.LookupEnv, app.HeldFilter{Reason: c.Reason, Coordinate: c.Coordinate})
	rows := make([][]string, len(done))
	for i, d := range done {
		rows[i] = []string{d.Coordinate, d.Recipient, d.Outcome, d.Reason}
	}
	if printed := printList(std.out, c.Output, done, []string{"COORDINATE", "RECIPIENT", "OUTCOME", "REASON"}, rows); err == nil {
		err = printed
	}
	return err
}
