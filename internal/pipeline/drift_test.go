// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rewrite"
)

const driftPack = `events:
  post:
    subject: $.by
    fields:
      $.by: account
      $.kind: {plain: {max: 40}}
      $.count: {plain: integer}
      $.known.a: {plain: integer}
      $.list[*].a: {plain: integer}
      $.map: {keys: account, values: {fields: {a: {plain: integer}}}}
      $.inner: {decode: json, fields: {a: {plain: integer}}}
`

func TestDrift(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf(`"name%c%c":1`, 'a'+i%26, 'a'+i/26))
	}
	for name, c := range map[string]struct {
		payload string
		samples int
		want    []string
	}{
		"nothing new":         {`{"by":1,"kind":"x","known":{"a":1},"map":{"7":{"a":1}},"inner":"{\"a\":1}","x":null}`, 5, nil},
		"a new field":         {`{"by":1,"email":"ann@example.org"}`, 5, []string{"unknown-path $.email"}},
		"seen twice":          {`{"by":1,"email":"ann@example.org"}`, 2, nil},
		"below what is known": {`{"by":1,"known":{"b":1},"list":[{"b":1},{"b":2}],"map":{"ann":{"b":1}},"inner":"{\"b\":1}"}`, 4, []string{"unknown-path $.known.b", "unknown-path $.list[*].b", "unknown-path $.map.*.b", "unknown-path $.inner{json}.b"}},
		"names that are data": {`{"by":1,"x":{"ann@example.org":1,"+4915112345678":2,"2026-01-01":3,"4f9e":4}}`, 6, []string{"unknown-path $.x.*"}},
		"many names":          {`{"by":1,"x":{` + strings.Join(many, ",") + `}}`, 6, nil},
		"values that do not fit": {
			`{"by":1,"count":"12","kind":"mail ann@example.org"}`, 1, []string{"misfit $.count plain", "misfit $.kind plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, outputs := drifted(t, c.payload, c.samples)
			if name == "many names" { // the first of them are told as names before there are many: never more than fit beside each other
				if len(got) > mostSiblings+1 || !slices.Contains(got, "unknown-path $.x.*") {
					t.Errorf("want $.x.* and at most %d names, got %q", mostSiblings, got)
				}
				return
			}
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("want %q, got %q", c.want, got)
			}
			if strings.Contains(strings.Join(outputs, ""), "ann@") {
				t.Errorf("it left: %s", outputs)
			}
		})
	}
}

// drifted sends a payload several times, a second apart, and gives what was told, sorted, and what left.
func drifted(t *testing.T, payload string, samples int) (told, outputs []string) {
	t.Helper()
	return driftedBy(t, driftPack, payload, samples)
}

func driftedBy(t *testing.T, pack, payload string, samples int) (told, outputs []string) {
	t.Helper()
	now := time.Now()
	p := pipelineOf(t, constructsPolicy, pack, Options{Now: func() time.Time { now = now.Add(time.Second); return now }, Drift: NewDrift(func(n DriftNote) {
		told = append(told, strings.TrimSpace(n.Kind+" "+n.Path+" "+n.Class))
	})})
	n := &note{pipeline: p, worker: p.Worker()}
	for range samples {
		if err := n.worker.Process([]event.Record{{Topic: "raw", Time: now.UnixMilli(), Value: []byte(payload)}}, n); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(told)
	return told, n.outputs
}

// TestDriftBelowNamesThatAreData: a new field in a map of people is one field, however many people there are.
func TestDriftBelowNamesThatAreData(t *testing.T) {
	d := NewDrift(func(DriftNote) {})
	for i := range 3 * mostDrift {
		l := rewrite.Leaf{Known: 2, Data: []bool{false, true}, Raw: []byte("1")}
		l.Path = event.Path{{Name: "map"}, {Name: fmt.Sprint("person", i)}, {Name: "fresh"}}
		d.observe("s", []rewrite.Leaf{l}, 1)
	}
	if len(d.objects) != 1 {
		t.Errorf("want one object, got %d", len(d.objects))
	}
	if !d.told[DriftNote{Source: "s", Kind: DriftPath, Path: "$.map.*.fresh"}] || len(d.told) != 1 {
		t.Errorf("want $.map.*.fresh told, got %v", d.told)
	}
}
