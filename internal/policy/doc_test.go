// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestDocumentedExamples loads the examples of docs/POLICY.md: the whole policy, and the pack with a policy that takes all of it.
func TestDocumentedExamples(t *testing.T) {
	doc, err := os.ReadFile("../../docs/POLICY.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for i, part := range strings.Split(string(doc), "```") {
		if yaml, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			blocks = append(blocks, yaml)
		}
	}
	if len(blocks) < 3 {
		t.Fatalf("want a policy and two packs first, got %d blocks", len(blocks))
	}
	plan, err := LoadBytes("docs/POLICY.md", []byte(blocks[0]), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range plan.Warnings {
		t.Errorf("the example gives a warning: %v", w)
	}
	base := strings.NewReplacer("social@1", "forum@1", "{events: [post, deletion], only: {visibility: public}}", "{}", "        $.text: drop\n", "        $.text: drop\n        $.to: presence\n")
	if _, err := LoadBytes("policy.yaml", []byte(base.Replace(string(testFile(t, "base.yaml")))), fstest.MapFS{"forum.yaml": {Data: []byte(blocks[1])}}, ""); err != nil {
		t.Error(err)
	}
	taker := strings.NewReplacer("pack: mastodon@1", "pack: inbox@1", "{events: [status, stream-delete], only: {visibility: public}}", "{}", "{events: [status], only: {visibility: public, sensitive: ordinary}}", "{}")
	policy, _, _ := strings.Cut(taker.Replace(blocks[0]), "    paths:                                  # exceptions")
	if _, err := LoadBytes("policy.yaml", []byte(policy), fstest.MapFS{"inbox.yaml": {Data: []byte(blocks[2])}, "rudderstack.yaml": {Data: builtin(t, "rudderstack.yaml")}}, ""); err != nil {
		t.Error(err)
	}
}

func builtin(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(Packs(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDocumentedWords checks that the reference names every class, technique and signal.
func TestDocumentedWords(t *testing.T) {
	doc, err := os.ReadFile("../../docs/POLICY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(classNames(), techniqueNames(), []string{"each", "cases", "template", "keys", "values", "decode", "every", "prefix"}, signals) {
		if !strings.Contains(string(doc), word) {
			t.Errorf("docs/POLICY.md does not name %s", word)
		}
	}
}
