// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

var writeFixtures = flag.Bool("write-stored", false, "write the fixtures anew: only before a release has written such rows")

const storedFixture = "testdata/stored_v1.json"

// stored is what a release has written: rows by their keys, and values of topics.
type stored struct {
	Request, Deletions, Receipt subject.Row
	Ledger, Certificate         []byte
}

// fixtureService has a keyring whose files never change.
func fixtureService(t *testing.T) *Service {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"keyring.json", "kek"} {
		data, err := os.ReadFile(filepath.Join("../keyring/testdata/keyring-roles", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	keys, err := keyring.Open(dir, keyring.OpenOptions{})
	must(t, err)
	w := newWorld(t)
	w.keys = keys
	return w.service()
}

// What the fixtures say.
func storedRequest() Request {
	return Request{ID: "r-1", Type: Erasing, State: Verified, Regime: "gdpr", Received: 1763899200000, Deadline: 1766491200000, Changed: 1763899200001,
		By: Actor{Name: "ann", Role: "privacy-officer"}, Verified: &Proof{By: "ann", How: "call back"}, Subjects: []consent.Subject{{Instance: "mastodon", Type: "account", ID: "42"}}}
}

func storedReceipt(s *Service) receipt {
	return receipt{Entry: s.entry(row{key: subject.Key{1}}, 2, 1763899200000, OnRequest), Made: 1763899200001, Pending: true, Offset: 7,
		Recipients: []Told{{Name: "analytics", Topic: "out.analytics", Epochs: []int{1, 2}, Pseudonyms: 3, Events: 3}}, With: []ref{{subject.Key{2}, 1}}}
}

func storedDeletions() deletions {
	return deletions{Key: subject.Key{1}, Made: 1763899200001, Due: 1763899300000, Events: []deletion{{"analytics", "acc_1_2cah4o9grvpibq69hrc7hr64g0"}}}
}

func storedCertificate() Certificate {
	return Certificate{V: 1, ID: "C", Issued: "2026-11-23T12:00:00.000Z", Tenant: "example", Keyring: "k", RequestedBy: "ann", Reason: OnRequest, Ground: "T-1",
		Erased: []ErasedRow{{SubjectHash: "00", Type: "account", Generation: 2, ErasedAt: "2026-11-23T12:00:00.000Z", Offset: 7}}, Recipients: []Told{{Name: "analytics"}}, LedgerTopic: ledger}
}

func writeStored(t *testing.T, s *Service) {
	var all stored
	q := storedRequest()
	written, err := s.writeRequest(t.Context(), &q)
	must(t, err)
	all.Request.Key = requestKey(q.ID)
	rows := []subject.Row{all.Request}
	if must(t, s.Store.Load(t.Context(), subject.Requests, rows)); !written {
		t.Fatal("not written")
	}
	all.Request = rows[0]
	rec, c := storedReceipt(s), storedCertificate()
	all.Receipt.Key = receiptKey(pendingRow, rec.Entry.Key, rec.Entry.Generation)
	all.Receipt.Body, err = s.seal(useReceipt, all.Receipt.Key, rec)
	must(t, err)
	all.Deletions.Key = subject.Key{deletionRow, 9}
	all.Deletions.Body, err = s.seal(useDeletions, all.Deletions.Key, storedDeletions())
	must(t, err)
	m, err := s.ledgerMessage(rec.Entry)
	must(t, err)
	signer, err := s.Keys.Signer(keyring.RoleCertificate)
	must(t, err)
	must(t, c.sign(signer))
	all.Ledger, all.Certificate = m.Value, c.Signed
	raw, err := json.Marshal(all)
	must(t, err)
	must(t, os.MkdirAll("testdata", 0o755))
	must(t, os.WriteFile(storedFixture, append(raw, '\n'), 0o644))
}

// Requests, outbox, receipts, the ledger and certificates of the first release are read for ever.
func TestWhatTheFirstReleaseStoredIsRead(t *testing.T) {
	s := fixtureService(t)
	if *writeFixtures {
		writeStored(t, s)
	}
	raw, err := os.ReadFile(storedFixture)
	must(t, err)
	var all stored
	must(t, json.Unmarshal(raw, &all))

	q, err := s.parseRequest(&all.Request)
	must(t, err)
	q.version = 0
	alike(t, "request", storedRequest(), q)
	alike(t, "whom the request is about", storedRequest().Subjects, q.Subjects)
	p := outboxPass{now: 1 << 60}
	must(t, s.readRow(&p, all.Deletions))
	must(t, s.readRow(&p, all.Receipt))
	alike(t, "deletions", []deletions{storedDeletions()}, p.deletions)
	want := storedReceipt(s)
	alike(t, "receipt", []*receipt{&want}, p.pending)
	e, err := s.readEntry(&Message{Value: all.Ledger})
	must(t, err)
	alike(t, "ledger", want.Entry, e)
	if e.Key != want.Entry.Key {
		t.Errorf("the ledger names row %x", e.Key)
	}
	c, err := VerifyCertificate(all.Certificate, s.Keys.PublicKeys(keyring.RoleCertificate))
	must(t, err)
	alike(t, "certificate", storedCertificate(), c)
}

// alike compares by what would be stored.
func alike(t *testing.T, what string, want, got any) {
	t.Helper()
	a, err := json.Marshal(want)
	must(t, err)
	b, err := json.Marshal(got)
	must(t, err)
	if string(a) != string(b) {
		t.Errorf("%s: want\n%s, got\n%s", what, a, b)
	}
}
