// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// backedUp are the spaces that a backup has whole.
var backedUp = []subject.Space{subject.People, subject.Outbox, subject.Requests, subject.DataKeys}

// furnish fills a house with rows of every kind.
func furnish(t testing.TB, h *house) {
	for i := range 150 { // more than a block of the store
		h.create(fmt.Sprint(i))
	}
	h.say("3", deny(consent.Sale, "", 4), allow(consent.Consent, "ads", 5))
	h.say("4", deny(consent.Erasure, "", 6))
	must(t, h.Link(t.Context(), h.key("5"), h.key("6"), 7))
	for space, body := range map[subject.Space][]byte{subject.Outbox: bytes.Repeat([]byte("o"), 3<<20), subject.Requests: {}, subject.DataKeys: []byte("key")} {
		put(t, h.store, space, subject.Key{9}, body)
	}
	put(t, h.store, subject.Meta, subject.MetaKey(subject.LedgerRow), []byte(`{"0":7,"1":8}`))
	put(t, h.store, subject.Meta, subject.MetaKey(subject.HoneytokenRow), []byte("honey"))
	put(t, h.store, subject.Meta, subject.MetaKey("signals nymstream.signals 0"), []byte("offset"))
	put(t, h.store, subject.Meta, subject.Key{1}, []byte("lease"))
}

func put(t testing.TB, s subject.Store, space subject.Space, key subject.Key, body []byte) {
	t.Helper()
	rows := []subject.Row{{Key: key}}
	must(t, s.Load(t.Context(), space, rows))
	rows[0].Body = body
	lost, err := s.Swap(t.Context(), space, rows)
	must(t, err)
	if len(lost) > 0 {
		t.Fatal("lost")
	}
}

func bodyOf(t testing.TB, s subject.Store, space subject.Space, key subject.Key) []byte {
	t.Helper()
	rows := []subject.Row{{Key: key}}
	must(t, s.Load(t.Context(), space, rows))
	return rows[0].Body
}

// contents gives the bodies of a space by key.
func contents(t testing.TB, s subject.Store, space subject.Space) map[subject.Key]string {
	t.Helper()
	all := map[subject.Key]string{}
	must(t, s.Scan(t.Context(), space, subject.Key{}, func(rows []subject.Row) error {
		for _, r := range rows {
			all[r.Key] = string(r.Body)
		}
		return nil
	}))
	return all
}

func (h *house) backup() []byte {
	h.t.Helper()
	var w bytes.Buffer
	_, err := h.Backup(h.t.Context(), &w)
	must(h.t, err)
	return w.Bytes()
}

// nothing is a ledger that has no more entries.
func nothing(context.Context, map[int32]int64) error { return nil }

func TestBackupBringsEverythingBack(t *testing.T) {
	h := newHouse(t)
	furnish(t, h)
	var w bytes.Buffer
	made, err := h.Backup(t.Context(), &w)
	must(t, err)
	read, err := subject.VerifyBackup(t.Context(), bytes.NewReader(w.Bytes()), h.keys)
	must(t, err)
	id, err := subject.StoreID(t.Context(), h.store)
	must(t, err)
	for name, info := range map[string]subject.BackupInfo{"made": made, "read": read} {
		if info.Store != id || info.Keyring != h.keys.ID() || info.Made != start.UnixMilli() || info.Epoch != 1 || !slices.Equal(info.Epochs, []int{1}) ||
			info.Rows[subject.People] != 150 || info.Rows[subject.Meta] != 1 || info.Secrets[1] != 149 || info.Unreadable != 0 || info.Ledger[1] != 8 {
			t.Errorf("%s: %+v", name, info)
		}
	}
	to := storetest.Memory()
	oldID, err := subject.StoreID(t.Context(), to)
	must(t, err)
	var from map[int32]int64
	restored, err := subject.Restore(t.Context(), bytes.NewReader(w.Bytes()), to, subject.RestoreOptions{Keys: h.keys, Stopped: true,
		Replay: func(_ context.Context, position map[int32]int64) error { from = position; return nil }})
	must(t, err)
	if restored.Lost || !maps.Equal(from, map[int32]int64{0: 7, 1: 8}) {
		t.Errorf("lost %v, replayed from %v", restored.Lost, from)
	}
	for _, space := range backedUp {
		if got, want := contents(t, to, space), contents(t, h.store, space); !maps.Equal(got, want) || len(want) == 0 {
			t.Errorf("space %d: %d rows, want %d", space, len(got), len(want))
		}
	}
	newID, err := subject.StoreID(t.Context(), to)
	must(t, err)
	meta := contents(t, to, subject.Meta)
	if newID == id || newID == oldID || newID != restored.NewStore || len(meta) != 3 || meta[subject.MetaKey(subject.HoneytokenRow)] != "honey" {
		t.Errorf("%d rows of the store's own", len(meta))
	}
	must(t, subject.Ready(t.Context(), to))
	secret := h.look("3").Secret
	h.store, h.reader = to, nil
	h.reader = h.another()
	if p := h.look("3"); p.Secret != secret || !p.Standing.Refuses(consent.Sale, 9) || h.look("4").State != subject.StateErased {
		t.Error("somebody is another now")
	}
}

// Any change of a byte, any end before the end, and chunks in another order are seen.
func TestChangedBackupsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	whole := h.backup()
	refused := func(what string, raw []byte) {
		t.Helper()
		if _, err := subject.VerifyBackup(t.Context(), bytes.NewReader(raw), h.keys); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x10
		refused(fmt.Sprintf("byte %d changed", i), changed)
		refused(fmt.Sprintf("%d bytes", i), whole[:i])
	}
	refused("a byte more", append(bytes.Clone(whole), 0))

	furnish(t, h)
	large := h.backup()
	begin, chunks := cutChunks(t, large)
	if len(chunks) < 4 {
		t.Fatalf("%d chunks", len(chunks))
	}
	if bytes.Equal(chunks[1][5:1000], chunks[2][5:1000]) { // both are of the outbox's one letter
		t.Error("two chunks under one nonce")
	}
	join := func(order ...int) []byte {
		raw := bytes.Clone(begin)
		for _, i := range order {
			raw = append(raw, chunks[i]...)
		}
		return raw
	}
	if !bytes.Equal(join(0, 1, 2, 3), large) {
		t.Fatal("cut wrongly")
	}
	refused("swapped", join(1, 0, 2, 3))
	refused("one left out", join(0, 2, 3))
	refused("one twice", join(0, 1, 1, 2, 3))
	refused("without the last", join(0, 1, 2))
	last := join(0, 1, 2)
	last[len(begin)+len(chunks[0])+len(chunks[1])] = 1
	refused("another called the last", last)
	other, _ := cutChunks(t, h.backup())
	refused("chunks of another backup", append(other, large[len(begin):]...))
	for _, c := range chunks {
		if len(c) > 1<<20+5 {
			t.Errorf("a chunk of %d bytes", len(c))
		}
	}
	if _, err := subject.VerifyBackup(t.Context(), bytes.NewReader(large[:len(large)/2]), h.keys); !errors.Is(err, subject.ErrBackup) {
		t.Errorf("%v, want ErrBackup", err)
	}
}

// cutChunks takes a backup apart.
func cutChunks(t *testing.T, raw []byte) (begin []byte, chunks [][]byte) {
	t.Helper()
	at := len("nymstream backup\n") + 1
	for range 2 {
		at += 4 + int(binary.BigEndian.Uint32(raw[at:]))
	}
	begin = raw[:at:at]
	for at < len(raw) {
		end := at + 5 + int(binary.BigEndian.Uint32(raw[at+1:]))
		chunks = append(chunks, raw[at:end:end])
		at = end
	}
	return begin, chunks
}

func TestBackupsAreBoundToTheirKeys(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	raw := h.backup()
	verify := func(keys *keyring.Keyring) error {
		_, err := subject.VerifyBackup(t.Context(), bytes.NewReader(raw), keys)
		return err
	}
	if err := verify(newKeys(t)); !errors.Is(err, subject.ErrBackupKeyring) {
		t.Errorf("%v, want ErrBackupKeyring", err)
	}
	now := nextEpoch(t, h.keys, start)
	must(t, verify(h.keys))
	must(t, h.keys.DestroyStoreEpoch(1, now.Add(keyring.Notice)))
	if err := verify(h.keys); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("%v, want ErrDestroyed", err)
	}
	newer := bytes.Clone(raw)
	newer[len("nymstream backup\n")]++
	if _, err := subject.VerifyBackup(t.Context(), bytes.NewReader(newer), h.keys); !errors.Is(err, subject.ErrBackupFormat) {
		t.Errorf("%v, want ErrBackupFormat", err)
	}
}

// A backup is sealed in the newest epoch whatever its rows are sealed in, and holds no row in clear.
func TestBackupHidesItsRows(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	nextEpoch(t, h.keys, start)
	h.create("2")
	body := bodyOf(t, h.store, subject.People, h.key("1"))
	var w bytes.Buffer
	info, err := h.Backup(t.Context(), &w)
	must(t, err)
	if info.Epoch != 2 || !slices.Equal(info.Epochs, []int{1, 2}) || info.Secrets[1] != 1 || info.Secrets[2] != 1 {
		t.Errorf("%+v", info)
	}
	key := h.key("1")
	if bytes.Contains(w.Bytes(), body[8:]) || bytes.Contains(w.Bytes(), key[:]) {
		t.Error("a row can be read")
	}
}

// What does not read is kept as it is: somebody may mend it, or erase the person.
func TestBackupKeepsDamagedRows(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	put(t, h.store, subject.People, subject.Key{1}, []byte{1, 99})
	to := storetest.Memory()
	restored, err := subject.Restore(t.Context(), bytes.NewReader(h.backup()), to, subject.RestoreOptions{Keys: h.keys, Replay: nothing, Stopped: true})
	must(t, err)
	if restored.Unreadable != 1 || restored.Secrets[1] != 1 || !restored.Lost || !bytes.Equal(bodyOf(t, to, subject.People, subject.Key{1}), []byte{1, 99}) {
		t.Errorf("%+v", restored)
	}
}

func TestBackupFailsWithItsWriterAndStore(t *testing.T) {
	h := newHouse(t)
	furnish(t, h)
	size := len(h.backup())
	for _, room := range []int{0, 100, size / 2, size - 1} {
		if _, err := h.Backup(t.Context(), &narrow{room: room}); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
	for n := 1; ; n++ {
		calls := 0
		h.store.Hook(func(_ context.Context, c storetest.Call) error {
			if !c.Done {
				if calls++; calls == n {
					return errFull
				}
			}
			return nil
		})
		var w bytes.Buffer
		_, err := h.Backup(t.Context(), &w)
		h.store.Hook(nil)
		if calls < n {
			must(t, err)
			return
		}
		if _, verified := subject.VerifyBackup(t.Context(), bytes.NewReader(w.Bytes()), h.keys); !errors.Is(err, errFull) || verified == nil {
			t.Errorf("call %d: %v, and the bytes verify: %v", n, err, verified)
		}
	}
}

var errFull = errors.New("full")

// narrow is a writer with little room.
type narrow struct{ room int }

func (n *narrow) Write(p []byte) (int, error) {
	if n.room -= len(p); n.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

const backupFixture = "testdata/backup_v1.bin"

// fixtureKeys is a keyring whose files never change, and its reveal key.
func fixtureKeys(t *testing.T) (*keyring.Keyring, *keyring.RevealKey) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"keyring.json", "kek", "reveal.json", "reveal.kek"} {
		data, err := os.ReadFile(filepath.Join("../keyring/testdata/keyring-roles", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	keys, err := keyring.Open(dir, keyring.OpenOptions{})
	must(t, err)
	reveal, err := keyring.OpenReveal(filepath.Join(dir, "reveal.json"), nil)
	must(t, err)
	return keys, reveal
}

func TestBackupsOfTheFirstReleaseAreRead(t *testing.T) {
	keys, reveal := fixtureKeys(t)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		h := openHouse(t, keys)
		h.create("42")
		h.say("43", deny(consent.Erasure, "", 6))
		put(t, h.store, subject.Meta, subject.MetaKey(subject.LedgerRow), []byte(`{"0":7}`))
		put(t, h.store, subject.Requests, subject.Key{1}, []byte("request"))
		must(t, os.WriteFile(backupFixture, h.backup(), 0o644))
	}
	raw, err := os.ReadFile(backupFixture)
	must(t, err)
	h := openHouse(t, keys)
	restored, err := subject.Restore(t.Context(), bytes.NewReader(raw), h.store, subject.RestoreOptions{Keys: keys, Replay: nothing})
	must(t, err)
	if restored.Made != start.UnixMilli() || restored.Ledger[0] != 7 || restored.Rows[subject.People] != 2 || restored.Epoch != 2 || len(restored.Store) != 26 {
		t.Errorf("%+v", restored)
	}
	if p := h.look("42"); !p.HasSecret || p.Generation != 1 || h.look("43").State != subject.StateErased {
		t.Error("people are others now")
	}
	if string(bodyOf(t, h.store, subject.Requests, subject.Key{1})) != "request" {
		t.Error("the request is another now")
	}
	sealed := 0
	must(t, h.Scan(t.Context(), func(v *subject.View) error {
		if len(v.Identity) == 0 {
			return nil
		}
		sealed++
		made, wrapped, err := subject.ParseDataKey(bodyOf(t, h.store, subject.DataKeys, v.DataKey))
		must(t, err)
		dataKey, err := reveal.Unwrap(wrapped, subject.DataKeyContext(v.DataKey))
		must(t, err)
		id, err := subject.OpenIdentity(dataKey, v.Key, v.Generation, v.Identity)
		if err != nil || made != start.UnixMilli() || id.Instance != "mastodon" || id.Type != "account" || string(id.Canonical) != "42" {
			t.Errorf("the identity is another now: %v", err)
		}
		return nil
	}))
	if sealed != 1 {
		t.Errorf("%d sealed identities", sealed)
	}
}

// BenchmarkBackup backs up, verifies and restores a store of 100,000 people. One operation is all of them.
func BenchmarkBackup(b *testing.B) {
	const people = 100_000
	store, err := embedded.Open(b.TempDir(), embedded.Options{})
	must(b, err)
	defer store.Close()
	keys := newKeys(b)
	d := subject.NewDirectory(subject.Options{Store: store, Keys: keys})
	for batch := range slices.Chunk(newcomers(keys.SubjectLabel("mastodon", "acc"), 0, people), benchBatch) {
		must(b, d.Create(context.Background(), batch))
	}
	var w bytes.Buffer
	_, err = d.Backup(context.Background(), &w)
	must(b, err)
	rate := func(b *testing.B) {
		b.ReportMetric(float64(b.N)*people/b.Elapsed().Seconds(), "rows/s")
		b.ReportMetric(float64(w.Len())/people, "bytes/row")
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			w.Reset()
			_, err := d.Backup(context.Background(), &w)
			must(b, err)
		}
		rate(b)
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			_, err := subject.VerifyBackup(context.Background(), bytes.NewReader(w.Bytes()), keys)
			must(b, err)
		}
		rate(b)
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			to, err := embedded.Open(b.TempDir(), embedded.Options{})
			must(b, err)
			_, err = subject.Restore(context.Background(), bytes.NewReader(w.Bytes()), to, subject.RestoreOptions{Keys: keys, Replay: nothing})
			must(b, errors.Join(err, to.Close()))
		}
		rate(b)
	})
}
