// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command shows an example of itself.
func TestExamples(t *testing.T) {
	parser, err := kong.New(new(commands), kong.Name("nymstream"))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		path := strings.TrimSpace(leaf.Path())
		words := strings.Fields(path)
		for i, w := range words {
			if strings.HasPrefix(w, "<") || strings.HasPrefix(w, "[") {
				words = words[:i]
				break
			}
		}
		example := "nymstream " + strings.Join(words, " ")
		if !strings.Contains(leaf.Detail, "Example") || !strings.Contains(leaf.Detail, example) {
			t.Errorf("%s: its help lacks %q", path, example)
		}
	}
}
