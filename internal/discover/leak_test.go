// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// written gives everything that a proposal writes.
func written(t *testing.T, p *Proposal) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.WritePack(&out); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// personalValues gives the literal personal values of each platform.
func personalValues(t *testing.T) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(corpus(t, "corpus/gold_values.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v struct {
			Platform string
			Values   [][3]any
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if out[v.Platform] == nil {
			out[v.Platform] = map[string]string{}
		}
		for _, l := range v.Values {
			if value, ok := l[2].(string); ok {
				out[v.Platform][value], _ = l[0].(string)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// memberNames gives every member name of a platform's payloads that is a word of the format; the proposal writes these.
func memberNames(t *testing.T, platform string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pl := range places(t, platform) {
		for _, seg := range pl.path {
			if !dataName(seg.Name) {
				names[seg.Name] = true
				for _, w := range tokens(seg.Name) {
					names[w] = true
				}
			}
		}
	}
	return names
}

func TestNoValueIsWritten(t *testing.T) {
	values := personalValues(t)
	for _, platform := range platforms(t) {
		p := discovered(t, platform)
		text := written(t, p)
		for _, word := range strings.FieldsFunc(vocabulary, func(r rune) bool { return r == ',' || r == '\n' }) {
			text = strings.ReplaceAll(text, "("+strings.TrimSpace(word)+")", "")
		}
		names := memberNames(t, platform)
		leaked := 0
		for value, path := range values[platform] {
			if len(value) < 5 || names[value] || names[strings.ToLower(value)] || commonWord(value) || vocabularyHas(value) {
				continue
			}
			if standsIn(text, value) {
				leaked++
				t.Errorf("%s: a value of %s stands in the proposal (%d bytes)", platform, path, len(value))
			}
		}
		for _, pl := range places(t, platform) {
			for _, seg := range pl.path {
				if len(seg.Name) >= 5 && dataName(seg.Name) && strings.TrimSpace(seg.Name) == seg.Name && standsIn(text, seg.Name) {
					t.Errorf("%s: a member name that is data stands in the proposal: it has %d bytes", platform, len(seg.Name))
				}
			}
		}
		t.Logf("%s: %d values looked for, %d found", platform, len(values[platform]), leaked)
	}
}

// vocabularyHas tells whether a value is a word that the proposal may use for itself.
func vocabularyHas(value string) bool {
	for _, w := range strings.Fields(strings.ToLower(value)) {
		if !lexicon.known[w] && !lexicon.technical[w] {
			return false
		}
	}
	return true
}
