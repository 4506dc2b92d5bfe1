// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
)

// office is all around a rights.Service, in memory: topics of one partition, a control log that is settled at once, an audit log.
type office struct {
	topics map[string][]rights.Message
	broken error      // what a scan ends with behind its first record
	noting sync.Mutex // guards notes
	notes  []audit.Entry
	calls  [][]rights.Message // each call of Append: what whoever reads along gets at one moment
}

func (f *office) Append(_ context.Context, topic string, messages []rights.Message) error {
	for i := range messages {
		messages[i].Topic, messages[i].Partition, messages[i].Offset = topic, 0, int64(len(f.topics[topic]))
		f.topics[topic] = append(f.topics[topic], messages[i])
	}
	f.calls = append(f.calls, slices.Clone(messages))
	return nil
}

func (f *office) Ends(_ context.Context, topic string) (map[int32]int64, error) {
	return map[int32]int64{0: int64(len(f.topics[topic]))}, nil
}

func (f *office) Scan(_ context.Context, topic string, from map[int32]int64, fn func(*rights.Message) error) error {
	for _, m := range f.topics[topic][from[0]:] {
		if err := fn(&m); err != nil {
			return err
		}
		if f.broken != nil {
			return f.broken
		}
	}
	return nil
}

func (*office) Announce(context.Context, []subject.Key, bool, string) (int64, error) { return 0, nil }
func (*office) Settled(context.Context, int64) (bool, error)                         { return true, nil }

// auditor is the office's audit log.
type auditor struct{ *office }

func (a auditor) Append(_ context.Context, e audit.Entry) (uint64, error) {
	a.noting.Lock()
	defer a.noting.Unlock()
	a.notes = append(a.notes, e)
	return uint64(len(a.notes)), nil
}

func (h *house) rights(edit ...func(*rights.Options)) (*rights.Service, *office) {
	f := &office{topics: map[string][]rights.Message{}}
	o := rights.Options{
		Directory: h.directory, Store: h.store, Keys: h.keys, Plan: func() *policy.Plan { return h.plan }, Topics: f, Control: f, Audit: auditor{f},
		SubjectHash: func(key [16]byte) string { return fmt.Sprintf("%x", sha256.Sum256(key[:])) }, Instance: "test", Now: func() time.Time { return h.now },
	}
	for _, e := range edit {
		e(&o)
	}
	return rights.New(o), f
}

var officer = rights.Actor{Name: "alice", Role: "privacy-officer"}

func who(class, id string) consent.Subject {
	where := instance
	if policy.Class(class).Everywhere() {
		where = ""
	}
	return consent.Subject{Instance: where, Type: class, ID: id}
}

// After an erasure and its deletion events nothing in the whole store leads from a person to what was issued to them, nor does the ledger
// or the audit log. Until the events are published the outbox does, under the store key.
func TestErasedByRightsAreLinkedByNothing(t *testing.T) {
	keys, dir := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	all := issue(t, h, "1001", "1002")
	s, f := h.rights()
	filed(t, s, "request-1", rights.Erasing, who("account", "1001"), who("email", "1001@example.org"))
	done, err := s.Fulfill(t.Context(), "request-1", rights.Order{By: officer})
	must(t, err)
	x := &thief{t: t, keys: keys, reveal: revealKey(t, dir), rows: h.rows()}
	if ways := x.links(all["1001"]); !slices.ContainsFunc(ways, func(w string) bool { return strings.Contains(w, "sealed under the store key") }) {
		t.Errorf("the outbox should have shown the deletion events that wait, to somebody with the store key: %v", ways)
	}
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	x.rows = h.rows()
	for _, way := range x.links(all["1001"]) {
		t.Errorf("erased, and %s", way)
	}
	if len(x.links(all["1002"])) == 0 {
		t.Error("whoever is not erased is found by nothing: the attack shows nothing")
	}
	papers := fmt.Appendf(nil, "%+v %+v", f.notes, done.Certificate)
	for _, m := range f.topics["nymstream.ledger"] {
		papers = append(append(papers, m.Key...), m.Value...)
	}
	for i := range all["1001"].issued {
		p := &all["1001"].issued[i]
		if bytes.Contains(papers, []byte(p.text)) || bytes.Contains(papers, p.pseudonym.Digest[:]) {
			t.Errorf("ledger, audit log or certificate have a pseudonym of %s", p.recipient)
		}
	}
	if bytes.Contains(papers, []byte("1001")) {
		t.Error("ledger, audit log or certificate name somebody erased")
	}
}

// filed files a request of a person who was identified.
func filed(t *testing.T, s *rights.Service, id string, kind rights.RequestType, subjects ...consent.Subject) {
	t.Helper()
	_, err := s.File(t.Context(), rights.Request{ID: id, Type: kind, Regime: "gdpr", Subjects: subjects, By: officer})
	must(t, err)
	_, err = s.Verify(t.Context(), id, officer, "login")
	must(t, err)
}

// A request that was fulfilled long ago does not keep the name of somebody erased where the store's keys of today open it.
func TestRequestsForgetTheErased(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	issue(t, h, "100000001")
	s, _ := h.rights()
	filed(t, s, "request-1", rights.Erasing, who("account", "100000001"))
	_, err := s.Fulfill(t.Context(), "request-1", rights.Order{By: officer})
	must(t, err)
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	named := func() (n int) {
		x := &thief{t: t, keys: keys, rows: h.rows()}
		for _, rows := range x.rows {
			for i := range rows {
				for _, plain := range append(x.opened(&rows[i]), rows[i].Body) {
					n += bytes.Count(plain, []byte("100000001"))
				}
			}
		}
		return n
	}
	rules := subject.Retention{
		Directory: h.directory, Reseal: func(ctx context.Context) error { _, err := s.Reseal(ctx); return err },
		Waiting: func(context.Context, func(int64)) error { return nil }, Announce: func([]subject.Key) error { return nil },
	}
	for range 120 { // four months in which every store epoch is destroyed in its time
		h.now = h.now.Add(day)
		_, err := rules.Tidy(t.Context(), h.now)
		must(t, err)
	}
	if _, err := keys.StoreKeyOf(1); !errors.Is(err, keyring.ErrDestroyed) {
		t.Fatalf("the store epoch of then: %v, want it destroyed", err)
	}
	if n := named(); n > 0 {
		t.Errorf("four months after their erasure the store names them %d times", n)
	}
}

var fingerprint = regexp.MustCompile(`"people":"([0-9a-f]{32})"`)

// What the store keeps of an export that was interrupted joins no pseudonyms: neither those of two recipients, without any key, nor
// those of somebody erased since with their name.
func TestInterruptedExportsJoinNothing(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	ids := []string{"1001", "1002", "1003", "1004", "1005", "1006"}
	all := issue(t, h, ids...)
	s, f := h.rights()
	for _, recipient := range []string{"left", "right"} {
		f.topics[recipient] = []rights.Message{{Value: []byte(`{}`)}, {Value: []byte(`{}`)}}
	}
	filed(t, s, "request-1", rights.Access, who("account", "1003"))
	out, err := os.Create(filepath.Join(t.TempDir(), "export"))
	must(t, err)
	defer out.Close()
	f.broken = errors.New("the process ends")
	if _, err := s.Export(t.Context(), "request-1", officer, out, nil); !errors.Is(err, f.broken) {
		t.Fatalf("%v, want it to be interrupted", err)
	}
	h.erase("1003")
	var prints []string
	for _, r := range h.rows()[subject.Requests] {
		if m := fingerprint.FindSubmatch(r.Body); m != nil {
			prints = append(prints, string(m[1]))
		}
	}
	epochs := func(id, recipient string) []string {
		var texts []string
		for _, i := range all[id].issued {
			if i.recipient == recipient && i.pseudonym.Type == "acc" && i.sealed == "" {
				texts = append(texts, i.text)
			}
		}
		return slices.Sorted(slices.Values(texts))
	}
	for _, left := range ids {
		for _, right := range ids {
			hash := sha256.New()
			_, _ = fmt.Fprintln(hash, "left", epochs(left, "left"))
			_, _ = fmt.Fprintln(hash, "right", epochs(right, "right"))
			if slices.Contains(prints, fmt.Sprintf("%x", hash.Sum(nil)[:16])) {
				t.Errorf("without a key: what left calls %s, right calls %s, in all epochs", left, right)
			}
		}
	}
}

// Whoever reads along sees which deletion events come together. When one person is erased at a time, these must not tell which pseudonyms
// of two epochs, or of two recipients, were one person's.
func TestDeletionEventsJoinNothing(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	ids := []string{"1001", "1002", "1003", "1004"}
	all := issue(t, h, ids...)
	s, f := h.rights(func(o *rights.Options) { o.Spread = 10 * time.Minute })
	right, joined := 0, 0
	for _, id := range ids[:3] {
		_, err := s.Erase(t.Context(), rights.Erasure{Subjects: []consent.Subject{who("account", id)}, Reason: rights.OnRequest, By: officer})
		must(t, err)
		f.calls = nil
		for range 60 { // a minute of looks at the outbox
			h.now = h.now.Add(time.Second)
			_, err = s.RunOutbox(t.Context())
			must(t, err)
		}
		theirs := map[string]bool{}
		for _, i := range all[id].issued {
			theirs[i.text] = true
		}
		var together []string
		for _, call := range f.calls {
			for _, m := range call {
				together = append(together, pseudonym.FindString(string(m.Value)))
			}
		}
		joined += len(together)
		for _, p := range together {
			if theirs[p] {
				right++
			}
		}
	}
	if joined > 0 && right == joined {
		t.Errorf("%d deletion events came in three groups, each of one person in all epochs of both recipients", joined)
	}
}

var pseudonym = regexp.MustCompile(`[a-z]{3}_[0-9]+_[0-9a-v]{26}`)
