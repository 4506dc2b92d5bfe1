// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// loadPack loads a pack of one event's fields and shapes with a policy that selects everything.
func loadPack(t *testing.T, pack, source string) (*Plan, error) {
	t.Helper()
	text := strings.Replace(string(testFile(t, "base.yaml")), "    pack: social@1\n", "    pack: social@1\n"+source, 1)
	text, _, _ = strings.Cut(text, "    from:\n")
	text += "    from: {social: {}}\n    classes: {account: pseudonym}\n"
	return LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: []byte("language: 1\npack: social\nversion: 1\n" + pack)}}, "")
}

// leaves spells an event's leaves: path, class and whose.
func leaves(e *Event) string {
	var b strings.Builder
	for _, l := range e.Leaves {
		owner := "the event's subject"
		if l.Owner != nil {
			owner = l.Owner.String()
		}
		fmt.Fprintf(&b, "%s %s of %s\n", l.Path, l.Class, owner)
	}
	return b.String()
}

func checkLeaves(t *testing.T, pack, want string) {
	t.Helper()
	plan, err := loadPack(t, pack, "")
	if err != nil {
		t.Fatal(err)
	}
	want = strings.TrimLeft(strings.ReplaceAll(want, "\t", ""), "\n")
	if got := leaves(&plan.Sources[0].Events[0]); got != want {
		t.Errorf("want:\n%s\ngot:\n%s", want, got)
	}
}

func TestShapesRecurseToTheirDepth(t *testing.T) {
	checkLeaves(t, `
shapes:
  post:
    subject: by
    fields:
      by: account
      name: name
      repost: {shape: post, depth: 2}
events:
  post: {shape: post}
`, `
	$.by account of $.by
	$.name name of $.by
	$.repost.by account of $.repost.by
	$.repost.name name of $.repost.by
	$.repost.repost.by account of $.repost.repost.by
	$.repost.repost.name name of $.repost.repost.by
	`)
}

func TestDepthCountsAllReferencesToAShape(t *testing.T) {
	plan, err := loadPack(t, `
shapes:
  post:
    subject: by
    fields:
      by: account
      repost: {shape: post, depth: 3}
      quote: {shape: post, depth: 3}
events:
  post: {shape: post}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(plan.Sources[0].Events[0].Leaves), 1+2+4+8; got != want {
		t.Errorf("want %d leaves, got %d", want, got)
	}
}

func TestMutualRecursion(t *testing.T) {
	checkLeaves(t, `
shapes:
  post:
    subject: by.id
    fields:
      by: {shape: user}
  user:
    subject: id
    fields:
      id: account
      pinned: {shape: post, depth: 1}
events:
  post: {shape: post}
`, `
	$.by.id account of $.by.id
	`+"$.by.pinned.by.id account of $.by.pinned.by.id\n")
}

func TestOnlyShapesWithAValueStandInArrays(t *testing.T) {
	checkLeaves(t, `
shapes:
  actor:
    value: account
    subject: id
    fields:
      id: account
      name: name
  place:
    fields:
      town: {class: geo, form: text}
events:
  note:
    subject: [$.by.id, $.by]
    fields:
      $.by: {shape: actor}
      $.at: {shape: place}
      $.about: {value: object-id, fields: {id: object-id}}
`, `
	$.about object-id of the event's subject
	$.about.id object-id of the event's subject
	$.about[*] object-id of the event's subject
	$.about[*].id object-id of the event's subject
	$.at.town geo of the event's subject
	$.by account of $.by
	$.by.id account of $.by.id
	$.by.name name of $.by.id
	$.by[*] account of $.by[*]
	$.by[*].id account of $.by[*].id
	$.by[*].name name of $.by[*].id
	`)
}

func TestOwners(t *testing.T) {
	checkLeaves(t, `
shapes:
  user:
    subject: id
    fields:
      id: account
      nick: handle
      handle: {class: handle, alias: true}
      email: email
      address: {fields: {street: postal}}
      friend_of: account
      friend_mail: {class: email, of: friend_of}
      ^.seen: ip
events:
  visit:
    subject: $.user.id
    fields:
      $.user: {shape: user}
      $.ip: ip
      $.by: handle
`, `
	$.by handle of $.by
	$.ip ip of the event's subject
	$.seen ip of $.user.id
	$.user.address.street postal of $.user.id
	$.user.email email of $.user.id
	$.user.friend_mail email of $.user.friend_of
	$.user.friend_of account of $.user.friend_of
	$.user.handle handle of $.user.id
	$.user.id account of $.user.id
	$.user.nick handle of $.user.nick
	`)
}

func TestPackFieldsHoldForEveryEvent(t *testing.T) {
	plan, err := loadPack(t, `
fields:
  $.id: object-id
events:
  a: {when: {$.t: a}, subject: none, fields: {}}
  b: {subject: none}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range plan.Sources[0].Events {
		if got, want := leaves(&e), "$.id object-id of the event's subject\n"; got != want {
			t.Errorf("event %s: want %q, got %q", e.Name, want, got)
		}
	}
}

func TestAddAndReclassify(t *testing.T) {
	plan, err := loadPack(t, `
shapes:
  user:
    subject: id
    fields:
      id: account
      bot: name
      mail: email
events:
  a:
    when: {$.a: 1}
    subject: $.by.id
    fields:
      $.by: {shape: user}
      $.to[*]: {shape: user}
  b:
    subject: $.by.id
    fields:
      $.by: {shape: user}
`, `    add:
      $.ticket: object-id
      $.cc[*]: {shape: user}
    reclassify:
      $.by.bot: {plain: {max: 80}, reason: Names of our own bots}
      $.to[*].mail: special
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`$.by.bot plain of $.by.id
$.by.id account of $.by.id
$.by.mail email of $.by.id
$.cc[*].bot name of $.cc[*].id
$.cc[*].id account of $.cc[*].id
$.cc[*].mail email of $.cc[*].id
$.ticket object-id of the event's subject
$.to[*].bot name of $.to[*].id
$.to[*].id account of $.to[*].id
$.to[*].mail special of $.to[*].id
`, `$.by.bot plain of $.by.id
$.by.id account of $.by.id
$.by.mail email of $.by.id
$.cc[*].bot name of $.cc[*].id
$.cc[*].id account of $.cc[*].id
$.cc[*].mail email of $.cc[*].id
$.ticket object-id of the event's subject
`}
	for i := range want {
		if got := leaves(&plan.Sources[0].Events[i]); got != want[i] {
			t.Errorf("event %d: want:\n%s\ngot:\n%s", i, want[i], got)
		}
	}
	if got, want := fmt.Sprint(plan.Sources[0].Reclassified), "[{$.by.bot name plain Names of our own bots} {$.to[*].mail email special }]"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestProtectionOrdersClasses(t *testing.T) {
	for _, step := range [][2]Class{{Plain, App}, {App, Text}, {Offset, Geo}, {Text, PersonName}, {ObjectID, Account}, {Email, Health}, {Government, Credential}} {
		if step[0].protection() >= step[1].protection() {
			t.Errorf("%s must be weaker than %s", step[0], step[1])
		}
	}
}

func TestExceptAndAlternativesReachThePlan(t *testing.T) {
	plan, err := loadPack(t, `
shapes:
  audience:
    value: account
    except: {plain: [public, 1, true]}
events:
  a:
    subject: $.to
    fields:
      $.to: {shape: audience}
      $.n: {plain: integer, or: ["100+", null], nullable: true}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	e := &plan.Sources[0].Events[0]
	if got, want := fmt.Sprint(e.Leaves[1].Except, e.Leaves[2].Except), "[{0 public} {1 1} {2 true}] [{0 public} {1 1} {2 true}]"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got, want := fmt.Sprintf("%+v", *e.Leaves[0].Type), "{Kind:1 Enum:[] Pattern: Max:0 Or:[{Kind:0 Text:100+} {Kind:3 Text:null}] Nullable:true Text:false}"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}
