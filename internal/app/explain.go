// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

// Explain is ExplainAll for a sample of which the first event is enough.
func Explain(plan *policy.Plan, source, recipient string, sample []byte) (*pipeline.Explanation, error) {
	events, err := ExplainAll(plan, source, recipient, sample)
	if err != nil {
		return nil, err
	}
	return events[0], nil
}

// ExplainAll sends one sample through the real pipeline, with fresh keys and consent assumed, and explains each event in it;
// there is at least one. recipient "" means every recipient of the source.
func ExplainAll(plan *policy.Plan, source, recipient string, sample []byte) ([]*pipeline.Explanation, error) {
	s, err := findSource(plan, source)
	if err != nil {
		return nil, err
	}
	var recipients []int
	if recipient != "" {
		r, err := findRecipient(plan, recipient)
		if err != nil {
			return nil, err
		}
		recipients = append(recipients, r)
	}
	keys, _, err := OpenKeys(plan, "", "")
	if err != nil {
		return nil, err
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
	if err != nil {
		return nil, err
	}
	return p.Explain(s, recipients, sample)
}

// How much of a value a table shows, in code points: for one recipient, and for several side by side.
const (
	wide   = 48
	narrow = 30
)

// PrintExplanation writes an explanation as a table for a person. below "" means every leaf.
func PrintExplanation(out io.Writer, x *pipeline.Explanation, below string) error {
	switch {
	case x.Fault != "":
		fmt.Fprintf(out, "source %s: the payload goes to quarantine: %s\n", x.Source, x.Fault)
	case x.Event == "":
		fmt.Fprintf(out, "source %s: no event of the pack matches: withheld (unknown-type)\n", x.Source)
	default:
		fmt.Fprintf(out, "source %s, event %s\n", x.Source, x.Event)
	}
	for i := range x.Ends {
		end := &x.Ends[i]
		fmt.Fprintf(out, "\n%s: %s", end.Recipient, end.Outcome)
		if end.Reason != "" {
			fmt.Fprintf(out, " (%s)", end.Reason)
		}
		if end.Key != "" {
			fmt.Fprintf(out, ", key %s", end.Key)
		}
		fmt.Fprintln(out)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  PATH\tCLASS\tRULE\tBEFORE\tAFTER")
		for j := range x.Leaves {
			l := &x.Leaves[j]
			if i >= len(l.Fates) || !strings.HasPrefix(l.Path, below) {
				continue
			}
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", l.Path, orDash(l.Class), rule(l, &l.Fates[i]), shorten(l.Before, wide), orDash(shorten(l.Fates[i].After, wide)))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// rule says in a few words why a leaf leaves or does not.
func rule(l *pipeline.ExplainedLeaf, f *pipeline.Fate) string {
	switch {
	case len(f.Found) > 0:
		found := make([]string, len(f.Found))
		for i, t := range f.Found {
			found[i] = t.Kind + " (" + t.Reason + ")"
		}
		return f.Technique + ", " + f.Rule + ": found " + strings.Join(found, ", ")
	case f.Rule != "" && f.Technique != "":
		return f.Technique + ", " + f.Rule
	case f.Rule != "":
		return f.Rule
	case l.Class == "" && l.Before != "[…]":
		return "no class: dropped"
	case f.Technique == "":
		return "no rule: dropped"
	}
	return f.Technique
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func shorten(s string, width int) string {
	if runes := []rune(s); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return s
}

// shownRecipients is how many recipients stand side by side on a screen.
const shownRecipients = 2

// printBeforeAfter writes an event side by side: what came, and what leaves for the recipients that get it.
func printBeforeAfter(out io.Writer, x *pipeline.Explanation) error {
	fmt.Fprintf(out, "\n── %s, event %s ──\n", x.Source, x.Event)
	var shown []int
	for i := range x.Ends {
		if x.Ends[i].Outcome == "forward" && len(shown) < shownRecipients {
			shown = append(shown, i)
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "  \tcomes in")
	for _, i := range shown {
		fmt.Fprintf(table, "\t→  %s", x.Ends[i].Recipient)
	}
	fmt.Fprintln(table)
	dropped := 0
	for i := range x.Leaves {
		l := &x.Leaves[i]
		row, leaves := fmt.Sprintf("  %s\t%s", l.Path, shorten(l.Before, narrow)), false
		for _, j := range shown {
			after := l.Fates[j].After
			leaves = leaves || after != ""
			row += "\t→  " + orDash(shorten(after, narrow))
		}
		if !leaves {
			dropped++
			continue
		}
		fmt.Fprintln(table, row)
	}
	fmt.Fprintf(table, "  %d more leaves\t…%s\n", dropped, strings.Repeat("\t→  –", len(shown)))
	return table.Flush()
}
