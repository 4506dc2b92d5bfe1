// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"io"
	"strconv"
)

// Secret is a subject's secret S. Whoever holds it and a domain's keys can compute the subject's pseudonyms
// and open its seals; without it neither is possible.
type Secret [32]byte

const hidden = "[secret]"

// Format keeps the secret out of every message, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String gives the same for everybody.
func (Secret) String() string { return hidden }

// MarshalText keeps the secret out of logs and JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// opaque is embedded where a struct holds key material: it cannot print itself by accident.
type opaque struct{}

// Format hides the struct's fields, whatever the verb.
func (opaque) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LookupPRF lends what makes a subject's lookup key from SubjectLabel ‖ canonical identifier. Its key never changes.
// It is nil where the keyring has none yet (Extend makes it) and after Wipe.
func (k *Keyring) LookupPRF() *PRF { return k.current.Load().lookup }

// SubjectLabel names the identifiers of one type of one platform instance ("" where it is the same on all): a subject's name is
// this label ‖ canonical identifier.
func (k *Keyring) SubjectLabel(instance, identityType string) []byte {
	return k.current.Load().contents.subjectLabel(instance, identityType)
}

func (c *contents) subjectLabel(instance, identityType string) []byte {
	return AppendLabel(nil, "subject", c.Tenant, instance, identityType, strconv.Itoa(c.Canonicalization))
}

// SecretPRF makes subjects' secrets where there is no store: S = PRF(1 ‖ x) ‖ PRF(2 ‖ x), where x is
// label(tenant, instance, identity type, canonicalization version) ‖ canonical identifier.
// It is immutable and safe for concurrent use.
type SecretPRF struct {
	opaque
	prf           *PRF
	first, second [blockSize]byte // both states after the whole blocks of the label
}

// SecretPRF prepares the secrets of one identity type of one platform instance ("" where it is the same on all).
// rest is the end of the label that is still to be read: every message for Derive begins with it.
func (k *Keyring) SecretPRF(instance, identityType string) (p *SecretPRF, rest []byte) {
	s := k.current.Load()
	label := s.contents.subjectLabel(instance, identityType)
	p = &SecretPRF{prf: s.stateless}
	if p.prf == nil { // wiped: Derive panics
		return p, label
	}
	p.first = p.prf.readPrefix(append([]byte{1}, label...))
	p.second = p.prf.readPrefix(append([]byte{2}, label...))
	return p, label[len(label)-(1+len(label))%blockSize:]
}

// readPrefix gives the state after the whole blocks of a prefix that is not the end of its message.
func (p *PRF) readPrefix(prefix []byte) (state [blockSize]byte) {
	for ; len(prefix) >= blockSize; prefix = prefix[blockSize:] {
		xorBlock(&state, (*[blockSize]byte)(prefix))
		p.block.Encrypt(state[:], state[:])
	}
	return state
}

// Derive sets out to the secret of rest ‖ canonical identifier, which must not be empty. It works inside out:
// where out lies on the heap, the call does not allocate. Both halves advance together, since a processor
// overlaps two independent encryptions.
func (p *SecretPRF) Derive(out *Secret, msg []byte) {
	a, b := (*[blockSize]byte)(out[:blockSize]), (*[blockSize]byte)(out[blockSize:])
	*a, *b = p.first, p.second
	for ; len(msg) > blockSize; msg = msg[blockSize:] {
		p.both(a, b, (*[blockSize]byte)(msg))
	}
	var last [blockSize]byte
	p.prf.lastBlock(&last, msg)
	p.both(a, b, &last)
}

func (p *SecretPRF) both(a, b, block *[blockSize]byte) {
	xorBlock(a, block)
	xorBlock(b, block)
	p.prf.block.Encrypt(a[:], a[:])
	p.prf.block.Encrypt(b[:], b[:])
}
