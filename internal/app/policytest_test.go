// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/policy"
)

// section gives the code blocks of one section of docs/POLICY.md.
func section(t *testing.T, title string) []string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/POLICY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(doc), "\n## "+title+"\n")
	if !found {
		t.Fatalf("docs/POLICY.md has no section %q", title)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var blocks []string
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			_, block, _ := strings.Cut(part, "\n")
			blocks = append(blocks, block)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("section %q has no example", title)
	}
	return blocks
}

func loadText(t *testing.T, text string) *policy.Plan {
	t.Helper()
	plan, err := policy.LoadBytes("social.yaml", []byte(text), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestDocumentedTests runs the example of "Testing a policy" on the example policy.
func TestDocumentedTests(t *testing.T) {
	plan := loadText(t, section(t, "A whole policy")[0])
	file := filepath.Join(t.TempDir(), "social_test.yaml")
	if err := os.WriteFile(file, []byte(section(t, "Testing a policy")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := policy.ReadTests(file, "social.yaml")
	if err != nil || len(tests) == 0 {
		t.Fatalf("want tests, got %v, %v", tests, err)
	}
	report, err := TestPolicy(plan, tests)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Cases {
		for _, f := range c.Failures {
			t.Error(f)
		}
	}
}

// TestDocumentedDiff compares the policies that "Comparing two policies" speaks of.
func TestDocumentedDiff(t *testing.T) {
	old := section(t, "A whole policy")[0]
	next := strings.NewReplacer("$.account.display_name: seal", "$.account.display_name: {mask: {keep: 1, at: start}}",
		"{events: [status, stream-delete], only: {visibility: public}}", "{events: [status, stream-delete], only: {visibility: [public, unlisted]}}").Replace(old)
	var out bytes.Buffer
	PrintDiff(&out, policy.Diff(loadText(t, old), loadText(t, next)), nil)
	if want := section(t, "Comparing two policies")[0]; out.String() != want {
		t.Errorf("want\n%s\ngot\n%s", want, out.String())
	}
}

// TestExamplePolicyKeepsItsPromises runs the tests beside the example policy.
func TestExamplePolicyKeepsItsPromises(t *testing.T) {
	const file = "../../config/policies/social.yaml"
	plan, err := policy.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.TestFiles(file)
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests beside %s: %v", file, err)
	}
	for _, f := range files {
		tests, err := policy.ReadTests(f, file)
		if err != nil {
			t.Fatal(err)
		}
		report, err := TestPolicy(plan, tests)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Cases {
			for _, f := range c.Failures {
				t.Errorf("%s (%s): %s", c.Name, c.Recipient, f)
			}
		}
	}
}

// TestNames checks that a name means one pseudonym of one recipient, and that nothing else has it.
func TestNames(t *testing.T) {
	const a, b = "acc_1_0m3efr84t9no96p932vburnev4", "acc_1_98cco0qsem69v085edbb4q4l5c"
	n := newNaming()
	for _, tt := range []struct {
		recipient, want, got string
		ok                   bool
	}{
		{"x", "<acc>", a, true}, {"x", "<acc:ada>", a, true}, {"x", "<acc:ada>", a, true}, {"x", "<acc:ada>", b, false}, {"x", "<acc:bob>", a, false}, {"y", "<acc:ada>", a, false},
		{"y", "<acc:ada>", b, true}, {"x", "<obj>", a, false}, {"x", "at://<acc:ada>/p", "at://" + a + "/p", true}, {"x", "at://<acc:ada>/p", "at://" + a + "/q", false},
		{"x", "<p>", "<p>", true}, {"x", "<seal>", "short", false}, {"x", "<seal>", strings.Repeat("aZ0-_", 12), true}, {"x", "<any>", "", true}, {"x", "<acc>", "acc", false},
	} {
		if ok, why := n.matches(tt.recipient, tt.want, tt.got); ok != tt.ok {
			t.Errorf("%s of %s, %s: want %v, got %v (%s)", tt.want, tt.recipient, tt.got, tt.ok, ok, why)
		}
	}
}

// TestExplanationPage checks that a page needs nothing else and runs nothing that a sample says.
func TestExplanationPage(t *testing.T) {
	plan := loadText(t, section(t, "A whole policy")[0])
	sample := `{"id":"1","created_at":"2026-02-22T15:04:28.551Z","visibility":"public","content":"</td><script>alert(1)</script>","\"><img src=x>":1,"account":{"id":"109","acct":"ada","display_name":"{{.}} & 'Ada'"}}`
	events, err := ExplainAll(plan, "mastodon", "", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := WriteExplanation(&page, plan, "<social>.yaml", events, ""); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;social&gt;.yaml", "{{.}} &amp; &#39;Ada&#39;", "classes.account", "only visibility public", "does not leave", "&gt;&lt;img src=x&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	for _, bad := range []string{"<script", "<img", " src=", " href=", "url(", "http://", "@import", "<social>"} {
		if strings.Contains(strings.ReplaceAll(text, "&lt;img src=x", ""), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}
