// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/discover"
	"github.com/nymstream/nymstream/internal/policy"
)

type policyDiscover struct {
	In     string `short:"i" placeholder:"FILE" help:"Samples, one JSON document a line; default standard input."`
	Schema string `placeholder:"FILE" help:"Instead of samples: what the tags of an Avro (.avsc), Protobuf (.proto) or JSON Schema (.json) say."`
	Topic  string `placeholder:"TOPIC" help:"Samples from this topic, by the connection of --config."`
	Config string `short:"c" placeholder:"FILE" help:"Configuration, for --topic."`
	Since  string `placeholder:"TIME|PACK" help:"With --topic: only records since 24h, 7d or 2026-11-23T12:00:00Z. A pack (mastodon@1, or a file): only what it has no class for."`
	Known  string `placeholder:"PACK" help:"Only what this pack has no class for; beside a --since that is a time."`
	Most   int    `placeholder:"N" default:"100000" help:"At most so many records of the topic."`
	Name   string `placeholder:"NAME" default:"discovered" help:"What the proposed pack is called."`
	Out    string `placeholder:"PACK" help:"Write the proposed pack to this new file."`
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json, or yaml (the pack)."`
}

func (policyDiscover) Help() string {
	return `What the format seems to be: class, how sure, and the evidence of every field. It holds no value of the samples.
Where it is not sure, the class is the stricter one. Exit code 1: with --since, something came up that the pack has no class for.

Example:
  nymstream policy discover -i samples.jsonl --name forum --out forum.yaml`
}

func (c *policyDiscover) Run(ctx context.Context, std streams) error {
	if c.Schema != "" {
		return c.schema(std)
	}
	p, known, err := c.propose(ctx, std)
	if err != nil {
		return err
	}
	if c.Out != "" {
		var pack bytes.Buffer
		if err := p.WritePack(&pack); err != nil {
			return err
		}
		if err := writeNew(c.Out, pack.Bytes()); err != nil {
			return err
		}
		fmt.Fprintf(std.err, "%s: %d paths of %d samples; read every line before you rely on it\n", c.Out, len(p.Fields), p.Samples)
	}
	switch c.Output {
	case "json":
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(p)
	case "yaml":
		err = p.WritePack(std.out)
	default:
		err = p.WriteTable(std.out)
	}
	if came := len(p.Fields) + len(p.Maps); err == nil && known != "" && came > 0 {
		return answer{fmt.Errorf("%d paths that %s has no class for", came, known)}
	}
	return err
}

// schema shows what a schema's tags say.
func (c *policyDiscover) schema(std streams) error {
	classes, err := app.SchemaClasses(c.Schema)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(classes)
	}
	if c.Output == "yaml" {
		return fmt.Errorf("-o yaml needs samples: a schema does not say which events there are")
	}
	for _, k := range classes {
		class := k.Class
		if class == "" {
			class = "?"
		}
		fmt.Fprintf(std.out, "%-40s  %-12s  %s\n", k.Path, class, k.Tag)
	}
	return nil
}

// propose reads the samples. known is the pack that they were compared with.
func (c *policyDiscover) propose(ctx context.Context, std streams) (p *discover.Proposal, known string, err error) {
	since, isTime := sinceTime(c.Since, time.Now())
	if known = c.Known; known == "" && !isTime {
		known = c.Since
	}
	o := app.DiscoverOptions{Name: c.Name, Since: known, Packs: policy.Packs()}
	switch {
	case c.Topic != "" && (c.Config == "" || c.In != ""):
		return nil, "", fmt.Errorf("--topic needs --config, and no input file")
	case c.Topic != "":
		conf, err := config.Load(c.Config, os.LookupEnv)
		if err != nil {
			return nil, "", err
		}
		p, err = app.DiscoverTopic(ctx, conf, c.Topic, since, c.Most, o)
		return p, known, err
	case isTime:
		return nil, "", fmt.Errorf("--since %s is a time, which only records of a --topic have", c.Since)
	}
	in, _, err := openInput(c.In, std.in)
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	p, err = app.Discover(ctx, in, o)
	return p, known, err
}

// sinceTime reads 24h, 7d, a day or a time of RFC 3339; false: it is none of them.
func sinceTime(text string, now time.Time) (time.Time, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return now.AddDate(0, 0, -n), true
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), true
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// writeNew writes a file that is not there yet: a pack that somebody has corrected is not overwritten.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
