// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"io"
)

// Lane is one identifier on its way to a pseudonym. Lanes advance together, block by block, since a processor overlaps
// encryptions that do not wait for each other: six people of an event take little more time than two (BenchmarkSubjects of transform).
type Lane struct {
	Secrets *SecretPRF
	Message []byte // rest ‖ canonical identifier, as Derive takes it
	Secret  Secret

	PRF    *PRF // of the identity type, in the domain where Digest is the pseudonym
	Digest [16]byte

	left []byte
}

// DeriveLanes sets the secret of every lane: what Derive makes of its message.
func DeriveLanes(lanes []Lane) {
	for i := range lanes {
		l := &lanes[i]
		l.left = l.Message
		*(*[blockSize]byte)(l.Secret[:]), *(*[blockSize]byte)(l.Secret[blockSize:]) = l.Secrets.first, l.Secrets.second
	}
	for more := true; more; {
		more = false
		for i := range lanes {
			if l := &lanes[i]; len(l.left) > blockSize {
				l.both((*[blockSize]byte)(l.left))
				l.left = l.left[blockSize:]
				more = true
			}
		}
	}
	for i := range lanes {
		l := &lanes[i]
		var last [blockSize]byte
		l.Secrets.prf.lastBlock(&last, l.left)
		l.both(&last)
		l.left = nil
	}
}

func (l *Lane) both(block *[blockSize]byte) {
	l.Secrets.both((*[blockSize]byte)(l.Secret[:]), (*[blockSize]byte)(l.Secret[blockSize:]), block)
}

// SumLanes sets the digest of every lane: the PRF of its secret.
func SumLanes(lanes []Lane) {
	for i := range lanes {
		l := &lanes[i]
		l.Digest = [blockSize]byte(l.Secret[:])
		l.PRF.block.Encrypt(l.Digest[:], l.Digest[:])
	}
	for i := range lanes {
		l := &lanes[i]
		xorBlock(&l.Digest, (*[blockSize]byte)(l.Secret[blockSize:]))
		xorBlock(&l.Digest, &l.PRF.k1) // 32 bytes end in a whole block
		l.PRF.block.Encrypt(l.Digest[:], l.Digest[:])
	}
}

// Format keeps the secret out of every message, whatever the verb.
func (Lane) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }
