// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestTouch(t *testing.T) {
	h := newHouse(t)
	today := subject.Day(start.UnixMilli())
	var keys []subject.Key
	for i := range 1200 {
		id := fmt.Sprint(i)
		keys = append(keys, h.key(id))
	}
	must(t, h.Create(t.Context(), []subject.Newcomer{h.person("0"), h.person("1")}))
	_, err := h.Erase(t.Context(), h.key("1"), 5)
	must(t, err)
	for _, step := range []struct{ day, want int32 }{{today + 6, today}, {today + 7, today + 7}, {today + 3, today + 7}} {
		overdue := h.look("0").Overdue(step.day)
		must(t, h.Touch(t.Context(), append(keys, keys[:3]...), step.day))
		if p := h.look("0"); p.LastSeen != step.want || overdue != (step.day == today+7) {
			t.Errorf("touched on day %d: last seen %d, want %d; overdue %v", step.day, p.LastSeen, step.want, overdue)
		}
	}
	if p := h.look("1"); p.LastSeen != today || p.Overdue(today+100) {
		t.Error("an erased person was touched")
	}
	if h.look("2").State != subject.StateNone {
		t.Error("touching made a row")
	}
}

func TestExpire(t *testing.T) {
	h := newHouse(t)
	const people = 1500 // several blocks
	all := newcomers(h.keys.SubjectLabel("mastodon", "acc"), 0, people)
	must(t, h.Create(t.Context(), all))
	h.say("42", deny(consent.Sale, "", 3))
	before := h.create("42").Secret
	h.now = start.Add(30 * 24 * time.Hour)
	recent := h.create("recent").Secret
	announced := map[subject.Key]bool{}
	announce := func(keys []subject.Key) error {
		for _, k := range keys {
			announced[k] = true
		}
		return nil
	}
	n, err := h.Expire(t.Context(), subject.Day(h.now.UnixMilli()), announce)
	must(t, err)
	if n != people+1 || len(announced) != people+1 || !announced[h.key("42")] || announced[h.key("recent")] {
		t.Errorf("%d expired, %d announced", n, len(announced))
	}
	p := h.look("42")
	if p.HasSecret || p.State != subject.StateExpired || p.Generation != 2 || !p.Standing.Refuses(consent.Sale, 9) || p.Withholds(1) != event.None {
		t.Errorf("secret %v, state %d, generation %d", p.HasSecret, p.State, p.Generation)
	}
	if h.Find(h.person("42").Name) != nil || h.look("recent").Secret != recent {
		t.Error("memory has an expired person, or another expired")
	}
	if p := h.create("42"); p.Secret == before || p.Generation != 2 || p.State != subject.StateLive {
		t.Error("who comes back has no life of their own")
	}
	if n, err := h.Expire(t.Context(), subject.Day(h.now.UnixMilli()), announce); n != 0 || err != nil {
		t.Errorf("%d expired again, %v", n, err)
	}
}

// nextEpoch takes keys to their next store epoch.
func nextEpoch(t testing.TB, keys *keyring.Keyring, now time.Time) time.Time {
	must(t, keys.NewStoreEpoch(now))
	now = now.Add(keyring.Notice)
	must(t, keys.Extend(now))
	return now
}

func TestRewrap(t *testing.T) {
	h := newHouse(t)
	const people = 1300
	all := newcomers(h.keys.SubjectLabel("mastodon", "acc"), 0, people)
	must(t, h.Create(t.Context(), all))
	secret := h.create("42").Secret
	_, err := h.Erase(t.Context(), h.KeyOf(all[0].Name), 10)
	must(t, err)
	now := nextEpoch(t, h.keys, start)
	h.create("43")
	var last int64
	n, err := h.Rewrap(t.Context(), func(done int64) { last = done })
	must(t, err)
	if n != people || last != n {
		t.Errorf("%d rows, %d in the end, want %d", n, last, people)
	}
	must(t, h.keys.DestroyStoreEpoch(1, now.Add(keyring.Notice)))
	if p := h.look("42"); p.Secret != secret || p.Generation != 1 {
		t.Error("the secret is another now")
	}
	seen := 0
	must(t, h.Scan(t.Context(), func(v *subject.View) error {
		if v.HasSecret {
			seen++
		}
		return nil
	}))
	if seen != people+1 {
		t.Errorf("%d secrets open, want %d", seen, people+1)
	}
	if n, err := h.Rewrap(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("%d rows again, %v", n, err)
	}
}

func TestRewrapLeavesWhatDoesNotOpen(t *testing.T) {
	h := newHouse(t)
	h.create("1")
	h.create("2")
	rows := []subject.Row{{Key: h.key("1")}}
	must(t, h.store.Load(t.Context(), subject.People, rows))
	rows[0].Body[60] ^= 1
	_, err := h.store.Swap(t.Context(), subject.People, rows)
	must(t, err)
	nextEpoch(t, h.keys, start)
	if n, err := h.Rewrap(t.Context(), nil); n != 1 || !errors.Is(err, subject.ErrDamaged) {
		t.Errorf("%d rows, %v", n, err)
	}
	seen := 0
	err = h.Scan(t.Context(), func(v *subject.View) error {
		if seen++; v.HasSecret != (v.Key == h.key("2")) || !v.HasSecret && v.Secret != (keyring.Secret{}) {
			t.Error("the wrong person has a secret")
		}
		return nil
	})
	if seen != 2 || !errors.Is(err, subject.ErrDamaged) {
		t.Errorf("%d seen, %v", seen, err)
	}
}

// Whose epoch was destroyed has lost what they were, and begins anew.
func TestSecretsOfADestroyedEpochAreGone(t *testing.T) {
	h := newHouse(t)
	before := h.create("42").Secret
	now := nextEpoch(t, h.keys, start)
	must(t, h.keys.DestroyStoreEpoch(1, now.Add(keyring.Notice)))
	if p := h.look("42"); p.HasSecret || p.Secret != (keyring.Secret{}) || p.State != subject.StateLive {
		t.Errorf("secret %v, state %d", p.HasSecret, p.State)
	}
	h.DropAll()
	if p := h.create("42"); !p.HasSecret || p.Secret == before || p.Generation != 2 {
		t.Errorf("secret %v, generation %d", p.HasSecret, p.Generation)
	}
}

// An epoch that the keyring does not know stops the flow: it may be a keyring of yesterday.
func TestUnknownEpochIsFatal(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	stranger := newKeys(t)
	nextEpoch(t, h.keys, start)
	h.create("43")
	prf := h.keys.LookupPRF()
	lookup := func(name []byte, out *subject.Key) { prf.Sum((*[16]byte)(out), name) }
	d := subject.NewDirectory(subject.Options{Store: h.store, Keys: stranger, Lookup: lookup})
	if err := d.Load(t.Context(), [][]byte{h.person("43").Name}); !errors.Is(err, keyring.ErrNoKey) || !errors.Is(err, event.ErrFatal) {
		t.Errorf("%v, want ErrNoKey", err)
	}
	if err := d.Load(t.Context(), [][]byte{h.person("42").Name}); !errors.Is(err, subject.ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}

// rival marks calls of somebody who is always faster.
type rival struct{}

func TestContendedRowsAreTriedAgainLater(t *testing.T) {
	h := newHouse(t)
	h.create("42")
	at := int64(0)
	h.store.Hook(func(ctx context.Context, c storetest.Call) error {
		if ctx.Value(rival{}) == nil && c.Method == storetest.Swap && !c.Done {
			at++
			_, err := h.reader.Apply(context.WithValue(ctx, rival{}, true), h.key("42"), deny(consent.Sale, "", at))
			return err
		}
		return nil
	})
	_, err := h.Apply(t.Context(), h.key("42"), deny(consent.Sharing, "", 1))
	h.store.Hook(nil)
	if !errors.Is(err, event.ErrTransient) {
		t.Errorf("%v, want a transient error", err)
	}
}
