// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of Tink's AES-GCM wire format: 0x01 ‖ key id ‖ nonce ‖ ciphertext ‖ tag.
const (
	NonceSize     = 12
	prefixSize    = 5
	tagSize       = 16
	tinkPrefix    = 0x01
	FieldOverhead = prefixSize + NonceSize + tagSize
)

var errSealed = errors.New("sealed value does not open: another key, another place, or changed")

// gcm is AES-256-GCM: the same bytes as Tink's, without its allocations. It is immutable and safe for concurrent use.
type gcm struct {
	prefix [prefixSize]byte
	aead   cipher.AEAD
}

func newGCM(id uint32, key []byte) (gcm, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return gcm{}, fmt.Errorf("AES-GCM key: %w", err)
	}
	g := gcm{prefix: tinkKeyPrefix(id)}
	if g.aead, err = cipher.NewGCM(block); err != nil {
		return gcm{}, fmt.Errorf("AES-GCM key: %w", err)
	}
	return g, nil
}

// tinkKeyPrefix is what stands before everything that a key with an id makes.
func tinkKeyPrefix(id uint32) (p [prefixSize]byte) {
	p[0] = tinkPrefix
	binary.BigEndian.PutUint32(p[1:], id)
	return p
}

// keyIDOf reads the id from a prefix.
func keyIDOf(made []byte) uint32 { return binary.BigEndian.Uint32(made[1:prefixSize]) }

// seal appends plaintext sealed under a nonce that is used once.
func (g *gcm) seal(dst []byte, nonce *[NonceSize]byte, plaintext, ad []byte) []byte {
	dst = append(dst, g.prefix[:]...)
	dst = append(dst, nonce[:]...)
	return g.aead.Seal(dst, nonce[:], plaintext, ad)
}

// open appends what seal sealed.
func (g *gcm) open(dst, sealed, ad []byte) ([]byte, error) {
	if len(sealed) < FieldOverhead || [prefixSize]byte(sealed) != g.prefix {
		return nil, errSealed
	}
	body := sealed[prefixSize:]
	plaintext, err := g.aead.Open(dst, body[:NonceSize], body[NonceSize:], ad)
	if err != nil {
		return nil, errSealed
	}
	return plaintext, nil
}
