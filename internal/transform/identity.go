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

	instance string
	secrets  *keyring.SecretPRF // of people whose secrets are derived; nil: they are kept by a Registry
	label    []byte             // what stands before the canonical identifier
}

// NewIdentity makes the identity of a class. instance is the platform instance, "" for identifiers that name the same person
// on every platform; identityType are the three lower-case letters that its pseudonyms begin with; ofSubject is false for
// identifiers of things. The secrets of people are derived from the identifier.
func NewIdentity(k *keyring.Keyring, instance, identityType string, ofSubject bool) (*Identity, error) {
	id, err := newIdentity(k, instance, identityType, ofSubject)
	if err == nil && ofSubject {
		id.secrets, id.label = k.SecretPRF(instance, identityType)
	}
	return id, err
}

// NewStoredIdentity makes the identity of people whose secrets the scope's Registry keeps.
func NewStoredIdentity(k *keyring.Keyring, instance, identityType string, ofSubject bool) (*Identity, error) {
	return newIdentity(k, instance, identityType, ofSubject)
}

func newIdentity(k *keyring.Keyring, instance, identityType string, ofSubject bool) (*Identity, error) {
	if !isIdentityType(identityType) {
		return nil, fmt.Errorf("identity type %q: want three lower-case letters", identityType)
	}
	if v := k.Canonicalization(); v != 1 {
		return nil, fmt.Errorf("canonicalization rules %d: this program has version 1 only", v)
	}
	kind := "object"
	if ofSubject {
		kind = "subject"
	}
	label := keyring.AppendLabel(nil, kind, k.Tenant(), instance, identityType, strconv.Itoa(k.Canonicalization()))
	return &Identity{typ: identityType, instance: instance, rule: canonicalRules(identityType), ofSubject: ofSubject, label: label}, nil
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

// Instance gives the platform instance, "" where the identifier means the same everywhere.
func (id *Identity) Instance() string { return id.instance }

// Name appends what a Registry knows a person by: the label and the canonical form of the identifier v, which are clear.
func (id *Identity) Name(dst []byte, v *Value) ([]byte, Verdict) { return id.appendName(dst, v) }

// CanonicalOf gives the canonical identifier inside a name.
func (id *Identity) CanonicalOf(name []byte) []byte { return name[len(id.label):] }

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
func (id *Identity) read(v *Value, s *Scope) (verdict Verdict) {
	s.clear, verdict = id.appendName(s.clear[:0], v)
	return verdict
}

// appendName appends what the PRF reads: the label and the canonical form of v.
func (id *Identity) appendName(dst []byte, v *Value) ([]byte, Verdict) {
	start := len(dst) + len(id.label)
	dst, ok := appendCanonical(append(dst, id.label...), id.rule, v)
	switch {
	case !ok:
		return dst, Misfit
	case LooksLikePseudonym(dst[start:]):
		return dst, Shaped
	}
	return dst, Done
}

// Secret sets out to the secret of the subject that v names. Things have none: Misfit.
func (id *Identity) Secret(out *keyring.Secret, v *Value, s *Scope) Verdict {
	if !id.ofSubject {
		return Misfit
	}
	if verdict := id.read(v, s); verdict != Done {
		return verdict
	}
	if id.secrets == nil {
		return s.registered(out, -1, id, s.clear)
	}
	id.secrets.Derive(out, s.clear)
	return Done
}

// registered asks where secrets are kept.
func (s *Scope) registered(out *keyring.Secret, n int, id *Identity, name []byte) Verdict {
	if s.Secrets == nil {
		return Missed // nobody to ask: nothing leaves
	}
	return s.Secrets.Secret(out, n, id, name)
}

// AppendPseudonym appends the pseudonym of v in the scope's domain, without quotes.
func (id *Identity) AppendPseudonym(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if n := int(v.Subject) - 1; n >= 0 && s.People.Is(n, id) {
		return s.People.AppendPseudonym(dst, n, s.Domain, s.Secrets)
	}
	if id.ofSubject {
		if verdict := id.Secret(&s.secret, v, s); verdict != Done {
			return dst, verdict
		}
		return id.AppendPseudonymOf(dst, &s.secret, s), Done
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
