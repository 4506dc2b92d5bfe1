// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// fixture copies a keyring of testdata to where its files can have their modes.
func fixture(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("testdata", name, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A keyring that the first release wrote opens, keeps its keys, and gets the roles it lacks.
func TestFirstKeyring(t *testing.T) {
	dir := fixture(t, "keyring-first")
	before := open(t, dir)
	if before.LookupPRF() != nil || before.StoreEpoch() != nil || before.ControlMAC() != nil || before.RevealPublic() != nil {
		t.Error("it has roles of later releases")
	}
	if _, err := before.Signer(RoleAudit); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	check := func(name string, k *Keyring) {
		d, err := k.EpochDomain("analytics", 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sample(d), "23d1d044a571e527d85457f22486b355"; got != want {
			t.Errorf("%s: pseudonym %s, want %s", name, got, want)
		}
		q, err := k.QuarantineDay("2026-11-23")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.Open(unhex(t, "012ae64caf97317d7481e0a04fd4415a24c916c0368ce3fb4913f7b5d0fabf853113bfbc505912"), []byte("place")); err != nil || string(got) != "record" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		p, rest := k.SecretPRF("mastodon", "acc")
		var s Secret
		p.Derive(&s, append(rest, "4711"...))
		if got, want := hex.EncodeToString(s[:]), "291a63fe7103989f21d121378b64f1146e6d2d0bde56473a2fa61f9c5e1912ad"; got != want {
			t.Errorf("%s: secret %s, want %s", name, got, want)
		}
	}
	check("as it was", before)
	if err := before.Extend(now); err != nil {
		t.Fatal(err)
	}
	after := open(t, dir)
	check("extended", after)
	for name, k := range map[string]*Keyring{"running": before, "opened anew": after} {
		if k.LookupPRF() == nil || k.StoreEpoch() == nil || k.ControlMAC() == nil {
			t.Errorf("%s: roles are missing", name)
		}
		for _, role := range []Role{RoleAudit, RoleCertificate} {
			if _, err := k.Signer(role); err != nil {
				t.Errorf("%s: %s: %v", name, role, err)
			}
		}
	}
	if after.RevealPublic() != nil {
		t.Error("a private key was made without being asked for")
	}
	if err := after.MakeReveal(RevealOptions{}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReveal(filepath.Join(dir, revealName), nil); err != nil || open(t, dir).RevealPublic() == nil {
		t.Errorf("the reveal key: %v", err)
	}
	raw := after.current.Load().raw
	if err := after.Extend(now); err != nil || !bytes.Equal(raw, after.current.Load().raw) {
		t.Errorf("a second Extend changed the keyring: %v", err)
	}
}

// A keyring with every role, tombstones included, gives what it gave when it was written.
func TestKeyringWithRoles(t *testing.T) {
	dir := fixture(t, "keyring-roles")
	k := open(t, dir)
	msg := []byte("message")
	for name, tag := range map[string]string{"first": "0133f64f01eaa33a2e4ea87c297a06a984e43dc8fc", "second": "015f964e14c0160afb3c26cff77abd9b17bccfbbee"} {
		if err := k.ControlMAC().Verify(unhex(t, tag), msg); err != nil {
			t.Errorf("%s tag: %v", name, err)
		}
	}
	if got, want := hex.EncodeToString(k.ControlMAC().Sum(nil, msg)), "015f964e14c0160afb3c26cff77abd9b17bccfbbee"; got != want {
		t.Errorf("tag: got %s, want %s", got, want)
	}
	keys := k.PublicKeys(RoleCertificate)
	if len(keys) != 2 || keys[0].ID != "0u5BSILbc7w7InQudyzT5MoUlz1iExEcnOnyMT19ArQ" || keys[0].Retired.IsZero() {
		t.Fatalf("got %+v", keys)
	}
	if !keys[0].Verify(msg, unhex(t, "8f03a4a4a727c17dc8241e301d73accda17bebb8f8f732b8be18f056d4b2f9f15ffe4fba3dfff30f848c3d61ae7ca7172e87d7644a33e582ff29659dc6288e07")) {
		t.Error("the certificate's signature does not stand")
	}
	if got, err := k.StoreEpoch().Open(nil, unhex(t, "01bffd31b26781c14404ceba7914c0a5a5c23df2b30c4ce0d9156c34297911c787d5e5e2f5c7f6"), []byte("place")); err != nil || string(got) != "secret" || k.StoreEpoch().Epoch() != 2 {
		t.Errorf("store epoch %d: got %q, %v", k.StoreEpoch().Epoch(), got, err)
	}
	if _, err := k.StoreKeyOf(1); !errors.Is(err, ErrDestroyed) {
		t.Errorf("store epoch 1: got %v, want ErrDestroyed", err)
	}
	r, err := OpenReveal(filepath.Join(dir, revealName), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Unwrap(unhex(t, "01210d11a613d9efbb6c447dfab399eb6b4d3a0c21a232e7facdf1e000f389d24f2011096fd5acf52c5320b236a4abdef77bd9641073f18d810a8c2686"), []byte("context")); err != nil || string(got) != "data key" {
		t.Errorf("reveal: got %q, %v", got, err)
	}
	var lookup [16]byte
	k.LookupPRF().Sum(&lookup, append(k.SubjectLabel("mastodon", "acc"), "4711"...))
	if got, want := hex.EncodeToString(lookup[:]), "747c74ab999650a487f50c35826b35b0"; got != want {
		t.Errorf("lookup: got %s, want %s", got, want)
	}
	if _, err := k.QuarantineDay("2026-11-23"); !errors.Is(err, ErrDestroyed) {
		t.Errorf("quarantine of a destroyed day: got %v, want ErrDestroyed", err)
	}
	q, err := k.QuarantineDay("2027-03-03")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := q.Open(unhex(t, "018d3c776ba7572a7773a3064701a9f23bc79d763f66c366dcc252b3e39f9f72f08593a12bc48b"), []byte("place")); err != nil || string(got) != "record" {
		t.Errorf("quarantine: got %q, %v", got, err)
	}
	if _, err := k.EpochDomain("analytics", 1); !errors.Is(err, ErrDestroyed) {
		t.Errorf("epoch 1: got %v, want ErrDestroyed", err)
	}
	d, err := k.EpochDomain("analytics", 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sample(d), "7273d87b9fb701863fcc05e018b2ead9"; got != want {
		t.Errorf("pseudonym: got %s, want %s", got, want)
	}
}

// A keyring that a KMS wraps opens with that KMS.
func TestKeyringOfAKMS(t *testing.T) {
	dir := fixture(t, "keyring-kms")
	fake, to := fakeVault(t)
	fake.aead = zeroKey(t)
	k, err := Open(dir, OpenOptions{Tenant: "example", KMS: KMS{URI: "vault:http://" + to + "/transit/keys/nymstream", Token: "token"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if got, want := sample(domainAt(t, k, "partner", now)), "68f3a1d6dff70860fe72152822c73a3a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
