// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

const outPack = `
language: 1
pack: mine
version: 1
events:
  post:
    when: {$.kind: post}
    subject: $.user.id
    fields:
      $.kind: {plain: {enum: [post]}}
      $.user.id: account
      $.user.mail: email
      $.user.health: health
      $.at: timestamp
      $.likes: {plain: integer, or: ["100+"]}
      $.score: {plain: number}
      $.hot: {plain: boolean}
      $.lat: geo
      $['odd name.é']: {plain: {max: 9}}
      $['odd_x20_name']: {plain: {max: 9}}
      $.tags[*].word: {plain: {max: 9}}
      $.tags[*].at: {plain: integer}
      $.nested[*][*]: {plain: integer}
      $.secret: credential
      $.record.string.map: {plain: boolean}
      $.size: {plain: {type: integer, nullable: true}}
  like:
    when: {$.kind: like}
    subject: $.user.id
    fields:
      $.kind: {plain: {enum: [like]}}
      $.user.id: account
      $.score: {plain: {max: 5}}
      $.size[*]: {plain: integer}
`

const outPolicy = `
language: 1
controller: {name: Example, contact: a@example.org}
purposes:
  p: {basis: legitimate-interest, description: Testing}
sources:
  mine: {topics: [raw], pack: ./mine.yaml}
recipients:
  ana-lytics:
    role: processor
    purpose: p
    topic: clean
    retention: 30d
    minors: allow
    from:
      mine: {}
    classes:
      account: pseudonym
      timestamp: {time: hour}
      plain: keep
      geo: {round: {places: 1}}
      email: presence
`

func outPlan(t testing.TB) *policy.Plan {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(outPack), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := policy.LoadBytes("policy.yaml", []byte(outPolicy), nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func outSchema(t testing.TB) *Output {
	t.Helper()
	o, err := OutputSchema(outPlan(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOutputSchema(t *testing.T) {
	o := outSchema(t)
	const want = `{"doc":"What the recipient ana-lytics can get. Derived from the policy; every field may be missing.","fields":[` +
		`{"default":null,"name":"at","type":["null","string"]},` +
		`{"default":null,"name":"hot","type":["null","boolean"]},` +
		`{"default":null,"name":"kind","type":["null","string"]},` +
		`{"default":null,"name":"lat","type":["null","long","double"]},` +
		`{"default":null,"name":"likes","type":["null","string","long"]},` +
		`{"default":null,"name":"nested","type":["null",{"items":{"items":"long","type":"array"},"type":"array"}]},` +
		`{"default":null,"name":"odd_x20_name_x2e__xc3__xa9_","nym.name":"odd name.é","type":["null","string"]},` +
		`{"default":null,"name":"odd_x5f_x20_name","nym.name":"odd_x20_name","type":["null","string"]},` +
		`{"default":null,"name":"record","type":["null",{"fields":[{"default":null,"name":"string","type":["null",{"fields":[` +
		`{"default":null,"name":"map","type":["null","boolean"]}],"name":"string_xfe","namespace":"nymstream.ana_x2d_lytics.Event.record_xfe","type":"record"}]}],` +
		`"name":"record_xfe","namespace":"nymstream.ana_x2d_lytics.Event","type":"record"}]},` +
		`{"default":null,"name":"score","type":["null","string","long","double"]},` +
		`{"default":null,"name":"size","type":["null","long",{"items":"long","type":"array"}]},` +
		`{"default":null,"name":"tags","type":["null",{"items":{"fields":[` +
		`{"default":null,"name":"at","type":["null","long"]},{"default":null,"name":"word","type":["null","string"]}],` +
		`"name":"_xea","namespace":"nymstream.ana_x2d_lytics.Event.tags","type":"record"},"type":"array"}]},` +
		`{"default":null,"name":"user","type":["null",{"fields":[` +
		`{"default":null,"name":"id","type":["null","string"]},{"default":null,"name":"mail","type":["null","boolean"]}],` +
		`"name":"user","namespace":"nymstream.ana_x2d_lytics.Event","type":"record"}]}],` +
		`"name":"Event","namespace":"nymstream.ana_x2d_lytics","type":"record"}`
	if o.Text != want {
		t.Errorf("got\n%s\nwant\n%s", o.Text, want)
	}
	whole, err := RecipientSchema(outPlan(t), 0)
	if err != nil || whole.Text != o.Text {
		t.Errorf("a recipient of one flow: got %v, error %v; want the flow's schema", whole, err)
	}
}

// Steps of a path that are maps, or that this package does not know, end in what can hold them.
func TestOutputSchemaOfMapsAndUnknownSteps(t *testing.T) {
	const unknown = event.SegmentKind(200)
	named := func(n string) event.Segment { return event.Segment{Name: n} }
	root := &shape{members: map[string]*shape{}}
	root.at(event.Path{named("m"), {Kind: event.Members}, named("a")}).add(texts)
	root.at(event.Path{named("m"), {Kind: event.Members}, {Kind: unknown}}).add(texts)
	root.at(event.Path{named("m"), named("own")}).add(longs)
	root.at(event.Path{named("doc"), {Kind: unknown}, named("x")}).add(longs)
	root.settle()
	m := root.members["m"].values
	if m == nil || m.members["a"] == nil || m.kinds != texts|longs || root.members["m"].members != nil {
		t.Errorf("a map with names, a member of its own and values: got %+v", root.members["m"])
	}
	if d := root.members["doc"]; d.kinds&texts == 0 || d.members != nil {
		t.Errorf("a document inside a text: got %+v, want a text", d)
	}
	record := root.record("n", "Event")
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goavro.NewCodec(string(text)); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

func TestEncoderIsReadByAnotherLibrary(t *testing.T) {
	o := outSchema(t)
	f := newFake(t)
	id, err := f.client.Register(context.Background(), Subject("clean"), o.Text)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := goavro.NewCodec(o.Text)
	if err != nil {
		t.Fatal(err)
	}
	e := NewAvroEncoder(o, id)
	d := f.decoder(t, Avro)
	rapid.Check(t, func(rt *rapid.T) {
		document := document(rt, o.root, "$").(map[string]any)
		text, err := json.Marshal(document)
		if err != nil {
			rt.Fatal(err)
		}
		value, err := e.Encode([]byte("x"), text)
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		value = value[1:]
		if value[0] != 0 || int(binary.BigEndian.Uint32(value[1:])) != id {
			rt.Fatalf("header %x, want id %d", value[:5], id)
		}
		native, rest, err := codec.NativeFromBinary(value[5:])
		if err != nil || len(rest) > 0 {
			rt.Fatalf("%s: %d bytes are left, error %v", text, len(rest), err)
		}
		if diff := differ(o.root, document, native, false); diff != "" {
			rt.Fatalf("%s: %s", text, diff)
		}
		if _, err := d.Decode(nil, &event.Record{Value: value}); err != nil {
			rt.Fatalf("our own decoder: %v", err)
		}
	})
}

// Objects whose only member is called like a type are still objects.
func TestEncoderDoesNotMistakeMembersForTypes(t *testing.T) {
	at := func(root *shape, path string, k kinds) {
		p, _, err := event.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		root.at(p).add(k)
	}
	root := &shape{}
	at(root, "$.a", texts|longs)
	at(root, "$.a.string", texts)
	at(root, "$.a[*]", texts)
	at(root, "$.a[*].long", longs)
	at(root, "$.m.*", texts)
	at(root, "$.m", texts)
	at(root, "$.m.*.x", texts)
	at(root, "$.map.*.string", texts)
	o, err := newOutput(root, "r")
	if err != nil {
		t.Fatal(err)
	}
	codec, err := goavro.NewCodec(o.Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"a":{"string":"x"}}`, `{"a":"string"}`, `{"a":[{"long":1},"long"]}`, `{"m":{"string":"x"}}`, `{"m":{"map":"x","string":{"x":"y"}}}`, `{"m":"map"}`,
		`{"map":{"string":{"string":"x"}}}`,
	} {
		value, err := NewAvroEncoder(o, 1).Encode(nil, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		native, rest, err := codec.NativeFromBinary(value[wireHeader:])
		if err != nil || len(rest) > 0 {
			t.Errorf("%s: %d bytes are left, error %v", text, len(rest), err)
		} else if diff := differ(o.root, tree(t, []byte(text)), native, false); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// document draws what a recipient could get.
func document(rt *rapid.T, s *shape, at string) any {
	var draws []func() any
	if s.kinds&texts != 0 {
		draws = append(draws, func() any { return rapid.String().Draw(rt, at) })
	}
	if s.kinds&longs != 0 {
		draws = append(draws, func() any { return json.Number(strconv.FormatInt(rapid.Int64().Draw(rt, at), 10)) })
	}
	if s.kinds&doubles != 0 && s.kinds&texts == 0 {
		draws = append(draws, func() any {
			text := strconv.FormatFloat(rapid.Float64Range(-1e9, 1e9).Draw(rt, at), 'e', -1, 64)
			return json.Number(text)
		})
	}
	if s.kinds&booleans != 0 {
		draws = append(draws, func() any { return rapid.Bool().Draw(rt, at) })
	}
	if s.members != nil {
		draws = append(draws, func() any {
			out := map[string]any{}
			for _, name := range slices.Sorted(maps.Keys(s.members)) {
				if rapid.Bool().Draw(rt, at+" has "+name) {
					out[name] = document(rt, s.members[name], at+"."+name)
				}
			}
			return out
		})
	}
	if s.each != nil {
		draws = append(draws, func() any {
			out := make([]any, rapid.IntRange(0, 3).Draw(rt, at))
			for i := range out {
				out[i] = document(rt, s.each, at+"[*]")
			}
			return out
		})
	}
	return draws[rapid.IntRange(0, len(draws)-1).Draw(rt, at+" is")]()
}

// differ compares a document with what the other library read; it says where they differ.
func differ(s *shape, want, got any, union bool) string {
	if branch, ok := got.(map[string]any); ok && union { // the library says which one it is
		for _, v := range branch {
			got = v
		}
	}
	switch want := want.(type) {
	case map[string]any:
		return differMembers(s, want, got)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("got %v, want %d elements", got, len(want))
		}
		for i := range want {
			if diff := differ(s.each, want[i], list[i], s.each.parts() > 1); diff != "" {
				return diff
			}
		}
		return ""
	case json.Number:
		switch got := got.(type) {
		case float64:
			if w, _ := want.Float64(); got != w {
				return fmt.Sprintf("got %v, want %s", got, want)
			}
			return ""
		case int64:
			if w, ok := whole(want.String()); !ok || got != w {
				return fmt.Sprintf("got %v, want %s", got, want)
			}
			return ""
		}
		if got != any(want.String()) { // a number in a text
			return fmt.Sprintf("got %v, want %s", got, want)
		}
		return ""
	}
	if text, ok := want.(string); ok && s.kinds&texts == 0 { // a number or boolean that was written as a text
		if n, ok := s.text(text); ok {
			want = n
		}
	}
	if got != want {
		return fmt.Sprintf("got %v, want %v", got, want)
	}
	return ""
}

func differMembers(s *shape, want map[string]any, got any) string {
	fields, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("got %T, want members", got)
	}
	found := 0
	for key, v := range fields {
		name, member, union := JSONName(key), s.values, true
		if member != nil {
			name, union = key, member.parts() > 1
		} else {
			member = s.members[name]
		}
		w, there := want[name]
		if there {
			found++
		} else if v == nil {
			continue
		} else {
			return name + " is there, want it missing"
		}
		if diff := differ(member, w, v, union); diff != "" {
			return name + ": " + diff
		}
	}
	if found != len(want) {
		return fmt.Sprintf("%d members are there, want %d", found, len(want))
	}
	return ""
}

// parts counts what a place may be.
func (s *shape) parts() int {
	n := bits.OnesCount8(uint8(s.kinds))
	for _, there := range []bool{s.members != nil, s.each != nil, s.values != nil} {
		if there {
			n++
		}
	}
	return n
}

func TestEncoderRefusesWhatDoesNotFit(t *testing.T) {
	e := NewAvroEncoder(outSchema(t), 7)
	for _, in := range []string{
		``, `[]`, `{"a":1}`, `{"hot":1}`, `{"hot":"yes"}`, `{"tags":{}}`, `{"tags":[{"other":1}]}`, `{"user":"x"}`, `{"nested":[1]}`, `{"nested":[[null]]}`,
		`{"tags":[{"at":9223372036854775808}]}`, `{"tags":[{"at":1.5}]}`, `{} {}`, `{"tags":[{"at":1e999999999}]}`,
	} {
		out, err := e.Encode([]byte("x"), []byte(in))
		if reasonOf(err) != event.Unencodable || string(out) != "x" {
			t.Errorf("%s: got %v and %d bytes, want %v", in, err, len(out), event.Unencodable)
		}
	}
}

func TestEncoderTakesNumbersWhole(t *testing.T) {
	o := outSchema(t)
	codec, err := goavro.NewCodec(o.Text)
	if err != nil {
		t.Fatal(err)
	}
	e := NewAvroEncoder(o, 7)
	for in, want := range map[string]any{
		`{"likes":9007199254740993}`:      map[string]any{"long": int64(9007199254740993)},
		`{"likes":1e3}`:                   map[string]any{"long": int64(1000)},
		`{"likes":"100+"}`:                map[string]any{"string": "100+"},
		`{"likes":9223372036854775808}`:   map[string]any{"string": "9223372036854775808"},
		`{"lat":"52.5"}`:                  map[string]any{"double": 52.5},
		`{"lat":-0.0}`:                    map[string]any{"long": int64(0)},
		`{"at":1700000000}`:               map[string]any{"string": "1700000000"},
		`{"hot":"true"}`:                  map[string]any{"boolean": true},
		`{"score":0.1}`:                   map[string]any{"double": 0.1},
		`{"score":0.1234567890123456789}`: map[string]any{"string": "0.1234567890123456789"},
		`{"lat":0.1234567890123456789}`:   map[string]any{"double": 0.12345678901234568},
		`{"score":1e-400}`:                map[string]any{"string": "1e-400"},
		`{"size":null}`:                   nil,
	} {
		value, err := e.Encode(nil, []byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		native, _, err := codec.NativeFromBinary(value[5:])
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(in[2:], `"`)
		if got := native.(map[string]any)[name]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	plan := outPlan(t)
	if got, want := Classify(plan, 0), (Classification{"confidential", "GDPR", "standard"}); got != want {
		t.Errorf("a flow of pseudonyms: got %v, want %v", got, want)
	}
	decide := func(path, technique, clear string) Classification {
		p := outPlan(t)
		for i, l := range p.Sources[0].Events[0].Leaves {
			if l.Path.String() == path {
				p.Flows[0].Events[0].Decisions[i] = policy.Decision{Technique: policy.Technique{Name: technique}, Clear: clear}
			}
		}
		return Classify(p, 0)
	}
	if got := decide("$.user.mail", policy.Keep, "reason").Category; got != "sensitive" {
		t.Errorf("an address in clear: got %s, want sensitive", got)
	}
	if got := decide("$.user.health", policy.Presence, "").Category; got != "special-category" {
		t.Errorf("health, if only whether there is some: got %s, want special-category", got)
	}
	plan.Flows[0].Events = make([]policy.FlowEvent, len(plan.Flows[0].Events))
	c := Classify(plan, 0)
	if want := (Classification{"internal", "GDPR", "non-sensitive"}); c != want {
		t.Errorf("nothing leaves: got %v, want %v", c, want)
	}
	const want = `{"id":"1","dataclassification":"internal","dataregulation":"GDPR","datacategory":"non-sensitive"}`
	if got := string(c.AppendMembers([]byte(`{"id":"1"}`))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := c.Headers(); len(got) != 3 || string(got[0].Key) != "ce_dataclassification" || string(got[0].Value) != "internal" {
		t.Errorf("got %d headers, the first %s: %s", len(got), got[0].Key, got[0].Value)
	}
}
