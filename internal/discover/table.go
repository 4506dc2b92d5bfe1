// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the proposal for a person to read.
func (p *Proposal) WriteTable(out io.Writer) error {
	fmt.Fprintf(out, "%d samples", p.Samples)
	if p.Refused > 0 {
		fmt.Fprintf(out, ", %d refused (no strict JSON)", p.Refused)
	}
	fmt.Fprintf(out, ", %d paths", len(p.Fields))
	if p.Unread > 0 {
		fmt.Fprintf(out, ", %d values at further paths not read", p.Unread)
	}
	fmt.Fprintln(out)
	if p.Event.Path != "" {
		fmt.Fprintf(out, "event types by %s: %s\n", p.Event.Path, strings.Join(p.Event.Words, ", "))
	} else if len(p.Event.Members) > 0 {
		fmt.Fprintf(out, "event types by the member that is present: %s\n", strings.Join(p.Event.Members, ", "))
	}
	for _, line := range []struct {
		what  string
		paths []string
	}{{"subject", p.Subject}, {"time", p.Times}, {"credentials", p.Credentials()}} {
		if len(line.paths) > 0 {
			fmt.Fprintf(out, "%s: %s\n", line.what, strings.Join(line.paths, ", "))
		}
	}
	for _, s := range p.Strings {
		fmt.Fprintf(out, "%s holds %s in %s of its strings\n", s.Path, s.Coding, percent(min(1, s.Share)))
	}
	for _, n := range p.Nested {
		fmt.Fprintf(out, "%s is an object like %s\n", n.Inner, n.Outer)
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PATH\tCLASS\tSURE\tEVIDENCE")
	for _, f := range p.Fields {
		evidence := f.Evidence
		if f.Owner != "" {
			evidence = append(evidence[:len(evidence):len(evidence)], "of "+f.Owner)
		}
		if f.Template != "" {
			evidence = append(evidence[:len(evidence):len(evidence)], "template "+f.Template)
		}
		fmt.Fprintf(table, "%s\t%s\t%.2f\t%s\n", f.Path, f.Class, f.Confidence, strings.Join(evidence, "; "))
	}
	for _, m := range p.Maps {
		fmt.Fprintf(table, "%s.*~\t%s\t%.2f\t%s\n", m.Path, m.Class, m.Confidence, strings.Join(m.Evidence, "; "))
	}
	return table.Flush()
}
