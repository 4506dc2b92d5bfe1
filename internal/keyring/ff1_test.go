// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFF1OfWycheproof takes every published vector of the alphabets that the product uses, both ways.
func TestFF1OfWycheproof(t *testing.T) {
	for _, name := range []string{"aes_ff1_base10_test.json", "aes_ff1_base36_test.json", "aes_ff1_base62_test.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			TestGroups []struct {
				Alphabet string
				Tests    []struct {
					TcID                int `json:"tcId"`
					Key, Tweak, Msg, Ct string
				}
			}
		}
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, g := range file.TestGroups {
			for _, v := range g.Tests {
				count++
				f, err := newFF1(fromHex(t, v.Key), len(g.Alphabet), fromHex(t, v.Tweak))
				if err != nil {
					t.Fatal(err)
				}
				x, want := numeralsOf(t, g.Alphabet, v.Msg), numeralsOf(t, g.Alphabet, v.Ct)
				if f.Encrypt(x); !bytes.Equal(x, want) {
					t.Errorf("%s, test %d: encrypted to %v, want %v", name, v.TcID, x, want)
				}
				if f.Decrypt(x); !bytes.Equal(x, numeralsOf(t, g.Alphabet, v.Msg)) {
					t.Errorf("%s, test %d: does not come back", name, v.TcID)
				}
			}
		}
		if count < 500 {
			t.Errorf("%s: only %d vectors", name, count)
		}
	}
}

// TestFF1SamplesOfNIST takes the samples of NIST for AES-256 (FF1samples.pdf, 7 to 9).
func TestFF1SamplesOfNIST(t *testing.T) {
	const key = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94"
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	for _, v := range []struct {
		radix          int
		tweak, in, out string
	}{
		{10, "", "0123456789", "6657667009"},
		{10, "39383736353433323130", "0123456789", "1001623463"},
		{36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	} {
		f, err := newFF1(fromHex(t, key), v.radix, fromHex(t, v.tweak))
		if err != nil {
			t.Fatal(err)
		}
		x := numeralsOf(t, alphabet, v.in)
		if f.Encrypt(x); !bytes.Equal(x, numeralsOf(t, alphabet, v.out)) {
			t.Errorf("%s with tweak %s: got %v, want %s", v.in, v.tweak, x, v.out)
		}
	}
}

func TestFF1Limits(t *testing.T) {
	f, err := newFF1(make([]byte, 32), 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]bool{0: false, 1: false, 5: false, 6: true, 19: true, LongestFF1: true, LongestFF1 + 1: false} {
		if f.Fits(n) != want {
			t.Errorf("%d digits: want %v", n, want)
		}
	}
	long := make([]byte, LongestFF1)
	f.Encrypt(long)
	if f.Decrypt(long); !bytes.Equal(long, make([]byte, LongestFF1)) {
		t.Error("the longest text does not come back")
	}
	for _, radix := range []int{0, 1, 257} {
		if _, err := newFF1(make([]byte, 32), radix, nil); err == nil {
			t.Errorf("radix %d was taken", radix)
		}
	}
}

func TestFF1HasAValueSpaceForEachClassAndDomain(t *testing.T) {
	seen := map[string]string{}
	k, err := Ephemeral("example", []string{"analytics", "partner"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, recipient := range []string{"analytics", "partner"} {
		d := domainAt(t, k, recipient, now)
		for _, class := range []string{"phone", "account"} {
			f := d.FF1(class, 10)
			if f != d.FF1(class, 10) {
				t.Error("it is derived anew")
			}
			x := []byte{4, 9, 1, 5, 1, 1, 2, 3, 4, 5, 6, 7}
			f.Encrypt(x)
			if before := seen[string(x)]; before != "" {
				t.Errorf("%s of %s is encrypted as %s is", class, recipient, before)
			}
			seen[string(x)] = class + " of " + recipient
		}
	}
}

func numeralsOf(t *testing.T, alphabet, text string) []byte {
	t.Helper()
	out := make([]byte, len(text))
	for i := range text {
		n := strings.IndexByte(alphabet, text[i])
		if n < 0 {
			t.Fatalf("%q is not of the alphabet", text[i])
		}
		out[i] = byte(n)
	}
	return out
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
