// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/app"
)

type keysDestroy struct {
	adminFlags
	Recipient string `xor:"of" required:"" placeholder:"NAME" help:"Recipient whose ended epoch is destroyed."`
	Store     bool   `xor:"of" required:"" help:"A store epoch instead; everything in it is sealed anew first."`
	Epoch     int    `required:"" placeholder:"N" help:"Number of the epoch."`
	Yes       bool   `help:"It cannot be undone: say so."`
}

func (keysDestroy) Help() string {
	return "Its pseudonyms are unlinkable for good, and its seals lost. Exit code 1: it is in use.\n\nExample:\n  nymstream keys destroy -c config/nymstream.yaml --recipient analytics --epoch 3 --yes"
}

func (c *keysDestroy) Run(ctx context.Context, std streams) error {
	if !c.Yes {
		return errors.New("destroying keys cannot be undone: say --yes")
	}
	name := "keys destroy"
	if c.Store {
		name = "keys destroy-store"
	}
	return c.tellDone(ctx, std, name, app.EpochOf{Recipient: c.Recipient, Store: c.Store, Epoch: c.Epoch})
}

type keysExportPublic struct {
	keyringFlags
	Role string `enum:"certificate,audit" default:"certificate" help:"What the keys verify: ${enum}."`
}

func (keysExportPublic) Help() string {
	return "Every key that ever signed, as PEM: whoever has them can verify without the keyring.\n\nExample:\n  nymstream keys export-public -c config/nymstream.yaml --role audit > audit.pem"
}

func (c *keysExportPublic) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	text, err := k.PublicKeys(c.Role)
	if err == nil {
		fmt.Fprint(std.out, text)
	}
	return err
}

type keysBackup struct {
	keyringFlags
	Out string `required:"" placeholder:"FILE" help:"A new file. It is wrapped by the KEK, which is not in it."`
}

func (keysBackup) Help() string {
	return "Keep it apart from the KEK, and no longer than destroyed epochs may be brought back by it.\n\nExample:\n  nymstream keys backup -c config/nymstream.yaml --out keyring-2026-11-23.json"
}

func (c *keysBackup) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	if err := k.Backup(c.Out); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "wrote %s\n", c.Out)
	return nil
}

type keysRestore struct {
	keyringFlags
	In string `short:"i" required:"" placeholder:"FILE" help:"Backup."`
}

func (keysRestore) Help() string {
	return "Only where there is no keyring; the KEK must be there.\n\nExample:\n  nymstream keys restore -c config/nymstream.yaml -i keyring-2026-11-23.json"
}

func (c *keysRestore) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	if err := k.Restore(c.In); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "restored the keyring in %s; it opens\n", k.Dir)
	return nil
}

type quarantinePurge struct {
	adminFlags
	Before string `required:"" placeholder:"DAY" help:"Day, as in 2026-11-23: what was quarantined before it cannot be opened any more."`
	Yes    bool   `help:"It cannot be undone: say so."`
}

func (quarantinePurge) Help() string {
	return "It destroys the keys of these days; the records go by the topic's retention.\n\nExample:\n  nymstream quarantine purge -c config/nymstream.yaml --before 2026-11-16 --yes"
}

func (c *quarantinePurge) Run(ctx context.Context, std streams) error {
	if !c.Yes {
		return errors.New("purging cannot be undone: say --yes")
	}
	return c.tellDone(ctx, std, "quarantine purge", app.Day{Before: c.Before})
}

type resumeCommand struct {
	adminFlags
	Topic     string `required:"" placeholder:"NAME" help:"Source topic."`
	Partition int32  `required:"" placeholder:"N" help:"Partition that stopped."`
	At        int64  `required:"" placeholder:"OFFSET" help:"Where it goes on. What lies before is not read: records may be lost, or come twice."`
}

func (resumeCommand) Help() string {
	return "With --token the running instance that has the partition goes on at once; without it no instance of the group may run.\n\n" +
		"Example:\n  nymstream resume -c config/nymstream.yaml --token ops.token --topic social.raw.mastodon --partition 3 --at 18220"
}

func (c *resumeCommand) Run(ctx context.Context, std streams) error {
	return c.tellDone(ctx, std, "resume", app.Resuming{Topic: c.Topic, Partition: c.Partition, At: c.At})
}
