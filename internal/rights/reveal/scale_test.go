// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/subject"
)

// One scan answers a batch of any size. It prints what a row costs.
func TestScanTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes 100,000 people")
	}
	kept, err := embedded.Open(filepath.Join(t.TempDir(), "store"), embedded.Options{})
	must(t, err)
	defer kept.Close()
	h := newHouse(t)
	h.people = subject.NewDirectory(subject.Options{Store: kept, Keys: h.keys, Now: h.clock})
	h.Options.Directory, h.Options.Store = h.people, kept
	const people = 100_000
	all := make([]subject.Newcomer, 0, 1000)
	var wanted []string
	for n := range people {
		all = append(all, h.newcomer(fmt.Sprint(n)))
		if len(all) == cap(all) {
			must(t, h.people.Create(t.Context(), all))
			if len(wanted) < 900 {
				for _, one := range all[:10] {
					wanted = append(wanted, h.pseudonym("analytics", 1, h.people.Find(one.Name).Secret))
				}
			}
			all = all[:0]
		}
	}
	for name, a := range map[string]reveal.Ask{
		"one pseudonym": ask(wanted[0], h.pseudonym("analytics", 1, keyring.Secret{})),
		"900":           ask(append(wanted[1:900:900], h.pseudonym("analytics", 1, keyring.Secret{}))...), // the last is nobody's: no early end
	} {
		id := h.approved(a)
		runtime.GC()
		began := time.Now()
		r, err := h.Open(t.Context(), ines, id, h.key)
		took := time.Since(began)
		must(t, err)
		if n := len(r.People()); n != len(a.Pseudonyms)-1 {
			t.Errorf("%s: %d people", name, n)
		}
		t.Logf("%s: %d rows in %v, %.2f µs a row", name, people, took.Round(time.Millisecond), float64(took.Microseconds())/people)
		if took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// Every entry that is written keeps to the audit log's rules.
func TestAgainstTheAuditLog(t *testing.T) {
	h := newHouse(t)
	signer, err := h.keys.Signer(keyring.RoleAudit)
	must(t, err)
	dir := filepath.Join(t.TempDir(), "audit")
	log, err := audit.Open(dir, audit.Options{Origin: "example/test", Signer: signerOf{signer}, SubjectHash: hash})
	must(t, err)
	s := h.fresh()
	s.Options.Audit, s.Options.SubjectHash, s.Options.Plan, s.Options.Topics = log, log.Subject, h.Plan, h.topics
	must(t, s.Mark(t.Context(), olga, []subject.Key{h.keyOf("42")}, nil))
	p := s.account("42")
	a := ask(p)
	a.Case = "AZ-12/2026"
	id := s.approved(a)
	_, err = s.Open(t.Context(), ines, id, h.key)
	must(t, err)
	_, err = s.Open(t.Context(), ines, id, h.key)
	wantError(t, "second opening", err, reveal.ErrRefused)
	id, err = s.Request(t.Context(), ines, s.some(11)) // unusual
	must(t, err)
	must(t, s.Deny(t.Context(), olga, id))
	wantError(t, "approve", s.Approve(t.Context(), olga, id), reveal.ErrRefused)
	wantError(t, "approve without the role", s.Approve(t.Context(), ines, p), reveal.ErrRefused)
	_, err = s.Request(t.Context(), ines, s.some(1000))
	wantError(t, "over the limit", err, reveal.ErrRefused)
	h.publish(start.Add(-time.Hour), "analytics", "plan", p)
	span := &reveal.Span{From: start.Add(-time.Hour), To: start}
	_, err = s.Incident(t.Context(), olga, reveal.Leak{Recipient: "analytics", Span: span})
	must(t, err)
	r := s.revealed(reveal.Ask{Recipient: "analytics", Reason: reveal.Incident, Case: "INC-7", Span: span})
	wantStates(t, r, reveal.Found)
	must(t, log.Close())
	acts := map[audit.Act]int{}
	for item, err := range audit.Show(t.Context(), dir, audit.Filter{}) {
		must(t, err)
		acts[item.Entry.Act]++
	}
	for _, act := range []audit.Act{audit.PolicyChange, audit.RevealRequest, audit.RevealApprove, audit.RevealOpen, audit.Deny, audit.Access, audit.Alarm} {
		if acts[act] == 0 {
			t.Errorf("no entry %s", act)
		}
	}
}

// signerOf lends a keyring's signer to the audit log.
type signerOf struct{ *keyring.Signer }

func (s signerOf) Sign(msg []byte) ([]byte, error) { return s.Signer.Sign(msg), nil }

func (s signerOf) Public() ed25519.PublicKey { return s.Signer.Public().Key }
