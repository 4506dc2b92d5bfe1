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
	text   []byte   // a composite value
	pieces [][]byte // its parts
	part   Value    // of a composite value
	digest [16]byte
	nonces nonces
	keys   *keyCache
	prose  prose
}

// ScopeOptions size what a worker keeps. The zero value is good.
type ScopeOptions struct {
	Keys int // subjects whose sealing keys are kept, about 1.2 KB each; default 8192
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

// sealingKey gives the key of the scope's owner in its domain, derived at the first sight of both.
func (s *Scope) sealingKey() (*cachedKey, error) {
	if s.keys == nil {
		s.keys = newKeyCache(0)
	}
	if e := s.keys.find(s.Domain, &s.Owner); e != nil {
		return e, nil
	}
	s.ad = appendFieldSalt(s.ad[:0], &s.Owner)
	key, err := s.Domain.FieldKey(s.ad)
	if err != nil {
		return nil, err
	}
	e := s.keys.add(s.Domain, &s.Owner)
	e.key = key
	e.head = appendSealHead(e.head[:0], s.Domain)
	s.wire = s.Owner.Identity.AppendPseudonymOf(s.wire[:0], &s.Owner.Secret, s)
	e.tail = keyring.AppendLabelPart(e.tail[:0], string(s.wire))
	return e, nil
}

// appendFieldSalt appends what stands for a subject in the derivation of its sealing key.
func appendFieldSalt(dst []byte, o *Owner) []byte {
	return append(keyring.AppendLabel(dst, "field", o.Identity.typ), o.Secret[:]...)
}
