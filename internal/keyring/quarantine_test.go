// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"testing"
)

func TestQuarantineKeys(t *testing.T) {
	_, k := makeKeyring(t)
	today, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	tomorrow, err := k.QuarantineAt(now.Add(day).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	if today.Day() != "2026-11-23" || tomorrow.Day() != "2026-11-24" {
		t.Errorf("got %s and %s", today.Day(), tomorrow.Day())
	}
	if _, err := k.QuarantineAt(now.Add(2 * day).UnixMilli()); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	if _, err := k.QuarantineDay("yesterday"); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	sealed, err := today.Seal([]byte("record"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := today.Open(sealed, []byte("place")); err != nil || string(got) != "record" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := today.Open(sealed, []byte("elsewhere")); err == nil {
		t.Error("opened in another place")
	}
	if _, err := tomorrow.Open(sealed, []byte("place")); err == nil {
		t.Error("opened with another day's key")
	}
}

// A keyring that runs goes on with the new key, and opens what the old one sealed.
func TestQuarantineRotationUnderARunningKeyring(t *testing.T) {
	dir, k := makeKeyring(t)
	old, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Seal([]byte("record"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Rotate(RoleQuarantine, now); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	fresh, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	again, err := fresh.Seal([]byte("record"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(again[:prefixSize], sealed[:prefixSize]) {
		t.Error("the old key is still used")
	}
	if got, err := fresh.Open(sealed, nil); err != nil || string(got) != "record" {
		t.Errorf("got %q, %v", got, err)
	}
}
