// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const ledger = "nymstream.ledger"

// The keyring of most tests: recipients analytics, whose third epoch it is, and partner, who has one epoch. Nobody changes it.
var testKeys = sync.OnceValues(func() (*keyring.Keyring, error) {
	dir, err := os.MkdirTemp("", "rights")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return makeKeys(filepath.Join(dir, "keys"))
})

func makeKeys(dir string) (*keyring.Keyring, error) {
	began := start.Add(-50 * day)
	err := keyring.Init(dir, keyring.InitOptions{Tenant: "example", Now: began, Recipients: []keyring.Recipient{{Name: "analytics", Renew: 20 * day}, {Name: "partner"}}})
	if err != nil {
		return nil, err
	}
	k, err := keyring.Open(dir, keyring.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return k, k.Extend(start)
}

func freshKeys(t testing.TB) *keyring.Keyring {
	t.Helper()
	k, err := makeKeys(filepath.Join(t.TempDir(), "keys"))
	must(t, err)
	return k
}

func testPlan() *policy.Plan {
	return &policy.Plan{
		Controller: policy.Controller{Name: "Example", Contact: "privacy@example.org"},
		Purposes:   []policy.Purpose{{Name: "insight", Basis: "consent", Description: "Product analytics"}},
		Sources:    []policy.Source{{Name: "toots", Instance: "mastodon"}, {Name: "repos", Instance: "github"}},
		Recipients: []policy.Recipient{
			{Name: "analytics", Role: policy.Processor, Topic: "out.analytics", Key: policy.KeySubject, RecordTime: time.Hour, Retention: 90 * day},
			{Name: "partner", Role: policy.ThirdParty, Topic: "out.partner", Key: policy.KeyNone, RecordTime: time.Minute, Retention: 30 * day},
		},
	}
}

var errCrash = fmt.Errorf("the process has ended: %w", event.ErrTransient)

// world is all that a Service touches, in memory. After crashAt calls of the store, the topics or the control log it fails, and goes on
// failing until it is revived: what was done before the failure stays done.
type world struct {
	t       testing.TB
	store   *storetest.InMemory
	keys    *keyring.Keyring
	plan    *policy.Plan
	now     time.Time
	topics  map[string][][]Message
	noting  *sync.Mutex // guards entries
	entries []audit.Entry
	refuse  error // of the audit log

	calls, crashAt int // 0: never
	crashed        bool

	announced []announcement
	settled   map[subject.Key]bool
	early     []string // what was published before it was settled
	whose     map[string]subject.Key
}

type announcement struct {
	keys      []subject.Key
	tightened bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	k, err := testKeys()
	must(t, err)
	w := &world{t: t, noting: new(sync.Mutex), store: storetest.Memory(), keys: k, plan: testPlan(), now: start, settled: map[subject.Key]bool{}, whose: map[string]subject.Key{}}
	w.topics = map[string][][]Message{ledger: make([][]Message, 1), "out.analytics": make([][]Message, 2), "out.partner": make([][]Message, 1)}
	w.store.Hook(func(context.Context, storetest.Call) error { return w.step() })
	return w
}

// step is one moment at which the process may end.
func (w *world) step() error {
	w.calls++
	if w.crashAt > 0 && w.calls >= w.crashAt {
		w.crashed = true
	}
	if w.crashed {
		return errCrash
	}
	return nil
}

func (w *world) revive() { w.crashAt, w.crashed = 0, false }

// service is a process: its memory is its own.
func (w *world) service(edit ...func(*Options)) *Service {
	now := func() time.Time { return w.now }
	o := Options{
		Directory: subject.NewDirectory(subject.Options{Store: w.store, Keys: w.keys, Now: now}), Store: w.store, Keys: w.keys,
		Plan: func() *policy.Plan { return w.plan }, Topics: w, Control: w, Audit: auditLog{w}, Instance: "test-1", Now: now,
		SubjectHash: func(key [16]byte) string { return fmt.Sprintf("%x", key[:]) },
	}
	for _, e := range edit {
		e(&o)
	}
	return New(o)
}

// auditLog gives the world's audit log, whose method has the same name as that of the topics.
type auditLog struct{ w *world }

func (a auditLog) Append(_ context.Context, e audit.Entry) (uint64, error) {
	if a.w.refuse != nil {
		return 0, a.w.refuse
	}
	a.w.noting.Lock()
	defer a.w.noting.Unlock()
	a.w.entries = append(a.w.entries, e)
	return uint64(len(a.w.entries) - 1), nil
}

func partitionOf(key []byte, n int) int {
	sum := 0
	for _, b := range key {
		sum += int(b)
	}
	return sum % n
}

// Append writes half of the messages, or all, or none before the process ends.
func (w *world) Append(_ context.Context, topic string, messages []Message) error {
	if err := w.step(); err != nil {
		return err
	}
	for i := range messages {
		if i == len(messages)/2 && i > 0 {
			if err := w.step(); err != nil {
				return err
			}
		}
		m := &messages[i]
		m.Topic = topic
		m.Partition = int32(partitionOf(m.Key, len(w.topics[topic])))
		at := &w.topics[topic][m.Partition]
		m.Offset = int64(len(*at))
		*at = append(*at, *m)
		w.watch(m)
	}
	return w.step()
}

// watch notes deletion events that come before what they would race with is settled.
func (w *world) watch(m *Message) {
	if !isNotice(m.Headers) {
		return
	}
	for p, key := range w.whose {
		if bytes.Contains(m.Value, []byte(p)) && !w.settled[key] {
			w.early = append(w.early, p)
		}
	}
}

func (w *world) Ends(_ context.Context, topic string) (map[int32]int64, error) {
	ends := map[int32]int64{}
	for p, messages := range w.topics[topic] {
		ends[int32(p)] = int64(len(messages))
	}
	return ends, w.step()
}

func (w *world) Scan(_ context.Context, topic string, from map[int32]int64, fn func(*Message) error) error {
	for p := len(w.topics[topic]) - 1; p >= 0; p-- { // in no order of partitions that anybody may rely on
		messages := w.topics[topic][p]
		for i := from[int32(p)]; i < int64(len(messages)); i++ {
			if err := w.step(); err != nil {
				return err
			}
			m := messages[i]
			if err := fn(&m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) Announce(_ context.Context, keys []subject.Key, tightened bool, _ string) (int64, error) {
	if err := w.step(); err != nil {
		return -1, err
	}
	w.announced = append(w.announced, announcement{slices.Clone(keys), tightened})
	return int64(len(w.announced) - 1), w.step()
}

func (w *world) Settled(_ context.Context, offset int64) (bool, error) {
	if err := w.step(); err != nil {
		return false, err
	}
	for _, k := range w.announced[offset].keys {
		w.settled[k] = true
	}
	return true, w.step()
}

// account and handle name people.
func account(id string) consent.Subject {
	return consent.Subject{Instance: "mastodon", Type: "account", ID: id}
}
func handle(id string) consent.Subject {
	return consent.Subject{Instance: "mastodon", Type: "handle", ID: id}
}

// key gives the lookup key of somebody.
func (w *world) key(who consent.Subject) subject.Key {
	w.t.Helper()
	r, err := w.service().name(who, true)
	must(w.t, err)
	return r.key
}

// create makes somebody's secret, and gives the key.
func (w *world) create(who consent.Subject) subject.Key {
	w.t.Helper()
	d := w.service().Directory
	typ := policy.Class(who.Type).IdentityType()
	name := append(w.keys.SubjectLabel(who.Instance, typ), who.ID...)
	must(w.t, d.Create(w.t.Context(), []subject.Newcomer{{Name: name, Instance: who.Instance, Type: typ, Canonical: []byte(who.ID)}}))
	return d.KeyOf(name)
}

// pseudonyms gives those of a row as recipients know them, and remembers whose they are.
func (w *world) pseudonyms(who consent.Subject) (all []Pseudonym) {
	w.t.Helper()
	s := w.service()
	r, err := s.name(who, true)
	must(w.t, err)
	found, err := s.look(w.t.Context(), []subject.Key{r.key})
	must(w.t, err)
	all, err = s.issued(found[0], r.types)
	must(w.t, err)
	for _, p := range all {
		w.whose[p.Text] = r.key
	}
	return all
}

// person gives a row as the store has it.
func (w *world) person(key subject.Key) *subject.Person {
	w.t.Helper()
	found, err := w.service().look(w.t.Context(), []subject.Key{key})
	must(w.t, err)
	return found[0]
}

// told counts the deletion events that name a pseudonym.
func (w *world) told(pseudonym Pseudonym) (n int) {
	r := recipient(w.plan, pseudonym.Recipient)
	for _, messages := range w.topics[r.Topic] {
		for _, m := range messages {
			if isNotice(m.Headers) && bytes.Contains(m.Value, []byte(pseudonym.Text)) {
				n++
			}
		}
	}
	return n
}

// entered tells whether the ledger has a key.
func (w *world) entered(key subject.Key) bool {
	return slices.ContainsFunc(w.topics[ledger][0], func(m Message) bool { return bytes.Equal(m.Key, key[:]) })
}

// outbox gives the rows that wait: no receipts that are done.
func (w *world) outbox() (rows []subject.Row) {
	must(w.t, w.store.Scan(w.t.Context(), subject.Outbox, subject.Key{}, func(block []subject.Row) error {
		for _, r := range block {
			if r.Key[0] != receiptRow {
				rows = append(rows, r)
			}
		}
		return nil
	}))
	return rows
}

// send makes records of the signals topic.
func send(t testing.TB, who consent.Subject, signals ...consent.Signal) []Message {
	t.Helper()
	value, err := consent.EncodeSignals(who, signals)
	must(t, err)
	return []Message{{Value: value}}
}

func at(d time.Duration) int64 { return start.Add(d).UnixMilli() }

func says(kind consent.Kind, v consent.Verdict, when int64) consent.Signal {
	return consent.Signal{Kind: kind, Verdict: v, At: when, Source: "test"}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

var officer = Actor{Name: "alice", Role: "privacy-officer"}

// copyTo copies a store's rows as a backup would.
func (w *world) copyTo(to *storetest.InMemory) {
	for _, space := range []subject.Space{subject.People, subject.Meta, subject.Outbox, subject.Requests, subject.DataKeys} {
		var rows []subject.Row
		must(w.t, w.store.Scan(w.t.Context(), space, subject.Key{}, func(block []subject.Row) error {
			for _, r := range block {
				rows = append(rows, subject.Row{Key: r.Key, Body: slices.Clone(r.Body)})
			}
			return nil
		}))
		if len(rows) > 0 {
			_, err := to.Swap(w.t.Context(), space, rows)
			must(w.t, err)
		}
	}
}
