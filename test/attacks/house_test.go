// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

const day = 24 * time.Hour

// start is when recipients of which pseudonyms are renewed are in their third epoch.
var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const instance = "shop"

// socialPack knows one event: somebody tells somebody something.
const socialPack = `language: 1
pack: shop
version: 1
record: {key: account, headers: {x_user: account, x_kind: {plain: {max: 20}}}}
events:
  both:
    when: {$.kind: both}
    subject: $.by[*]
    fields:
      $.by[*]: account
      $.n: {plain: integer}
  message:
    subject: $.by
    fields:
      $.by: account
      $.handle: {class: handle, alias: true, of: $.by}
      $.mail: email
      $.name: name
      $.id: object-id
      $.n: {plain: integer}
      $.to: account
      $.tohandle: {class: handle, alias: true, of: $.to}
      $.tomail: {class: email, of: $.to}
      $.todevice: {class: device, of: $.to}
      $.tocookie: {class: cookie, of: $.tohandle}
      $.toname: {class: name, of: $.to}
      $.totext: {class: text, markup: plain, of: $.to}
      $.cc[*].id: account
      $.cc[*].name: {class: name, of: "$.cc[*].id"}
      $.ill: {class: health, of: $.by}
`

// house is a pipeline whose people are kept, with a clock of its own.
type house struct {
	t         testing.TB
	keys      *keyring.Keyring
	plan      *policy.Plan
	pipeline  *pipeline.Pipeline
	store     *storetest.InMemory
	directory *subject.Directory
	now       time.Time
}

func (h *house) Touch(int32, []*subject.Person)           {}
func (h *house) Link(_, _ subject.Key, _ int64)           {}
func (h *house) Find(name []byte) *subject.Person         { return h.directory.Find(name) }
func (h *house) Load(c context.Context, n [][]byte) error { return h.directory.Load(c, n) }
func (h *house) Create(c context.Context, all []subject.Newcomer) error {
	return h.directory.Create(c, all)
}

// keysOnDisk makes a keyring with a reveal key, whose recipients are in their third epoch at start.
func keysOnDisk(t testing.TB, recipients ...string) (*keyring.Keyring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	o := keyring.InitOptions{Tenant: "test", Now: start.Add(-50 * day)}
	for _, name := range recipients {
		o.Recipients = append(o.Recipients, keyring.Recipient{Name: name, Renew: 20 * day})
	}
	must(t, keyring.Init(dir, o))
	keys, err := keyring.Open(dir, keyring.OpenOptions{})
	must(t, err)
	must(t, keys.Extend(start))
	return keys, dir
}

// keysInMemory makes a keyring whose recipients have one endless epoch.
func keysInMemory(t testing.TB, recipients ...string) *keyring.Keyring {
	t.Helper()
	keys, err := keyring.Ephemeral("test", recipients, start.Add(-50*day))
	must(t, err)
	return keys
}

func newHouse(t testing.TB, keys *keyring.Keyring, policyText string) *house {
	t.Helper()
	plan, err := policy.LoadBytes("policy.yaml", []byte(policyText), fstest.MapFS{"shop.yaml": {Data: []byte(socialPack)}}, "")
	must(t, err)
	h := &house{t: t, keys: keys, plan: plan, store: storetest.Memory(), now: start}
	h.directory = h.another()
	h.pipeline = h.over(h)
	return h
}

// over makes a pipeline on somebody's view of people.
func (h *house) over(people pipeline.People) *pipeline.Pipeline {
	h.t.Helper()
	p, err := pipeline.New(h.plan, h.keys, pipeline.Options{People: people, Now: func() time.Time { return h.now }})
	must(h.t, err)
	return p
}

// another gives the directory of another process on the same store.
func (h *house) another() *subject.Directory {
	return subject.NewDirectory(subject.Options{Store: h.store, Keys: h.keys, Now: func() time.Time { return h.now }})
}

// name is what an account goes by in the store: clear.
func (h *house) name(class policy.Class, id string) []byte {
	h.t.Helper()
	where := instance
	if class.Everywhere() {
		where = ""
	}
	identity, err := transform.NewStoredIdentity(h.keys, where, class.IdentityType(), true)
	must(h.t, err)
	name, verdict := identity.Name(nil, &transform.Value{Kind: transform.String, Text: []byte(id)})
	if verdict != transform.Done {
		h.t.Fatalf("an id of the test is none of class %s", class)
	}
	return name
}

func (h *house) key(class policy.Class, id string) subject.Key {
	return h.directory.KeyOf(h.name(class, id))
}

func (h *house) say(class policy.Class, id string, signals ...consent.Signal) {
	h.t.Helper()
	_, err := h.directory.Apply(h.t.Context(), h.key(class, id), signals...)
	must(h.t, err)
}

func (h *house) erase(id string) subject.Erased {
	h.t.Helper()
	e, err := h.directory.Erase(h.t.Context(), h.key(policy.Account, id), h.now.UnixMilli())
	must(h.t, err)
	return e
}

// person gives somebody as the store has them.
func (h *house) person(class policy.Class, id string) *subject.Person {
	h.t.Helper()
	d, name := h.another(), h.name(class, id)
	must(h.t, d.Load(h.t.Context(), [][]byte{name}))
	return d.Find(name)
}

// rows copies all rows of the store, as a thief would.
func (h *house) rows() map[subject.Space][]subject.Row {
	h.t.Helper()
	all := map[subject.Space][]subject.Row{}
	for _, space := range []subject.Space{subject.People, subject.Meta, subject.Outbox, subject.Requests, subject.DataKeys} {
		must(h.t, h.store.Scan(h.t.Context(), space, subject.Key{}, func(block []subject.Row) error {
			for _, r := range block {
				all[space] = append(all[space], subject.Row{Key: r.Key, Version: r.Version, Body: bytes.Clone(r.Body)})
			}
			return nil
		}))
	}
	return all
}

// sent is one record that a recipient got.
type sent struct {
	recipient  string
	of         int64 // offset of the record it was made of
	key, value string
	headers    map[string]string
}

func (s *sent) all() string {
	text := s.key + "\n" + s.value
	for k, v := range s.headers {
		text += "\n" + k + "=" + v
	}
	return text
}

// outbox is a sink that keeps everything.
type outbox struct {
	plan     *policy.Plan
	sent     []sent
	withheld map[string]event.Reason // by recipient and offset
}

func place(recipient string, offset int64) string { return fmt.Sprintf("%s/%d", recipient, offset) }

func (o *outbox) Forward(recipient int, rec *event.Record, out *event.Output) error {
	s := sent{o.plan.Recipients[recipient].Name, rec.Offset, string(out.Key), string(out.Value), map[string]string{}}
	for _, h := range out.Headers {
		s.headers[string(h.Key)] = string(h.Value)
	}
	o.sent = append(o.sent, s)
	return nil
}

func (o *outbox) Withhold(recipient int, rec *event.Record, reason event.Reason) error {
	o.withheld[place(o.plan.Recipients[recipient].Name, rec.Offset)] = reason
	return nil
}

func (o *outbox) Quarantine(q *event.Quarantined) error {
	return fmt.Errorf("%w: record %d was quarantined: %s", event.ErrFatal, q.Record.Offset, q.Reason)
}

// to gives what a recipient got of a record; false: nothing.
func (o *outbox) to(recipient string, offset int64) (sent, bool) {
	for _, s := range o.sent {
		if s.recipient == recipient && s.of == offset {
			return s, true
		}
	}
	return sent{}, false
}

// decide sends records through a worker. They get their numbers as offsets, and the present as their time unless they have one.
func (h *house) decide(p *pipeline.Pipeline, records ...event.Record) *outbox {
	h.t.Helper()
	o := &outbox{plan: h.plan, withheld: map[string]event.Reason{}}
	for i := range records {
		records[i].Topic, records[i].Offset = "raw", int64(i)
		if records[i].Time == 0 {
			records[i].Time = h.now.UnixMilli()
		}
	}
	w := p.Worker()
	for rest := records; len(rest) > 0; rest = rest[min(256, len(rest)):] {
		must(h.t, w.Process(rest[:min(256, len(rest))], o))
	}
	return o
}

func payload(format string, args ...any) event.Record {
	return event.Record{Value: fmt.Appendf(nil, format, args...)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func signal(kind consent.Kind, purpose string, v consent.Verdict, at int64) consent.Signal {
	return consent.Signal{Kind: kind, Purpose: purpose, Verdict: v, At: at, Source: "test"}
}

// oldGrant is a consent given a month ago, older than any event of the tests.
func oldGrant(purpose string) consent.Signal {
	return signal(consent.Consent, purpose, consent.Allow, start.Add(-49*day).UnixMilli())
}

// policyOf writes a policy: each recipient is its name, then lines of its own.
func policyOf(ages string, purposes []string, recipients map[string]string) string {
	var b strings.Builder
	b.WriteString("language: 1\ncontroller: {name: Test, contact: privacy@example.org}\n" + ages + "purposes:\n")
	for _, p := range purposes {
		b.WriteString("  " + p + "\n")
	}
	b.WriteString("sources: {raw: {topics: [raw], pack: shop@1}}\nrecipients:\n")
	for name, lines := range recipients {
		fmt.Fprintf(&b, "  %s:\n    topic: %s\n    retention: 30d\n    from: {raw: {}}\n", name, name)
		for line := range strings.Lines(strings.TrimSpace(lines)) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}

const adults = "ages: {unknown: adult, reason: Made up}\n"

const insight = "insight: {basis: consent, description: Test}"
