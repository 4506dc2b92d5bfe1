// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

const constructsPolicy = `language: 1
controller: {name: Test, contact: privacy@example.org}
purposes: {counting: {basis: legitimate-interest, description: Test}}
sources: {raw: {topics: [raw], pack: nested@1}}
recipients:
  all:
    role: processor
    purpose: counting
    topic: clean
    pseudonyms: {renew: 90d}
    retention: 30d
    from: {raw: {}}
    classes: {account: pseudonym, handle: pseudonym, object-id: pseudonym, group: pseudonym, plain: keep, email: seal, url: pseudonym, name: presence}
`

// constructs makes a pipeline of one pack under constructsPolicy.
func constructs(t testing.TB, pack string) *Pipeline {
	t.Helper()
	return pipelineOf(t, constructsPolicy, pack, Options{})
}

// pipelineOf makes a pipeline of a policy and the rest of its pack.
func pipelineOf(t testing.TB, text, pack string, o Options) *Pipeline {
	t.Helper()
	pack = "language: 1\npack: nested\nversion: 1\n" + pack
	plan, err := policy.LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"nested.yaml": {Data: []byte(pack)}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return withFreshKeys(t, plan, o)
}

func TestMapsOfPeople(t *testing.T) {
	p := constructs(t, `
events:
  call:
    subject: $.by
    fields:
      $.by: account
      $.members: {keys: account, values: {subject: key, fields: {mail: email, bot: {plain: boolean}}}, fields: {total: {plain: integer}}}
      $.reactions: {keys: {plain: {pattern: "^[a-z]+$"}}, values: {plain: integer}}
      $.names: {keys: handle, values: {plain: integer}}
`)
	for name, c := range map[string]struct{ payload, want string }{
		"names are pseudonyms, values belong to them": {
			`{"by":1,"members":{"1":{"mail":"a@b.example","bot":false,"x":1},"2":{"mail":"c@d.example"},"total":2}}`,
			`all: {"by":"ACC1","members":{"ACC1":{"mail":"SEALED","bot":false},"ACC2":{"mail":"SEALED"},"total":2}} key=ACC1`},
		"nothing of the value, no name": {`{"by":1,"members":{"2":{"x":1},"3":null,"4":[1]}}`, `all: {"by":"ACC1"} key=ACC1`},
		"a name that is not what it must be": {
			`{"by":1,"reactions":{"like":2,"ann@example.org":1,"Ann":1}}`, `all: {"by":"ACC1","reactions":{"like":2}} key=ACC1`},
		"two spellings of one name": {
			`{"by":1,"names":{"Ann":1,"@ann":2}}`, `all: quarantined, duplicate-key at $.names.*`},
		"one name twice":  {`{"by":1,"members":{"2":{"bot":true},"2":{"bot":false}}}`, `all: quarantined, duplicate-key at $.members.*`},
		"an escaped name": {`{"by":1,"members":{"\u0032":{"bot":true}}}`, `all: {"by":"ACC1","members":{"ACC2":{"bot":true}}} key=ACC1`},
		"the same names in two maps": {
			`{"by":1,"members":{"2":{"bot":true}},"reactions":{"like":1},"names":{"like":3}}`,
			`all: {"by":"ACC1","members":{"ACC2":{"bot":true}},"reactions":{"like":1},"names":{"HDL3":3}} key=ACC1`},
		"a name shaped like a pseudonym": {
			`{"by":1,"members":{"acc_3_2cah4o9grvpibq69hrc7hr64g0":{"bot":true}}}`, `all: quarantined, pseudonym-shaped at $.members.*~`},
	} {
		t.Run(name, func(t *testing.T) { wantLines(t, decide(t, p, value(c.payload)), c.want) })
	}
}

// wantLines compares what a sink was told.
func wantLines(t *testing.T, n *note, want ...string) {
	t.Helper()
	if got := strings.Split(plainly(strings.Join(n.lines, "\n")), "\n"); !slices.Equal(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

func TestDocumentsInStrings(t *testing.T) {
	p := constructs(t, `
shapes:
  post:
    subject: author
    fields: {author: account, id: object-id, bot: {plain: boolean}, again: {decode: json, shape: post, depth: 2}, likes: {plain: integer}}
events:
  post:
    when: {"$.payload{json}.author": {exists: true}, $.payload: {prefix: "{"}}
    subject: "$.payload{json}.author"
    fields:
      $.payload: {decode: json, shape: post, value: object-id}
  text:
    when: {$.kind: text}
    subject: $.payload
    fields:
      $.payload: account
  open:
    when: {$.kind: open, $.payload: {exists: true}}
    subject: none
    fields:
      $.payload: account
  cases:
    when: {$.kind: cases}
    subject: none
    fields:
      $.payload: {cases: [{when: {as: id}, class: object-id}, {plain: {max: 20}}]}
  delete:
    subject: none
    fields:
      $.payload: {decode: json, value: object-id, shape: post}
      $.form: {decode: form, fields: {user: account, n: {plain: {pattern: "^[0-9]+$"}}, token: credential}}
      $.data: {decode: base64, fields: {id: object-id, n: {plain: integer}}}
`)
	for name, c := range map[string]struct{ payload, want string }{
		"an object": {`{"payload":"{\"author\":7,\"id\":\"p\",\"likes\":12345678901234567890,\"email\":\"a@b.example\"}"}`,
			`all: {"payload":"{\"author\":\"ACC1\",\"id\":\"OBJ2\",\"likes\":12345678901234567890}"} key=ACC1`},
		"a document in a document": {`{"payload":"{\"author\":7,\"again\":\"{\\\"author\\\":7,\\\"bot\\\":true}\"}"}`,
			`all: {"payload":"{\"author\":\"ACC1\",\"again\":\"{\\\"author\\\":\\\"ACC1\\\",\\\"bot\\\":true}\"}"} key=ACC1`},
		"a bare scalar":                      {`{"payload":"123"}`, `all: {"payload":"\"OBJ1\""}`},
		"no document":                        {`{"payload":"{\"id\":\"p\""}`, `all: {}`},
		"behind the document":                {`{"payload":"{\"id\":\"p\"} x"}`, `all: {}`},
		"a name twice in it":                 {`{"payload":"{\"id\":\"p\",\"id\":\"q\"}"}`, `all: {}`},
		"broken text in it":                  {`{"payload":"{\"id\":\"\\ud800\"}"}`, `all: {}`},
		"with another event it is one value": {`{"kind":"text","payload":"123"}`, `all: {"payload":"ACC1"} key=ACC1`},
		"and a number may be there":          {`{"kind":"text","payload":123}`, `all: {"payload":"ACC1"} key=ACC1`},
		"no object in its place":             {`{"kind":"text","payload":{"x":"ann@example.org"},"s":1}`, `all: withheld, no-subject`},
		"an object where anybody may act":    {`{"kind":"open","payload":{"x":"ann@example.org","y":[1,2,3]}}`, `all: {}`},
		"an array where anybody may act":     {`{"kind":"open","payload":["ann@example.org","bob"]}`, `all: {}`},
		"or one of its cases":                {`{"kind":"cases","as":"id","payload":"123"}`, `all: {"payload":"OBJ1"}`},
		"or another":                         {`{"kind":"cases","payload":"{\"x\":1}"}`, `all: {"payload":"{\"x\":1}"}`},
		"an object instead":                  {`{"payload":{"id":"p"}}`, `all: {}`},
		"null":                               {`{"payload":null}`, `all: {}`},
		"form":                               {`{"form":"user=7&n=3&token=secret&x=a%40b.example"}`, `all: {"form":"n=3&user=ACC1"}`},
		"a name twice in a form":             {`{"form":"user=7&user=8"}`, `all: {}`},
		"base64":                             {`{"data":"eyJpZCI6InAiLCJuIjoxfQ=="}`, `all: {"data":"OBJ1"}`},
		"base64 that is no document":         {`{"data":"aGVsbG8="}`, `all: {}`},
		"base64 that is none":                {`{"data":"***"}`, `all: {}`},
	} {
		t.Run(name, func(t *testing.T) {
			n := decide(t, p, value(c.payload))
			if name == "base64" {
				if want := `"data":"eyJpZCI6Im9ia`; !strings.Contains(n.outputs[0], want) {
					t.Errorf("want %s in %s", want, n.outputs[0])
				}
				return
			}
			wantLines(t, n, c.want)
		})
	}
}

func TestCompositeValues(t *testing.T) {
	p := constructs(t, `
events:
  post:
    subject: $.by
    fields:
      $.by: account
      $.post: {class: object-id, template: "{group}_{object-id}"}
      $.group: group
      $.id: object-id
      $.uri: {class: object-id, template: ["at://{account}/{plain}/{object-id}", "at://{account}"]}
      $.page: {class: url, of: $.by, template: ["https://{host}/@{handle}{drop}", "https://{host}/{account}/{plain:photo|video}"]}
      $.talk: {class: object-id, template: "{account}-{account}"}
      $.secret: {class: object-id, template: "{cookie}:{object-id}"}
      $.either: {class: object-id, template: ["{cookie}:{object-id}", "{group}_{object-id}"]}
`)
	for name, c := range map[string]struct{ payload, want string }{
		"parts are joinable": {`{"by":"did:plc:a","post":"12_34","group":12,"id":"34","uri":"at://did:plc:a/app.bsky.feed.post/34"}`,
			`all: {"by":"ACC1","post":"GRP2_OBJ3","group":"GRP2","id":"OBJ3","uri":"at://ACC1/app.bsky.feed.post/OBJ3"} key=ACC1`},
		"another form":               {`{"by":1,"uri":"at://did:plc:a"}`, `all: {"by":"ACC1","uri":"at://ACC2"} key=ACC1`},
		"whose it is":                {`{"by":1,"page":"https://x.example/@ann?tab=1"}`, `all: {"by":"ACC1","page":"https://x.example/@ACC1"} key=ACC1`},
		"words of a list":            {`{"by":1,"page":"https://x.example/9/photo"}`, `all: {"by":"ACC1","page":"https://x.example/ACC1/photo"} key=ACC1`},
		"no word of it":              {`{"by":1,"page":"https://x.example/9/secret"}`, `all: {"by":"ACC1"} key=ACC1`},
		"more behind it":             {`{"by":1,"uri":"at://did:plc:a/app.bsky.feed.post/34/x"}`, `all: {"by":"ACC1"} key=ACC1`},
		"an empty part":              {`{"by":1,"post":"_34"}`, `all: {"by":"ACC1"} key=ACC1`},
		"two people":                 {`{"by":1,"talk":"1-2"}`, `all: {"by":"ACC1","talk":"ACC1-ACC2"} key=ACC1`},
		"a query":                    {`{"by":1,"post":"12_34?x=1"}`, `all: {"by":"ACC1"} key=ACC1`},
		"a word that is a number":    {`{"by":1,"uri":"at://did:plc:a/4915112345678/34"}`, `all: {"by":"ACC1"} key=ACC1`},
		"a part without a rule":      {`{"by":1,"secret":"abc:34"}`, `all: {"by":"ACC1","secret":"OBJ2"} key=ACC1`},
		"one form without rules":     {`{"by":1,"either":"abc:34"}`, `all: {"by":"ACC1","either":"OBJ2"} key=ACC1`},
		"the other form with rules":  {`{"by":1,"either":"12_34","id":"34"}`, `all: {"by":"ACC1","either":"GRP2_OBJ3","id":"OBJ3"} key=ACC1`},
		"a part shaped as pseudonym": {`{"by":1,"post":"12_acc_3_2cah4o9grvpibq69hrc7hr64g0"}`, `all: quarantined, pseudonym-shaped at $.post`},
	} {
		t.Run(name, func(t *testing.T) { wantLines(t, decide(t, p, value(c.payload)), c.want) })
	}
}

func TestCases(t *testing.T) {
	p := constructs(t, `
shapes:
  person: {subject: id, fields: {id: account, name: name, kind: {plain: {enum: [person]}}, size: {plain: integer}}}
  thing: {fields: {id: object-id, kind: {plain: {enum: [thing]}}, size: {plain: integer}}}
events:
  change:
    subject: $.by
    fields:
      $.by: account
      $.field: {plain: {enum: [email, user, count, name]}}
      $.value:
        cases:
          - {when: {field: email}, class: email}
          - {when: {field: [user, friend]}, class: account}
          - {when: {field: name}, class: name}
          - {plain: integer}
      $.about:
        cases:
          - {when: {about.kind: person}, shape: person}
          - {shape: thing}
      $.all[*].value:
        cases:
          - {when: {field: user}, class: account}
`)
	for name, c := range map[string]struct{ payload, want string }{
		"the first":         {`{"by":1,"field":"email","value":"a@b.example"}`, `all: {"by":"ACC1","field":"email","value":"SEALED"} key=ACC1`},
		"the second":        {`{"by":1,"field":"user","value":"2"}`, `all: {"by":"ACC1","field":"user","value":"ACC2"} key=ACC1`},
		"otherwise":         {`{"by":1,"value":3}`, `all: {"by":"ACC1","value":3} key=ACC1`},
		"otherwise, no fit": {`{"by":1,"value":"a@b.example"}`, `all: {"by":"ACC1"} key=ACC1`},
		"behind the value":  {`{"by":1,"value":"2","field":"user"}`, `all: {"by":"ACC1","value":"ACC2","field":"user"} key=ACC1`},
		"a shape":           {`{"by":1,"about":{"id":"2","kind":"person","size":1}}`, `all: {"by":"ACC1","about":{"id":"ACC2","kind":"person","size":1}} key=ACC1`},
		"the other shape":   {`{"by":1,"about":{"id":"2","kind":"thing","name":"Ann"}}`, `all: {"by":"ACC1","about":{"id":"OBJ2","kind":"thing"}} key=ACC1`},
		"presence":          {`{"by":1,"field":"name","value":"Ann"}`, `all: {"by":"ACC1","field":"name","value":true} key=ACC1`},
		"each its own":      {`{"by":1,"field":"user","all":[{"field":"user","value":"2"},{"field":"x","value":"3"},{"value":"4"}]}`, `all: {"by":"ACC1","field":"user","all":[{"value":"ACC2"}]} key=ACC1`},
	} {
		t.Run(name, func(t *testing.T) { wantLines(t, decide(t, p, value(c.payload)), c.want) })
	}
}

func TestConditions(t *testing.T) {
	p := constructs(t, `
events:
  all:
    when:
      $.a[*].v: {every: [public, unlisted]}
    subject: none
    fields:
      $.n: {plain: {enum: [all]}}
  typed:
    when:
      $.type: {prefix: "app.bsky."}
    subject: none
    fields:
      $.n: {plain: {enum: [typed]}}
`)
	for payload, want := range map[string]string{
		`{"a":[{"v":"public"},{"v":"unlisted"}],"n":"all"}`: `all: {"n":"all"}`,
		`{"a":[{"v":"public"},{"v":"direct"}],"n":"all"}`:   `all: withheld, unknown-type`,
		`{"a":[{"v":"public"},{"v":null}],"n":"all"}`:       `all: withheld, unknown-type`,
		`{"a":[],"n":"all"}`:                                `all: withheld, unknown-type`,
		`{"type":"app.bsky.x","n":"typed"}`:                 `all: {"n":"typed"}`,
		`{"type":"app.bskyx","n":"typed"}`:                  `all: withheld, unknown-type`,
		`{"type":7,"n":"typed"}`:                            `all: withheld, unknown-type`,
	} {
		t.Run(payload, func(t *testing.T) { wantLines(t, decide(t, p, value(payload)), want) })
	}
}

const changes = `
each: ["$.entry[*].changes[*]", "$.entry[*].messages[*]"]
fields:
  $.object: {plain: {enum: [page]}}
  $.entry[*].id: group
events:
  comment:
    in: "$.entry[*].changes[*]"
    when: {field: feed}
    subject: value.from
    fields:
      field: {plain: {enum: [feed]}}
      value.from: account
      value.id: object-id
      value.id_str: {class: object-id, same: value.id}
  message:
    in: "$.entry[*].messages[*]"
    subject: sender
    fields:
      sender: account
      ^.time: {plain: integer}
  other:
    in: $
    subject: none
    fields:
      $.hello: {plain: boolean}
`

func TestEventsInOneRecord(t *testing.T) {
	p := constructs(t, changes)
	for name, c := range map[string]struct {
		payload string
		want    []string
	}{
		"each alone": {`{"object":"page","entry":[{"id":1,"changes":[{"field":"feed","value":{"from":7}},{"field":"feed","value":{"from":8,"id":"x"}}]},{"id":2,"changes":[{"field":"feed","value":{"from":7}}]}]}`,
			[]string{
				`all: {"object":"page","entry":[{"id":"GRP1","changes":[{"field":"feed","value":{"from":"ACC2"}}]}]} key=ACC2`,
				`all: {"object":"page","entry":[{"id":"GRP1","changes":[{"field":"feed","value":{"from":"ACC3","id":"OBJ4"}}]}]} key=ACC3`,
				`all: {"object":"page","entry":[{"id":"GRP5","changes":[{"field":"feed","value":{"from":"ACC2"}}]}]} key=ACC2`}},
		"siblings never mix": {`{"entry":[{"changes":[{"field":"feed","value":{"from":7}}],"time":3,"messages":[{"sender":8}]}]}`,
			[]string{
				`all: {"entry":[{"changes":[{"field":"feed","value":{"from":"ACC1"}}]}]} key=ACC1`,
				`all: {"entry":[{"time":3,"messages":[{"sender":"ACC2"}]}]} key=ACC2`}},
		"unknown and nobody": {`{"entry":[{"changes":[{"field":"x"},{"field":"feed","value":{}}]}]}`,
			[]string{`all: withheld, unknown-type`, `all: withheld, no-subject`}},
		"no element":    {`{"hello":true,"entry":[]}`, []string{`all: {"hello":true}`}},
		"not an array":  {`{"hello":true,"entry":[{"changes":{"field":"feed"}}]}`, []string{`all: {"hello":true}`}},
		"null elements": {`{"entry":[{"changes":[null,7]}]}`, []string{`all: withheld, unknown-type`, `all: withheld, unknown-type`}},
		"poison in one holds all": {`{"entry":[{"changes":[{"field":"feed","value":{"from":7}},{"field":"feed","value":{"from":8,"id":"x","id_str":"y"}}]}]}`,
			[]string{`all: quarantined, ids-disagree at $.entry[*].changes[*].value.id_str`}},
		"a late poison holds all": {`{"entry":[{"changes":[{"field":"feed","value":{"from":7}},{"field":"feed","value":{"from":8,"id":"acc_3_2cah4o9grvpibq69hrc7hr64g0"}}]}]}`,
			[]string{`all: quarantined, pseudonym-shaped at $.entry[*].changes[*].value.id`}},
	} {
		t.Run(name, func(t *testing.T) { wantLines(t, decide(t, p, value(c.payload)), c.want...) })
	}
}

// TestElementsStayLinear refuses a record whose surroundings would be copied for each of very many elements.
func TestElementsStayLinear(t *testing.T) {
	p := constructs(t, strings.Replace(changes, "fields:\n  $.object", "fields:\n  $.big[*]: {plain: integer}\n  $.object", 1))
	big := strings.Repeat("1,", 20000) + "1"
	many := strings.Repeat(`{"field":"feed","value":{"from":7}},`, 10000) + `{}`
	n := decide(t, p, value(`{"big":[`+big+`],"entry":[{"changes":[`+many+`]}]}`))
	wantLines(t, n, `all: quarantined, too-large`)
}

func TestRecordsThatAreArrays(t *testing.T) {
	p := constructs(t, `
each: ["$[*]"]
events:
  delivered:
    when: {event: delivered}
    subject: by
    fields:
      event: {plain: {enum: [delivered]}}
      by: account
`)
	wantLines(t, decide(t, p, value(`[{"event":"delivered","by":1,"x":2},{"event":"other"}]`)),
		`all: [{"event":"delivered","by":"ACC1"}] key=ACC1`, `all: withheld, unknown-type`)
	wantLines(t, decide(t, p, value(`[]`)), `all: withheld, unknown-type`)
	wantLines(t, decide(t, p, value(`7`)), `all: quarantined, not-object`)
}

func TestExplainEachEvent(t *testing.T) {
	p := constructs(t, changes)
	events, err := p.Explain(0, nil, []byte(`{"entry":[{"id":1,"changes":[{"field":"feed","value":{"from":7}},{"field":"x","value":{"from":8}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range events {
		line := x.Event + ":"
		for _, l := range x.Leaves {
			line += " " + l.Path + "=" + l.Before
		}
		got = append(got, line+" "+x.Ends[0].Outcome)
	}
	want := []string{
		`comment: $.entry[0].id=1 $.entry[0].changes[0].field="feed" $.entry[0].changes[0].value.from=7 forward`,
		`: $.entry[0].id=1 $.entry[0].changes[1].field="x" $.entry[0].changes[1].value.from=8 withhold`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// FuzzConstructs looks for a panic, and for output that is no JSON, behind everything that packs can say.
func FuzzConstructs(f *testing.F) {
	for _, seed := range []string{
		`{"entry":[{"id":1,"changes":[{"field":"feed","value":{"from":7}}]}]}`, `{"m":{"1":{"mail":"a@b.example"}},"j":"{\"id\":1}"}`,
		`{"f":"a=b&c=%zz","b":"eyJpZCI6MX0","j":"\"\\u0000\""}`, `{"entry":[{"changes":[[],{}, null]}],"j":"[[[["}`,
	} {
		f.Add([]byte(seed))
	}
	p := pipelineOf(f, constructsPolicy, `each: ["$.entry[*].changes[*]"]
fields:
  $.m: {keys: account, values: {subject: key, fields: {mail: email, v: {plain: {max: 20}}}}}
  $.j: {decode: json, value: object-id, fields: {id: account, m: {keys: handle, values: {plain: number}}, in: {decode: form, fields: {a: account}}}}
  $.b: {decode: base64, fields: {id: object-id}}
  $.f: {decode: form, fields: {a: account, j: {decode: json, keys: object-id, values: {plain: number}}}}
  $.t: {class: url, template: ["https://{host}/{account}{drop}", "{group}_{object-id}"]}
events:
  element:
    subject: by
    fields:
      by: account
      v: {cases: [{when: {k: a}, class: account}, {plain: {max: 10}}]}
      list[*]: {plain: integer}
  record:
    in: $
    when: {$.j: {absent: true}}
    subject: none
  text:
    in: $
    when: {$.j: {exists: true}, $.f: {exists: true}}
    subject: none
    fields:
      $.f: account
      $.j: {cases: [{when: {k: a}, class: account}, {plain: {max: 10}}]}
`, Options{Limits: rewrite.Options{MaxBytes: 1 << 16, MaxFields: 1 << 10}})
	f.Fuzz(func(t *testing.T, payload []byte) {
		n := decide(t, p, event.Record{Value: payload})
		for _, out := range n.values {
			if !json.Valid(out) {
				t.Fatalf("the output is no JSON: %s", out)
			}
		}
	})
}
