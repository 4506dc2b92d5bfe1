// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/signature"
)

// single gives Tink's handle of a keyset that a tenant has one of.
func single(t *testing.T, k *Keyring, role Role) *keyset.Handle {
	t.Helper()
	c := k.current.Load().contents
	h, err := unwrap(*c.singles()[role], k.kek.aead, wrapLabel(c.Tenant, role, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLookupEqualsTink(t *testing.T) {
	dir, k := makeKeyring(t)
	set, err := prf.NewPRFSet(single(t, k, RoleLookup))
	if err != nil {
		t.Fatal(err)
	}
	name := append(k.SubjectLabel("mastodon", "acc"), "4711"...)
	if want := append(AppendLabel(nil, "subject", "example", "mastodon", "acc", "1"), "4711"...); !bytes.Equal(name, want) {
		t.Errorf("got name %q, want %q", name, want)
	}
	want, err := set.ComputePrimaryPRF(name, 16)
	if err != nil {
		t.Fatal(err)
	}
	for what, k := range map[string]*Keyring{"running": k, "opened anew": open(t, dir)} {
		var got [16]byte
		k.LookupPRF().Sum(&got, name)
		if !bytes.Equal(got[:], want) {
			t.Errorf("%s: got %x, want %x", what, got, want)
		}
	}
	secret := secretOf(k, "4711")
	if bytes.Contains(secret[:], want) {
		t.Error("lookup key and secret share a key")
	}
}

func TestMACEqualsTink(t *testing.T) {
	_, k := makeKeyring(t)
	tinks, err := mac.New(single(t, k, RoleControl))
	if err != nil {
		t.Fatal(err)
	}
	m := k.ControlMAC()
	for _, msg := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("0123456789abcdef"), 5)} {
		tag := m.Sum([]byte("before"), msg)[len("before"):]
		if len(tag) != TagSize {
			t.Errorf("got %d bytes, want %d", len(tag), TagSize)
		}
		if err := tinks.VerifyMAC(tag, msg); err != nil {
			t.Errorf("Tink: %v", err)
		}
		tag, err := tinks.ComputeMAC(msg)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(tag, msg); err != nil {
			t.Errorf("%d bytes: %v", len(msg), err)
		}
		if err := m.Verify(tag, append([]byte("y"), msg...)); !errors.Is(err, ErrMAC) {
			t.Errorf("another message: got %v, want ErrMAC", err)
		}
		for i := range tag {
			bad := bytes.Clone(tag)
			bad[i] ^= 1
			if err := m.Verify(bad, msg); !errors.Is(err, ErrMAC) {
				t.Errorf("byte %d changed: got %v, want ErrMAC", i, err)
			}
		}
		for _, bad := range [][]byte{nil, tag[:20], append(bytes.Clone(tag), 0)} {
			if err := m.Verify(bad, msg); !errors.Is(err, ErrMAC) {
				t.Errorf("%d bytes: got %v, want ErrMAC", len(bad), err)
			}
		}
	}
}

// A new control key is known to all before one uses it, and the old ones stay good for the ledger.
func TestControlRotation(t *testing.T) {
	dir, k := makeKeyring(t)
	msg := []byte("message")
	old := k.ControlMAC().Sum(nil, msg)
	if err := k.Rotate(RoleControl, now); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(RoleControl, now); err == nil {
		t.Error("a third key was made before the second served")
	}
	other := open(t, dir)
	if got := k.ControlMAC().Sum(nil, msg); !bytes.Equal(got, old) {
		t.Error("the new key is used at once")
	}
	if err := k.Extend(now.Add(Notice - time.Second)); err != nil || !bytes.Equal(k.ControlMAC().Sum(nil, msg), old) {
		t.Errorf("the new key is used too early: %v", err)
	}
	if err := k.Extend(now.Add(Notice)); err != nil {
		t.Fatal(err)
	}
	fresh := k.ControlMAC().Sum(nil, msg)
	if bytes.Equal(fresh[:prefixSize], old[:prefixSize]) {
		t.Error("the old key is still used")
	}
	for name, m := range map[string]*MAC{"running": k.ControlMAC(), "not reloaded": other.ControlMAC(), "opened anew": open(t, dir).ControlMAC()} {
		if err := errors.Join(m.Verify(old, msg), m.Verify(fresh, msg)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.Rotate(RoleControl, now.Add(Notice)); err != nil {
		t.Errorf("the next rotation: %v", err)
	}
}

func TestSigners(t *testing.T) {
	dir, k := makeKeyring(t)
	msg := []byte("certificate")
	for _, role := range []Role{RoleCertificate, RoleAudit} {
		s, err := k.Signer(role)
		if err != nil {
			t.Fatal(err)
		}
		sig := s.Sign(msg)
		if len(sig) != 64 || !s.Public().Verify(msg, sig) || s.Public().Verify([]byte("forged"), sig) {
			t.Errorf("%s: the signature does not stand for its message", role)
		}
		public, err := single(t, k, role).Public()
		if err != nil {
			t.Fatal(err)
		}
		v, err := signature.NewVerifier(public)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(sig, msg); err != nil {
			t.Errorf("%s: Tink: %v", role, err)
		}
		if err := k.Rotate(role, now.Add(day)); err != nil {
			t.Fatal(err)
		}
		for what, k := range map[string]*Keyring{"running": k, "opened anew": open(t, dir)} {
			all := k.PublicKeys(role)
			if len(all) != 2 || !all[0].Verify(msg, sig) || all[1].Verify(msg, sig) || all[0].ID != s.Public().ID {
				t.Fatalf("%s, %s: got %+v", role, what, all)
			}
			if !all[0].Retired.Equal(now.Add(day)) || !all[1].Retired.IsZero() || !all[1].Created.Equal(now.Add(day)) || !all[0].Created.Equal(now) {
				t.Errorf("%s, %s: got dates %+v", role, what, all)
			}
			fresh, err := k.Signer(role)
			if err != nil {
				t.Fatal(err)
			}
			if fresh.Public().ID != all[1].ID || !all[1].Verify(msg, fresh.Sign(msg)) {
				t.Errorf("%s, %s: the new key does not sign", role, what)
			}
		}
	}
	if _, err := k.Signer(RoleControl); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	if got := k.PublicKeys(RoleControl); got != nil {
		t.Errorf("got %v for a role that does not sign", got)
	}
	c, _ := k.Signer(RoleCertificate)
	a, _ := k.Signer(RoleAudit)
	if c.Public().ID == a.Public().ID {
		t.Error("two roles share a key")
	}
}

// The example of RFC 8037, appendix A: key, JWK and thumbprint.
func TestPublicKeyForms(t *testing.T) {
	const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	key := unhex(t, "d75a9801 82b10ab7 d54bfed3 c964073a 0ee172f3 daa62325 af021a68 f707511a")
	p := PublicKey{ID: thumbprint(key), Key: key}
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; p.ID != want {
		t.Errorf("thumbprint: got %s, want %s", p.ID, want)
	}
	var jwk map[string]string
	if err := json.Unmarshal(p.JWK(), &jwk); err != nil || jwk["x"] != x || jwk["kty"] != "OKP" || jwk["crv"] != "Ed25519" || jwk["kid"] != p.ID {
		t.Errorf("JWK: got %s, %v", p.JWK(), err)
	}
	block, rest := pem.Decode(p.PEM())
	if block == nil || len(rest) != 0 {
		t.Fatalf("PEM: got %s", p.PEM())
	}
	got, err := x509.ParsePKIXPublicKey(block.Bytes)
	if public, ok := got.(ed25519.PublicKey); err != nil || !ok || !p.Key.Equal(public) {
		t.Errorf("PEM: got %v, %v", got, err)
	}
}

func TestReveal(t *testing.T) {
	dir, k := makeKeyring(t)
	key, context := []byte("0123456789abcdef0123456789abcdef"), []byte("data key 1")
	wrapped, err := k.RevealPublic().Wrap(key, context)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, revealName)
	r, err := OpenReveal(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Unwrap(wrapped, context); err != nil || !bytes.Equal(got, key) {
		t.Errorf("got %x, %v", got, err)
	}
	if _, err := r.Unwrap(wrapped, []byte("data key 2")); err == nil {
		t.Error("unwrapped in another context")
	}
	if _, err := r.Unwrap(wrapped[:len(wrapped)-1], context); err == nil {
		t.Error("unwrapped what was cut")
	}

	elsewhere := filepath.Join(t.TempDir(), "r.json")
	for from, to := range map[string]string{path: elsewhere, filepath.Join(dir, "reveal.kek"): strings.TrimSuffix(elsewhere, ".json") + ".kek"} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	k = open(t, dir) // needs no private key
	if wrapped, err = k.RevealPublic().Wrap(key, context); err != nil {
		t.Fatal(err)
	}
	if err := k.RotateReveal(RevealOptions{}, now); !errors.Is(err, ErrMissing) {
		t.Errorf("rotation without the private key: got %v, want ErrMissing", err)
	}
	if err := k.RotateReveal(RevealOptions{File: elsewhere}, now); err != nil {
		t.Fatal(err)
	}
	again, err := k.RevealPublic().Wrap(key, context)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(again[:prefixSize], wrapped[:prefixSize]) {
		t.Error("the old reveal key is still used")
	}
	if _, err := r.Unwrap(again, context); err == nil {
		t.Error("the old reveal key unwraps what the new one wrapped")
	}
	if r, err = OpenReveal(elsewhere, nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range [][]byte{wrapped, again} {
		if got, err := r.Unwrap(w, context); err != nil || !bytes.Equal(got, key) {
			t.Errorf("got %x, %v", got, err)
		}
	}
	if err := k.MakeReveal(RevealOptions{File: elsewhere}, now); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
}

// Nothing that the keyring and its KEK hold is the private reveal key.
func TestRevealKeyIsNotInTheKeyring(t *testing.T) {
	dir, k := makeKeyring(t)
	_, h, err := readReveal(RevealOptions{File: filepath.Join(dir, revealName)})
	if err != nil {
		t.Fatal(err)
	}
	private := insecurecleartextkeyset.KeysetMaterial(h).GetKey()[0].GetKeyData().GetValue()
	public := k.current.Load().contents.Reveal.Public
	found := false
	for i := 0; i+32 <= len(private); i++ { // whichever 32 bytes of the key are the private half
		key, err := ecdh.X25519().NewPrivateKey(private[i : i+32])
		if err != nil || !bytes.Contains(public, key.PublicKey().Bytes()) {
			continue
		}
		found = true
		for _, name := range []string{fileName, kekName} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, private[i:i+32]) || bytes.Contains(data, base64Of(private[i : i+32])[:40]) || bytes.Contains(public, private[i:i+32]) {
				t.Errorf("%s has the private key", name)
			}
		}
	}
	if !found {
		t.Error("the two halves do not belong together")
	}
	c := k.current.Load().contents
	ks, err := keyset.NewBinaryReader(bytes.NewReader(public)).Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range ks.GetKey() {
		if got := key.GetKeyData().GetKeyMaterialType().String(); got != "ASYMMETRIC_PUBLIC" {
			t.Errorf("the keyring has %s", got)
		}
	}
	f, err := os.ReadFile(filepath.Join(dir, revealName))
	if err != nil {
		t.Fatal(err)
	}
	var file revealFile
	if err := json.Unmarshal(f, &file); err != nil {
		t.Fatal(err)
	}
	if _, err := unwrap(file.Keyset, k.kek.aead, wrapLabel(c.Tenant, RoleReveal, "", "")); err == nil {
		t.Error("the keyring's KEK opens the private reveal key")
	}
}

func TestRevealPassphraseAndRefusals(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "officer.json")
	pass := []byte("correct horse")
	o := RevealOptions{File: path, Passphrase: pass, scryptWork: 10}
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, Reveal: o}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReveal(path, pass); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		path  string
		pass  []byte
		spoil func()
		want  error
	}{
		"no passphrase":    {path, nil, nil, ErrPassphrase},
		"wrong passphrase": {path, []byte("wrong"), nil, ErrPassphrase},
		"no file":          {path + "x", pass, nil, ErrMissing},
		"the keyring":      {filepath.Join(dir, fileName), nil, nil, ErrMissing},
	} {
		if _, err := OpenReveal(c.path, c.pass); !errors.Is(err, c.want) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	edit(t, path, replace(`"format": 1`, `"format": 2`))
	if _, err := OpenReveal(path, pass); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
	edit(t, path, replace(`"format": 2`, `"format": 1`))
	edit(t, path, replace(`"example"`, `"another"`))
	if _, err := OpenReveal(path, pass); !errors.Is(err, ErrWrongKEK) {
		t.Errorf("another tenant: got %v, want ErrWrongKEK", err)
	}
}

// A crash between the reveal key and the keyring leaves a key that the next Init takes.
func TestInitAfterACrashTakesTheRevealKey(t *testing.T) {
	dir, k := makeKeyring(t)
	want := k.current.Load().contents.Reveal.Public
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	if err := Init(dir, InitOptions{Tenant: "example", Now: now}); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).current.Load().contents.Reveal.Public; !bytes.Equal(got, want) {
		t.Error("the reveal key is another")
	}
	if err := Init(t.TempDir(), InitOptions{Tenant: "other", Now: now, Reveal: RevealOptions{File: filepath.Join(dir, revealName)}}); !errors.Is(err, ErrTenant) {
		t.Errorf("another tenant's reveal key: got %v, want ErrTenant", err)
	}
}
