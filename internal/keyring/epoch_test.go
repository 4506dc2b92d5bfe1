// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestExtend(t *testing.T) {
	dir, k := makeKeyring(t)
	file := filepath.Join(dir, fileName)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Extend(now); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("nothing was due, but the file changed: %v", err)
	}
	at := now
	for range 200 { // nearly a year and a half, visited every three days: never without a key
		at = at.Add(3 * day)
		if err := k.Extend(at); err != nil {
			t.Fatal(err)
		}
		domainAt(t, k, "analytics", at)
		domainAt(t, k, "analytics", at.Add(Lead))
		for _, ms := range []int64{at.UnixMilli(), at.Add(day).UnixMilli()} {
			if _, err := k.QuarantineAt(ms); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
		}
	}
	epochs := k.current.Load().contents.recipient("analytics").Epochs
	if got, want := len(epochs), 8; got != want { // 600 days / 90, the coming one included
		t.Errorf("got %d epochs, want %d", got, want)
	}
	for i, e := range epochs[1:] {
		if !e.From.Equal(epochs[i].To) || e.Number != i+2 {
			t.Errorf("epoch %d begins at %s, after an end at %s", e.Number, e.From, epochs[i].To)
		}
		if ahead := e.From.Sub(e.Created); ahead < day {
			t.Errorf("epoch %d was made only %s ahead", e.Number, ahead)
		}
	}
}

func TestInitMakesManyShortEpochs(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, Recipients: []Recipient{{"fast", time.Hour}}}); err != nil {
		t.Fatal(err)
	}
	k := open(t, dir)
	for at := now; at.Before(now.Add(Lead)); at = at.Add(10 * time.Minute) {
		domainAt(t, k, "fast", at)
	}
}

func TestNewEpoch(t *testing.T) {
	dir, k := makeKeyring(t)
	at := now.Add(time.Hour)
	for _, r := range []string{"analytics", "partner"} {
		before := sample(domainAt(t, k, r, now))
		planned, _ := k.EpochDomain(r, 2)
		if err := k.NewEpoch(r, at, now); err != nil {
			t.Fatal(err)
		}
		k = open(t, dir)
		if got := sample(domainAt(t, k, r, at.Add(-time.Millisecond))); got != before {
			t.Errorf("%s: the running epoch changed", r)
		}
		next := domainAt(t, k, r, at)
		if next.Epoch() != 2 || sample(next) == before {
			t.Errorf("%s: got epoch %d, want another, 2", r, next.Epoch())
		}
		if planned != nil && sample(planned) != sample(next) {
			t.Errorf("%s: the planned epoch's keys were not used", r)
		}
		if _, err := k.DomainAt(r, time.Minute, now.UnixMilli(), at.Add(time.Hour).UnixMilli()); !errors.Is(err, ErrEpochEnded) {
			t.Errorf("%s: got %v, want ErrEpochEnded", r, err)
		}
		if err := k.NewEpoch(r, at, now); err == nil {
			t.Errorf("%s: the same epoch began twice", r)
		}
		for _, early := range []time.Time{now.Add(-time.Second), now, now.Add(Notice - time.Second)} {
			if err := k.NewEpoch(r, early, now); err == nil {
				t.Errorf("%s: an epoch began %s after it was ordered", r, early.Sub(now))
			}
		}
		if err := k.NewEpoch(r, now.Add(Notice), now); err != nil {
			t.Errorf("%s: an epoch in due time: %v", r, err)
		}
	}
	if err := k.NewEpoch("nobody", at, now); err == nil {
		t.Error("an unknown recipient got an epoch")
	}
	domainAt(t, k, "analytics", at.Add(90*day)) // the one after is planned again
	domainAt(t, k, "partner", at.AddDate(10, 0, 0))
}

// Whatever is asked of a schedule, it has no gap, numbers count up by one, and past epochs stay as they were.
func TestScheduleProperties(t *testing.T) {
	kek, err := newKEK()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := &contents{Format: formatVersion, Tenant: "example"}
		renew := rapid.SampledFrom([]time.Duration{0, 26 * time.Hour, 5 * day, 90 * day}).Draw(t, "renew")
		at := now
		if err := c.addRecipient(Recipient{"r", renew}, kek, at); err != nil {
			t.Fatal(err)
		}
		r := c.recipient("r")
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.Int64Range(int64(time.Minute), int64(4*day)).Draw(t, "wait")))
			past := epochsBefore(r, at)
			if rapid.Bool().Draw(t, "begin") {
				begin := at.Add(time.Duration(rapid.Int64Range(0, int64(3*day)).Draw(t, "ahead")))
				if err := c.beginEpoch(r, stamp(begin), kek, at); err != nil {
					t.Skip(err)
				}
			} else if err := c.extendRecipient(r, kek, at); err != nil {
				t.Fatal(err)
			}
			checkSchedule(t, r, at)
			for i, e := range past {
				if got := r.Epochs[i]; got.Number != e.Number || !got.From.Equal(e.From) || !bytes.Equal(got.Domain, e.Domain) {
					t.Fatalf("epoch %d of the past changed", e.Number)
				}
			}
		}
	})
}

func epochsBefore(r *recipientEntry, at time.Time) []epochEntry {
	var past []epochEntry
	for _, e := range r.Epochs {
		if !e.From.After(at) {
			past = append(past, e)
		}
	}
	return past
}

func checkSchedule(t *rapid.T, r *recipientEntry, at time.Time) {
	for i, e := range r.Epochs {
		if e.Number != i+1 {
			t.Fatalf("epoch %d stands at %d", e.Number, i+1)
		}
		if i > 0 && (!e.From.Equal(r.Epochs[i-1].To) || e.From.IsZero()) {
			t.Fatalf("epoch %d begins at %s, the last ended at %s", e.Number, e.From, r.Epochs[i-1].To)
		}
		if !e.To.IsZero() && !e.To.After(e.From) {
			t.Fatalf("epoch %d ends before it begins", e.Number)
		}
	}
	if last := r.Epochs[len(r.Epochs)-1]; !last.To.IsZero() && !last.From.After(at.Add(Lead)) {
		t.Fatalf("no epoch begins after %s", at.Add(Lead))
	}
}

func TestSetRenew(t *testing.T) {
	dir, k := makeKeyring(t)
	if err := k.SetRenew("partner", 30*day, now); err != nil {
		t.Fatal(err)
	}
	if err := k.SetRenew("analytics", 0, now); err != nil {
		t.Fatal(err)
	}
	if err := k.SetRenew("partner", time.Minute, now); err == nil {
		t.Error("too short a renewal was taken")
	}
	k = open(t, dir)
	if got := domainAt(t, k, "partner", now.Add(31*day)).Epoch(); got != 2 {
		t.Errorf("partner: got epoch %d, want 2", got)
	}
	if got := domainAt(t, k, "analytics", now.AddDate(30, 0, 0)).Epoch(); got != 2 { // planned already, now endless
		t.Errorf("analytics: got epoch %d, want 2", got)
	}
}

// Nobody extended the keyring for long: with another renew its last epoch would have ended already.
func TestSetRenewNeverEndsInThePast(t *testing.T) {
	_, k := makeKeyring(t)
	epochs := k.current.Load().contents.recipient("analytics").Epochs
	late := epochs[len(epochs)-1].From.Add(10 * day)
	if err := k.SetRenew("analytics", day, late); err == nil {
		t.Error("an end was put in the past")
	}
	if err := k.Extend(late); err != nil {
		t.Fatal(err)
	}
	want := sample(domainAt(t, k, "analytics", late))
	if err := k.SetRenew("analytics", day, late); err != nil {
		t.Fatal(err)
	}
	if got := sample(domainAt(t, k, "analytics", late)); got != want {
		t.Errorf("the running epoch changed: got %s, want %s", got, want)
	}
}
