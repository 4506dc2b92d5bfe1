// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

func base64Of(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

func TestDestroyEpoch(t *testing.T) {
	dir, k := makeKeyring(t)
	e := k.current.Load().contents.recipient("analytics").Epochs[0]
	overlap := 7 * day
	for name, c := range map[string]struct {
		recipient string
		epoch     int
		at        time.Time
		want      error
	}{
		"running":        {"analytics", 1, now, ErrInUse},
		"in its overlap": {"analytics", 1, e.To.Add(overlap - time.Second), ErrInUse},
		"coming":         {"analytics", 2, e.To, ErrInUse},
		"the last":       {"analytics", 2, e.To.AddDate(1, 0, 0), ErrInUse},
		"endless":        {"partner", 1, e.To.AddDate(9, 0, 0), ErrInUse},
	} {
		if err := k.DestroyEpoch(c.recipient, c.epoch, overlap, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if err := k.DestroyEpoch("analytics", 9, 0, now); err == nil {
		t.Error("an unknown epoch was destroyed")
	}
	if err := k.DestroyEpoch("nobody", 1, 0, now); err == nil {
		t.Error("an epoch of nobody was destroyed")
	}

	second := sample(domainAt(t, k, "analytics", e.To))
	at := e.To.Add(overlap)
	checkGone(t, dir, [][]byte{e.KEK, e.Domain, e.Field, e.Seal}, func() error { return k.DestroyEpoch("analytics", 1, overlap, at) })
	if err := k.DestroyEpoch("analytics", 1, overlap, at); !errors.Is(err, ErrDestroyed) {
		t.Errorf("again: got %v, want ErrDestroyed", err)
	}
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(RoleField, now); err != nil { // now: epoch 1 is not over yet
		t.Fatal(err)
	}
	for name, k := range map[string]*Keyring{"running": k, "opened anew": open(t, dir)} {
		_, err := k.DomainAt("analytics", 365*day, now.UnixMilli(), at.UnixMilli())
		if !errors.Is(err, ErrEpochEnded) || !errors.Is(err, ErrDestroyed) || errors.Is(err, event.ErrFatal) {
			t.Errorf("%s: got %v, want ErrEpochEnded and ErrDestroyed", name, err)
		}
		if _, err := k.EpochDomain("analytics", 1); !errors.Is(err, ErrDestroyed) {
			t.Errorf("%s: got %v, want ErrDestroyed", name, err)
		}
		if got := sample(domainAt(t, k, "analytics", e.To)); got != second {
			t.Errorf("%s: the next epoch changed", name)
		}
		listed := k.List(at)[7]
		if listed.Epoch != 1 || listed.Status != Destroyed || !listed.Destroyed.Equal(at) || len(listed.KeyIDs) != 0 {
			t.Errorf("%s: got %+v", name, listed)
		}
	}
	if err := k.Extend(at.Add(90 * day)); err != nil {
		t.Fatal(err)
	}
	domainAt(t, k, "analytics", at.Add(90*day))
}

func TestDestroyAllocatesNothingAtLookup(t *testing.T) {
	_, k := makeKeyring(t)
	to := k.current.Load().contents.recipient("analytics").Epochs[0].To
	if err := k.DestroyEpoch("analytics", 1, 0, to); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if _, err := k.DomainAt("analytics", day, to.UnixMilli()-1, to.UnixMilli()); err == nil {
			t.Fatal("lent a destroyed epoch")
		}
	})
	if n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestDestroyQuarantine(t *testing.T) {
	dir, k := makeKeyring(t)
	later := now.Add(2 * day) // days of the 23rd to the 26th
	for at := now; !at.After(later); at = at.Add(day) {
		if err := k.Extend(at); err != nil {
			t.Fatal(err)
		}
	}
	d := k.current.Load().contents.Quarantine[0]
	if err := k.DestroyQuarantineBefore("2026-11-26", later); !errors.Is(err, ErrInUse) {
		t.Errorf("tomorrow: got %v, want ErrInUse", err)
	}
	if err := k.DestroyQuarantineBefore("yesterday", later); err == nil {
		t.Error("a day that is none was taken")
	}
	checkGone(t, dir, [][]byte{d.KEK, d.Keyset}, func() error { return k.DestroyQuarantineBefore("2026-11-25", later) })
	if err := k.DestroyQuarantineBefore("2026-11-24", later); err != nil {
		t.Errorf("again: %v", err)
	}
	for name, k := range map[string]*Keyring{"running": k, "opened anew": open(t, dir)} {
		for _, c := range []struct {
			day  string
			want error
		}{{"2026-11-22", ErrDestroyed}, {"2026-11-23", ErrDestroyed}, {"2026-11-24", ErrDestroyed}, {"2026-11-25", nil}, {"2026-11-26", nil}, {"2026-11-27", ErrNoKey}} {
			if _, err := k.QuarantineDay(c.day); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %v", name, c.day, err, c.want)
			}
		}
	}
}
