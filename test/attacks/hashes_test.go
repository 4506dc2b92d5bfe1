// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"testing"
)

// obviousKeys are those that somebody without the keyring tries: 32 bytes each.
func obviousKeys() map[string][]byte {
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i)
	}
	tenant := sha256.Sum256([]byte("test"))
	return map[string][]byte{"zeros": make([]byte, 32), "ones": bytes.Repeat([]byte{0xff}, 32), "a counter": counting, "the tenant's hash": tenant[:]}
}

func hmacOf(key, msg []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(msg)
	return m.Sum(nil)
}

// cmacOf is AES-CMAC (RFC 4493), written here so that it needs nothing of the product.
func cmacOf(key, msg []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	double := func(in []byte) []byte {
		out, carry := make([]byte, 16), byte(0)
		for i := 15; i >= 0; i-- {
			out[i], carry = in[i]<<1|carry, in[i]>>7
		}
		out[15] ^= carry * 0x87
		return out
	}
	sub := make([]byte, 16)
	block.Encrypt(sub, sub)
	sub = double(sub)
	whole := len(msg) > 0 && len(msg)%16 == 0
	padded := bytes.Clone(msg)
	if !whole {
		sub = double(sub)
		padded = append(padded, 0x80)
		for len(padded)%16 != 0 {
			padded = append(padded, 0)
		}
	}
	last := padded[len(padded)-16:]
	subtle.XORBytes(last, last, sub)
	sum := make([]byte, 16)
	for ; len(padded) > 0; padded = padded[16:] {
		subtle.XORBytes(sum, sum, padded[:16])
		block.Encrypt(sum, sum)
	}
	return sum
}

// The vectors of RFC 4493, section 4: without them a wrong CMAC would match nothing either.
func TestCMACOfTheAttacker(t *testing.T) {
	unhex := func(text string) []byte {
		b, err := hex.DecodeString(text)
		must(t, err)
		return b
	}
	key := unhex("2b7e151628aed2a6abf7158809cf4f3c")
	msg := unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
	for length, want := range map[int]string{
		0: "bb1d6929e95937287fa37d129b756746", 16: "070a16b46b4d4144f79bdd9dd04a287c", 40: "dfa66747de9ae63030ca32611497c827",
	} {
		if got := cmacOf(key, msg[:length]); hex.EncodeToString(got) != want {
			t.Errorf("%d bytes: %x, want %s", length, got, want)
		}
	}
}
