// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// FuzzProcess throws payloads at the pipeline. It never panics, never emits what is no JSON, and never emits a field
// that no rule names; and it reads exactly what encoding/json reads, less what is refused by choice.
func FuzzProcess(f *testing.F) {
	for _, s := range []string{
		`{"kind":"post","post":{"id":"p1","author":{"id":7,"id_str":"7"},"likes":1,"tags":["a"],"mentions":[{"id":"8"}],"quoted":{"quoted":{"likes":1}}}}`,
		`{"kind":"\u0070ost","post":{"author":{"id":7,"email":"a\u0040b.example","age":"34"},"lat":-0.0,"ip":"::ffff:1.2.3.4","site":"http://x/"}}`,
		`{"deleted":{"post":1,"author":2}}`, `{"kind":"heartbeat","load":1e400}`, ``, `{}`, `[]`,
	} {
		f.Add([]byte(s))
	}
	seedCorpus(f, "json/jsontestsuite.jsonl")
	p := load(f, "testdata/social-policy.yaml", Options{AssumeConsent: true})
	worker := p.Worker()
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := &collected{}
		if err := worker.Process([]event.Record{{Topic: "raw.social", Time: 1, Value: payload}}, got); err != nil {
			t.Fatal(err)
		}
		if len(payload) > 0 {
			checkGrammar(t, payload, got)
		}
		for recipient, out := range got.values {
			if !json.Valid(out) || !utf8.Valid(out) {
				t.Fatalf("no JSON came out: %q", out)
			}
			checkNamed(t, p, recipient, out)
		}
	})
}

// checkGrammar compares with encoding/json, which takes wrong UTF-8, lone surrogates, duplicates and other roots.
func checkGrammar(t *testing.T, payload []byte, got *collected) {
	t.Helper()
	valid := json.Valid(payload) && utf8.Valid(payload)
	switch {
	case got.reason == event.Malformed && valid:
		t.Errorf("refused %q, which encoding/json takes", payload)
	case !got.reason.Quarantines() && !valid:
		t.Errorf("took %q, which encoding/json refuses (%v)", payload, got.reason)
	}
}

// checkNamed wants every leaf of an output to be one that some rule of the recipient names.
func checkNamed(t *testing.T, p *Pipeline, recipient int, out []byte) {
	t.Helper()
leaves:
	for _, leaf := range rewrite.Leaves(out) {
		for i := range p.plan.Flows {
			flow := &p.plan.Flows[i]
			if flow.Recipient != recipient {
				continue
			}
			for j := range flow.Events {
				for k, d := range flow.Events[j].Decisions {
					if d.Technique.Name != "" && d.Technique.Name != policy.Drop && p.plan.Sources[flow.Source].Events[j].Leaves[k].Path.Matches(leaf.Path) {
						continue leaves
					}
				}
			}
		}
		t.Fatalf("%s left, which no rule names", leaf.Path)
	}
}

// collected keeps the values that were forwarded, by recipient, and the last reason why not.
type collected struct {
	values map[int][]byte
	reason event.Reason
}

func (c *collected) Forward(recipient int, _ *event.Record, out *event.Output) error {
	if c.values == nil {
		c.values = map[int][]byte{}
	}
	if len(out.Value) > 0 {
		c.values[recipient] = append([]byte(nil), out.Value...)
	}
	return nil
}

func (c *collected) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	if !c.reason.Quarantines() {
		c.reason = reason
	}
	return nil
}

func (c *collected) Quarantine(q *event.Quarantined) error {
	c.reason = q.Reason
	return nil
}

// seedCorpus adds the base64 payloads of a file of the shared corpus, where there is one.
func seedCorpus(f *testing.F, name string) {
	f.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "corpus", name))
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var v struct{ B64 []byte }
		if err := json.Unmarshal([]byte(strings.ToValidUTF8(lines.Text(), "")), &v); err == nil && len(v.B64) < 4096 {
			f.Add(v.B64)
		}
	}
}
