// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
)

// randomPack uses everything that packs can say.
const randomPack = `
each: ["$.e[*].c[*]", "$.e[*].m[*]"]
fields:
  $.e[*].id: group
  $.top: account
  $.at: timestamp
shapes:
  user:
    subject: id
    fields:
      id: account
      nick: {class: handle, of: id}
      at: timestamp
      friends: {keys: account, values: {subject: key, fields: {at: timestamp, mail: email, id: account}}, fields: {n: {plain: integer}}}
      doc: {decode: json, shape: user, depth: 2, value: object-id}
      b: {decode: base64, shape: user, depth: 2}
      f: {decode: form, fields: {id: account, at: timestamp}}
      page: {class: url, of: id, template: ["u/{handle}{drop}", "{group}_{object-id}"]}
      v: {cases: [{when: {k: x}, class: account}, {when: {k: y}, class: timestamp}, {when: {k: z}, class: email}]}
      list[*]: {cases: [{when: {k: x}, class: account}, {class: object-id}]}
events:
  a:
    in: "$.e[*].c[*]"
    subject: [from.id, top]
    when: {k: [x, y]}
    fields:
      from: {shape: user}
      top: account
      ^.at: timestamp
      at: timestamp
      u[*]: {shape: user}
  b:
    in: "$.e[*].m[*]"
    subject: s
    fields:
      s: account
      u: {shape: user}
      at: timestamp
  whole:
    in: $
    subject: $.top
    fields:
      $.u: {shape: user}
`

// gen makes up records.
type gen struct{ r *rand.Rand }

func (g gen) odds(n int) bool { return g.r.Intn(n) == 0 }
func (g gen) id() any {
	if g.odds(2) {
		return g.r.Intn(5)
	}
	return fmt.Sprint(g.r.Intn(5))
}
func (g gen) at() any { return fmt.Sprintf("2026-0%d-01T00:00:00Z", 1+g.r.Intn(9)) }
func (g gen) odd(v any) any {
	switch g.r.Intn(40) {
	case 0:
		return nil
	case 1:
		return []any{v, "kanariodd"}
	case 2:
		return map[string]any{"kanariodd": v, "id": v}
	case 3:
		return "kanaritext"
	}
	return v
}
func (g gen) user(depth int) any {
	u := map[string]any{}
	set := func(n string, v func() any) {
		if g.odds(2) {
			u[n] = g.odd(v())
		}
	}
	set("id", g.id)
	set("nick", func() any { return "kanarinick" })
	set("at", g.at)
	set("kanariunknown", g.id)
	set("k", func() any { return []any{"x", "y", "z", "w"}[g.r.Intn(4)] })
	set("v", func() any { return []any{g.id(), g.at(), "kanari@kanari.example"}[g.r.Intn(3)] })
	set("list", func() any { return []any{g.odd(g.id()), g.id()} })
	set("page", func() any { return []any{"u/kanarinick?kanari", "1_2", "kanari"}[g.r.Intn(3)] })
	set("friends", func() any {
		m := map[string]any{}
		for range g.r.Intn(4) {
			m[fmt.Sprint(g.r.Intn(6))] = g.odd(map[string]any{"at": g.at(), "mail": "kanari@kanari.example", "id": g.id(), "kanari": 1})
		}
		if g.odds(2) {
			m["n"] = 5
		}
		return m
	})
	set("f", func() any {
		return []any{"id=3&at=2026-01-01&kanari=kanari", "at=2026-01-01", "kanari", "id=%zz"}[g.r.Intn(4)]
	})
	if depth > 0 {
		set("doc", func() any { b, _ := json.Marshal(g.odd(g.user(depth - 1))); return string(b) })
		set("b", func() any { b, _ := json.Marshal(g.user(depth - 1)); return base64.StdEncoding.EncodeToString(b) })
	}
	return u
}
func (g gen) element() any {
	e := map[string]any{"from": g.user(2), "s": g.id(), "u": g.user(1), "at": g.at(), "top": g.id(), "k": []any{"x", "y", "x", "w"}[g.r.Intn(4)]}
	if g.odds(2) {
		e["u"] = []any{g.user(1), g.user(1)}
	}
	for n := range e {
		if g.odds(4) {
			delete(e, n)
		}
	}
	if g.odds(20) {
		return nil
	}
	return e
}

// where is an element of a record.
type where struct {
	e, i int
	name string
}

func (g gen) record() (rec map[string]any, places []where) {
	rec = map[string]any{"top": g.id(), "at": g.at(), "u": g.user(1)}
	var es []any
	for i := range g.r.Intn(3) {
		e := map[string]any{"id": g.r.Intn(4), "at": g.at()}
		for _, name := range []string{"c", "m"} {
			if g.odds(3) {
				continue
			}
			var l []any
			for j := range g.r.Intn(3) {
				l = append(l, g.element())
				places = append(places, where{i, j, name})
			}
			e[name] = l
		}
		es = append(es, e)
	}
	rec["e"] = es
	return rec, places
}

// only gives the record with one of its elements.
func only(rec map[string]any, w where) map[string]any {
	out := map[string]any{}
	for n, v := range rec {
		out[n] = v
	}
	e := map[string]any{}
	for n, v := range rec["e"].([]any)[w.e].(map[string]any) {
		if n != "c" && n != "m" {
			e[n] = v
		}
	}
	e[w.name] = []any{rec["e"].([]any)[w.e].(map[string]any)[w.name].([]any)[w.i]}
	out["e"] = []any{e}
	return out
}

func spelled(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was made of what JSON has
	}
	return string(text)
}

// TestRandomRecords sends made-up records with everything that packs can say through the pipeline: no canary leaves, every element is
// decided as if it were alone in its record, and in a batch as by itself.
func TestRandomRecords(t *testing.T) {
	p := pipelineOf(t, withClasses("account: pseudonym, handle: pseudonym, object-id: pseudonym, group: pseudonym, url: pseudonym, plain: keep, email: {seal: {deterministic: true}}, timestamp: {time: shift}"), randomPack, Options{})
	forwarded, quarantined := 0, 0
	var batch []event.Record
	var want []string
	for seed := range int64(2000) {
		g := gen{rand.New(rand.NewSource(seed))}
		rec, places := g.record()
		n := decide(t, p, value(spelled(rec)))
		for _, l := range n.lines {
			if strings.Contains(l, "kanari") {
				t.Fatalf("seed %d: clear: %s\nof %s", seed, l, spelled(rec))
			}
		}
		if len(batch) < 500 {
			batch = append(batch, value(spelled(rec)))
			want = append(want, n.lines...)
		}
		if len(n.lines) == 1 && strings.Contains(n.lines[0], "quarantined") {
			quarantined++
			continue
		}
		forwarded += len(n.values)
		var alone []string
		for _, w := range places {
			alone = append(alone, decide(t, p, value(spelled(only(rec, w)))).lines...)
		}
		if len(places) > 0 {
			a, b := slices.Clone(alone), slices.Clone(n.lines)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Fatalf("seed %d: %s\ntogether\n%s\nalone\n%s", seed, spelled(rec), strings.Join(n.lines, "\n"), strings.Join(alone, "\n"))
			}
		}
	}
	n := decide(t, p, batch...)
	if !slices.Equal(n.lines, want) {
		for i := range want {
			if n.lines[i] != want[i] {
				t.Fatalf("in a batch\n%s\nalone\n%s", n.lines[i], want[i])
			}
		}
	}
	if forwarded < 1000 {
		t.Errorf("only %d events were forwarded, %d records quarantined: nothing was in danger", forwarded, quarantined)
	}
}
