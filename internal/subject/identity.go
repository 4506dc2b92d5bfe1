// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

const (
	dataKeyLife   = time.Hour
	dataKeyFormat = 1
	nonceSize     = 12
	identityBlock = 16 // identities are padded to a multiple of it, bytes
)

// Identity is who a person is: clear. Only re-identification opens it.
type Identity struct {
	Instance, Type string
	Canonical      []byte
}

// Format hides the identity, whatever the verb.
func (Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[clear]") }

// dataKeyNumber is random, so that processes need not agree on it.
type dataKeyNumber [8]byte

func (n dataKeyNumber) key() (k Key) {
	copy(k[:], n[:])
	return k
}

// dataKey seals identities: AES-256-GCM. The process that made it forgets it within dataKeyLife; what is left of it is a row
// of space DataKeys, HPKE-wrapped to the reveal public key. At 100,000 people a second an hour stays below the 2^32 random
// nonces that NIST SP 800-38D (8.3) allows a key.
type dataKey struct {
	number dataKeyNumber
	aead   cipher.AEAD
	until  time.Time
}

// dataKeys lends the data key of the moment.
type dataKeys struct {
	mu      sync.Mutex
	current *dataKey
}

// lend gives a data key whose wrapped form lies in the store durably.
func (d *dataKeys) lend(ctx context.Context, store Store, to *keyring.RevealWrapper, now time.Time) (*dataKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil && now.Before(d.current.until) && !now.Add(dataKeyLife).Before(d.current.until) {
		return d.current, nil
	}
	d.current = nil
	k, err := newDataKey(ctx, store, to, now)
	if err != nil {
		return nil, fmt.Errorf("data key of identities: %w", err)
	}
	d.current = k
	return k, nil
}

func newDataKey(ctx context.Context, store Store, to *keyring.RevealWrapper, now time.Time) (*dataKey, error) {
	var secret [32]byte
	defer clear(secret[:])
	k := &dataKey{until: now.Add(dataKeyLife)}
	fill(k.number[:])
	fill(secret[:])
	var err error
	if k.aead, err = identityAEAD(secret[:]); err != nil {
		return nil, err
	}
	wrapped, err := to.Wrap(secret[:], DataKeyContext(k.number.key()))
	if err != nil {
		return nil, err
	}
	body := binary.AppendVarint([]byte{dataKeyFormat}, now.UnixMilli())
	rows := []Row{{Key: k.number.key(), Body: append(body, wrapped...)}}
	lost, err := store.Swap(ctx, DataKeys, rows)
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("its number is taken: %w", event.ErrTransient)
	}
	return k, err
}

// DataKeyContext is what the wrapping of the data key in a row of space DataKeys is bound to.
func DataKeyContext(row Key) []byte {
	return keyring.AppendLabel(nil, "identity data key", string(row[:]))
}

// ParseDataKey gives a row of space DataKeys: when the key was made, in milliseconds since the Unix epoch, and its wrapped form.
func ParseDataKey(body []byte) (made int64, wrapped []byte, err error) {
	if len(body) == 0 || body[0] != dataKeyFormat {
		return 0, nil, ErrFormat
	}
	made, n := binary.Varint(body[1:])
	if n <= 0 {
		return 0, nil, ErrDamaged
	}
	return made, body[1+n:], nil
}

func identityAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends nonce ‖ ciphertext ‖ tag of who a person is. scratch is overwritten.
func (k *dataKey) seal(dst, scratch []byte, n *Newcomer, ad []byte) (sealed, used []byte) {
	plain := keyring.AppendLabelPart(scratch[:0], n.Instance)
	plain = keyring.AppendLabelPart(plain, n.Type)
	plain = append(append(plain, n.Canonical...), 0x80)
	for len(plain)%identityBlock != 0 {
		plain = append(plain, 0)
	}
	var nonce [nonceSize]byte
	fill(nonce[:])
	dst = append(dst, nonce[:]...)
	return k.aead.Seal(dst, nonce[:], plain, ad), plain
}

// OpenIdentity opens the sealed identity of a row with its unwrapped data key.
func OpenIdentity(dataKey []byte, key Key, generation uint32, sealed []byte) (Identity, error) {
	aead, err := identityAEAD(dataKey)
	if err != nil {
		return Identity{}, fmt.Errorf("data key of identities: %w", err)
	}
	if len(sealed) < nonceSize {
		return Identity{}, ErrDamaged
	}
	ad := appendPlace(nil, key, generation)
	plain, err := aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], ad)
	if err != nil {
		return Identity{}, fmt.Errorf("identity does not open: another data key, another row, or changed: %w", ErrDamaged)
	}
	r := reader{left: plain}
	id := Identity{Instance: string(r.bytes(r.length())), Type: string(r.bytes(r.length())), Canonical: r.left}
	for len(id.Canonical) > 0 && id.Canonical[len(id.Canonical)-1] == 0 {
		id.Canonical = id.Canonical[:len(id.Canonical)-1]
	}
	if r.failed || len(id.Canonical) == 0 {
		return Identity{}, ErrDamaged
	}
	id.Canonical = id.Canonical[:len(id.Canonical)-1]
	return id, nil
}

const placeSize = 16 + 4 // bytes

// appendPlace appends what everything sealed in a row is bound to: key ‖ generation, big-endian.
func appendPlace(dst []byte, k Key, generation uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, k[:]...), generation)
}

// fill sets b to random bytes; crypto/rand never fails.
func fill(b []byte) { _, _ = rand.Read(b) }
