// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

var (
	someNames = []string{"id", "user", "name", "type", "a b", "it's", `b\c`, "$x", "é", "@context", "a.b", "[0]", "1", "77", "jane@example.org", "text", "items", "yes", "", "k:v", "*", "~", "^", "{json}", "#x", "data", "reply", "uri"}
	someTexts = []string{"", "x", "post", "like", "jane@example.org", "2024-01-02T03:04:05Z", "12345_67890", "12345", "did:plc:abcdef", "at://did:plc:abcdef/app.post/3k", `{"id":"7","user":{"id":"8"}}`, `[{"a":1}]`, "a=b&user=c", "<p>x</p>", "two words", "eyJhIjoxfQ=="}
	someDepth = 5
)

func anyValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind > 4 {
		kind -= 4
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "flag")
	case 2:
		return rapid.SampledFrom([]any{1, 1.5, 1700000000, 123456789123456789, -3}).Draw(t, "number")
	case 3, 4:
		return rapid.SampledFrom(someTexts).Draw(t, "text")
	case 5:
		var items []any
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			items = append(items, anyValue(t, depth-1))
		}
		return items
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 6).Draw(t, "members") {
		object[rapid.SampledFrom(someNames).Draw(t, "name")] = anyValue(t, depth-1)
	}
	return object
}

func TestWhateverTheSamplesTheProposalIsAPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, err := New(Options{Name: "any"})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 6).Draw(t, "samples") {
			sample, err := json.Marshal(anyValue(t, someDepth))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Add(sample); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		if err := d.Proposal().WritePack(&out); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out.Bytes(), []byte("jane")) || bytes.Contains(out.Bytes(), []byte("12345")) {
			t.Fatalf("a value is written:\n%s", out.Bytes())
		}
	})
}
