// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/app"
)

type policyStatus struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (policyStatus) Help() string {
	return "Needs a store. Exit code 1: instances work by different plans.\n\nExample:\n  nymstream policy status -c config/nymstream.yaml --token operator.token"
}

func (c *policyStatus) Run(ctx context.Context, std streams) error {
	status, err := ask[app.PolicyStatus](ctx, &c.adminFlags, std, "policy status", nil)
	if err != nil && status.Instances == nil {
		return err
	}
	rows := make([][]string, len(status.Instances))
	for i, one := range status.Instances {
		since := "–"
		if !one.Since.IsZero() {
			since = moment(one.Since)
		}
		rows[i] = []string{one.Name, one.Plan[:12], since}
	}
	if printed := printList(std.out, c.Output, status, []string{"INSTANCE", "PLAN", "SINCE"}, rows); printed != nil {
		return printed
	}
	if len(rows) == 0 {
		fmt.Fprintln(std.err, "no instance lives")
	}
	return err
}

type policyHistory struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (policyHistory) Help() string {
	return "When each instance put which plan to work, the oldest first. Of the newest 20 plans the policy's text is kept: `policy rollback` can put it back.\n" +
		"Needs a store. The proof is the audit log: `audit show --act policy-change`.\n\nExample:\n  nymstream policy history -c config/nymstream.yaml --token operator.token"
}

func (c *policyHistory) Run(ctx context.Context, std streams) error {
	changes, err := ask[[]app.PlanChange](ctx, &c.adminFlags, std, "policy history", nil)
	if err != nil {
		return err
	}
	rows := make([][]string, len(changes))
	for i, one := range changes {
		kept := "no"
		if one.Kept {
			kept = "yes"
		}
		rows[i] = []string{moment(one.At), one.Plan[:12], one.Instance, one.By, one.Why, kept}
	}
	return printList(std.out, c.Output, changes, []string{"AT", "PLAN", "INSTANCE", "BY", "WHY", "KEPT"}, rows)
}

type policyRollback struct {
	adminFlags
	whyFlags
	Plan  string `arg:"" help:"Plan of the history: its hash, or at least the first 8 characters."`
	Check bool   `help:"Only tell what would change."`
	More  bool   `help:"Also if more leaves."`
}

func (policyRollback) Help() string {
	return "The policy's file of one instance becomes what it was, and goes to work. Others take it over where they read the same file; else send it to each.\n" +
		"Exit code 1: it is not kept, its packs are others now, or more would leave.\n\n" +
		"Example:\n  nymstream policy rollback -c config/nymstream.yaml --token operator.token 3f2a99b1c0d4 --check"
}

func (c *policyRollback) Run(ctx context.Context, std streams) error {
	out, err := ask[app.Reloaded](ctx, &c.adminFlags, std, "policy rollback", app.Rollback{Plan: c.Plan, Check: c.Check, More: c.More, Reason: c.Reason})
	if err != nil {
		return err
	}
	printReloaded(std, out)
	return nil
}
