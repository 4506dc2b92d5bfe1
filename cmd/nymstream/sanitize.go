// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

type sanitizeCommand struct {
	Policy        string `short:"p" required:"" placeholder:"FILE" help:"Policy."`
	Source        string `required:"" placeholder:"NAME" help:"Source of the policy that the events come from."`
	Recipient     string `required:"" placeholder:"NAME" help:"Recipient of the policy that the events are for."`
	In            string `short:"i" placeholder:"FILE" help:"JSON Lines; default standard input."`
	Out           string `placeholder:"FILE" help:"Sanitized JSON Lines; default standard output."`
	Keys          string `placeholder:"DIR" help:"Keyring; without it, fresh keys for this run."`
	Passphrase    string `env:"NYMSTREAM_PASSPHRASE" placeholder:"TEXT" help:"Passphrase of the keyring's KEK (better by environment: NYMSTREAM_PASSPHRASE)."`
	Store         string `placeholder:"DIR" help:"Embedded store of people, made if need be; it belongs to the keyring of --keys."`
	Consent       string `placeholder:"FILE" help:"Signals about people that are merged first: JSON Lines as on the signals topic."`
	AssumeConsent bool   `help:"Forward for purposes whose basis is consent although nobody was asked."`
	JSON          bool   `name:"json" help:"Counts as one JSON object on standard error."`
}

func (sanitizeCommand) Help() string {
	return "Example:\n  nymstream sanitize -p config/policies/social.yaml --source mastodon --recipient analytics --assume-consent -i events.jsonl"
}

func (c *sanitizeCommand) Run(ctx context.Context, std streams) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25) // reading the policy is all that makes garbage: it shall not decide what a pipe takes of memory
	}
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return err
	}
	keys, fresh, err := app.OpenKeys(plan, c.Keys, c.Passphrase)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintln(std.err, "note: fresh keys for this run: its pseudonyms match those of no other run (--keys DIR uses a keyring)")
	}
	if c.AssumeConsent {
		fmt.Fprintln(std.err, app.AssumedConsent)
	}
	people, err := c.people(ctx, std, func() (*app.LocalPeople, error) { return app.OpenLocalPeople(ctx, c.Store, plan, keys) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	in, size, err := openInput(c.In, std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	out := std.out
	if c.Out != "" {
		f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() {
			if closing := f.Close(); err == nil {
				err = closing
			}
		}()
		out = f
	}
	bar := newProgress(std.err, size)
	lines := &refusals{out: std.err, quiet: c.JSON}
	counts, err := app.Sanitize(ctx, app.SanitizeOptions{
		Plan: plan, Keys: keys, Source: c.Source, Recipient: c.Recipient, AssumeConsent: c.AssumeConsent, People: people,
		In: bar.reader(in), Out: out, Now: time.Now, Refused: lines.add,
	})
	bar.finish()
	lines.finish()
	if err != nil {
		return err
	}
	return printCounts(std.err, counts, c.JSON)
}

// people opens the store and merges signals; nil: nobody is kept.
func (c *sanitizeCommand) people(ctx context.Context, std streams, open func() (*app.LocalPeople, error)) (*app.LocalPeople, error) {
	if c.Store == "" && c.Consent == "" {
		return nil, nil
	}
	if c.Store != "" && c.Keys == "" {
		return nil, errors.New("a store belongs to a keyring: give --keys DIR")
	}
	people, err := open()
	if err != nil || c.Consent == "" {
		return people, err
	}
	in, _, err := openInput(c.Consent, std.in)
	if err != nil {
		return nil, errors.Join(err, people.Close())
	}
	defer in.Close()
	erasing, err := people.Hear(ctx, in)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Consent, err), people.Close())
	}
	if erasing > 0 {
		fmt.Fprintf(std.err, "note: %d lines ask for an erasure: nothing of these people leaves; `nymstream subject erase` ends what is kept\n", erasing)
	}
	return people, nil
}

// openInput opens a file, or takes standard input. The size is that of a regular file, else 0.
func openInput(path string, stdin io.Reader) (io.ReadCloser, int64, error) {
	if path == "" || path == "-" {
		return io.NopCloser(stdin), 0, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return f, 0, err
	}
	return f, info.Size(), nil
}

// refusals prints the first quarantined lines: where and why, never what.
type refusals struct {
	out   io.Writer
	quiet bool
	n     int
}

const shownRefusals = 10

func (r *refusals) add(line int64, reason event.Reason, rule string) {
	r.n++
	if r.quiet || r.n > shownRefusals {
		return
	}
	if rule != "" {
		rule = " at " + rule
	}
	fmt.Fprintf(r.out, "line %d: %s%s\n", line, reason, rule)
}

func (r *refusals) finish() {
	if !r.quiet && r.n > shownRefusals {
		fmt.Fprintf(r.out, "… and %d lines more\n", r.n-shownRefusals)
	}
}

func printCounts(out io.Writer, c app.Counts, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(c)
	}
	fmt.Fprintf(out, "in           %d\nforwarded    %d\n", c.In, c.Forwarded)
	for _, reason := range slices.Sorted(maps.Keys(c.Withheld)) {
		fmt.Fprintf(out, "withheld     %d %s\n", c.Withheld[reason], reason)
	}
	for _, reason := range slices.Sorted(maps.Keys(c.Quarantined)) {
		fmt.Fprintf(out, "quarantined  %d %s\n", c.Quarantined[reason], reason)
	}
	return nil
}
