// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var (
	ines    = reveal.Actor{Name: "ines@example.org", Roles: []string{reveal.Investigator}}
	ivan    = reveal.Actor{Name: "ivan@example.org", Roles: []string{reveal.Investigator}}
	olga    = reveal.Actor{Name: "olga@example.org", Roles: []string{reveal.PrivacyOfficer}}
	oscar   = reveal.Actor{Name: "oscar@example.org", Roles: []string{reveal.PrivacyOfficer}}
	audrey  = reveal.Actor{Name: "audrey@example.org", Roles: []string{reveal.Auditor}}
	opal    = reveal.Actor{Name: "opal@example.org", Roles: []string{reveal.Operator}}
	both    = reveal.Actor{Name: "both@example.org", Roles: []string{reveal.Investigator, reveal.PrivacyOfficer}}
	nobody  = reveal.Actor{Name: "nobody@example.org"}
	general = reveal.Actor{Name: "general@example.org", Roles: reveal.Roles()}
)

const testPack = `language: 1
pack: forum
version: 1
shapes:
  user:
    subject: id
    fields: {id: account, email: email, bio: text, name: name}
  post:
    subject: author.id
    fields:
      id: object-id
      author: {shape: user}
      health: health
events:
  post:
    shape: post
    time: $.created
    fields:
      $.created: {class: timestamp, unit: ms}
`

const testPolicy = `language: 1
controller: {name: Example Media, contact: privacy@example.org}
purposes:
  insight: {basis: legitimate-interest, description: What do readers like?}
sources:
  forum: {topics: [raw.forum], pack: forum@1}
recipients:
  analytics:
    role: processor
    purpose: insight
    topic: clean.analytics
    retention: 395d
    from: {forum: {}}
    classes: {account: pseudonym, object-id: pseudonym, email: seal, timestamp: {time: hour}}
  ads:
    role: processor
    purpose: insight
    topic: clean.ads
    retention: 30d
    from: {forum: {}}
    classes: {account: pseudonym, health: {keep: {type: string, max: 100}, clear: "campaigns on health"}}
`

// journal is an audit log in memory that can be made to fail.
type journal struct {
	mu      sync.Mutex
	entries []audit.Entry
	refuse  func(audit.Entry) error
}

func (j *journal) Append(_ context.Context, e audit.Entry) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuse != nil {
		if err := j.refuse(e); err != nil {
			return 0, err
		}
	}
	j.entries = append(j.entries, e)
	return uint64(len(j.entries)), nil
}

// count counts entries of an act, of a kind where it is not "".
func (j *journal) count(act audit.Act, kind string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if e.Act == act && (kind == "" || e.Details["kind"] == kind) {
			n++
		}
	}
	return n
}

// shelf is topics in memory.
type shelf map[string][]reveal.Message

func (s shelf) Scan(_ context.Context, topic string, _ map[int32]int64, fn func(*reveal.Message) error) error {
	for i := range s[topic] {
		if err := fn(&s[topic][i]); err != nil {
			return err
		}
	}
	return nil
}

// house is a service over a store in memory, with a clock of its own.
type house struct {
	*reveal.Service
	t      testing.TB
	store  *storetest.InMemory
	people *subject.Directory
	keys   *keyring.Keyring
	dir    string
	key    *keyring.RevealKey
	audit  *journal
	topics shelf
	alarms []reveal.Alarm
	limits reveal.Limits
	now    time.Time
	mu     sync.Mutex
}

func newHouse(t testing.TB, change ...func(*house)) *house {
	t.Helper()
	h := &house{t: t, store: storetest.Memory(), audit: new(journal), topics: shelf{}, now: start, dir: filepath.Join(t.TempDir(), "keys")}
	must(t, keyring.Init(h.dir, keyring.InitOptions{
		Tenant: "example", Recipients: []keyring.Recipient{{Name: "analytics"}, {Name: "ads"}}, Now: start,
	}))
	for _, c := range change {
		c(h)
	}
	var err error
	h.keys, err = keyring.Open(h.dir, keyring.OpenOptions{})
	must(t, err)
	h.key, err = keyring.OpenReveal(filepath.Join(h.dir, "reveal.json"), nil)
	must(t, err)
	plan, err := policy.LoadBytes("policy.yaml", []byte(testPolicy), fstest.MapFS{"forum.yaml": {Data: []byte(testPack)}}, "")
	must(t, err)
	h.people = subject.NewDirectory(subject.Options{Store: h.store, Keys: h.keys, Now: h.clock})
	h.Service = reveal.New(reveal.Options{
		Directory: h.people, Store: h.store, Keys: h.keys, Plan: func() *policy.Plan { return plan }, Topics: h.topics, Audit: h.audit,
		SubjectHash: hash, Alarm: h.alarmed, Limits: h.limits, Now: h.clock,
	})
	return h
}

func hash(key [16]byte) string { return hex.EncodeToString(key[:]) }

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) alarmed(a reveal.Alarm) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alarms = append(h.alarms, a)
}

// raised counts the alarms of a kind, which must be in the audit log too.
func (h *house) raised(kind string) int {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, a := range h.alarms {
		if a.Kind == kind {
			n++
		}
	}
	if logged := h.audit.count(audit.Alarm, kind); logged != n {
		h.t.Errorf("%d alarms %s, and %d in the audit log", n, kind, logged)
	}
	return n
}

func (h *house) newcomer(id string) subject.Newcomer {
	return subject.Newcomer{
		Name: append(h.keys.SubjectLabel("forum", "acc"), id...), Instance: "forum", Type: "acc", Canonical: []byte(id),
	}
}

// create makes a person and gives them as the store has them.
func (h *house) create(id string) *subject.Person {
	h.t.Helper()
	n := h.newcomer(id)
	must(h.t, h.people.Create(h.t.Context(), []subject.Newcomer{n}))
	return h.people.Find(n.Name)
}

func (h *house) keyOf(id string) subject.Key { return h.people.KeyOf(h.newcomer(id).Name) }

// pseudonym gives what a recipient knows an account by, whose secret is this.
func (h *house) pseudonym(recipient string, epoch int, secret keyring.Secret) string {
	h.t.Helper()
	return h.pseudonymOf(recipient, "acc", epoch, secret)
}

func (h *house) pseudonymOf(recipient, typ string, epoch int, secret keyring.Secret) string {
	h.t.Helper()
	d, err := h.keys.EpochDomain(recipient, epoch)
	must(h.t, err)
	id, err := transform.NewStoredIdentity(h.keys, "forum", typ, true)
	must(h.t, err)
	return string(id.AppendPseudonymOf(nil, &secret, &transform.Scope{Domain: d}))
}

// account makes a person and gives their pseudonym of recipient analytics.
func (h *house) account(id string) string {
	h.t.Helper()
	return h.pseudonym("analytics", 1, h.create(id).Secret)
}

func ask(pseudonyms ...string) reveal.Ask {
	return reveal.Ask{Recipient: "analytics", Pseudonyms: pseudonyms, Reason: reveal.Fraud, Case: "FRAUD-2026-118"}
}

// request asks as Ines.
func (h *house) request(a reveal.Ask) string {
	h.t.Helper()
	id, err := h.Request(h.t.Context(), ines, a)
	must(h.t, err)
	return id
}

// approved gives a request of Ines that Olga approved.
func (h *house) approved(a reveal.Ask) string {
	h.t.Helper()
	id := h.request(a)
	must(h.t, h.Approve(h.t.Context(), olga, id))
	return id
}

// revealed is a request that is approved and opened.
func (h *house) revealed(a reveal.Ask) *reveal.Result {
	h.t.Helper()
	r, err := h.Open(h.t.Context(), ines, h.approved(a), h.key)
	must(h.t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func states(r *reveal.Result) (out []reveal.Answer) {
	for _, it := range r.Items {
		out = append(out, it.State)
	}
	return out
}

func wantStates(t testing.TB, r *reveal.Result, want ...reveal.Answer) {
	t.Helper()
	if got := states(r); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func hold(at int64) consent.Signal {
	return consent.Signal{Kind: consent.Hold, Verdict: consent.Deny, At: at, Source: "officer"}
}
