// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"strconv"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Identity is one kind of identifier of one tenant and platform instance: how it is spelled canonically, and how its
// pseudonyms are made. Those of people go through a secret of the subject, those of things come from the identifier itself.
// It is immutable and safe for concurrent use.
type Identity struct {
	typ       string
	rule      canonicalRule
	ofSubject bool

	secrets *keyring.SecretPRF // of people
	label   []byte             // what the PRF reads before the canonical identifier
}

// NewIdentity makes the identity of a class. instance is the platform instance, "" for identifiers that name the same person
// on every platform; identityType are the three lower-case letters that its pseudonyms begin with; ofSubject is false for
// identifiers of things.
func NewIdentity(k *keyring.Keyring, instance, identityType string, ofSubject bool) (*Identity, error) {
	if !isIdentityType(identityType) {
		return nil, fmt.Errorf("identity type %q: want three lower-case letters", identityType)
	}
	if v := k.Canonicalization(); v != 1 {
		return nil, fmt.Errorf("canonicalization rules %d: this program has version 1 only", v)
	}
	id := &Identity{typ: identityType, rule: canonicalRules(identityType), ofSubject: ofSubject}
	if ofSubject {
		id.secrets, id.label = k.SecretPRF(instance, identityType)
	} else {
		id.label = keyring.AppendLabel(nil, "object", k.Tenant(), instance, identityType, strconv.Itoa(k.Canonicalization()))
	}
	return id, nil
}

func isIdentityType[T string | []byte](t T) bool {
	if len(t) != 3 {
		return false
	}
	for i := range len(t) {
		if t[i] < 'a' || t[i] > 'z' {
			return false
		}
	}
	return true
}

// Type gives the three letters that pseudonyms of the identity begin with.
func (id *Identity) Type() string { return id.typ }

// OfSubject tells whether the identity names people, who have a secret, and not things.
func (id *Identity) OfSubject() bool { return id.ofSubject }

// Canonical gives the one spelling of the identifier v. It is clear, and valid until the next call with s.
func (id *Identity) Canonical(v *Value, s *Scope) ([]byte, Verdict) {
	verdict := id.read(v, s)
	if verdict != Done {
		return nil, verdict
	}
	return s.clear[len(id.label):], Done
}

// read sets s.clear to the label and the canonical form of v.
func (id *Identity) read(v *Value, s *Scope) Verdict {
	var ok bool
	s.clear, ok = appendCanonical(append(s.clear[:0], id.label...), id.rule, v)
	switch {
	case !ok:
		return Misfit
	case LooksLikePseudonym(s.clear[len(id.label):]):
		return Shaped
	}
	return Done
}

// Secret sets out to the secret of the subject that v names. Things have none: Misfit.
func (id *Identity) Secret(out *keyring.Secret, v *Value, s *Scope) Verdict {
	if !id.ofSubject {
		return Misfit
	}
	m, verdict := id.subject(v, s)
	if verdict == Done {
		*out = m.secret
	}
	return verdict
}

// subject gives what the scope remembers of the subject that v names, its secret at least. It is valid until the next call.
func (id *Identity) subject(v *Value, s *Scope) (*memory, Verdict) {
	m := s.memories.of(v.Place)
	if m.holds(id, v, s.record) {
		return m, Done
	}
	m.forget()
	if verdict := id.read(v, s); verdict != Done {
		return m, verdict
	}
	id.secrets.Derive(&m.secret, s.clear)
	m.keep(id, v, s.record)
	return m, Done
}

// AppendPseudonym appends the pseudonym of v in the scope's domain, without quotes.
func (id *Identity) AppendPseudonym(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if id.ofSubject {
		m, verdict := id.subject(v, s)
		if verdict != Done {
			return dst, verdict
		}
		if m.domain != s.Domain {
			m.domain = s.Domain
			s.Domain.TypePRF(id.typ).Sum(&m.digest, m.secret[:])
		}
		return appendPseudonym(dst, id.typ, s.Domain.EpochText(), &m.digest), Done
	}
	if verdict := id.read(v, s); verdict != Done {
		return dst, verdict
	}
	s.Domain.TypePRF(id.typ).Sum(&s.digest, s.clear)
	return appendPseudonym(dst, id.typ, s.Domain.EpochText(), &s.digest), Done
}

// AppendPseudonymOf appends the pseudonym of the subject with this secret in the scope's domain, without quotes.
func (id *Identity) AppendPseudonymOf(dst []byte, secret *keyring.Secret, s *Scope) []byte {
	s.Domain.TypePRF(id.typ).Sum(&s.digest, secret[:])
	return appendPseudonym(dst, id.typ, s.Domain.EpochText(), &s.digest)
}
