// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyderivation"
	"github.com/tink-crypto/tink-go/v2/keyderivation/prfbasedkeyderivation"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

func TestHKDFOfWycheproof(t *testing.T) {
	for _, v := range wycheproof(t, "hkdf_sha256_test.json") {
		m, err := newMaster(hkdfKey(t, v.IKM, v.Salt))
		if err != nil {
			t.Fatal(err)
		}
		var got [32]byte
		m.derive(&got, v.Info)
		if !bytes.Equal(got[:], v.OKM[:32]) {
			t.Errorf("%d (%s): got %x, want %x", v.ID, v.Comment, got, v.OKM[:32])
		}
	}
}

func TestGCMOfWycheproof(t *testing.T) {
	for _, v := range wycheproof(t, "aes_gcm_test.json") {
		k, err := fieldKeyOf(1, v.Key)
		if err != nil {
			t.Fatal(err)
		}
		got := k.Seal(nil, (*[12]byte)(v.IV), v.Msg, v.AAD)
		want := append(append(append([]byte{1, 0, 0, 0, 1}, v.IV...), v.CT...), v.Tag...)
		if same := bytes.Equal(got, want); same != (v.Result == "valid") {
			t.Errorf("%d (%s): got %x, want %x to be %s", v.ID, v.Comment, got, want, v.Result)
		}
	}
}

func sealField(t testing.TB, d *Domain, salt, ad []byte) []byte {
	t.Helper()
	k, err := d.FieldKey(salt)
	if err != nil {
		t.Fatal(err)
	}
	return k.Seal(nil, &[12]byte{1, 2, 3}, []byte("value"), ad)
}

// What we derive from a field keyset is what Tink's keyset derivation gives, key ids included.
func TestFieldKeyEqualsTinkDerivation(t *testing.T) {
	_, k := makeKeyring(t)
	c := k.current.Load().contents
	e := &c.recipient("partner").Epochs[0]
	own, err := c.openOwnKEK(e.KEK, k.kek, "partner", "1")
	if err != nil {
		t.Fatal(err)
	}
	h, err := unwrap(e.Field, own.aead, wrapLabel("example", RoleField, "partner", "1"))
	if err != nil {
		t.Fatal(err)
	}
	primary, err := h.Primary()
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
	if err != nil {
		t.Fatal(err)
	}
	params, err := prfbasedkeyderivation.NewParameters(primary.Key().Parameters(), gcm)
	if err != nil {
		t.Fatal(err)
	}
	dk, err := prfbasedkeyderivation.NewKey(params, primary.Key(), primary.KeyID())
	if err != nil {
		t.Fatal(err)
	}
	deriver, err := keyderivation.New(handleOf(t, dk))
	if err != nil {
		t.Fatal(err)
	}
	salt, ad := []byte("a salt that stands for a subject"), []byte("place")
	derived, err := deriver.DeriveKeyset(salt)
	if err != nil {
		t.Fatal(err)
	}
	d := domainAt(t, k, "partner", now)
	data, err := d.FieldKeyset(salt)
	if err != nil {
		t.Fatal(err)
	}
	exported, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	sealed := sealField(t, d, salt, ad)
	for name, h := range map[string]*keyset.Handle{"derived": derived, "exported": exported} {
		a, err := aead.New(h)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Decrypt(sealed, ad); err != nil || string(got) != "value" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		theirs, err := a.Encrypt([]byte("theirs"), ad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.OpenField(salt, theirs, ad); err != nil || string(got) != "theirs" {
			t.Errorf("%s, the other way: got %q, %v", name, got, err)
		}
	}
}

func TestFieldSealsAreBound(t *testing.T) {
	_, k := makeKeyring(t)
	d := domainAt(t, k, "partner", now)
	salt, ad := []byte("salt"), []byte("place")
	sealed := sealField(t, d, salt, ad)
	if got, err := d.OpenField(salt, sealed, ad); err != nil || string(got) != "value" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := d.OpenField([]byte("tlas"), sealed, ad); err == nil {
		t.Error("opened with another subject's key")
	}
	if _, err := d.OpenField(salt, sealed, []byte("elsewhere")); err == nil {
		t.Error("opened in another place")
	}
	if _, err := domainAt(t, k, "analytics", now).OpenField(salt, sealed, ad); err == nil {
		t.Error("opened in another domain")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := d.OpenField(salt, bad, ad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
	for n := range len(sealed) {
		if _, err := d.OpenField(salt, sealed[:n], ad); err == nil {
			t.Errorf("opened when cut to %d bytes", n)
		}
	}
}
