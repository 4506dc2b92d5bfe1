// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac/aescmac"
)

// TagSize is the length of what MAC makes: Tink's prefix with the key's id, and 16 bytes of AES-CMAC.
const TagSize = prefixSize + tagSize

// ErrMAC is what a message gets whose tag none of the keys made.
var ErrMAC = errors.New("message authentication code does not match")

// MAC authenticates messages between instances with AES-CMAC (RFC 4493, AES-256) in Tink's wire format.
// It is immutable and safe for concurrent use.
type MAC struct {
	opaque
	primary uint32
	keys    map[uint32]*PRF
}

// ControlMAC lends the MAC of messages on control and ledger. It is nil where the keyring has none yet (Extend makes it) and
// after Wipe.
func (k *Keyring) ControlMAC() *MAC { return k.current.Load().control }

// Sum appends the tag of msg, TagSize bytes, under the primary key.
func (m *MAC) Sum(dst, msg []byte) []byte {
	prefix := tinkKeyPrefix(m.primary)
	dst = append(slices.Grow(dst, TagSize), prefix[:]...)
	start := len(dst)
	dst = dst[:start+tagSize]
	m.keys[m.primary].Sum((*[tagSize]byte)(dst[start:]), msg)
	return dst
}

// Verify gives ErrMAC unless one of the keys made tag for msg. It takes the same time wherever a tag differs.
func (m *MAC) Verify(tag, msg []byte) error {
	if len(tag) != TagSize || tag[0] != tinkPrefix {
		return ErrMAC
	}
	key := m.keys[keyIDOf(tag)]
	if key == nil {
		return ErrMAC
	}
	var want [tagSize]byte
	key.Sum(&want, msg)
	if subtle.ConstantTimeCompare(want[:], tag[prefixSize:]) != 1 {
		return ErrMAC
	}
	return nil
}

func newMAC(h *keyset.Handle) (*MAC, error) {
	m := &MAC{keys: make(map[uint32]*PRF, h.Len())}
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, err
		}
		key, ok := e.Key().(*aescmac.Key)
		if !ok {
			return nil, fmt.Errorf("key %d is no AES-CMAC key", e.KeyID())
		}
		if m.keys[e.KeyID()], err = newCMAC(key.KeyBytes().Data(insecuresecretdataaccess.Token{})); err != nil {
			return nil, err
		}
		if e.IsPrimary() {
			m.primary = e.KeyID()
		}
	}
	return m, nil
}

// controlEntry is the keyset of the MAC. Old keys stay: the ledger is kept for ever.
type controlEntry struct {
	wrapped
	Next time.Time `json:"next,omitzero"` // not before the newest key becomes the primary one
}

func (e *controlEntry) ripe(now time.Time) bool { return !e.Next.IsZero() && !now.Before(e.Next) }

// rotateControl adds a key that Extend makes the primary one after Notice: until then every instance learns to verify with it.
func (c *contents) rotateControl(k *kek, now time.Time) error {
	if c.Control == nil {
		return c.makeControl(k, now)
	}
	if !c.Control.Next.IsZero() {
		return fmt.Errorf("keyring: a new control key is made already and serves from %s on", c.Control.Next.Format(time.RFC3339))
	}
	c.Control.Next = stamp(now).Add(Notice)
	return c.rewrapControl(k, withNewKey)
}

// extendControl makes the keyset, or the newest key the primary one.
func (c *contents) extendControl(k *kek, now time.Time) error {
	if c.Control == nil {
		return c.makeControl(k, now)
	}
	if !c.Control.ripe(now) {
		return nil
	}
	c.Control.Next = time.Time{}
	return c.rewrapControl(k, withNewestPrimary)
}

func (c *contents) makeControl(k *kek, now time.Time) (err error) {
	c.Control = &controlEntry{wrapped: wrapped{Created: stamp(now)}}
	c.Control.Keyset, err = newWrapped(RoleControl, k, wrapLabel(c.Tenant, RoleControl, "", ""))
	return err
}

func (c *contents) rewrapControl(k *kek, edit func(*keyset.Handle, Role) (*keyset.Handle, error)) error {
	ad := wrapLabel(c.Tenant, RoleControl, "", "")
	h, err := unwrap(c.Control.Keyset, k.aead, ad)
	if err != nil {
		return err
	}
	if h, err = edit(h, RoleControl); err != nil {
		return err
	}
	c.Control.Keyset, err = wrap(h, k.aead, ad)
	return err
}
