// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/subject"
)

const day = 24 * time.Hour

// retention gives one whose others have nothing to do.
func (h *house) retention(r subject.Rules) subject.Retention {
	return subject.Retention{
		Directory: h.Directory, Rules: r,
		Reseal:   func(context.Context) error { return nil },
		Waiting:  func(context.Context, func(int64)) error { return nil },
		Announce: func([]subject.Key) error { return nil },
	}
}

func (h *house) tidy(r subject.Retention) []subject.Deed {
	h.t.Helper()
	deeds, err := r.Tidy(h.t.Context(), h.now)
	must(h.t, err)
	return deeds
}

func storeEpochs(keys *keyring.Keyring, now time.Time) (all []keyring.Entry) {
	return slices.DeleteFunc(keys.List(now), func(e keyring.Entry) bool { return e.Role != keyring.RoleStore })
}

// Ninety days with one run a day: nothing is ever overdue, every backup can be restored for its time, and no longer than 30 days.
func TestTidyEveryDay(t *testing.T) {
	h := newHouse(t)
	must(t, h.keys.AddRecipient(keyring.Recipient{Name: "analytics", Renew: 10 * day}, start))
	h.create("42")
	secret := h.look("42").Secret
	r := h.retention(subject.Rules{Recipients: map[string]time.Duration{"analytics": 12 * day}})
	type made struct {
		at  time.Time
		raw []byte
	}
	var backups []made
	acts := map[subject.Act]int{}
	for range 90 {
		for _, d := range h.tidy(r) {
			acts[d.Act]++
		}
		late, err := r.Overdue(t.Context(), h.now)
		must(t, err)
		if !late.Empty() {
			t.Fatalf("%s: overdue %+v", h.now, late)
		}
		backups = append(backups, made{h.now, h.backup()})
		for _, b := range backups {
			_, err := subject.VerifyBackup(t.Context(), bytes.NewReader(b.raw), h.keys)
			if age := h.now.Sub(b.at); age <= 21*day && err != nil || age > 30*day && !errors.Is(err, keyring.ErrDestroyed) {
				t.Fatalf("a backup after %s: %v", age, err)
			}
		}
		for _, e := range h.keys.List(h.now) {
			if e.Role == keyring.RoleQuarantine && h.now.Sub(e.From) > 7*day || e.Role == keyring.RoleDomain && e.Status == keyring.Ended && h.now.Sub(e.To) > 12*day {
				t.Fatalf("%s: the keyring still has %+v", h.now, e)
			}
		}
		backups = backups[max(0, len(backups)-32):]
		h.now = h.now.Add(day)
	}
	want := map[subject.Act]int{
		subject.ActBeginStoreEpoch: 12, subject.ActRewrap: 11, subject.ActDestroyStoreEpoch: 8,
		subject.ActDestroyEpoch: 6, subject.ActDestroyQuarantine: 83,
	}
	for act, n := range want {
		if got := acts[act]; got < n-1 || got > n+1 {
			t.Errorf("%s %d times, want about %d", act, got, n)
		}
	}
	if acts[subject.ActExpire] > 0 || h.look("42").Secret != secret {
		t.Error("the person is another now")
	}
}

func TestOverdueTellsWhatNobodyTidied(t *testing.T) {
	h := newHouse(t)
	must(t, h.keys.AddRecipient(keyring.Recipient{Name: "analytics", Renew: 10 * day}, start))
	must(t, h.keys.AddRecipient(keyring.Recipient{Name: "unknown", Renew: 10 * day}, start))
	h.create("first")
	h.create("held")
	h.say("held", deny(consent.Hold, "", 1))
	h.now = start.Add(3 * day)
	h.create("second")
	r := h.retention(subject.Rules{Inactive: 20 * day, Recipients: map[string]time.Duration{"analytics": 5 * day}})
	waits := start.Add(38 * day).UnixMilli()
	r.Waiting = func(_ context.Context, each func(int64)) error {
		each(start.Add(39*day + time.Hour).UnixMilli())
		each(waits + 1)
		each(waits)
		return nil
	}
	h.now = start.Add(40 * day)
	must(t, h.keys.Extend(h.now))
	versions := h.keys.List(h.now)
	late, err := r.Overdue(t.Context(), h.now)
	must(t, err)
	midnight := start.Truncate(day)
	want := subject.Overdue{
		People:          subject.Late{Count: 2, Oldest: midnight.UnixMilli()},
		StoreEpochs:     subject.Late{Count: 1, Oldest: start.UnixMilli()},
		RecipientEpochs: subject.Late{Count: 3, Oldest: midnight.Add(11 * day).UnixMilli()},
		Quarantine:      subject.Late{Count: 2, Oldest: midnight.UnixMilli()},
		Outbox:          subject.Late{Count: 2, Oldest: waits},
	}
	if late != want {
		t.Errorf("got %+v,\nwant %+v", late, want)
	}
	if len(h.keys.List(h.now)) != len(versions) {
		t.Error("it changed the keyring")
	}
	h.tidy(r)
	if late, err = r.Overdue(t.Context(), h.now); err != nil || late.People.Count+late.RecipientEpochs.Count+late.Quarantine.Count > 0 {
		t.Errorf("after tidying: %+v, %v", late, err)
	}
	if p := h.look("first"); p.HasSecret || p.State != subject.StateExpired || !h.look("held").HasSecret {
		t.Error("the wrong people have expired")
	}
}

// Who was seen lately does not expire, although the row may say so a week late.
func TestTidyExpiresNobodyEarly(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	var told []subject.Key
	r := h.retention(subject.Rules{Inactive: 30 * day})
	r.Announce = func(keys []subject.Key) error {
		told = append(told, keys...)
		return nil
	}
	for _, step := range []struct {
		days int
		want int64
	}{{30, 0}, {37, 0}, {38, 1}, {39, 0}} {
		h.now = start.Add(time.Duration(step.days) * day)
		n := int64(0)
		for _, d := range h.tidy(r) {
			if d.Act == subject.ActExpire {
				n += d.Count
			}
		}
		if n != step.want {
			t.Errorf("after %d days %d expired, want %d", step.days, n, step.want)
		}
	}
	if !slices.Equal(told, []subject.Key{h.key("42")}) {
		t.Errorf("%d were announced", len(told))
	}
}

// ripen brings a house to where its first store epoch is due to be destroyed.
func ripen(h *house, r subject.Retention) {
	h.t.Helper()
	h.now = start.Add(7 * day)
	h.tidy(r)
	h.now = h.now.Add(time.Hour)
	h.tidy(r)
	h.now = h.now.Add(21 * day)
}

// isDestroyed tells whether the first store epoch is destroyed.
func (h *house) isDestroyed() bool { return storeEpochs(h.keys, h.now)[0].Status == keyring.Destroyed }

func TestAStoreEpochInUseIsNotDestroyed(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	old := bodyOf(t, h.store, subject.People, h.key("42"))
	r := h.retention(subject.Rules{})
	ripen(h, r)

	r.Reseal = func(context.Context) error { return errFull }
	if _, err := r.Tidy(t.Context(), h.now); !errors.Is(err, errFull) || h.isDestroyed() {
		t.Errorf("what others keep was not sealed anew: %v, destroyed %v", err, h.isDestroyed())
	}
	r.Reseal = func(context.Context) error { // an instance that has not heard of the new epoch writes
		put(t, h.store, subject.People, h.key("42"), old)
		return nil
	}
	if _, err := r.Tidy(t.Context(), h.now); err == nil || h.isDestroyed() {
		t.Errorf("a row in the old epoch: %v, destroyed %v", err, h.isDestroyed())
	}
	r.Reseal = func(context.Context) error { return nil }
	r.Before = func(d subject.Deed) error {
		if d.Act == subject.ActDestroyStoreEpoch {
			return errFull
		}
		return nil
	}
	if _, err := r.Tidy(t.Context(), h.now); !errors.Is(err, errFull) || h.isDestroyed() {
		t.Errorf("forbidden: %v, destroyed %v", err, h.isDestroyed())
	}
	r.Before = nil
	deeds := h.tidy(r)
	if !h.isDestroyed() || !slices.Contains(deeds, subject.Deed{Act: subject.ActDestroyStoreEpoch, Epoch: 1}) {
		t.Errorf("destroyed %v; %+v", h.isDestroyed(), deeds)
	}
	if !h.look("42").HasSecret {
		t.Error("the person's secret is lost")
	}
}

// One part's fault keeps no other from its work.
func TestTidyGoesOn(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	r := h.retention(subject.Rules{Inactive: day})
	r.Announce = func([]subject.Key) error { return errFull }
	h.now = start.Add(40 * day)
	must(t, h.keys.Extend(h.now))
	deeds, err := r.Tidy(t.Context(), h.now)
	var acts []subject.Act
	for _, d := range deeds {
		acts = append(acts, d.Act)
	}
	if want := []subject.Act{subject.ActExpire, subject.ActBeginStoreEpoch, subject.ActDestroyQuarantine}; !errors.Is(err, errFull) || !slices.Equal(acts, want) {
		t.Errorf("%v, %v", acts, err)
	}
}

func TestRulesThatKeepTooLong(t *testing.T) {
	h := newHouse(t)
	for name, rules := range map[string]subject.Rules{
		"store epochs for 31 days": {Rewrap: 10 * day, Restorable: 21 * day}, "quarantine for 31 days": {Quarantine: 31 * day}, "for an hour": {Quarantine: time.Hour},
		"inactive before now": {Inactive: -day}, "store epochs of a second": {Rewrap: time.Second},
	} {
		if _, err := h.retention(rules).Tidy(t.Context(), h.now); err == nil {
			t.Errorf("%s: accepted by Tidy", name)
		}
		if _, err := h.retention(rules).Overdue(t.Context(), h.now); err == nil {
			t.Errorf("%s: accepted by Overdue", name)
		}
	}
	if _, err := (subject.Retention{Directory: h.Directory}).Tidy(t.Context(), h.now); err == nil {
		t.Error("without what it needs: accepted")
	}
}

// While rows are sealed anew others create and erase. Nobody is resurrected, nobody is lost, and nothing stays in the old epoch.
func TestRewrapWhileOthersCreateAndErase(t *testing.T) {
	keys, dir := keysIn(t)
	path := t.TempDir()
	store, err := embedded.Open(path, embedded.Options{})
	must(t, err)
	defer store.Close()
	d := subject.NewDirectory(subject.Options{Store: store, Keys: keys})
	label := keys.SubjectLabel("mastodon", "acc")
	const people = 3000
	all := newcomers(label, 0, 2*people)
	must(t, d.Create(t.Context(), all[:people]))
	secrets := map[subject.Key]keyring.Secret{}
	for _, n := range all[:people] {
		secrets[d.KeyOf(n.Name)] = d.Find(n.Name).Secret
	}
	old := map[subject.Key][]byte{}
	oldKey, err := keys.StoreKeyOf(1)
	must(t, err)
	for key, body := range contents(t, store, subject.People) {
		old[key] = sealedIn(t, oldKey, key, []byte(body))
	}
	now := nextEpoch(t, keys, start)

	erased := all[:people/3]
	var others sync.WaitGroup
	others.Go(func() {
		for batch := range slices.Chunk(all[people:], 100) {
			if err := d.Create(t.Context(), batch); err != nil {
				t.Error(err)
			}
		}
	})
	others.Go(func() {
		for i := range erased {
			if _, err := d.Erase(t.Context(), d.KeyOf(erased[i].Name), 10); err != nil {
				t.Error(err)
			}
		}
	})
	_, err = d.Rewrap(t.Context(), nil)
	must(t, err)
	others.Wait()
	must(t, keys.DestroyStoreEpoch(1, now.Add(keyring.Notice)))

	states := map[subject.State]int{}
	must(t, d.Scan(t.Context(), func(v *subject.View) error {
		states[v.State]++
		if was, known := secrets[v.Key]; v.HasSecret != (v.State == subject.StateLive) || known && v.HasSecret && v.Secret != was {
			return fmt.Errorf("state %d, with a secret %v, or another one", v.State, v.HasSecret)
		}
		return nil
	}))
	if want := map[subject.State]int{subject.StateLive: 2*people - len(erased), subject.StateErased: len(erased)}; !maps.Equal(states, want) {
		t.Errorf("%v, want %v", states, want)
	}
	nothingOpens(t, path, dir, old)
}

// sealedIn gives the part of a body that opens in a store epoch.
func sealedIn(t testing.TB, key *keyring.StoreKey, at subject.Key, body []byte) []byte {
	t.Helper()
	const size = 32 + keyring.SealOverhead
	for i := 0; i+size <= len(body); i++ {
		if _, err := key.Open(nil, body[i:i+size], firstLife(at)); err == nil {
			return body[i : i+size]
		}
	}
	t.Fatal("nothing in the row opens")
	return nil
}

// firstLife is what the secret of a person's first generation is bound to.
func firstLife(k subject.Key) []byte { return append(k[:], 0, 0, 0, 1) }

// nothingOpens looks for what was sealed in store epoch 1 in the store's files, where deleted rows may stay for long, and for a key
// that opens it in the keyring as it lies on disk.
func nothingOpens(t *testing.T, store, keys string, old map[subject.Key][]byte) {
	t.Helper()
	var files []byte
	entries, err := os.ReadDir(store)
	must(t, err)
	for _, e := range entries {
		if !e.IsDir() {
			data, err := os.ReadFile(filepath.Join(store, e.Name()))
			must(t, err)
			files = append(files, data...)
		}
	}
	there := 0
	for _, sealed := range old {
		if bytes.Contains(files, sealed[8:40]) {
			there++
		}
	}
	t.Logf("%d of %d secrets sealed in the old epoch lie in the files still", there, len(old))
	again, err := keyring.Open(keys, keyring.OpenOptions{})
	must(t, err)
	if _, err := again.StoreKeyOf(1); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("the keyring on disk still has the epoch's key: %v", err)
	}
	key := again.StoreEpoch()
	for at, sealed := range old {
		if _, err := key.Open(nil, sealed, firstLife(at)); err == nil {
			t.Fatal("a secret of the old epoch opens")
		}
	}
}
