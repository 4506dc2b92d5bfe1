// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/policy"
)

type policyCommands struct {
	Check   policyCheck   `cmd:"" help:"Say whether a policy can run, and what is wrong with it."`
	Explain policyExplain `cmd:"" help:"Show for a sample event every leaf, its class, the rule that decides, and before → after for every recipient."`
	Packs   policyPacks   `cmd:"" help:"List the platform packs of this build."`
	Show    policyShow    `cmd:"" help:"Print a platform pack."`
}

type policyCheck struct {
	Policy string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
}

func (policyCheck) Help() string {
	return "Exit code 1: the policy is refused.\n\nExample:\n  nymstream policy check -p config/policies/social.yaml"
}

func (c *policyCheck) Run(std streams) error {
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return answer{err}
	}
	for _, w := range plan.Warnings {
		fmt.Fprintln(std.err, "warning:", w.Error())
	}
	fmt.Fprintf(std.out, "ok: %d sources, %d recipients, plan %s\n", len(plan.Sources), len(plan.Recipients), plan.Hash)
	return nil
}

type policyExplain struct {
	Policy    string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
	Source    string `required:"" placeholder:"NAME" help:"Source of the policy that the sample comes from."`
	Recipient string `placeholder:"NAME" help:"Only this recipient; default all of the source."`
	In        string `short:"i" placeholder:"FILE" help:"One sample event as JSON; default standard input."`
	Path      string `placeholder:"PATH" help:"Only leaves below this path."`
	Output    string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

func (policyExplain) Help() string {
	return "It shows the sample's clear values. Consent is assumed.\n\nExample:\n  head -1 events.jsonl | nymstream policy explain -p config/policies/social.yaml --source mastodon"
}

const maxSample = 64 << 20

func (c *policyExplain) Run(ctx context.Context, std streams) error {
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return err
	}
	in, _, err := openInput(c.In, std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	sample, err := io.ReadAll(io.LimitReader(in, maxSample))
	if err != nil {
		return err
	}
	x, err := app.Explain(plan, c.Source, c.Recipient, sample)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(x)
	}
	return app.PrintExplanation(std.out, x, c.Path)
}

type policyPacks struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (policyPacks) Help() string { return "Example:\n  nymstream policy packs" }

func (c *policyPacks) Run(std streams) error {
	packs, err := policy.ListPacks(policy.Packs())
	if err != nil {
		return err
	}
	rows := make([][]string, len(packs))
	for i, p := range packs {
		rows[i] = []string{fmt.Sprintf("%s@%d", p.Name, p.Version), p.Description}
	}
	return printList(std.out, c.Output, packs, []string{"PACK", "DESCRIPTION"}, rows)
}

type policyShow struct {
	Pack string `arg:"" help:"Pack, such as mastodon@1."`
}

func (policyShow) Help() string { return "Example:\n  nymstream policy show mastodon@1" }

func (c *policyShow) Run(std streams) error {
	packs, err := policy.ListPacks(policy.Packs())
	if err != nil {
		return err
	}
	for _, p := range packs {
		if c.Pack != p.Name && c.Pack != fmt.Sprintf("%s@%d", p.Name, p.Version) {
			continue
		}
		text, err := fs.ReadFile(policy.Packs(), p.File)
		if err != nil {
			return err
		}
		_, err = std.out.Write(text)
		return err
	}
	return answer{fmt.Errorf("no pack %q; `nymstream policy packs` lists them", c.Pack)}
}
