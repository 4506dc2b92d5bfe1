// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/detect/span"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/DETECTION.md")

// bare are cases whose whole text is one labeled value, searched as a field's value; every is all cases of a label in running text.
const bare, every = "bare values", "all"

// slack is how far a figure may fall below the table: a few cases in a small kind.
const slack = .01

// TestEvalTable holds precision and recall of each kind, in both halves of the labeled cases, to the table in docs/DETECTION.md.
func TestEvalTable(t *testing.T) {
	got := measure(t)
	doc := readPage(t)
	if *update {
		doc.write(t, "eval", evalRows(got))
		return
	}
	kinds := 0
	for _, row := range doc.rows(t, "eval") {
		if row[1] != every {
			continue
		}
		kinds++
		for half, field := range map[bool]string{false: row[3], true: row[5]} {
			y := got[cell{row[0], "", half}]
			if y == nil {
				t.Errorf("%s: the table has it, the labeled cases have not", row[0])
				continue
			}
			precision, recall := figures(t, field)
			if y.precision() < precision-slack || y.recall() < recall-slack {
				t.Errorf("%s, odd half %v: got %.3f / %.3f, the table in docs/DETECTION.md has %s", row[0], half, y.precision(), y.recall(), field)
			}
		}
	}
	if want := len(evalLabels(got)); kinds != want {
		t.Errorf("the table in docs/DETECTION.md has %d kinds, want %d: -update writes it", kinds, want)
	}
}

// measure counts what is found in the labeled cases, without names: the model of names has seen these texts.
func measure(t *testing.T) map[cell]*tally {
	t.Helper()
	text, field := newScanner(t, Options{}), newScanner(t, Options{Field: true})
	table := map[cell]*tally{}
	for _, c := range corpus(t) {
		c.count(t, table, c.gold(), c.areas(text))
		if c.bare() {
			c.Src = bare
			apart := map[cell]*tally{}
			c.count(t, apart, c.gold(), c.areas(field))
			for key, y := range apart {
				if key.source != bare {
					continue
				}
				if table[key] == nil {
					table[key] = &tally{}
				}
				table[key].add(*y)
			}
		}
	}
	return table
}

func newScanner(t *testing.T, o Options) *Scanner {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d.Scanner()
}

// areas gives what is found in a case.
func (c labeled) areas(s *Scanner) (list []area) {
	for _, f := range s.Find([]byte(c.Text), Plain) {
		list = append(list, area{f.Start, f.End, f.Kind.Label()})
	}
	return list
}

// bare reports a case that is one value.
func (c labeled) bare() bool {
	gold := c.gold()
	return c.Kind == "single" && len(gold) == 1 && gold[0].label == c.Entity && gold[0].start == 0 && gold[0].end == len(c.Text)
}

// evalLabels are the labels of the table, in order: those of kinds, but for persons.
func evalLabels(table map[cell]*tally) (labels []string) {
	for k := span.Email; k < span.Kinds; k++ {
		if y := table[cell{k.Label(), "", false}]; k != span.Person && y != nil && y.gold > 0 {
			labels = append(labels, k.Label())
		}
	}
	slices.Sort(labels)
	return labels
}

// evalRows renders the table.
func evalRows(table map[cell]*tally) []string {
	rows := []string{"| label | texts of | even half | precision / recall | odd half | precision / recall |", "|---|---|---|---|---|---|"}
	for _, label := range evalLabels(table) {
		var sources []string
		for key := range maps.Keys(table) {
			if key.label == label && !slices.Contains(sources, key.source) {
				sources = append(sources, key.source)
			}
		}
		slices.SortFunc(sources, func(a, b string) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
		})
		for _, source := range sources {
			if row, ok := evalRow(table, label, source); ok {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func evalRow(table map[cell]*tally, label, source string) (row string, ok bool) {
	row = fmt.Sprintf("| %s | %s |", label, cmp.Or(source, every))
	for _, odd := range []bool{false, true} {
		y := table[cell{label, source, odd}]
		switch {
		case y == nil || y.gold == 0:
			row += " 0 | |"
			continue
		case source == bare:
			row += fmt.Sprintf(" %d | – / %.3f |", y.gold, y.recall())
		default:
			row += fmt.Sprintf(" %d | %.3f / %.3f |", y.gold, y.precision(), y.recall())
		}
		ok = true
	}
	return row, ok
}

// rank puts the row of all first, that of bare values last.
func rank(source string) int {
	switch source {
	case "":
		return 0
	case bare:
		return 2
	}
	return 1
}

// figures reads "precision / recall".
func figures(t *testing.T, field string) (precision, recall float64) {
	t.Helper()
	first, second, _ := strings.Cut(field, " / ")
	precision, err := strconv.ParseFloat(first, 64)
	if err == nil {
		recall, err = strconv.ParseFloat(second, 64)
	}
	if err != nil {
		t.Fatalf("docs/DETECTION.md: %q is not precision / recall", field)
	}
	return precision, recall
}

// TestNamesTable holds the table of names in docs/DETECTION.md to what training noted.
func TestNamesTable(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("names", "METRICS.txt"))
	if err != nil {
		t.Fatal(err)
	}
	doc, want := readPage(t), namesRows(t, string(raw))
	if *update {
		doc.write(t, "names", want)
		return
	}
	if got := doc.lines(t, "names"); !slices.Equal(got, want) {
		t.Errorf("docs/DETECTION.md has other figures of names than names/METRICS.txt; -update writes\n%s", strings.Join(want, "\n"))
	}
}

// namesRows takes the figures of balanced and wide from the table of METRICS.txt, whose columns are biases.
func namesRows(t *testing.T, metrics string) []string {
	t.Helper()
	rows := []string{"| texts of | names | balanced: precision / recall | wide: precision / recall |", "|---|---|---|---|"}
	balanced, wide := -1, -1
	for line := range strings.Lines(metrics) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == "source" {
			balanced, wide = slices.Index(words, "0.0"), slices.Index(words, "0.8")
			continue
		}
		if balanced < 0 || wide < 0 || len(words) <= wide {
			continue
		}
		pair := func(i int) string { return strings.Replace(words[i], "/", " / ", 1) }
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", words[0], words[1], pair(balanced), pair(wide)))
	}
	if len(rows) == 2 {
		t.Fatal("names/METRICS.txt has no table of sources and biases")
	}
	return rows
}

// holdEvasions compares with the table of evasions: a class may gain, not lose.
func holdEvasions(t *testing.T, got map[string]*outcome) {
	t.Helper()
	doc := readPage(t)
	if *update {
		rows := []string{"| class | texts | found | covered by any kind |", "|---|---|---|---|"}
		for _, class := range slices.Sorted(maps.Keys(got)) {
			rows = append(rows, fmt.Sprintf("| %s | %d | %d | %d |", class, got[class].of, got[class].found, got[class].covered))
		}
		doc.write(t, "evasions", rows)
		return
	}
	held := 0
	for _, row := range doc.rows(t, "evasions") {
		found, err := strconv.Atoi(row[2])
		y := got[row[0]]
		switch {
		case err != nil || y == nil:
			t.Errorf("docs/DETECTION.md: the row of %q says nothing of the evasions", row[0])
		case y.found < found:
			t.Errorf("%s: got %d found, the table in docs/DETECTION.md has %d of %d", row[0], y.found, found, y.of)
		}
		held++
	}
	if held != len(got) {
		t.Errorf("the table in docs/DETECTION.md has %d classes, want %d: -update writes it", held, len(got))
	}
}

// page is docs/DETECTION.md, whose tables stand between comments of their name.
type page struct{ path, text string }

func readPage(t *testing.T) page {
	t.Helper()
	p := page{path: filepath.Join("..", "..", "docs", "DETECTION.md")}
	raw, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.text = string(raw)
	return p
}

func (p page) section(t *testing.T, name string) (from, to int) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end "+name+" -->"
	from = strings.Index(p.text, begin)
	to = strings.Index(p.text, end)
	if from < 0 || to < from {
		t.Fatalf("docs/DETECTION.md: want a table between %q and %q", begin, end)
	}
	return from + len(begin), to
}

func (p page) lines(t *testing.T, name string) []string {
	t.Helper()
	from, to := p.section(t, name)
	return strings.Split(strings.TrimSuffix(p.text[from:to], "\n"), "\n")
}

// rows gives the cells of a table's rows, without its head.
func (p page) rows(t *testing.T, name string) (rows [][]string) {
	t.Helper()
	lines := p.lines(t, name)
	for _, line := range lines[min(2, len(lines)):] {
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		if want := strings.Count(lines[0], "|") - 1; len(cells) != want {
			t.Fatalf("docs/DETECTION.md: %q has %d cells, want %d", line, len(cells), want)
		}
		rows = append(rows, cells)
	}
	return rows
}

func (p page) write(t *testing.T, name string, rows []string) {
	t.Helper()
	from, to := p.section(t, name)
	text := p.text[:from] + strings.Join(rows, "\n") + "\n" + p.text[to:]
	if err := os.WriteFile(p.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
