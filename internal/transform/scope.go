// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/nymstream/nymstream/internal/keyring"
)

// workspace is the memory of one worker. Keys, digests and clear bytes live here and not on the stack, because calls
// through the interfaces of crypto/cipher would move locals to the heap each time.
type workspace struct {
	clear  []byte // canonical forms and plaintexts
	wire   []byte // sealed bytes before they become text
	ad     []byte // associated data
	secret keyring.Secret
	digest [16]byte
	nonces nonces
	keys   *keyCache
}

// ScopeOptions size what a worker keeps. The zero value is good.
type ScopeOptions struct {
	Keys int // subjects whose sealing keys are kept, about 1 KiB each; default 4096
}

// NewScope makes a worker's scope. A zero Scope works too, with the default options.
func NewScope(o ScopeOptions) *Scope {
	s := new(Scope)
	s.keys = newKeyCache(o.Keys)
	return s
}

// Format keeps keys and clear bytes out of every message, whatever the verb.
func (*Scope) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// nonces hands out random nonces and reads them from the system in blocks.
type nonces struct {
	bytes [64 * keyring.NonceSize]byte
	left  int
}

func (n *nonces) next() *[keyring.NonceSize]byte {
	if n.left == 0 {
		rand.Read(n.bytes[:]) // never fails: the program ends rather than run without randomness
		n.left = len(n.bytes) / keyring.NonceSize
	}
	n.left--
	return (*[keyring.NonceSize]byte)(n.bytes[n.left*keyring.NonceSize:])
}

const defaultKeys = 4096

// keyCache keeps the sealing keys of the subjects that were seen last (clock: an entry that was used since the hand
// last passed gets another round).
type keyCache struct {
	limit   int
	index   map[subjectInDomain]int
	entries []cachedKey
	hand    int
}

type subjectInDomain struct {
	domain   *keyring.Domain
	identity *Identity
	secret   keyring.Secret
}

// cachedKey is a subject's sealing key with the pseudonym that its seals are bound to.
type cachedKey struct {
	subject   subjectInDomain
	key       *keyring.FieldKey
	pseudonym string
	used      bool
}

func newKeyCache(limit int) *keyCache {
	if limit <= 0 {
		limit = defaultKeys
	}
	return &keyCache{limit: limit, index: make(map[subjectInDomain]int)}
}

func (c *keyCache) find(subject *subjectInDomain) *cachedKey {
	i, ok := c.index[*subject]
	if !ok {
		return nil
	}
	e := &c.entries[i]
	e.used = true
	return e
}

func (c *keyCache) add(e cachedKey) *cachedKey {
	if len(c.entries) < c.limit {
		c.entries = append(c.entries, e)
		c.index[e.subject] = len(c.entries) - 1
		return &c.entries[len(c.entries)-1]
	}
	for c.entries[c.hand].used {
		c.entries[c.hand].used = false
		c.hand = (c.hand + 1) % len(c.entries)
	}
	slot := &c.entries[c.hand]
	delete(c.index, slot.subject)
	*slot = e
	c.index[e.subject] = c.hand
	c.hand = (c.hand + 1) % len(c.entries)
	return slot
}

// sealingKey gives the key of the scope's owner in its domain, derived at the first sight of both.
func (s *Scope) sealingKey() (*cachedKey, error) {
	if s.keys == nil {
		s.keys = newKeyCache(0)
	}
	subject := subjectInDomain{s.Domain, s.Owner.Identity, s.Owner.Secret}
	if e := s.keys.find(&subject); e != nil {
		return e, nil
	}
	s.ad = appendFieldSalt(s.ad[:0], &s.Owner)
	key, err := s.Domain.FieldKey(s.ad)
	if err != nil {
		return nil, err
	}
	pseudonym := s.Owner.Identity.AppendPseudonymOf(nil, &s.Owner.Secret, s)
	return s.keys.add(cachedKey{subject: subject, key: key, pseudonym: string(pseudonym)}), nil
}

// appendFieldSalt appends what stands for a subject in the derivation of its sealing key.
func appendFieldSalt(dst []byte, o *Owner) []byte {
	return append(keyring.AppendLabel(dst, "field", o.Identity.typ), o.Secret[:]...)
}
