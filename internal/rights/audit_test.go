// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
)

type auditSigner struct{ key ed25519.PrivateKey }

func (s auditSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
func (s auditSigner) Public() ed25519.PublicKey       { return s.key.Public().(ed25519.PublicKey) }

// The audit log takes every entry that is written here, and finds each by the person's hash.
func TestAuditLogTakesEveryEntry(t *testing.T) {
	f := newFamily(t)
	f.history()
	hash := func(key [16]byte) string { return fmt.Sprintf("%x", key[:]) }
	dir := t.TempDir()
	log, err := audit.Open(dir, audit.Options{Origin: "example/test-1", Signer: auditSigner{ed25519.NewKeyFromSeed(make([]byte, 32))}, SubjectHash: hash})
	must(t, err)
	defer log.Close()
	s := f.service(func(o *Options) { o.Audit, o.SubjectHash = log, log.Subject })
	hold := says(consent.Hold, consent.Deny, at(-time.Minute))
	_, err = s.Say(t.Context(), officer, account("42"), "case 12", hold)
	must(t, err)
	_, err = s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer, Request: "R-1"})
	wantErr(t, err, ErrHeld)
	f.now = f.now.Add(time.Minute)
	_, err = s.Say(t.Context(), officer, account("42"), "", says(consent.Hold, consent.Allow, at(time.Second)))
	must(t, err)
	_, err = s.Take(t.Context(), []Message{{Value: []byte("no signal")}})
	must(t, err)
	verified(t, s, ask(Access, account("42")))
	_, err = s.Export(t.Context(), "r1", officer, &file{w: f.world}, nil)
	must(t, err)
	_, err = s.Pseudonyms(t.Context(), officer, account("42"), "question of the person")
	must(t, err)
	_, err = s.Show(t.Context(), officer, account("42"), "question of the person")
	must(t, err)
	_, err = s.Correct(t.Context(), officer, account("42"), Correction{Classes: []string{"birth"}, Ground: "letter"})
	must(t, err)
	_, err = s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnWithdrawn, By: officer, Request: "R-1"})
	must(t, err)
	must(t, log.Close())
	count := map[audit.Act]int{}
	for _, e := range logged(t, dir, audit.Filter{Subject: hash(f.rows[1])}) {
		count[e.Act]++
	}
	want := map[audit.Act]int{audit.Signals: 2, audit.Access: 3, audit.Rectify: 1, audit.Erase: 1}
	for act, n := range want {
		if count[act] != n {
			t.Errorf("%s: %d entries of the person, want %d", act, count[act], n)
		}
	}
	if denied := logged(t, dir, audit.Filter{Act: audit.Deny}); len(denied) != 1 {
		t.Errorf("%d refusals", len(denied))
	}
}

func logged(t testing.TB, dir string, f audit.Filter) (all []audit.Entry) {
	t.Helper()
	for item, err := range audit.Show(t.Context(), dir, f) {
		must(t, err)
		all = append(all, item.Entry)
	}
	return all
}
