// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/policy"
)

type benchCommand struct {
	Policy        string        `short:"p" placeholder:"FILE" help:"Policy; without it, a built-in one with generated events."`
	Source        string        `placeholder:"NAME" help:"Source of the policy that the events come from."`
	Recipient     string        `placeholder:"NAME" help:"Recipient of the policy; default all of the source."`
	In            string        `short:"i" placeholder:"FILE" help:"JSON Lines, of which about 8 MiB are taken; default standard input."`
	AssumeConsent bool          `help:"Forward for purposes whose basis is consent although nobody was asked."`
	Size          string        `enum:"1k,3k,10k" default:"1k" help:"Size of generated events: 1k, 3k or 10k."`
	Duration      time.Duration `default:"5s" help:"How long to measure; at least three rounds are taken."`
	Cores         int           `default:"1" help:"Cores to keep busy, each with events of its own."`
	JSON          bool          `name:"json" help:"Figures as JSON, names with their units."`
}

func (benchCommand) Help() string {
	return "Needs no Kafka: events go through the same pipeline as in the service, with fresh keys. The yardstick is encoding/json.Valid of the\n" +
		"same bytes, in turn with it: compare machines by the ratio. No event is printed, and none is kept.\n\n" +
		"Example:\n  nymstream bench\n" +
		"  nymstream bench -p config/policies/social.yaml --source mastodon --assume-consent -i events.jsonl"
}

func (c *benchCommand) Run(ctx context.Context, std streams) error {
	o := app.BenchOptions{
		Source: c.Source, Recipient: c.Recipient, AssumeConsent: c.AssumeConsent,
		Size: c.Size, Duration: c.Duration, Cores: c.Cores, Now: time.Now,
	}
	switch {
	case c.Policy == "" && (c.Source != "" || c.Recipient != "" || c.In != ""):
		return errors.New("--source, --recipient and -i go with a policy: -p FILE")
	case c.Policy != "" && c.Source == "":
		return errors.New("which source of the policy do the events come from? --source NAME")
	case c.Policy != "":
		plan, err := policy.Load(c.Policy, policy.Packs())
		if err != nil {
			return err
		}
		in, _, err := openInput(c.In, std.in)
		if err != nil {
			return err
		}
		defer in.Close()
		o.Plan, o.In = plan, in
	}
	if c.AssumeConsent {
		fmt.Fprintln(std.err, app.AssumedConsent)
	}
	bar := newShare(std.err, c.Duration)
	o.Progress = bar.set
	report, err := app.Bench(ctx, o)
	bar.finish()
	if err != nil {
		return err
	}
	if report.Partial {
		fmt.Fprintln(std.err, "note: only the first", report.Events, "events of the input were taken")
	}
	if report.Outcomes.Forwarded == 0 {
		fmt.Fprintln(std.err, "note: nothing was forwarded: the figures are of reading and deciding alone")
	}
	if c.JSON {
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return printBench(std.out, report)
}

func printBench(out io.Writer, r *app.BenchReport) error {
	fmt.Fprintf(out, "%s, %s, %s; cores %d, recipients %d, rounds %d\n\n", r.Workload, r.Go, r.Platform, r.Cores, r.Recipients, r.Rounds)
	clock := "CPU"
	if r.Clock != "cpu" {
		clock = "wall"
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, format string, figure func(*app.BenchFigures) float64) {
		fmt.Fprintf(t, "%s\t"+format+"\t"+format+"\n", what, figure(&r.Best), figure(&r.Median))
	}
	fmt.Fprintln(t, "ONE CORE\tBEST\tMEDIAN")
	row("events/s", "%.0f", func(f *app.BenchFigures) float64 { return f.EventsPerSecond })
	row("MB/s in", "%.0f", func(f *app.BenchFigures) float64 { return f.MegabytesPerSecond })
	row(clock+" seconds a million events", "%.2f", func(f *app.BenchFigures) float64 { return f.SecondsPerMillion })
	row("yardstick: json.Valid, the same", "%.2f", func(f *app.BenchFigures) float64 { return f.YardstickNs / 1e3 })
	row("ratio to the yardstick", "%.2f", func(f *app.BenchFigures) float64 { return f.Ratio })
	if r.Cores > 1 {
		row("events/s of all cores, by the wall clock", "%.0f", func(f *app.BenchFigures) float64 { return f.WallEventsPerSecond })
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t, "\nallocations an event\t%.2f\n", r.Allocations)
	if r.PeakBytes > 0 {
		fmt.Fprintf(t, "peak resident memory\t%.0f MiB, of which %.0f MiB are the events\n", float64(r.PeakBytes)/(1<<20), float64(r.HeldBytes)/(1<<20))
	}
	fmt.Fprintf(t, "bytes in\t%d\nbytes out\t%d\n", r.BytesIn, r.BytesOut)
	if err := t.Flush(); err != nil {
		return err
	}
	return printCounts(out, r.Outcomes, false)
}
