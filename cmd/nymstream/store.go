// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
)

type storeCommands struct {
	Backup  storeBackup  `cmd:"" help:"Write a sealed backup while the store is used."`
	Restore storeRestore `cmd:"" help:"Bring a backup into an empty store, then the ledger of erasures: nobody who was erased comes back."`

	Stats  storeStats  `cmd:"" help:"Count what lies in the store."`
	Rewrap storeRewrap `cmd:"" help:"Seal all secrets in the newest store epoch, so that older ones can be destroyed."`
}

type storeStats struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (storeStats) Help() string {
	return "Example:\n  nymstream store stats -c config/nymstream.yaml"
}

func (c *storeStats) Run(ctx context.Context, std streams) error {
	s, err := ask[app.StoreStats](ctx, &c.adminFlags, std, "store stats", struct{}{})
	if err != nil {
		return err
	}
	row := []string{fmt.Sprint(s.People), fmt.Sprint(s.Outbox), fmt.Sprint(s.Requests), fmt.Sprint(s.DataKeys), fmt.Sprint(s.Bytes), fmt.Sprint(s.StoreEpoch)}
	return printList(std.out, c.Output, s, []string{"PEOPLE", "OUTBOX", "REQUESTS", "DATA KEYS", "BYTES", "STORE EPOCH"}, [][]string{row})
}

type storeRewrap struct{ adminFlags }

func (storeRewrap) Help() string {
	return "Begin a new store epoch before: nymstream keys epoch --store.\n\nExample:\n  nymstream store rewrap -c config/nymstream.yaml"
}

func (c *storeRewrap) Run(ctx context.Context, std streams) error {
	r, err := ask[app.Rewrapped](ctx, &c.adminFlags, std, "store rewrap", struct{}{})
	if err == nil {
		fmt.Fprintf(std.out, "sealed anew in store epoch %d: %d people, %d requests and rows of the outbox, %d reveal requests\n", r.Epoch, r.People, r.Requests, r.Reveals)
	}
	return err
}

type storeBackup struct {
	adminFlags
	Out string `required:"" placeholder:"FILE" help:"A new file. It opens only with the keyring, and only until its store epoch is destroyed."`
}

func (storeBackup) Help() string {
	return "Example:\n  nymstream store backup -c config/nymstream.yaml --token ops.token --out people-2026-11-23.nymb"
}

func (c *storeBackup) Run(ctx context.Context, std streams) error {
	f, err := os.OpenFile(c.Out, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = c.do(ctx, std, "store backup", struct{}{}, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	conf, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	return verifyBackup(ctx, std, conf, c.Out)
}

// verifyBackup reads a backup to its end and says what it holds.
func verifyBackup(ctx context.Context, std streams, conf *config.Config, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := app.VerifyBackup(ctx, conf, f)
	if err == nil {
		fmt.Fprintf(std.out, "%s: %d people, %d rows in all, sealed in store epoch %d; it is whole\n", name, info.People, info.Rows, info.StoreEpoch)
	}
	return err
}

type storeRestore struct {
	Config  string `short:"c" required:"" placeholder:"FILE" help:"Configuration, of a store that is empty. No instance may run."`
	In      string `short:"i" required:"" placeholder:"FILE" help:"Backup."`
	Stopped bool   `help:"No instance used the store any more when the backup was made: nothing is missing in it."`
	Check   bool   `help:"Only read the backup to its end."`
}

func (storeRestore) Help() string {
	return "Run it again where it was interrupted: until it succeeds nothing starts on the store. Where people may be missing, new epochs of all recipients begin.\n\n" +
		"Example:\n  nymstream store restore -c config/nymstream.yaml -i people-2026-11-23.nymb"
}

func (c *storeRestore) Run(ctx context.Context, std streams) error {
	conf, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := verifyBackup(ctx, std, conf, c.In); err != nil || c.Check {
		return err
	}
	f, err := os.Open(c.In)
	if err != nil {
		return err
	}
	defer f.Close()
	done, err := app.RestoreStore(ctx, conf, []string{"operator"}, f, c.Stopped)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "restored, and the ledger of erasures after it")
	if !done.EpochsFrom.IsZero() {
		fmt.Fprintf(std.out, "people created since get other secrets: new epochs of all recipients begin at %s; start no instance before\n", moment(done.EpochsFrom))
	}
	return nil
}
