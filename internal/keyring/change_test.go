// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRotateKEKChangesNoPseudonym(t *testing.T) {
	dir, k := makeKeyring(t)
	before := sample(domainAt(t, k, "partner", now))
	secret := secretOf(k, "4711")
	q, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := q.Seal([]byte("record"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, kekName))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	for name, k := range map[string]*Keyring{"running": k, "opened anew": again} {
		if got := sample(domainAt(t, k, "partner", now)); got != before {
			t.Errorf("%s: got %s, want %s", name, got, before)
		}
		if secretOf(k, "4711") != secret {
			t.Errorf("%s: the secret changed", name)
		}
		if q, err = k.QuarantineDay("2026-11-23"); err != nil {
			t.Fatal(err)
		}
		if got, err := q.Open(sealed, []byte("place")); err != nil || string(got) != "record" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, kekName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, OpenOptions{}); !errors.Is(err, ErrWrongKEK) {
		t.Errorf("old kek: got %v, want ErrWrongKEK", err)
	}
}

// A crash after any step of a rotation leaves a keyring that opens, and the next rotation cleans up.
func TestRotateKEKCrashes(t *testing.T) {
	dir, k := makeKeyring(t)
	want := sample(domainAt(t, k, "partner", now))
	keyringFile, kekFile := filepath.Join(dir, fileName), filepath.Join(dir, kekName)
	before, err := os.ReadFile(keyringFile)
	if err != nil {
		t.Fatal(err)
	}
	both, err := withNewPrimary(k.kek.handle, RoleKEK)
	if err != nil {
		t.Fatal(err)
	}
	between, err := kekOf(both)
	if err != nil {
		t.Fatal(err)
	}
	for name, contents := range map[string]func() []byte{
		"before the keyring is written": func() []byte { return before },
		"after the keyring is written": func() []byte {
			c, err := parseContents(before, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.rewrap(between, between), c.prove(between)); err != nil {
				t.Fatal(err)
			}
			data, err := c.encode()
			if err != nil {
				t.Fatal(err)
			}
			return data
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := k.file.write(between); err != nil {
				t.Fatal(err)
			}
			if err := writeFile(keyringFile, contents()); err != nil {
				t.Fatal(err)
			}
			crashed := open(t, dir)
			if got := sample(domainAt(t, crashed, "partner", now)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if err := crashed.RotateKEK(nil); err != nil {
				t.Fatal(err)
			}
			if got := sample(domainAt(t, open(t, dir), "partner", now)); got != want {
				t.Errorf("after the next rotation: got %s, want %s", got, want)
			}
			data, err := os.ReadFile(kekFile)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(data, []byte("keyData")); n != 1 {
				t.Errorf("got %d keys in the kek file, want 1", n)
			}
		})
	}
}

// Another process may rotate the KEK under a running one.
func TestRunningKeyringFollowsAForeignRotation(t *testing.T) {
	dir, k := makeKeyring(t)
	want := domainAt(t, k, "partner", now)
	if err := open(t, dir).RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	if err := k.AddRecipient(Recipient{Name: "third"}, now); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	if domainAt(t, k, "partner", now) != want {
		t.Error("the domain changed")
	}
}

func TestRotate(t *testing.T) {
	dir, k := makeKeyring(t)
	for _, role := range []Role{RoleStateless, RoleDomain, RoleSeal, RoleKEK} {
		if err := k.Rotate(role, now); !errors.Is(err, ErrRotation) {
			t.Errorf("%s: got %v, want ErrRotation", role, err)
		}
	}
	if err := k.Rotate("nonsense", now); err == nil {
		t.Error("an unknown role was rotated")
	}
	d := domainAt(t, k, "partner", now)
	q, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	salt, ad := []byte("salt"), []byte("place")
	field := sealField(t, d, salt, ad)
	det := d.SealDeterministic(nil, []byte("value"), ad)
	quarantined, err := q.Seal([]byte("value"), ad)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []Role{RoleField, RoleQuarantine} {
		if err := k.Rotate(role, now); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
	k = open(t, dir)
	after := domainAt(t, k, "partner", now)
	if sample(after) != sample(d) {
		t.Error("rotation changed a pseudonym")
	}
	if got, err := after.OpenField(salt, field, ad); err != nil || string(got) != "value" {
		t.Errorf("old seal: got %q, %v", got, err)
	}
	if got, err := after.OpenDeterministic(det, ad); err != nil || string(got) != "value" {
		t.Errorf("old deterministic seal: got %q, %v", got, err)
	}
	if q, err = k.QuarantineAt(now.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if got, err := q.Open(quarantined, ad); err != nil || string(got) != "value" {
		t.Errorf("old quarantine record: got %q, %v", got, err)
	}
	if bytes.Equal(sealField(t, after, salt, ad)[:5], field[:5]) {
		t.Error("seals still use the old key")
	}
	if !bytes.Equal(after.SealDeterministic(nil, []byte("value"), ad), det) {
		t.Error("rotation changed a deterministic seal in mid-epoch")
	}
	fresh, err := q.Seal([]byte("value"), ad)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(fresh[:5], quarantined[:5]) {
		t.Error("quarantine still uses the old key")
	}
}

func TestAddRecipient(t *testing.T) {
	dir, k := makeKeyring(t)
	want := sample(domainAt(t, k, "partner", now))
	if err := k.AddRecipient(Recipient{"third", 30 * day}, now); err != nil {
		t.Fatal(err)
	}
	if err := k.AddRecipient(Recipient{Name: "third"}, now); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	k = open(t, dir)
	domainAt(t, k, "third", now)
	domainAt(t, k, "third", now.Add(30*day+day))
	if got := sample(domainAt(t, k, "partner", now)); got != want {
		t.Errorf("another recipient changed: got %s, want %s", got, want)
	}
	if got := k.Recipients(); len(got) != 3 || got[2] != (Recipient{"third", 30 * day}) {
		t.Errorf("got %v", got)
	}
}
