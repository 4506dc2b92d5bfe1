// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// ledger is a list of erasures, of one partition.
type ledger struct {
	entries []ledgerEntry
}

type ledgerEntry struct {
	key subject.Key
	at  int64
}

// erase erases somebody, and enters it as it is done: first the store, then the ledger, then its position.
func (l *ledger) erase(h *house, id string, at int64) {
	h.t.Helper()
	must(h.t, l.apply(h.t.Context(), h.Directory, h.store, ledgerEntry{h.key(id), at}))
	l.entries = append(l.entries, ledgerEntry{h.key(id), at})
	must(h.t, l.note(h.t.Context(), h.store))
}

// apply erases, and puts the person's deletion event into the outbox.
func (*ledger) apply(ctx context.Context, d *subject.Directory, s subject.Store, e ledgerEntry) error {
	_, err := d.EraseWith(ctx, e.key, e.at, func(*subject.Person) ([]subject.Change, error) {
		rows := []subject.Row{{Key: e.key}}
		err := s.Load(ctx, subject.Outbox, rows)
		rows[0].Body = []byte("deletion")
		return []subject.Change{{Space: subject.Outbox, Row: rows[0]}}, err
	})
	return err
}

// note writes that a store has the whole ledger.
func (l *ledger) note(ctx context.Context, s subject.Store) error {
	rows := []subject.Row{{Key: subject.MetaKey(subject.LedgerRow)}}
	if err := s.Load(ctx, subject.Meta, rows); err != nil {
		return err
	}
	rows[0].Body = fmt.Appendf(nil, `{"0":%d}`, len(l.entries))
	_, err := s.Swap(ctx, subject.Meta, rows)
	return err
}

// replay gives what a restore calls.
func (l *ledger) replay(h *house, to subject.Store) func(context.Context, map[int32]int64) error {
	return func(ctx context.Context, from map[int32]int64) error {
		d := subject.NewDirectory(subject.Options{Store: to, Keys: h.keys})
		for _, e := range l.entries[from[0]:] {
			if err := l.apply(ctx, d, to, e); err != nil {
				return err
			}
		}
		return l.note(ctx, to)
	}
}

// moveTo makes a house live on another store.
func (h *house) moveTo(s *storetest.InMemory) {
	h.store = s
	h.Directory, h.reader = h.another(), h.another()
}

func TestRestoreResurrectsNoOne(t *testing.T) {
	h, l := newHouse(t), new(ledger)
	for _, id := range []string{"erased before", "erased after", "stays"} {
		h.create(id)
	}
	l.erase(h, "erased before", 5)
	secret := h.look("stays").Secret
	raw := h.backup()
	l.erase(h, "erased after", 10)
	h.create("came after")
	l.erase(h, "came after", 11)
	h.create("came after and is lost")

	to := storetest.Memory()
	restored, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, subject.RestoreOptions{Keys: h.keys, Replay: l.replay(h, to), Stopped: true})
	must(t, err)
	if !restored.Lost {
		t.Error("the ledger went on after the backup, so the store did, and may have lost people")
	}
	h.moveTo(to)
	for _, id := range []string{"erased before", "erased after", "came after"} {
		if p := h.create(id); p.HasSecret || p.State != subject.StateErased {
			t.Errorf("%s: has a secret %v, state %d", id, p.HasSecret, p.State)
		}
	}
	if h.look("stays").Secret != secret || h.look("came after and is lost").State != subject.StateNone {
		t.Error("somebody else is another")
	}
}

// An erasure at any moment of a backup is in the backup, with its deletion events, or in the ledger after its position. Nobody who is
// created then lacks their data key.
func TestOthersGoOnWhileABackupIsMade(t *testing.T) {
	erased := []string{"0", "35", "69"}
	for n, more := 0, true; more; n++ {
		h, l := newHouse(t), new(ledger)
		for i := range 70 {
			h.create(fmt.Sprint(i))
		}
		calls := 0
		h.store.Hook(func(context.Context, storetest.Call) error {
			if calls++; calls == n+1 {
				h.store.Hook(nil)
				for _, id := range erased {
					l.erase(h, id, 10)
				}
				for i := range 10 {
					must(t, h.another().Create(t.Context(), []subject.Newcomer{h.person(fmt.Sprint("late ", i))})) // with its own data key
				}
			}
			return nil
		})
		raw := h.backup()
		if more = calls > n; !more {
			return
		}
		to := storetest.Memory()
		_, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, subject.RestoreOptions{Keys: h.keys, Replay: l.replay(h, to)})
		must(t, err)
		h.moveTo(to)
		for _, id := range erased {
			if h.look(id).State != subject.StateErased {
				t.Fatalf("call %d: person %s is back", n, id)
			}
			if bodyOf(t, to, subject.Outbox, h.key(id)) == nil {
				t.Fatalf("call %d: the deletion event of person %s is lost", n, id)
			}
		}
		dataKeys := contents(t, to, subject.DataKeys)
		must(t, h.Scan(t.Context(), func(v *subject.View) error {
			if len(v.Identity) > 0 && dataKeys[v.DataKey] == "" {
				return fmt.Errorf("call %d: a data key is lost", n)
			}
			return nil
		}))
	}
}

func TestFailedReplayKeepsTheStoreShut(t *testing.T) {
	h, l := newHouse(t), new(ledger)
	furnish(t, h)
	put(t, h.store, subject.Meta, subject.MetaKey(subject.LedgerRow), []byte(`{"0":0}`))
	raw := h.backup()
	l.erase(h, "7", 10)
	to := storetest.Memory()
	options := subject.RestoreOptions{Keys: h.keys, Replay: func(context.Context, map[int32]int64) error { return errFull }}
	if _, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, options); !errors.Is(err, errFull) {
		t.Errorf("%v, want the replay's error", err)
	}
	if err := subject.Ready(t.Context(), to); !errors.Is(err, subject.ErrRestoring) || !errors.Is(err, event.ErrFatal) {
		t.Errorf("%v, want ErrRestoring", err)
	}
	partial := subject.NewDirectory(subject.Options{Store: to, Keys: h.keys})
	if _, err := partial.Backup(t.Context(), new(bytes.Buffer)); !errors.Is(err, subject.ErrRestoring) {
		t.Errorf("a backup of a store that is not whole: %v", err)
	}
	put(t, to, subject.People, subject.Key{77}, []byte("of the first run"))
	options.Replay = l.replay(h, to)
	_, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, options)
	must(t, err)
	must(t, subject.Ready(t.Context(), to))
	if got, want := contents(t, to, subject.People), contents(t, h.store, subject.People); !maps.Equal(got, want) {
		t.Errorf("%d people, want %d, the same", len(got), len(want))
	}
}

// A crash at any call of the store leaves one that is empty, or refuses to be used until the restore was run again.
func TestCrashWhileRestoring(t *testing.T) {
	h, l := newHouse(t), new(ledger)
	furnish(t, h)
	put(t, h.store, subject.Meta, subject.MetaKey(subject.LedgerRow), []byte(`{"0":0}`))
	raw := h.backup()
	l.erase(h, "7", 10)
	for _, afterWork := range []bool{false, true} {
		for n, crashed := 1, true; crashed; n++ {
			to, calls := storetest.Memory(), 0
			to.Hook(func(_ context.Context, c storetest.Call) error {
				if c.Done != afterWork {
					return nil
				}
				if calls++; calls >= n {
					return errFull
				}
				return nil
			})
			_, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, subject.RestoreOptions{Keys: h.keys, Replay: l.replay(h, to)})
			to.Hook(nil)
			if crashed = calls >= n; !crashed {
				must(t, err)
				break
			}
			if err == nil {
				t.Fatalf("call %d: no error", n)
			}
			switch err := subject.Ready(t.Context(), to); {
			case err == nil && len(contents(t, to, subject.People)) > 0 && !bytes.Equal(bodyOf(t, to, subject.People, h.key("7")), bodyOf(t, h.store, subject.People, h.key("7"))):
				t.Fatalf("call %d, done %v: ready, and somebody is back", n, afterWork)
			case err != nil && !errors.Is(err, subject.ErrRestoring):
				t.Fatal(err)
			case err == nil && len(contents(t, to, subject.People)) > 0:
				continue // the last commit was done, and its answer lost
			}
			_, err = subject.Restore(t.Context(), bytes.NewReader(raw), to, subject.RestoreOptions{Keys: h.keys, Replay: l.replay(h, to)})
			must(t, err)
			if got, want := contents(t, to, subject.People), contents(t, h.store, subject.People); !maps.Equal(got, want) {
				t.Fatalf("call %d: %d people, want %d, the same", n, len(got), len(want))
			}
		}
	}
}

func TestRestoreOnlyIntoAnEmptyStore(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	raw := h.backup()
	for _, space := range append(backedUp, subject.Meta) {
		to := storetest.Memory()
		put(t, to, space, subject.Key{255}, []byte("there"))
		_, err := subject.StoreID(t.Context(), to)
		must(t, err)
		if _, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, subject.RestoreOptions{Keys: h.keys, Replay: nothing}); !errors.Is(err, subject.ErrNotEmpty) {
			t.Errorf("space %d: %v, want ErrNotEmpty", space, err)
		}
		if err := subject.Ready(t.Context(), to); err != nil || string(bodyOf(t, to, space, subject.Key{255})) != "there" {
			t.Errorf("space %d: the store was changed: %v", space, err)
		}
	}
}

func TestRestoreRefusesBeforeItWrites(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	raw := h.backup()
	for name, o := range map[string]subject.RestoreOptions{
		"no replay": {Keys: h.keys}, "no keyring": {Replay: nothing}, "another keyring": {Keys: newKeys(t), Replay: nothing},
	} {
		to := storetest.Memory()
		if _, err := subject.Restore(t.Context(), bytes.NewReader(raw), to, o); err == nil || to.Calls(storetest.Swap) > 0 {
			t.Errorf("%s: %v after %d writes", name, err, to.Calls(storetest.Swap))
		}
	}
	to := storetest.Memory()
	if _, err := subject.Restore(t.Context(), bytes.NewReader(raw[:len(raw)-1]), to, subject.RestoreOptions{Keys: h.keys, Replay: nothing}); !errors.Is(err, subject.ErrBackup) {
		t.Errorf("cut short: %v", err)
	}
	if err := subject.Ready(t.Context(), to); !errors.Is(err, subject.ErrRestoring) {
		t.Errorf("cut short: %v, want ErrRestoring", err)
	}
}

// A keyring of yesterday does not know the epochs of today's backup.
func TestRestoreRefusesAnOlderKeyring(t *testing.T) {
	keys, dir := keysIn(t)
	yesterday, err := keyring.Open(dir, keyring.OpenOptions{})
	must(t, err)
	must(t, keys.NewStoreEpoch(start)) // coming, not in use yet
	h := openHouse(t, keys)
	h.create("1")
	to := storetest.Memory()
	_, err = subject.Restore(t.Context(), bytes.NewReader(h.backup()), to, subject.RestoreOptions{Keys: yesterday, Replay: nothing})
	if !errors.Is(err, keyring.ErrNoKey) || to.Calls(storetest.Swap) > 0 {
		t.Errorf("%v, want ErrNoKey", err)
	}
}

func TestWhatARestoreLost(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	now := nextEpoch(t, h.keys, start)
	sealed1 := h.backup() // with a secret of epoch 1, under the key of epoch 2
	_, err := h.Rewrap(t.Context(), nil)
	must(t, err)
	sealed2 := h.backup()
	must(t, h.keys.DestroyStoreEpoch(1, now.Add(keyring.Notice)))
	for _, c := range []struct {
		name          string
		raw           []byte
		stopped, lost bool
	}{
		{"a store that was stopped", sealed2, true, false},
		{"a store that went on", sealed2, false, true},
		{"secrets of an epoch that is destroyed", sealed1, true, true},
	} {
		restored, err := subject.Restore(t.Context(), bytes.NewReader(c.raw), storetest.Memory(), subject.RestoreOptions{Keys: h.keys, Replay: nothing, Stopped: c.stopped})
		must(t, err)
		if restored.Lost != c.lost {
			t.Errorf("%s: lost %v", c.name, restored.Lost)
		}
	}
}

// From memory to files and back nothing is lost on the way.
func TestBackupMovesBetweenStores(t *testing.T) {
	h := newHouse(t)
	furnish(t, h)
	disk, err := embedded.Open(t.TempDir(), embedded.Options{})
	must(t, err)
	defer disk.Close()
	_, err = subject.Restore(t.Context(), bytes.NewReader(h.backup()), disk, subject.RestoreOptions{Keys: h.keys, Replay: nothing, Stopped: true})
	must(t, err)
	var w bytes.Buffer
	_, err = subject.NewDirectory(subject.Options{Store: disk, Keys: h.keys}).Backup(t.Context(), &w)
	must(t, err)
	to := storetest.Memory()
	_, err = subject.Restore(t.Context(), &w, to, subject.RestoreOptions{Keys: h.keys, Replay: nothing, Stopped: true})
	must(t, err)
	for _, space := range backedUp {
		if !maps.Equal(contents(t, to, space), contents(t, h.store, space)) {
			t.Errorf("space %d is another now", space)
		}
	}
}
