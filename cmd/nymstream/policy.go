// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

type policyCommands struct {
	Check    policyCheck    `cmd:"" help:"Say whether a policy can run, and what is wrong with it."`
	Explain  policyExplain  `cmd:"" help:"Show for a sample event every leaf, its class, the rule that decides, and before → after for every recipient."`
	Test     policyTest     `cmd:"" help:"Run a policy's tests: the *_test.yaml files beside it."`
	Diff     policyDiff     `cmd:"" help:"Say what more and what less leaves for whom under another policy."`
	Push     policyPush     `cmd:"" help:"Give a running instance another policy."`
	Status   policyStatus   `cmd:"" help:"Say by which plan each instance works, and since when."`
	History  policyHistory  `cmd:"" help:"List the plans that were at work."`
	Rollback policyRollback `cmd:"" help:"Put the policy of an earlier plan back."`
	Discover policyDiscover `cmd:"" help:"Propose a pack from samples of an unknown format."`
	Packs    policyPacks    `cmd:"" help:"List the platform packs of this build."`
	Show     policyShow     `cmd:"" help:"Print a platform pack."`
	Fmt      policyFmt      `cmd:"" help:"Format policies and packs, keeping their comments."`
	Schema   policySchema   `cmd:"" help:"Print the JSON Schema of the policy language, for editors."`
}

type policyCheck struct {
	Policy string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
	Live   bool   `help:"Ask the cluster too: topics, their retention, rights, and the schema registry."`
	Config string `short:"c" placeholder:"FILE" help:"Configuration, for --live."`
}

func (policyCheck) Help() string {
	return "Exit code 1: the policy is refused.\n\nExample:\n  nymstream policy check -p config/policies/social.yaml\n  nymstream policy check -p next.yaml --live -c config/nymstream.yaml"
}

func (c *policyCheck) Run(ctx context.Context, std streams) error {
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return answer{err}
	}
	for _, w := range plan.Warnings {
		fmt.Fprintln(std.err, "warning:", w.Error())
	}
	if c.Live {
		if err := c.live(ctx, std); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.out, "ok: %d sources, %d recipients, plan %s\n", len(plan.Sources), len(plan.Recipients), plan.Hash)
	return nil
}

// live checks what the service would check at its start.
func (c *policyCheck) live(ctx context.Context, std streams) error {
	if c.Config == "" {
		return fmt.Errorf("--live needs --config: where the cluster is")
	}
	conf, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	conf.Policy = c.Policy
	service, err := app.New(app.ServiceOptions{Config: conf, Version: version(), Err: io.Discard, Lookup: os.LookupEnv})
	if err != nil {
		return err
	}
	warnings, err := service.Check(ctx)
	for _, w := range warnings {
		fmt.Fprintln(std.err, "warning:", w)
	}
	return err
}

type policyExplain struct {
	Policy    string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
	Source    string `required:"" placeholder:"NAME" help:"Source of the policy that the sample comes from."`
	Recipient string `placeholder:"NAME" help:"Only this recipient; default all of the source."`
	In        string `short:"i" placeholder:"FILE" help:"One sample event as JSON; default standard input."`
	Path      string `placeholder:"PATH" help:"Only leaves below this path."`
	Output    string `short:"o" enum:"table,json" default:"table" help:"table or json."`
	HTML      string `name:"html" placeholder:"FILE" help:"Write a page that needs nothing else, for a browser."`
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
	events, err := app.ExplainAll(plan, c.Source, c.Recipient, sample)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		return writeFile(c.HTML, func(out io.Writer) error {
			return app.WriteExplanation(out, plan, filepath.Base(c.Policy), events, c.Path)
		})
	}
	for i, x := range events {
		if err := c.print(std.out, x, i, len(events)); err != nil {
			return err
		}
	}
	return nil
}

func (c *policyExplain) print(out io.Writer, x *pipeline.Explanation, i, of int) error {
	if c.Output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(x)
	}
	if of > 1 {
		fmt.Fprintf(out, "\n── event %d of %d ──\n", i+1, of)
	}
	return app.PrintExplanation(out, x, c.Path)
}

type policyPacks struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (policyPacks) Help() string {
	return "FIELDS are paths that have a class. COVERAGE is how many of the fields seen in real events of the platform have one; -o json names the events too.\n\nExample:\n  nymstream policy packs"
}

func (c *policyPacks) Run(std streams) error {
	packs, err := policy.DescribePacks(policy.Packs())
	if err != nil {
		return err
	}
	rows := make([][]string, len(packs))
	for i, p := range packs {
		coverage := "–"
		if p.Coverage != nil {
			coverage = fmt.Sprintf("%d/%d", p.Coverage.Classified, p.Coverage.Leaves)
		}
		rows[i] = []string{fmt.Sprintf("%s@%d", p.Name, p.Version), strconv.Itoa(len(p.Events)), strconv.Itoa(p.Paths), coverage, p.Description}
	}
	return printList(std.out, c.Output, packs, []string{"PACK", "EVENTS", "FIELDS", "COVERAGE", "DESCRIPTION"}, rows)
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
