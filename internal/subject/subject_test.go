// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newKeys makes a keyring on disk, so that it has a reveal key.
func newKeys(tb testing.TB) *keyring.Keyring {
	k, _ := keysIn(tb)
	return k
}

func keysIn(tb testing.TB) (k *keyring.Keyring, dir string) {
	tb.Helper()
	dir = filepath.Join(tb.TempDir(), "keys")
	if err := keyring.Init(dir, keyring.InitOptions{Tenant: "example", Now: start}); err != nil {
		tb.Fatal(err)
	}
	k, err := keyring.Open(dir, keyring.OpenOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	return k, dir
}

// house is a directory over a store in memory, with a clock of its own.
type house struct {
	*subject.Directory
	t     testing.TB
	store *storetest.InMemory
	keys  *keyring.Keyring
	now   time.Time

	reader *subject.Directory // that of another process
}

func newHouse(t testing.TB) *house { return openHouse(t, newKeys(t)) }

func openHouse(t testing.TB, keys *keyring.Keyring) *house {
	h := &house{t: t, store: storetest.Memory(), keys: keys, now: start}
	h.Directory, h.reader = h.another(), h.another()
	return h
}

// another gives the directory of another process on the same store.
func (h *house) another() *subject.Directory {
	return subject.NewDirectory(subject.Options{Store: h.store, Keys: h.keys, Now: func() time.Time { return h.now }})
}

func (h *house) person(id string) subject.Newcomer {
	return subject.Newcomer{
		Name: append(h.keys.SubjectLabel("mastodon", "acc"), id...), Instance: "mastodon", Type: "account", Canonical: []byte(id),
	}
}

func (h *house) key(id string) subject.Key { return h.KeyOf(h.person(id).Name) }

// look gives a person as the store has them.
func (h *house) look(id string) *subject.Person {
	h.t.Helper()
	h.reader.Evict([]subject.Key{h.key(id)})
	return lookIn(h.t, h.reader, h.person(id).Name)
}

func lookIn(t testing.TB, d *subject.Directory, name []byte) *subject.Person {
	t.Helper()
	must(t, d.Load(t.Context(), [][]byte{name}))
	p := d.Find(name)
	if p == nil {
		t.Fatal("not at hand after Load")
	}
	return p
}

// create makes a person and gives them as found.
func (h *house) create(id string) *subject.Person {
	h.t.Helper()
	n := h.person(id)
	must(h.t, h.Create(h.t.Context(), []subject.Newcomer{n}))
	p := h.Find(n.Name)
	if p == nil {
		h.t.Fatal("not at hand after Create")
	}
	return p
}

// say applies signals and erases where they come to that.
func (h *house) say(id string, signals ...consent.Signal) subject.Applied {
	h.t.Helper()
	a, err := h.Apply(h.t.Context(), h.key(id), signals...)
	must(h.t, err)
	if a.Erase {
		_, err := h.Erase(h.t.Context(), a.Key, a.ErasedAs)
		must(h.t, err)
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func allow(kind consent.Kind, purpose string, at int64) consent.Signal {
	return consent.Signal{Kind: kind, Purpose: purpose, Verdict: consent.Allow, At: at, Source: "test"}
}

func deny(kind consent.Kind, purpose string, at int64) consent.Signal {
	return consent.Signal{Kind: kind, Purpose: purpose, Verdict: consent.Deny, At: at, Source: "test"}
}

// Nothing of a person, a newcomer, an identity or a view prints itself.
func TestNothingPrints(t *testing.T) {
	secret := keyring.Secret{0: 'S', 1: 'E', 2: 'C'}
	for _, v := range []any{
		subject.Person{Secret: secret, Generation: 77}, &subject.Person{Secret: secret, Generation: 77},
		subject.Newcomer{Name: []byte("SEC"), Canonical: []byte("SEC")}, subject.Identity{Instance: "SEC", Canonical: []byte("SEC")},
		subject.View{Identity: []byte("SEC")}, &subject.View{Identity: []byte("SEC")},
		subject.Erased{Was: &subject.Person{Secret: secret, Generation: 77}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, hint := range []string{"SEC", "83", "53, 0x45", "534543", "77"} {
				if strings.Contains(text, hint) {
					t.Errorf("%T with %s prints %q", v, verb, text)
				}
			}
		}
	}
}
