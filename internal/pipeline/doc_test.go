// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedTechniques runs the table of docs/POLICY.md that shows what each technique makes of a value.
func TestDocumentedTechniques(t *testing.T) {
	doc, err := os.ReadFile("../../docs/POLICY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| rule | class | before | after |")
	table, _, _ = strings.Cut(table, "\n\n")
	shown := map[string]bool{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) < 3 || strings.HasPrefix(cells[0], "-") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], "` |")
		}
		after := ""
		if len(cells) > 3 {
			after = cells[3]
		}
		shown[regexp.MustCompile(`[a-z_]+`).FindString(cells[0])] = true
		t.Run(cells[0]+" "+cells[1], func(t *testing.T) { documented(t, cells[0], cells[1], cells[2], after) })
	}
	for _, name := range []string{"keep", "drop", "pseudonym", "seal", "fpe", "mask", "truncate", "round", "bucket", "time", "email_domain", "host", "count", "presence", "replace", "blank"} {
		if !shown[name] {
			t.Errorf("no example of %s", name)
		}
	}
}

func documented(t *testing.T, rule, class, before, after string) {
	t.Helper()
	field := "$.field: " + class
	if class == "array" {
		field = "$.field[*]: {plain: integer}"
	}
	pack := "events:\n  all:\n    subject: $.by\n    fields:\n      $.by: account\n      " + field + "\n"
	text := strings.Replace(constructsPolicy, "    classes: {account: pseudonym, handle: pseudonym, object-id: pseudonym, group: pseudonym, plain: keep, email: seal, url: pseudonym, name: presence}\n",
		fmt.Sprintf("    classes: {account: pseudonym}\n    paths:\n      raw:\n        $.field: %s\n", rule), 1)
	p := pipelineOf(t, text, pack, Options{})
	n := decide(t, p, value(`{"by":"7","field":`+before+`}`))
	want := `^\{"by":"[^"]+"\}$`
	if after != "" {
		want = `^\{"by":"[^"]+","field":` + strings.ReplaceAll(regexp.QuoteMeta(after), "…", `[A-Za-z0-9_-]+`) + `\}$`
	}
	if len(n.values) != 1 || !regexp.MustCompile(want).Match(n.values[0]) {
		t.Errorf("want %s, got %s", want, n.lines)
	}
}
