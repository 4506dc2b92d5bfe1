// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/nymstream/nymstream/internal/app"
)

type policyPush struct {
	Policy string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
	To     string `placeholder:"URL" default:"http://127.0.0.1:9464" help:"The running instance's http.listen."`
	Token  string `placeholder:"FILE" required:"" help:"File with the token of http.policy_token."`
	Check  bool   `help:"Only tell what would change."`
	More   bool   `help:"Also if more leaves."`
}

func (policyPush) Help() string {
	return "The policy takes the place of the instance's file and goes to work at once. Exit code 1: it is refused, or more would leave.\n\nExample:\n  nymstream policy push -p next.yaml --token /run/secrets/policy_token --check"
}

func (c *policyPush) Run(ctx context.Context, std streams) error {
	data, err := os.ReadFile(c.Policy)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(c.Token)
	if err != nil {
		return err
	}
	out, refused, err := app.Push(ctx, c.To, strings.TrimSpace(string(token)), data, c.Check, c.More)
	switch {
	case err != nil:
		return err
	case refused != "":
		return answer{fmt.Errorf("%s", refused)}
	}
	printReloaded(std, out)
	return nil
}

func printReloaded(std streams, out app.Reloaded) {
	for _, change := range out.Changes {
		fmt.Fprintf(std.out, "%s: %s\n", change.Direction, change)
	}
	if len(out.Changes) == 0 {
		fmt.Fprintln(std.out, "nothing changes")
	}
	fmt.Fprintln(std.out, "plan", out.Plan)
}
