// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/app"
)

type honeytokenCommands struct {
	Add    honeytokenAdd    `cmd:"" help:"Mark made-up people."`
	Remove honeytokenRemove `cmd:"" help:"Mark them no more."`
	List   honeytokenList   `cmd:"" help:"List the marked by the hashes by which the audit log knows them."`
}

// honeytokenFlags name made-up people.
type honeytokenFlags struct {
	adminFlags
	aboutFlags
}

// mark changes the marks, and says how many there are then.
func (c *honeytokenFlags) mark(ctx context.Context, std streams, name string) error {
	subjects, err := c.subjects(std)
	if err != nil {
		return err
	}
	done, err := ask[app.Honeytokens](ctx, &c.adminFlags, std, name, app.About{Subjects: subjects})
	if err == nil {
		fmt.Fprintf(std.out, "%d rows are marked\n", done.Marked)
	}
	return err
}

type honeytokenAdd struct{ honeytokenFlags }

func (honeytokenAdd) Help() string {
	return "Takes the role privacy-officer. Let the made-up person's events flow first, so that recipients have pseudonyms to be tempted by. Asking for one by\n" +
		"`subject access`, `status` or `pseudonyms`, or opening one by `reveal open`, is an alarm in log and audit log. The audit log does not tell who is marked.\n\n" +
		"Example:\n  nymstream reveal honeytoken add -c config/nymstream.yaml --token officer.token --subject mastodon:account:990017"
}

func (c *honeytokenAdd) Run(ctx context.Context, std streams) error {
	return c.mark(ctx, std, "reveal honeytoken add")
}

type honeytokenRemove struct{ honeytokenFlags }

func (honeytokenRemove) Help() string {
	return "Takes the role privacy-officer.\n\nExample:\n  nymstream reveal honeytoken remove -c config/nymstream.yaml --token officer.token --subject mastodon:account:990017"
}

func (c *honeytokenRemove) Run(ctx context.Context, std streams) error {
	return c.mark(ctx, std, "reveal honeytoken remove")
}

type honeytokenList struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (honeytokenList) Help() string {
	return "Takes the role privacy-officer.\n\nExample:\n  nymstream reveal honeytoken list -c config/nymstream.yaml --token officer.token"
}

func (c *honeytokenList) Run(ctx context.Context, std streams) error {
	list, err := ask[app.Honeytokens](ctx, &c.adminFlags, std, "reveal honeytoken list", struct{}{})
	if err != nil {
		return err
	}
	rows := make([][]string, len(list.Hashes))
	for i, h := range list.Hashes {
		rows[i] = []string{h}
	}
	return printList(std.out, c.Output, list, []string{"SUBJECT"}, rows)
}
