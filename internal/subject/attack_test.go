// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// attack is a person, 42, whom two processes know, and who has a handle. It watches for secrets that should not be.
type attack struct {
	*house
	second *subject.Directory // of the other process
	old    keyring.Secret     // before anything happens; all zero: none
	given  map[uint32]keyring.Secret
	ended  map[string]bool
	lives  int // that there can be: each erasure and expiry may end one
}

// newAttack begins with a row of person 42, if there is one.
func newAttack(t *testing.T, keys *keyring.Keyring, row *subject.Row) *attack {
	a := &attack{house: openHouse(t, keys), given: map[uint32]keyring.Secret{}, ended: map[string]bool{}, lives: 1}
	a.second = a.another()
	if row != nil {
		_, err := a.store.Swap(t.Context(), subject.People, []subject.Row{*row})
		must(t, err)
		a.old = a.look("42").Secret
	}
	return a
}

// act gives one of the things that may happen. What other processes must know is announced to the second one after it is done.
func (a *attack) act(name string) func(context.Context) error {
	n, key, handle := a.person("42"), a.key("42"), a.key("@42")
	n.Canonical = nil // no data key, for whose lock a task might wait
	announce := func(err error) error {
		a.second.Evict([]subject.Key{key})
		return err
	}
	consents := allow(consent.Consent, "ads", 20)
	do := map[string]func(context.Context) error{
		"load":       func(ctx context.Context) error { return a.Load(ctx, [][]byte{n.Name}) },
		"load there": func(ctx context.Context) error { return a.second.Load(ctx, [][]byte{n.Name}) },
		"create":     func(ctx context.Context) error { return a.Create(ctx, []subject.Newcomer{n}) },
		"create there": func(ctx context.Context) error {
			return a.second.Create(ctx, []subject.Newcomer{n})
		},
		"erase":  func(ctx context.Context) error { _, err := a.Erase(ctx, key, 10); return announce(err) },
		"expire": func(ctx context.Context) error { return a.expire(ctx, announce) },
		"rewrap": func(ctx context.Context) error { _, err := a.Rewrap(ctx, nil); return err },
		"touch":  func(ctx context.Context) error { return a.Touch(ctx, []subject.Key{key}, 1e6) },
		"link":   func(ctx context.Context) error { return a.Link(ctx, handle, key, 5) },
		"link later": func(ctx context.Context) error {
			return a.second.Link(ctx, handle, key, 25)
		},
		"erase the handle": func(ctx context.Context) error { _, err := a.Erase(ctx, handle, 10); return err },
		"consent":          func(ctx context.Context) error { _, err := a.Apply(ctx, key, consents); return announce(err) },
		"old consent": func(ctx context.Context) error {
			_, err := a.Apply(ctx, key, allow(consent.Consent, "ads", 9))
			return announce(err)
		},
		"ask to erase": func(ctx context.Context) error {
			applied, err := a.Apply(ctx, key, deny(consent.Erasure, "", 10))
			if announce(err) == nil && applied.Erase {
				_, err = a.Erase(ctx, key, applied.ErasedAs)
			}
			return announce(err)
		},
	}[name]
	switch name {
	case "erase", "ask to erase", "expire":
		a.lives++
	}
	return func(ctx context.Context) error {
		err := do(ctx)
		a.ended[name] = true
		return err
	}
}

func (a *attack) expire(ctx context.Context, announce func(error) error) error {
	_, err := a.Expire(ctx, 1e6, func([]subject.Key) error { return announce(nil) })
	return err
}

// watch looks at the store and at what both processes remember, after every step.
func (a *attack) watch([]bool) {
	a.t.Helper()
	stored, name := a.look("42"), a.person("42").Name
	people := map[string]*subject.Person{"the store": stored, "memory": a.Find(name), "the other's memory": a.second.Find(name)}
	for where, p := range people {
		if p == nil || !p.HasSecret {
			continue
		}
		if s, known := a.given[p.Generation]; known && s != p.Secret {
			a.t.Errorf("%s: generation %d has two secrets", where, p.Generation)
		}
		for generation, s := range a.given {
			if s == p.Secret && generation != p.Generation {
				a.t.Errorf("%s: generations %d and %d share a secret", where, generation, p.Generation)
			}
		}
		a.given[p.Generation] = p.Secret
		if len(a.given) > a.lives {
			a.t.Errorf("%s: %d secrets in %d lives", where, len(a.given), a.lives)
		}
		erased := a.ended["erase"] || a.ended["ask to erase"]
		if erased && p.Secret == a.old {
			a.t.Errorf("%s: the secret of before the erasure is there", where)
		}
		if erased && p.NotBefore != 20 {
			a.t.Errorf("%s: somebody erased is alive, and not by their later consent: not before %d", where, p.NotBefore)
		}
	}
	must(a.t, a.reader.Scan(a.t.Context(), func(v *subject.View) error {
		gone := v.State == subject.StateErased || v.State == subject.StateExpired
		if gone && (v.HasSecret || len(v.Identity) > 0 || len(v.Links) > 0) {
			a.t.Errorf("a row in state %d has a secret %v, an identity of %d bytes, %d links", v.State, v.HasSecret, len(v.Identity), len(v.Links))
		}
		return nil
	}))
}

// In every order of their store calls nobody erased comes back, and no life has two secrets, at two processes.
func TestNobodyIsResurrectedInAnyOrder(t *testing.T) {
	most := 400
	if testing.Short() {
		most = 60
	}
	keys := newKeys(t)
	row := rowInFirstEpoch(t, keys)
	for _, s := range []struct {
		there bool
		tasks []string
	}{
		{false, []string{"create", "create there"}},
		{false, []string{"create", "create there", "erase"}},
		{false, []string{"create", "load there", "ask to erase"}},
		{false, []string{"create there", "erase", "consent"}},
		{true, []string{"create there", "erase", "consent"}},
		{true, []string{"rewrap", "create there", "erase"}},
		{true, []string{"rewrap", "touch", "erase"}},
		{true, []string{"rewrap", "expire", "create there"}},
		{true, []string{"expire", "create there", "erase"}},
		{true, []string{"expire", "create", "create there"}},
		{true, []string{"load", "load there", "erase"}},
		{true, []string{"link", "erase"}},
		{true, []string{"link", "link later", "erase"}},
		{true, []string{"link", "erase the handle", "erase"}},
		{true, []string{"link", "erase", "consent"}},
		{true, []string{"ask to erase", "erase", "create there"}},
		{true, []string{"ask to erase", "consent", "create there"}},
		{true, []string{"ask to erase", "old consent", "create there"}},
		{true, []string{"rewrap", "erase", "consent", "create there"}},
		{false, []string{"old consent", "erase", "create", "load there"}},
	} {
		t.Run(strings.Join(s.tasks, ", "), func(t *testing.T) {
			runs := schedules(t, most, func() (*storetest.InMemory, []*task, func([]bool)) {
				at := (*subject.Row)(nil)
				if s.there {
					at = &row
				}
				a := newAttack(t, keys, at)
				tasks := make([]*task, len(s.tasks))
				for i, name := range s.tasks {
					tasks[i] = &task{run: a.act(name)}
				}
				return a.store, tasks, a.watch
			})
			t.Logf("%d orders", runs)
		})
	}
}

// shared is a ledger that an erasure appends to and a restore reads.
type shared struct {
	mu      sync.Mutex
	entries int
}

func (l *shared) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries
}

// Whoever is erased while a backup is made and restored is erased in the restored store, as soon as the ledger is replayed from where that
// store says it has it.
func TestErasureAgainstRestoreInAnyOrder(t *testing.T) {
	most := 300
	if testing.Short() {
		most = 50
	}
	keys := newKeys(t)
	row := rowInFirstEpoch(t, keys)
	survived, replayed := 0, 0
	runs := schedules(t, most, func() (*storetest.InMemory, []*task, func([]bool)) {
		a, l := newAttack(t, keys, &row), new(shared)
		to := storetest.Memory()
		to.Hook(park)
		there := subject.NewDirectory(subject.Options{Store: to, Keys: keys})
		replay := func(ctx context.Context, from map[int32]int64) error {
			n := l.length()
			if int(from[0]) < n {
				if _, err := there.Erase(ctx, a.key("42"), 10); err != nil {
					return err
				}
			}
			return note(ctx, to, n)
		}
		before := -1 // entries of the ledger when the restore began
		move := func(ctx context.Context) error {
			var raw bytes.Buffer
			if _, err := a.Backup(ctx, &raw); err != nil {
				return err
			}
			before = l.length()
			_, err := subject.Restore(ctx, &raw, to, subject.RestoreOptions{Keys: keys, Replay: replay})
			return err
		}
		erase := func(ctx context.Context) error {
			if _, err := a.Erase(ctx, a.key("42"), 10); err != nil {
				return err
			}
			l.mu.Lock()
			l.entries++
			l.mu.Unlock()
			return note(ctx, a.store, 1)
		}
		check := func(ended []bool) {
			if !ended[0] || !ended[1] {
				return
			}
			p := lookIn(t, subject.NewDirectory(subject.Options{Store: to, Keys: keys}), a.person("42").Name)
			if p.HasSecret {
				survived++
			}
			if p.HasSecret && before > 0 {
				t.Error("the ledger had the erasure when the restore began, and they are back")
			}
			must(t, replay(t.Context(), position(t, to)))
			if replayed++; lookIn(t, subject.NewDirectory(subject.Options{Store: to, Keys: keys}), a.person("42").Name).HasSecret {
				t.Error("the restored store says that it has the ledger's entry, and they are back")
			}
		}
		return a.store, []*task{{run: move}, {run: erase}}, check
	})
	t.Logf("%d orders; in %d the erasure came after the replay", runs, survived)
	if replayed == 0 {
		t.Error("no order came to its end")
	}
}

// note writes that a store has so many entries of the ledger.
func note(ctx context.Context, s subject.Store, n int) error {
	l := &ledger{entries: make([]ledgerEntry, n)}
	return l.note(ctx, s)
}

func position(t *testing.T, s subject.Store) map[int32]int64 {
	t.Helper()
	rows := []subject.Row{{Key: subject.MetaKey(subject.LedgerRow)}}
	must(t, s.Load(t.Context(), subject.Meta, rows))
	if string(rows[0].Body) == `{"0":1}` {
		return map[int32]int64{0: 1}
	}
	return map[int32]int64{}
}
