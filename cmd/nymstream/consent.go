// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nymstream/nymstream/internal/app"
)

type consentCommands struct {
	Grant  consentGrant  `cmd:"" help:"Note that people agree to a purpose."`
	Revoke consentRevoke `cmd:"" help:"Note that people do not agree any more: the flow stops within seconds."`
	Show   consentShow   `cmd:"" help:"Show what people said: purpose, since when, who told."`
	Import consentImport `cmd:"" help:"Take in signals: JSON Lines as on the signals topic."`
	Export consentExport `cmd:"" help:"Write what people said as signals that can be imported, or of all by hashes."`
}

// sayFlags say something of people.
type sayFlags struct {
	adminFlags
	aboutFlags
	whyFlags
	Kind         string `enum:"consent,parental,parental-third-party,age,sale,sharing,sensitive" default:"consent" help:"What it is about: ${enum}."`
	Purpose      string `placeholder:"NAME" help:"Purpose of the policy."`
	EveryPurpose bool   `help:"Every purpose."`
	At           string `placeholder:"TIME" help:"Since when it holds (RFC 3339); default now."`
	Source       string `placeholder:"WORD" help:"Who says so, as in cmp:website; default officer."`
	Notice       string `placeholder:"VERSION" help:"Version of the notice that was shown."`
}

func (c *sayFlags) saying(std streams) (o app.Saying, err error) {
	o = app.Saying{About: app.About{Reason: c.Reason}, Kind: c.Kind, Purpose: c.Purpose, Every: c.EveryPurpose, Source: c.Source, Notice: c.Notice}
	if o.Subjects, err = c.subjects(std); err != nil {
		return o, err
	}
	o.At, err = msOf("--at", c.At)
	return o, err
}

// printSaid tells what a saying came to.
func printSaid(ctx context.Context, f *adminFlags, std streams, name string, o any) error {
	said, err := ask[app.Said](ctx, f, std, name, o)
	if err == nil {
		fmt.Fprintf(std.out, "noted for %d people, %d rows\n", said.Subjects, said.Rows)
	}
	if err == nil && said.Request != "" {
		fmt.Fprintf(std.err, "request %s\n", said.Request)
	}
	return err
}

type consentGrant struct {
	sayFlags
	Expires string `placeholder:"TIME" help:"When it ends (RFC 3339)."`
}

func (consentGrant) Help() string {
	return "Example:\n  nymstream consent grant -c config/nymstream.yaml --subject mastodon:account:42 --purpose audience-analytics --source cmp:website --notice 2026-03"
}

func (c *consentGrant) Run(ctx context.Context, std streams) error {
	o, err := c.saying(std)
	if err != nil {
		return err
	}
	if o.Expires, err = msOf("--expires", c.Expires); err != nil {
		return err
	}
	return printSaid(ctx, &c.adminFlags, std, "consent grant", o)
}

type consentRevoke struct{ sayFlags }

func (consentRevoke) Help() string {
	return "Example:\n  nymstream consent revoke -c config/nymstream.yaml --subject email:ann@example.org --every-purpose"
}

func (c *consentRevoke) Run(ctx context.Context, std streams) error {
	o, err := c.saying(std)
	if err != nil {
		return err
	}
	return printSaid(ctx, &c.adminFlags, std, "consent revoke", o)
}

type consentShow struct {
	adminFlags
	aboutFlags
	whyFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (consentShow) Help() string {
	return "Looking is noted in the audit log.\n\nExample:\n  nymstream consent show -c config/nymstream.yaml --subject mastodon:account:42"
}

func (c *consentShow) Run(ctx context.Context, std streams) error {
	subjects, err := c.subjects(std)
	if err != nil {
		return err
	}
	all, err := ask[[]app.Shown](ctx, &c.adminFlags, std, "consent show", app.About{Subjects: subjects, Reason: c.Reason})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, s := range all {
		for _, m := range s.Said {
			rows = append(rows, []string{fmt.Sprint(s.Number), m.Kind, m.Purpose, m.Now, m.Since, m.Expires, m.Source, m.Notice})
		}
	}
	return printList(std.out, c.Output, all, []string{"SUBJECT", "KIND", "PURPOSE", "NOW", "SINCE", "EXPIRES", "SOURCE", "NOTICE"}, rows)
}

type consentImport struct {
	adminFlags
	In string `short:"i" placeholder:"FILE" help:"JSON Lines; default standard input."`
}

func (consentImport) Help() string {
	return "A line is {\"v\":1,\"subject\":{\"instance\":\"mastodon\",\"type\":\"account\",\"id\":\"42\"},\"signals\":[{\"kind\":\"consent\",\"purpose\":\"research\",\"value\":\"granted\",\"at\":\"2026-03-01T12:00:00Z\"}]}. " +
		"Faulty lines are named and skipped: exit code 1.\n\nExample:\n  nymstream consent import -c config/nymstream.yaml -i consents.jsonl"
}

// importedAtOnce is how many lines are sent together.
const importedAtOnce = 500

func (c *consentImport) Run(ctx context.Context, std streams) error {
	in, size, err := openInput(c.In, std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	conf, o, err := c.door(std)
	if err != nil {
		return err
	}
	door := app.OpenDoor(ctx, conf, o)
	bar := newProgress(std.err, size)
	sum, err := importLines(ctx, door, bar.reader(in))
	bar.finish()
	if err = errors.Join(err, door.Close(ctx)); err != nil {
		return err
	}
	for _, line := range sum.Refused {
		fmt.Fprintln(std.err, line)
	}
	fmt.Fprintf(std.out, "took %d records with %d signals; %d rows erased, %d held\n", sum.Records, sum.Signals, sum.Erased, sum.Held)
	if len(sum.Refused) > 0 {
		return answer{errors.New("some lines were refused")}
	}
	return nil
}

// importLines sends lines in parts.
func importLines(ctx context.Context, door *app.Door, in io.Reader) (sum app.Imported, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	part := app.Records{First: 1}
	flush := func() error {
		var done app.Imported
		if err := doPart(ctx, door, part, &done); err != nil {
			return err
		}
		sum.Records += done.Records
		sum.Signals += done.Signals
		sum.Erased += done.Erased
		sum.Held += done.Held
		sum.Refused = append(sum.Refused, done.Refused...)
		part = app.Records{First: part.First + len(part.Records)}
		return nil
	}
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if !json.Valid(line) {
			if len(line) > 0 {
				sum.Refused = append(sum.Refused, fmt.Sprintf("line %d: not one JSON value", n))
			}
			line = nil
		}
		if part.Records = append(part.Records, bytes.Clone(line)); len(part.Records) == importedAtOnce {
			if err := flush(); err != nil {
				return sum, err
			}
		}
	}
	if err := lines.Err(); err != nil || len(part.Records) == 0 {
		return sum, err
	}
	return sum, flush()
}

func doPart(ctx context.Context, door *app.Door, part app.Records, into any) error {
	cmd, err := app.NewCommand("consent import", part)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := door.Do(ctx, cmd, &out); err != nil {
		return err
	}
	return json.Unmarshal(out.Bytes(), into)
}

type consentExport struct {
	adminFlags
	aboutFlags
	whyFlags
	All bool   `help:"Of everybody, by the audit log's hashes: to count and to compare, not to import."`
	Out string `placeholder:"FILE" help:"Default standard output."`
}

func (consentExport) Help() string {
	return "Example:\n  nymstream consent export -c config/nymstream.yaml -i people.jsonl --out consents.jsonl"
}

func (c *consentExport) Run(ctx context.Context, std streams) error {
	o := app.Exporting{About: app.About{Reason: c.Reason}, All: c.All}
	if !c.All {
		var err error
		if o.Subjects, err = c.subjects(std); err != nil {
			return err
		}
	}
	out, closing, err := openOutput(c.Out, std.out)
	if err != nil {
		return err
	}
	return errors.Join(c.do(ctx, std, "consent export", o, out), closing())
}
