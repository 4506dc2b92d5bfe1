// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/prf/aescmacprf"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
	"github.com/tink-crypto/tink-go/v2/secretdata"
)

// hexBytes reads hexadecimal, also in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type vector struct {
	ID      int `json:"tcId"`
	Comment string
	Key     hexBytes
	IV      hexBytes
	AAD     hexBytes
	Msg     hexBytes
	CT      hexBytes
	Tag     hexBytes
	IKM     hexBytes
	Salt    hexBytes
	Info    hexBytes
	OKM     hexBytes
	Result  string
}

// wycheproof reads the vectors of one file.
func wycheproof(t *testing.T, name string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct{ Tests []vector }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, g := range file.TestGroups {
		all = append(all, g.Tests...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

func secretBytes(b []byte) secretdata.Bytes {
	return secretdata.NewBytesFromData(b, insecuresecretdataaccess.Token{})
}

// handleOf makes a keyset of one key.
func handleOf(t testing.TB, k key.Key) *keyset.Handle {
	t.Helper()
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tinkPRF(t testing.TB, k key.Key) prf.PRF {
	t.Helper()
	set, err := prf.NewPRFSet(handleOf(t, k))
	if err != nil {
		t.Fatal(err)
	}
	return set.PRFs[set.PrimaryID]
}

func cmacKey(t testing.TB, b []byte) *aescmacprf.Key {
	t.Helper()
	k, err := aescmacprf.NewKey(secretBytes(b))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func hkdfKey(t testing.TB, b, salt []byte) *hkdfprf.Key {
	t.Helper()
	params, err := hkdfprf.NewParameters(len(b), hkdfprf.SHA256, salt)
	if err != nil {
		t.Fatal(err)
	}
	k, err := hkdfprf.NewKey(secretBytes(b), params)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
