// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"slices"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Subjects are the people that one record names. They are collected first and then taken through the PRFs together,
// once for the record and once for each domain, however many leaves, seals and keys ask for them. The zero value is empty.
// Not safe for concurrent use.
type Subjects struct {
	who     []subject
	lanes   []keyring.Lane  // of each, in the same order, as far as their secrets are derived
	names   []byte          // their labels and canonical forms, one behind the other
	domain  *keyring.Domain // where the first lanes, digests of them, have their digest
	digests int
}

type subject struct {
	identity *Identity
	verdict  Verdict
	from, to int // in names
}

// Reset forgets the people of the record before.
func (s *Subjects) Reset() {
	s.who, s.lanes, s.names, s.domain, s.digests = s.who[:0], s.lanes[:0], s.names[:0], nil, 0
}

// Trim gives back what a record with unusually many people made it take.
func (s *Subjects) Trim() {
	const usual = 1 << 12
	if cap(s.who) > usual || cap(s.lanes) > usual || cap(s.names) > 64*usual {
		*s = Subjects{}
	}
}

// Add takes in a person and gives their number. What is no identifier is remembered as such: see Verdict.
func (s *Subjects) Add(id *Identity, v *Value) int {
	p := subject{identity: id, from: len(s.names)}
	s.names, p.verdict = id.appendName(s.names, v)
	p.to = len(s.names)
	s.who = append(s.who, p)
	return len(s.who) - 1
}

// Verdict tells whether person n is one: Misfit where the value was no identifier, Shaped where it looked like a pseudonym.
func (s *Subjects) Verdict(n int) Verdict { return s.who[n].verdict }

// Is tells whether person n was added under this identity.
func (s *Subjects) Is(n int, id *Identity) bool { return s.who[n].identity == id }

// Own makes person n the owner of leaves that are sealed.
func (s *Subjects) Own(o *Owner, n int) {
	s.derive()
	o.Known, o.Identity, o.Secret = s.who[n].verdict == Done, s.who[n].identity, s.lanes[n].Secret
}

// AppendPseudonym appends the pseudonym of person n in the domain, without quotes.
func (s *Subjects) AppendPseudonym(dst []byte, n int, d *keyring.Domain) ([]byte, Verdict) {
	p := &s.who[n]
	if p.verdict != Done {
		return dst, p.verdict
	}
	if s.domain != d || n >= s.digests {
		s.sum(d)
	}
	return appendPseudonym(dst, p.identity.typ, d.EpochText(), &s.lanes[n].Digest), Done
}

// derive derives the secrets of those who were added since the last time.
func (s *Subjects) derive() {
	done := len(s.lanes)
	if done == len(s.who) {
		return
	}
	s.lanes = slices.Grow(s.lanes, len(s.who)-done)[:len(s.who)]
	for i := done; i < len(s.who); i++ {
		p, l := &s.who[i], &s.lanes[i]
		l.Secrets, l.Message = p.identity.secrets, s.names[p.from:p.to]
	}
	keyring.DeriveLanes(s.lanes[done:])
}

// sum makes the pseudonyms in a domain of those who have none there yet.
func (s *Subjects) sum(d *keyring.Domain) {
	s.derive()
	if s.domain != d {
		s.domain, s.digests = d, 0
	}
	for i := s.digests; i < len(s.who); i++ {
		s.lanes[i].PRF = d.TypePRF(s.who[i].identity.typ)
	}
	keyring.SumLanes(s.lanes[s.digests:])
	s.digests = len(s.lanes)
}
