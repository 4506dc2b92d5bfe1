// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestParsePublicKeys(t *testing.T) {
	one := PublicKey{Key: unhex(t, "d75a9801 82b10ab7 d54bfed3 c964073a 0ee172f3 daa62325 af021a68 f707511a")}
	two := PublicKey{Key: unhex(t, "3d4017c3 e843895a 92b70aa7 4d1b7ebc 9c982ccf 2ec4968c c0cd55f1 2af4660c")}
	text := bytes.Join([][]byte{[]byte("audit kPrK, in use\n"), one.PEM(), []byte("\naudit, retired\n"), two.PEM()}, nil)
	all, err := ParsePublicKeys(text)
	if err != nil || len(all) != 2 || !all[0].Key.Equal(one.Key) || !all[1].Key.Equal(two.Key) || all[0].ID != thumbprint(one.Key) {
		t.Errorf("got %v, %v", all, err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":         {"", "no public key"},
		"of another kind": {string(one.PEM()) + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "block 2 is no Ed25519"},
		"private":         {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "block 1 is no public key"},
		"damaged":         {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der[1:]})), "block 1 is no Ed25519"},
	} {
		if _, err := ParsePublicKeys([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}
