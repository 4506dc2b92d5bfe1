// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/tink-crypto/tink-go/v2/prf"
	"pgregory.net/rapid"
)

func TestCMACOfRFC4493(t *testing.T) {
	p, err := newCMAC(unhex(t, "2b7e151628aed2a6abf7158809cf4f3c"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(p.k1[:]), "fbeed618357133667c85e08f7236a8de"; got != want {
		t.Errorf("K1: got %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(p.k2[:]), "f7ddac306ae266ccf90bc11ee46d513b"; got != want {
		t.Errorf("K2: got %s, want %s", got, want)
	}
	message := unhex(t, "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51 30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710")
	for n, want := range map[int]string{
		0:  "bb1d6929e95937287fa37d129b756746",
		16: "070a16b46b4d4144f79bdd9dd04a287c",
		40: "dfa66747de9ae63030ca32611497c827",
		64: "51f0bebf7e3b9d92fc49741779363cfe",
	} {
		var got [16]byte
		p.Sum(&got, message[:n])
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%d bytes: got %x, want %s", n, got, want)
		}
	}
}

func TestCMACOfWycheproof(t *testing.T) {
	for _, v := range wycheproof(t, "aes_cmac_test.json") {
		p, err := newCMAC(v.Key)
		if err != nil {
			if v.Result != "invalid" {
				t.Errorf("%d: %v", v.ID, err)
			}
			continue
		}
		var got [16]byte
		p.Sum(&got, v.Msg)
		if same := bytes.Equal(got[:], v.Tag); same != (v.Result == "valid") {
			t.Errorf("%d (%s): got %x, want %x to be %s", v.ID, v.Comment, got, v.Tag, v.Result)
		}
	}
}

func TestPRFEqualsTink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := cmacKey(t, rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "key"))
		msg := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "message")
		ours, err := newPRF(k)
		if err != nil {
			rt.Fatal(err)
		}
		want, err := tinkPRF(t, k).ComputePRF(msg, 16)
		if err != nil {
			rt.Fatal(err)
		}
		var got [16]byte
		ours.Sum(&got, msg)
		if !bytes.Equal(got[:], want) {
			rt.Fatalf("got %x, want %x", got, want)
		}
	})
}

// secretOf gives the secret of an identifier of type acc.
func secretOf(k *Keyring, id string) Secret {
	p, rest := k.SecretPRF("platform", "acc")
	var s Secret
	p.Derive(&s, append(rest, id...))
	return s
}

func TestSecretEqualsTink(t *testing.T) {
	_, k := makeKeyring(t)
	c := k.current.Load().contents
	h, err := unwrap(c.Stateless.Keyset, k.kek.aead, wrapLabel(c.Tenant, RoleStateless, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		instance := rapid.StringN(0, 40, -1).Draw(t, "instance")
		typ := rapid.StringMatching("[a-z]{3}").Draw(t, "type")
		id := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "id")
		p, rest := k.SecretPRF(instance, typ)
		var got Secret
		p.Derive(&got, append(bytes.Clone(rest), id...))
		x := append(AppendLabel(nil, "subject", "example", instance, typ, "1"), id...)
		var want []byte
		for _, half := range []byte{1, 2} {
			b, err := set.ComputePrimaryPRF(append([]byte{half}, x...), 16)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, b...)
		}
		if !bytes.Equal(got[:], want) {
			t.Fatalf("got %x, want %x", got[:], want)
		}
	})
}

func TestTypeKeysEqualTink(t *testing.T) {
	_, k := makeKeyring(t)
	e := &k.current.Load().contents.recipient("analytics").Epochs[1]
	own, err := k.current.Load().contents.openOwnKEK(e.KEK, k.kek, "analytics", "2")
	if err != nil {
		t.Fatal(err)
	}
	h, err := unwrap(e.Domain, own.aead, wrapLabel("example", RoleDomain, "analytics", "2"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		t.Fatal(err)
	}
	d, err := k.EpochDomain("analytics", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"acc", "eml", "obj"} {
		typeKey, err := set.ComputePrimaryPRF(AppendLabel(nil, "type", "example", "analytics", "2", typ), 32)
		if err != nil {
			t.Fatal(err)
		}
		secret := bytes.Repeat([]byte{7}, 32)
		want, err := tinkPRF(t, cmacKey(t, typeKey)).ComputePRF(secret, 16)
		if err != nil {
			t.Fatal(err)
		}
		var got [16]byte
		d.TypePRF(typ).Sum(&got, secret)
		if !bytes.Equal(got[:], want) {
			t.Errorf("%s: got %x, want %x", typ, got, want)
		}
	}
}

func TestLabelsAreInjective(t *testing.T) {
	parts := rapid.SliceOfN(rapid.StringN(0, 200, -1), 3, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		x := AppendLabel(nil, "p", a...)
		y := AppendLabel(nil, "p", b...)
		same := a[0] == b[0] && a[1] == b[1] && a[2] == b[2]
		if got := bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x); got != same {
			t.Fatalf("%q and %q: one begins the other: %v", a, b, got)
		}
	})
	if got, want := string(AppendLabel(nil, "p", "ab", "", "c")), "nym1\x01p\x02ab\x00\x01c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkPRF32(b *testing.B) {
	p, err := newCMAC(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	out, msg := new([16]byte), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		p.Sum(out, msg)
	}
}

func BenchmarkTypePRF(b *testing.B) {
	types := []string{"acc", "hdl", "eml", "phn", "ipa", "dev", "cke", "obj"}
	_, k := makeKeyring(b)
	d := domainAt(b, k, "analytics", now)
	for _, t := range types {
		d.TypePRF(t)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, t := range types {
			if d.TypePRF(t) == nil {
				b.Fatal("want a PRF, got none")
			}
		}
	}
}

func BenchmarkDomainAt(b *testing.B) {
	_, k := makeKeyring(b)
	ms := now.UnixMilli()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.DomainAt("analytics", 0, ms, ms); err != nil {
			b.Fatal(err)
		}
	}
}
