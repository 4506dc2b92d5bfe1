// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"io"
)

// Lane is one identifier on its way to a pseudonym. Lanes advance together, block by block, since a processor overlaps
// encryptions that do not wait for each other. All lanes take in a block before the first is encrypted: an encryption that
// reads what was written in halves just before waits for the memory (BenchmarkSubjects of transform).
type Lane struct {
	Secrets *SecretPRF
	Message []byte // rest ‖ canonical identifier, as Derive takes it
	Secret  Secret

	PRF    *PRF // of the identity type, in the domain where Digest is the pseudonym
	Digest [16]byte
}

// DeriveLanes sets the secret of every lane: what Derive makes of its message.
func DeriveLanes(lanes []Lane) {
	longest := 0
	for i := range lanes {
		l := &lanes[i]
		*l.half(0), *l.half(1) = l.Secrets.first, l.Secrets.second
		longest = max(longest, len(l.Message))
	}
	for from := 0; from < longest; from += blockSize {
		for i := range lanes {
			l := &lanes[i]
			switch left := len(l.Message) - from; {
			case left > blockSize:
				l.take((*[blockSize]byte)(l.Message[from:]))
			case left > 0:
				var last [blockSize]byte
				l.Secrets.prf.lastBlock(&last, l.Message[from:])
				l.take(&last)
			}
		}
		for i := range lanes {
			if l := &lanes[i]; len(l.Message) > from {
				a, b := l.half(0), l.half(1)
				l.Secrets.prf.block.Encrypt(a[:], a[:])
				l.Secrets.prf.block.Encrypt(b[:], b[:])
			}
		}
	}
}

func (l *Lane) half(n int) *[blockSize]byte {
	return (*[blockSize]byte)(l.Secret[n*blockSize:])
}

func (l *Lane) take(block *[blockSize]byte) {
	xorBlock(l.half(0), block)
	xorBlock(l.half(1), block)
}

// SumLanes sets the digest of every lane: the PRF of its secret.
func SumLanes(lanes []Lane) {
	for i := range lanes {
		l := &lanes[i]
		l.Digest = *l.half(0)
		l.PRF.block.Encrypt(l.Digest[:], l.Digest[:])
	}
	for i := range lanes {
		l := &lanes[i]
		xorBlock(&l.Digest, l.half(1))
		xorBlock(&l.Digest, &l.PRF.k1) // 32 bytes end in a whole block
	}
	for i := range lanes {
		l := &lanes[i]
		l.PRF.block.Encrypt(l.Digest[:], l.Digest[:])
	}
}

// Format keeps the secret out of every message, whatever the verb.
func (Lane) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }
