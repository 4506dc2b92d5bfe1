// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestLoadOfNobodyKnown(t *testing.T) {
	h := newHouse(t)
	n := h.person("42")
	if h.Find(n.Name) != nil {
		t.Fatal("found before it was loaded")
	}
	p := lookIn(t, h.Directory, n.Name)
	if p.State != subject.StateNone || p.HasSecret || p.Generation != 0 || p.Key != h.key("42") || p.Withholds(0) != event.None {
		t.Errorf("state %d, secret %v, generation %d", p.State, p.HasSecret, p.Generation)
	}
}

func TestLoadIsOneRoundTrip(t *testing.T) {
	h := newHouse(t)
	all := newcomers(h.keys.SubjectLabel("mastodon", "acc"), 0, 300)
	names := append(namesOf(all), namesOf(all)...) // names repeat
	must(t, h.Load(t.Context(), names))
	if got := h.store.Calls(storetest.Load); got != 1 {
		t.Errorf("%d round trips", got)
	}
	if got := h.People(); got != 300 {
		t.Errorf("%d people", got)
	}
}

func TestCreate(t *testing.T) {
	h := newHouse(t)
	p := h.create("42")
	if !p.HasSecret || p.Secret == (keyring.Secret{}) || p.State != subject.StateLive || p.Generation != 1 || p.LastSeen != subject.Day(start.UnixMilli()) {
		t.Errorf("secret %v, state %d, generation %d, seen %d", p.HasSecret, p.State, p.Generation, p.LastSeen)
	}
	if h.create("43").Secret == p.Secret {
		t.Error("two people, one secret")
	}
	stored := h.look("42")
	if stored.Secret != p.Secret || stored.Generation != p.Generation || stored.LastSeen != p.LastSeen || stored.State != p.State {
		t.Error("the store has another person")
	}
	if h.create("42").Secret != p.Secret {
		t.Error("a second secret for the same person")
	}
}

func TestCreateOfWhomMemoryKnowsToBeNewIsOneRoundTrip(t *testing.T) {
	h := newHouse(t)
	h.create("0") // makes the data key
	all := newcomers(h.keys.SubjectLabel("mastodon", "acc"), 0, 300)
	must(t, h.Load(t.Context(), namesOf(all)))
	loads, swaps := h.store.Calls(storetest.Load), h.store.Calls(storetest.Swap)
	must(t, h.Create(t.Context(), append(all, all[:100]...))) // some twice
	if l, s := h.store.Calls(storetest.Load)-loads, h.store.Calls(storetest.Swap)-swaps; l != 0 || s != 1 {
		t.Errorf("%d loads and %d swaps", l, s)
	}
	for _, n := range all {
		if p := h.Find(n.Name); p == nil || !p.HasSecret {
			t.Fatal("a newcomer has no secret")
		}
	}
}

func TestCreateKeepsWhatTheRowSays(t *testing.T) {
	h := newHouse(t)
	h.say("42", allow(consent.Consent, "ads", 10), deny(consent.Sale, "", 11))
	if p := h.look("42"); p.HasSecret || p.State != subject.StateLive {
		t.Fatalf("secret %v, state %d after signals", p.HasSecret, p.State)
	}
	p := h.create("42")
	stored := h.look("42")
	for _, p := range []*subject.Person{p, stored} {
		if !p.HasSecret || !p.Standing.Refuses(consent.Sale, 20) {
			t.Errorf("secret %v, sale refused %v", p.HasSecret, p.Standing.Refuses(consent.Sale, 20))
		}
	}
}

// Processes that create the same people at once agree on each secret.
func TestCreateRace(t *testing.T) {
	h := newHouse(t)
	const processes, people = 8, 200
	all := newcomers(h.keys.SubjectLabel("mastodon", "acc"), 0, people)
	directories := make([]*subject.Directory, processes)
	var wg sync.WaitGroup
	for i := range directories {
		directories[i] = h.another()
		wg.Go(func() {
			if i%2 == 0 {
				must(t, directories[i].Load(t.Context(), namesOf(all)))
			}
			must(t, directories[i].Create(t.Context(), all))
		})
	}
	wg.Wait()
	for _, n := range all {
		want := lookIn(t, h.another(), n.Name).Secret
		for i, d := range directories {
			if p := d.Find(n.Name); p == nil || !p.HasSecret || p.Secret != want {
				t.Fatalf("process %d has another secret", i)
			}
		}
	}
}

// Two calls of one directory hand the same store rows about: what one creates the other finds.
func TestCreateWhoseAnswerWasLost(t *testing.T) {
	h := newHouse(t)
	h.create("0")
	n := []subject.Newcomer{h.person("42")}
	h.store.LoseNext(2, event.ErrTransient) // load and swap, or swap alone
	err := h.Create(t.Context(), n)
	if !errors.Is(err, event.ErrTransient) {
		t.Fatalf("%v, want a transient error", err)
	}
	h.store.LoseNext(0, nil)
	if p := h.create("42"); p.Secret != h.look("42").Secret {
		t.Error("another secret than the store has")
	}
}

func TestFailuresKeepTheirClass(t *testing.T) {
	for _, class := range []error{event.ErrTransient, event.ErrFatal} {
		h := newHouse(t)
		h.create("1")
		ctx, key, name := t.Context(), h.key("1"), h.person("1").Name
		for what, call := range map[string]func() error{
			"load":   func() error { return h.Load(ctx, [][]byte{name}) },
			"create": func() error { return h.Create(ctx, []subject.Newcomer{h.person("2")}) },
			"apply":  func() error { _, err := h.Apply(ctx, key, deny(consent.Sale, "", 1)); return err },
			"erase":  func() error { _, err := h.Erase(ctx, key, 1); return err },
			"touch":  func() error { return h.Touch(ctx, []subject.Key{key}, 1e6) },
			"expire": func() error { _, err := h.Expire(ctx, 1e6, nil); return err },
			"rewrap": func() error { _, err := h.Rewrap(ctx, nil); return err },
			"scan":   func() error { return h.Scan(ctx, func(*subject.View) error { return nil }) },
			"link":   func() error { return h.Link(ctx, key, h.key("2"), 1) },
			"linked": func() error { _, err := h.Linked(ctx, key); return err },
		} {
			h.store.FailNext(1, fmt.Errorf("ordered: %w", class))
			if err := call(); !errors.Is(err, class) {
				t.Errorf("%s: %v, want class %v", what, err, class)
			}
		}
	}
}

func TestEvictAndDropAll(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	h.create("2")
	h.Evict([]subject.Key{h.key("1"), h.key("unknown")})
	if h.Find(h.person("1").Name) != nil || h.Find(h.person("2").Name) == nil {
		t.Error("another than the evicted person went")
	}
	if h.DropAll(); h.People() != 0 {
		t.Error("somebody is there after DropAll")
	}
}

func TestIdentityIsForTheRevealKeyAlone(t *testing.T) {
	keys, dir := keysIn(t)
	h := openHouse(t, keys)
	h.create("1042")
	h.now = start.Add(59 * time.Minute)
	h.create("1043")
	h.now = start.Add(60 * time.Minute) // the first data key's life is over
	h.create("1044")
	nobody := h.person("1045")
	nobody.Canonical = nil
	must(t, h.Create(t.Context(), []subject.Newcomer{nobody}))

	reveal, err := keyring.OpenReveal(filepath.Join(dir, "reveal.json"), nil)
	must(t, err)
	wrapped := map[subject.Key][]byte{}
	must(t, h.store.Scan(t.Context(), subject.DataKeys, subject.Key{}, func(rows []subject.Row) error {
		for _, r := range rows {
			made, w, err := subject.ParseDataKey(r.Body)
			must(t, err)
			if made != start.UnixMilli() && made != h.now.UnixMilli() {
				t.Errorf("data key of %d", made)
			}
			wrapped[r.Key] = w
		}
		return nil
	}))
	if len(wrapped) != 2 {
		t.Errorf("%d data keys, want 2", len(wrapped))
	}
	found := map[string]bool{}
	must(t, h.Scan(t.Context(), func(v *subject.View) error {
		if len(v.Identity) == 0 {
			found[""] = true
			return nil
		}
		dataKey, err := reveal.Unwrap(wrapped[v.DataKey], subject.DataKeyContext(v.DataKey))
		must(t, err)
		id, err := subject.OpenIdentity(dataKey, v.Key, v.Generation, v.Identity)
		must(t, err)
		if id.Instance != "mastodon" || id.Type != "account" || h.key(string(id.Canonical)) != v.Key {
			t.Error("the identity is another's")
		}
		found[string(id.Canonical)] = true
		if _, err := subject.OpenIdentity(dataKey, v.Key, v.Generation+1, v.Identity); !errors.Is(err, subject.ErrDamaged) {
			t.Errorf("it opens in another generation: %v", err)
		}
		if _, err := subject.OpenIdentity(dataKey, h.key("other"), v.Generation, v.Identity); !errors.Is(err, subject.ErrDamaged) {
			t.Errorf("it opens in another row: %v", err)
		}
		return nil
	}))
	for _, id := range []string{"1042", "1043", "1044", ""} {
		if !found[id] {
			t.Errorf("%q was not found", id)
		}
	}
}

func TestNoRowNamesADataKeyThatIsNotStored(t *testing.T) {
	h := newHouse(t)
	h.store.FailNext(1, event.ErrTransient)
	if err := h.Create(t.Context(), []subject.Newcomer{h.person("42")}); !errors.Is(err, event.ErrTransient) {
		t.Fatalf("%v, want the failure to store the data key", err)
	}
	if p := h.look("42"); p.HasSecret {
		t.Error("the person was created without a data key")
	}
	h.create("42")
}

func TestWithoutRevealKeyNoIdentityIsKept(t *testing.T) {
	keys, err := keyring.Ephemeral("example", nil, start)
	must(t, err)
	h := openHouse(t, keys)
	h.create("42")
	must(t, h.Scan(t.Context(), func(v *subject.View) error {
		if len(v.Identity) > 0 || !v.HasSecret {
			t.Errorf("identity of %d bytes, secret %v", len(v.Identity), v.HasSecret)
		}
		return nil
	}))
}

func TestRowsThatDoNotRead(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	rows := []subject.Row{{Key: h.key("42")}}
	must(t, h.store.Load(t.Context(), subject.People, rows))
	body := rows[0].Body
	for what, damage := range map[string]struct {
		body []byte
		want error
	}{
		"newer format":  {append([]byte{2}, body[1:]...), subject.ErrFormat},
		"cut":           {body[:len(body)-1], subject.ErrDamaged},
		"changed":       {append(append([]byte{}, body[:40]...), append([]byte{body[40] ^ 1}, body[41:]...)...), subject.ErrDamaged},
		"another's row": {body, subject.ErrDamaged},
	} {
		id := "42"
		if what == "another's row" {
			id = "43"
		}
		row := []subject.Row{{Key: h.key(id)}}
		must(t, h.store.Load(t.Context(), subject.People, row))
		row[0].Body = damage.body
		_, err := h.store.Swap(t.Context(), subject.People, row)
		must(t, err)
		d := h.another()
		if err := d.Load(t.Context(), [][]byte{h.person(id).Name}); !errors.Is(err, damage.want) || !errors.Is(err, event.ErrFatal) {
			t.Errorf("%s: %v, want %v", what, err, damage.want)
		}
		if d.Find(h.person(id).Name) != nil {
			t.Errorf("%s: at hand nevertheless", what)
		}
	}
}
