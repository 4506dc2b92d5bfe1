// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"fmt"
	"io"
	"strings"
)

// Table is what a measurement prints: Markdown, to be pasted into docs/SCALING.md.
type Table struct {
	Title  string
	Notes  []string
	Header []string
	Rows   [][]string
	Marks  []string
}

// Row adds a row; numbers are written as short as they are worth reading.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case float64:
			row[i] = figure(c)
		default:
			row[i] = fmt.Sprint(c)
		}
	}
	t.Rows = append(t.Rows, row)
}

func figure(x float64) string {
	switch {
	case x >= 100 || x <= -100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10 || x <= -10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// AtMost adds a mark that is met by small figures. A missed mark is printed, not an error: the machine may be busy.
func (t *Table) AtMost(what string, want, got float64) {
	t.mark(what, "at most", want, got, got <= want)
}

// AtLeast adds a mark that is met by large figures.
func (t *Table) AtLeast(what string, want, got float64) {
	t.mark(what, "at least", want, got, got >= want)
}

func (t *Table) mark(what, bound string, want, got float64, met bool) {
	verdict := "met"
	if !met {
		verdict = "**missed**"
	}
	t.Marks = append(t.Marks, fmt.Sprintf("%s: %s %s, got %s: %s", what, bound, figure(want), figure(got), verdict))
}

// Print writes the table.
func (t *Table) Print(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\n### %s\n", t.Title)
	for _, n := range t.Notes {
		fmt.Fprintf(&text, "%s\n", n)
	}
	text.WriteByte('\n')
	line(&text, t.Header)
	line(&text, make([]string, len(t.Header)))
	for _, r := range t.Rows {
		line(&text, r)
	}
	text.WriteByte('\n')
	for _, m := range t.Marks {
		fmt.Fprintf(&text, "- %s\n", m)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// line writes a row; cells without text are the line below the header.
func line(text *strings.Builder, cells []string) {
	for _, c := range cells {
		if c == "" {
			text.WriteString("|---")
			continue
		}
		fmt.Fprintf(text, "| %s ", c)
	}
	text.WriteString("|\n")
}
