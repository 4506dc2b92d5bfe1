// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/daead/aessiv"
	"pgregory.net/rapid"
)

func TestSIVOfRFC5297(t *testing.T) {
	s, err := newRawSIV(unhex(t, "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ad := unhex(t, "10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627")
	got := s.seal(nil, unhex(t, "11223344 55667788 99aabbcc ddee"), ad)
	if want := unhex(t, "85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestSIVOfWycheproof(t *testing.T) {
	for _, v := range wycheproof(t, "aes_siv_cmac_test.json") {
		s, err := newRawSIV(v.Key, []byte("prefix"))
		if err != nil {
			t.Fatal(err)
		}
		got := s.seal([]byte("before"), v.Msg, v.AAD)
		if same := bytes.Equal(got, append([]byte("beforeprefix"), v.CT...)); same != (v.Result == "valid") {
			t.Errorf("%d (%s): got %x, want %x to be %s", v.ID, v.Comment, got[12:], v.CT, v.Result)
		}
	}
}

func TestSIVEqualsTink(t *testing.T) {
	params, err := aessiv.NewParameters(64, aessiv.VariantTink)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		k, err := aessiv.NewKey(secretBytes(rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(rt, "key")), rapid.Uint32Min(1).Draw(rt, "id"), params)
		if err != nil {
			rt.Fatal(err)
		}
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "plaintext")
		ad := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(rt, "ad")
		tink, err := daead.New(handleOf(t, k))
		if err != nil {
			rt.Fatal(err)
		}
		want, err := tink.EncryptDeterministically(plaintext, ad)
		if err != nil {
			rt.Fatal(err)
		}
		s, err := newSIV(k)
		if err != nil {
			rt.Fatal(err)
		}
		if got := s.seal(nil, plaintext, ad); !bytes.Equal(got, want) {
			rt.Fatalf("got %x, want %x", got, want)
		}
	})
}

// The low half of AES-CTR's counter may overflow into the high half.
func TestSIVCounterCarries(t *testing.T) {
	s, err := newRawSIV(bytes.Repeat([]byte{1}, 64), nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &sivState{v: [16]byte{7: 1, 8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}}
	body := make([]byte, 48)
	s.crypt(st, body)
	want := [16]byte{7: 1, 8: 0x7f, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0x80, 13: 0, 14: 0, 15: 2}
	if st.counter != want {
		t.Errorf("got %x, want %x", st.counter, want)
	}
}
