// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

func TestAnswers(t *testing.T) {
	h := newHouse(t)
	known, erased, gone := h.account("1"), h.account("2"), h.account("3")
	unkept := h.newcomer("4")
	unkept.Canonical = nil
	must(t, h.people.Create(t.Context(), []subject.Newcomer{unkept}))
	noIdentity := h.pseudonym("analytics", 1, h.people.Find(unkept.Name).Secret)
	_, err := h.people.Erase(t.Context(), h.keyOf("2"), start.UnixMilli())
	must(t, err)
	_, err = h.people.Expire(t.Context(), subject.Day(start.UnixMilli())+1, func([]subject.Key) error { return nil })
	must(t, err) // all but those who come again
	reborn := h.account("3")
	known2 := h.account("1")
	never := h.pseudonym("analytics", 1, keyring.Secret{1})
	r := h.revealed(ask(known, erased, gone, noIdentity, reborn, never, known2))
	wantStates(t, r, reveal.Unknown, reveal.Unknown, reveal.Unknown, reveal.Unknown, reveal.Found, reveal.Unknown, reveal.Found)
	if r.Items[4].Who.ID != "3" || r.Items[6].Who.ID != "1" {
		t.Error("another person")
	}
}

func TestNoIdentityKept(t *testing.T) {
	h := newHouse(t)
	n := h.newcomer("4")
	n.Canonical = nil
	must(t, h.people.Create(t.Context(), []subject.Newcomer{n}))
	r := h.revealed(ask(h.pseudonym("analytics", 1, h.people.Find(n.Name).Secret)))
	wantStates(t, r, reveal.NoIdentity)
	if len(r.People()) != 0 {
		t.Error("a person without a name")
	}
}

func TestSeveralTypesAndEpochs(t *testing.T) {
	h := newHouse(t)
	must(t, h.keys.NewEpoch("analytics", start.Add(time.Hour), start))
	p := h.create("42")
	mail := subject.Newcomer{Name: append(h.keys.SubjectLabel("", "eml"), "ann@example.org"...), Type: "eml", Canonical: []byte("ann@example.org")}
	must(t, h.people.Create(t.Context(), []subject.Newcomer{mail}))
	first, second := h.pseudonym("analytics", 1, p.Secret), h.pseudonym("analytics", 2, p.Secret)
	address := h.pseudonymOf("analytics", "eml", 2, h.people.Find(mail.Name).Secret)
	r := h.revealed(ask(first, second, address))
	wantStates(t, r, reveal.Found, reveal.Found, reveal.Found)
	if r.Items[1].Who.ID != "42" || r.Items[2].Who != (consent.Subject{Type: "email", ID: "ann@example.org"}) {
		t.Error("another person")
	}
	if n := len(r.People()); n != 2 {
		t.Errorf("%d people", n)
	}
}

func TestDestroyedEpoch(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	id := h.approved(ask(p))
	must(t, h.keys.NewEpoch("analytics", start.Add(time.Hour), start))
	must(t, h.keys.DestroyEpoch("analytics", 1, 0, start.Add(2*time.Hour)))
	r, err := h.Open(t.Context(), ines, id, h.key)
	must(t, err)
	wantStates(t, r, reveal.Destroyed)
	_, err = h.Request(t.Context(), ines, ask(p))
	wantError(t, "ask", err, reveal.ErrInput)
}

// Who is about to be erased answers nothing; where a legal hold is what delays it, a legal order is answered and nothing else.
func TestErasureAskedFor(t *testing.T) {
	h := newHouse(t)
	asked, held := h.account("1"), h.account("2")
	erasure := consent.Signal{Kind: consent.Erasure, Verdict: consent.Deny, At: start.UnixMilli(), Source: "officer"}
	for id, signals := range map[string][]consent.Signal{"1": {erasure}, "2": {hold(start.UnixMilli()), erasure}} {
		_, err := h.people.Apply(t.Context(), h.keyOf(id), signals...)
		must(t, err)
	}
	wantStates(t, h.revealed(ask(asked, held)), reveal.Unknown, reveal.Unknown)
	order := ask(asked, held)
	order.Reason = reveal.LegalOrder
	wantStates(t, h.revealed(order), reveal.Unknown, reveal.Found)
}

// Who is erased after the rows were scanned is not handed out.
func TestErasedWhileItOpens(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("1"), h.account("2")))
	h.onScan(func() {
		_, err := h.people.Erase(t.Context(), h.keyOf("1"), start.UnixMilli())
		must(t, err)
	})
	r, err := h.Open(t.Context(), ines, id, h.key)
	must(t, err)
	wantStates(t, r, reveal.Unknown, reveal.Found)
}

func sealFor(t *testing.T, h *house, person *subject.Person, class, path, value string) string {
	t.Helper()
	d, err := h.keys.EpochDomain("analytics", 1)
	must(t, err)
	id, err := transform.NewStoredIdentity(h.keys, "forum", "acc", true)
	must(t, err)
	s := &transform.Scope{Domain: d, Owner: transform.Owner{Known: true, Identity: id, Secret: person.Secret}}
	out, verdict := transform.NewSeal(class, path).Append(nil, &transform.Value{Kind: transform.String, Text: []byte(value)}, s)
	if verdict != transform.Done {
		t.Fatal("not sealed")
	}
	return strings.Trim(string(out), `"`)
}

func TestSealedValues(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.create("1"), h.create("2")
	of := func(p *subject.Person) string { return h.pseudonym("analytics", 1, p.Secret) }
	text := sealFor(t, h, ann, "email", "$.author.email", `ann "a" <x>@example.org`)
	good := reveal.Sealed{Class: "email", Path: "$.author.email", Pseudonym: of(ann), Text: text}
	other, place, class, changed, erased := good, good, good, good, good
	other.Pseudonym = of(bob)
	place.Path = "$.email"
	class.Class = "phone"
	changed.Text = "A" + text[1:]
	if changed.Text == text {
		changed.Text = "B" + text[1:]
	}
	gone := h.create("3")
	erased.Pseudonym, erased.Text = of(gone), sealFor(t, h, gone, "email", "$.author.email", "gone@example.org")
	_, err := h.people.Erase(t.Context(), h.keyOf("3"), start.UnixMilli())
	must(t, err)
	a := ask()
	a.Sealed = []reveal.Sealed{good, other, place, class, changed, erased}
	r := h.revealed(a)
	wantStates(t, r, reveal.Found, reveal.NotOpened, reveal.NotOpened, reveal.NotOpened, reveal.NotOpened, reveal.Unknown)
	if got := string(r.Items[0].Value); got != `"ann \"a\" <x>@example.org"` {
		t.Error("another value")
	}
	if len(r.People()) != 0 || r.Items[0].Who.ID != "" {
		t.Error("a sealed value was asked for, and the identity came too")
	}
	var out strings.Builder
	must(t, r.WriteLines(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first struct {
		Answer, Value, Path string
		Subject             *consent.Subject
	}
	must(t, json.Unmarshal([]byte(lines[0]), &first))
	if len(lines) != 6 || first.Value != `ann "a" <x>@example.org` || first.Answer != "found" || first.Path != "$.author.email" || first.Subject != nil {
		t.Errorf("%d lines", len(lines))
	}
}

// A keyring as workers have it opens nobody, and neither does another's reveal key. The opening stays unused.
func TestRevealKey(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("42")))
	other := filepath.Join(t.TempDir(), "keys")
	must(t, keyring.Init(other, keyring.InitOptions{Tenant: "example", Now: start}))
	wrong, err := keyring.OpenReveal(filepath.Join(other, "reveal.json"), nil)
	must(t, err)
	for _, file := range []string{"reveal.json", "reveal.kek"} {
		must(t, os.Rename(filepath.Join(h.dir, file), filepath.Join(t.TempDir(), file)))
	}
	worker, err := keyring.Open(h.dir, keyring.OpenOptions{})
	must(t, err)
	if worker.RevealPublic() == nil {
		t.Error("workers cannot seal identities")
	}
	none, err := keyring.OpenReveal(filepath.Join(h.dir, "reveal.json"), nil)
	wantError(t, "reveal key", err, keyring.ErrMissing)
	for _, key := range []*keyring.RevealKey{none, wrong} {
		r, err := h.Open(t.Context(), ines, id, key)
		wantError(t, "open", err, reveal.ErrRefused)
		if r != nil {
			t.Error("something was handed out")
		}
	}
	r, err := h.Open(t.Context(), ines, id, h.key)
	must(t, err)
	wantStates(t, r, reveal.Found)
}

func TestRotatedRevealKey(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("42")))
	must(t, h.keys.RotateReveal(keyring.RevealOptions{}, start))
	_, err := h.Open(t.Context(), ines, id, h.key)
	wantError(t, "an old copy of the key", err, reveal.ErrRefused)
	key, err := keyring.OpenReveal(filepath.Join(h.dir, "reveal.json"), nil)
	must(t, err)
	r, err := h.Open(t.Context(), ines, id, key)
	must(t, err)
	wantStates(t, r, reveal.Found)
}

// An identity that somebody sealed to the public key into another's row does not count as who they are. What is bound to a row's
// secret cannot be moved; a data key that was exchanged opens nothing.
func TestForgedDataKey(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("42")))
	var rows []subject.Row
	must(t, h.store.Scan(t.Context(), subject.DataKeys, subject.Key{}, func(block []subject.Row) error {
		rows = append(rows, block...)
		return nil
	}))
	wrapped, err := h.keys.RevealPublic().Wrap(make([]byte, 32), subject.DataKeyContext(rows[0].Key))
	must(t, err)
	_, err = h.store.Swap(t.Context(), subject.DataKeys, []subject.Row{{Key: rows[0].Key, Version: rows[0].Version, Body: append([]byte{1, 0}, wrapped...)}})
	must(t, err)
	r, err := h.Open(t.Context(), ines, id, h.key)
	must(t, err)
	wantStates(t, r, reveal.NotOpened)
}

func TestForgedIdentity(t *testing.T) {
	h := newHouse(t)
	n := h.newcomer("42")
	n.Canonical = []byte("43") // as by a worker that lies
	must(t, h.people.Create(t.Context(), []subject.Newcomer{n}))
	r := h.revealed(ask(h.pseudonym("analytics", 1, h.people.Find(n.Name).Secret)))
	wantStates(t, r, reveal.NotOpened)
}

// Whoever writes rows without the keyring approves nothing: the row of another request, or a changed one, does not read.
func TestRequestsCannotBeWritten(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	waiting, approved := h.request(ask(p)), h.approved(ask(p))
	rows := []subject.Row{{Key: reveal.RequestKey(waiting)}, {Key: reveal.RequestKey(approved)}}
	must(t, h.store.Load(t.Context(), subject.Requests, rows))
	was, good := rows[0], rows[1].Body
	for _, hint := range []string{p, ines.Name, "FRAUD", "analytics"} {
		if strings.Contains(string(good), hint) {
			t.Error("a row holds something in clear")
		}
	}
	forged := map[string][]byte{"another request's row": good, "nothing": {}, "magic only": good[:8], "cut": good[:len(good)-1]}
	for i := range was.Body {
		changed := append([]byte{}, was.Body...)
		changed[i] ^= 1
		forged[fmt.Sprintf("byte %d", i)] = changed
	}
	version := was.Version
	for what, body := range forged {
		row := []subject.Row{{Key: was.Key, Version: version, Body: body}}
		_, err := h.store.Swap(t.Context(), subject.Requests, row)
		must(t, err)
		version = row[0].Version
		if _, err := h.Open(t.Context(), ines, waiting, h.key); !errors.Is(err, reveal.ErrDamaged) && !errors.Is(err, keyring.ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
		if err := h.Approve(t.Context(), olga, waiting); err == nil {
			t.Errorf("%s: approved", what)
		}
	}
}

// What a request asked for goes when it ends.
func TestWhatWasAskedIsForgotten(t *testing.T) {
	h := newHouse(t)
	a := h.some(20)
	shown := func(id string) int {
		d, err := h.Show(t.Context(), olga, id)
		must(t, err)
		return len(d.Pseudonyms)
	}
	opened, denied, expired := h.approved(a), h.request(a), h.request(a)
	size := map[string]int{}
	for _, id := range []string{opened, denied, expired} {
		if shown(id) != 20 {
			t.Error("an officer does not see what is asked for")
		}
		size[id] = h.rowSize(id)
	}
	_, err := h.Open(t.Context(), ines, opened, h.key)
	must(t, err)
	must(t, h.Deny(t.Context(), olga, denied))
	h.pass(8 * 24 * time.Hour)
	must(t, h.Prune(t.Context()))
	for _, id := range []string{opened, denied, expired} {
		if shown(id) != 0 || h.rowSize(id) >= size[id]-500 {
			t.Errorf("%s keeps what it asked for", id)
		}
	}
	h.pass(90 * 24 * time.Hour)
	must(t, h.Prune(t.Context()))
	if list, err := h.List(t.Context(), audrey); err != nil || len(list) != 0 {
		t.Errorf("%d requests after 98 days, %v", len(list), err)
	}
}

// rowSize gives the length of a request's row.
func (h *house) rowSize(id string) int {
	h.t.Helper()
	rows := []subject.Row{{Key: reveal.RequestKey(id)}}
	must(h.t, h.store.Load(h.t.Context(), subject.Requests, rows))
	return len(rows[0].Body)
}

func TestLists(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	first := h.request(ask(p))
	h.pass(time.Minute)
	second, err := h.Request(t.Context(), ivan, ask(p))
	must(t, err)
	for _, c := range []struct {
		by   reveal.Actor
		want []string
	}{{olga, []string{second, first}}, {audrey, []string{second, first}}, {ines, []string{first}}, {ivan, []string{second}}, {general, []string{second, first}}} {
		list, err := h.List(t.Context(), c.by)
		must(t, err)
		var got []string
		for _, m := range list {
			got = append(got, m.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.by.Name, got, c.want)
		}
	}
	for _, by := range []reveal.Actor{opal, nobody} {
		_, err := h.List(t.Context(), by)
		wantError(t, "list as "+by.Name, err, reveal.ErrRefused)
	}
	_, err = h.Show(t.Context(), ines, first)
	must(t, err)
	for _, by := range []reveal.Actor{ivan, audrey, opal} {
		_, err := h.Show(t.Context(), by, first)
		wantError(t, "show as "+by.Name, err, reveal.ErrRefused)
	}
}

// Nothing that is clear, and nothing that joins pseudonyms, prints itself.
func TestNothingPrints(t *testing.T) {
	item := reveal.Item{Pseudonym: "SEC", Who: consent.Subject{ID: "SEC"}, Value: event.Clear("SEC")}
	for _, v := range []any{
		item, &item, reveal.Result{Items: []reveal.Item{item}}, &reveal.Result{Items: []reveal.Item{item}}, []reveal.Item{item},
		ask("SEC"), reveal.Details{Pseudonyms: []string{"SEC"}}, reveal.Message{Value: []byte("SEC")},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "SEC") || strings.Contains(text, "83 69") || strings.Contains(text, "534543") {
				t.Errorf("%T with %s prints %q", v, verb, text)
			}
		}
	}
	if out, err := json.Marshal(reveal.Result{Items: []reveal.Item{item}}); err != nil || strings.Contains(string(out), "SEC") {
		t.Errorf("as JSON: %s, %v", out, err)
	}
}

// Store epochs come and go: requests, volumes and honeytokens move to the newest, and what was not moved is no request.
func TestRewrap(t *testing.T) {
	h := newHouse(t)
	p := h.account("42")
	must(t, h.Mark(t.Context(), olga, []subject.Key{h.keyOf("42")}, nil))
	id := h.approved(ask(p))
	h.newStoreEpoch()
	n, err := h.Rewrap(t.Context())
	must(t, err)
	if n != 4 {
		t.Errorf("%d rows, want a request, two volumes and the honeytokens", n)
	}
	_, err = h.people.Rewrap(t.Context(), nil)
	must(t, err)
	must(t, h.keys.DestroyStoreEpoch(1, h.clock()))
	r, err := h.Open(t.Context(), ines, id, h.key)
	must(t, err)
	wantStates(t, r, reveal.Found)
	if h.raised(reveal.AlarmHoneytoken) != 1 {
		t.Error("the honeytoken is forgotten")
	}
	again := h.approved(ask(p))
	h.newStoreEpoch()
	_, err = h.people.Rewrap(t.Context(), nil)
	must(t, err)
	must(t, h.keys.DestroyStoreEpoch(2, h.clock()))
	_, err = h.Open(t.Context(), ines, again, h.key)
	wantError(t, "a request of a destroyed epoch", err, reveal.ErrNotFound)
	later := h.approved(ask(p))
	_, err = h.Open(t.Context(), ines, later, h.key)
	wantError(t, "without the list of honeytokens", err, keyring.ErrDestroyed)
	must(t, h.Mark(t.Context(), olga, []subject.Key{h.keyOf("42")}, nil))
	_, err = h.Open(t.Context(), ines, later, h.key)
	must(t, err)
	if n, err = h.Rewrap(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// newStoreEpoch begins a store epoch and waits, in test time of the keyring only, until the one before can be destroyed.
func (h *house) newStoreEpoch() {
	h.t.Helper()
	must(h.t, h.keys.NewStoreEpoch(h.clock()))
	h.pass(keyring.Notice)
	must(h.t, h.keys.Extend(h.clock()))
	h.pass(keyring.Notice)
}
