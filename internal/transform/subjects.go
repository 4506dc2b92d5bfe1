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
	answers []Verdict // of the registry about each for the recipient at hand, as far as it was asked; nothing is Done without it
}

type subject struct {
	identity *Identity
	verdict  Verdict
	from, to int   // in names
	alias    int32 // the person whose other name this is, plus one; 0: nobody's
	declared bool  // and both are one
}

// Reset forgets the people of the record before.
func (s *Subjects) Reset() {
	s.who, s.lanes, s.names, s.domain, s.digests = s.who[:0], s.lanes[:0], s.names[:0], nil, 0
	s.answers = s.answers[:0]
}

// Turn forgets what a registry answered for the recipient before.
func (s *Subjects) Turn() { s.answers, s.domain, s.digests = s.answers[:0], nil, 0 }

// Len gives how many people there are.
func (s *Subjects) Len() int { return len(s.who) }

// Name gives what a registry knows person n by, valid until the next Add. It is clear.
func (s *Subjects) Name(n int) (*Identity, []byte) {
	p := &s.who[n]
	return p.identity, s.names[p.from:p.to]
}

// Relate notes that person n is another name of person of: an address, a device. Declared says that the two are one for good.
func (s *Subjects) Relate(n, of int, declared bool) {
	s.who[n].alias, s.who[n].declared = int32(of)+1, declared
}

// NameOf gives the person whose other name n is, and whether the two are one for good; below 0: nobody's.
func (s *Subjects) NameOf(n int) (of int, declared bool) {
	return int(s.who[n].alias) - 1, s.who[n].declared
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

// Own makes person n the owner of leaves that are sealed, or nobody where they may not be known.
func (s *Subjects) Own(o *Owner, n int, r Registry) {
	o.Known, o.Identity = s.Answer(n, r) == Done, s.who[n].identity
	if o.Known {
		o.Secret = s.lanes[n].Secret
	}
}

// Answer tells whether person n is one and the recipient at hand may know of them.
func (s *Subjects) Answer(n int, r Registry) Verdict {
	if v := s.who[n].verdict; v != Done {
		return v
	}
	s.derive(r)
	if r == nil {
		return Done
	}
	return s.answers[n]
}

// AppendPseudonym appends the pseudonym of person n in the domain, without quotes.
func (s *Subjects) AppendPseudonym(dst []byte, n int, d *keyring.Domain, r Registry) ([]byte, Verdict) {
	p := &s.who[n]
	if p.verdict != Done {
		return dst, p.verdict
	}
	if s.domain != d || n >= s.digests {
		s.sum(d, r)
	}
	if r != nil && s.answers[n] != Done {
		return dst, s.answers[n]
	}
	return appendPseudonym(dst, p.identity.typ, d.EpochText(), &s.lanes[n].Digest), Done
}

// derive takes in the secrets of those who were added since the last time.
func (s *Subjects) derive(r Registry) {
	if r != nil {
		s.ask(r)
		return
	}
	done := s.grow()
	if done == len(s.who) {
		return
	}
	for i := done; i < len(s.who); i++ {
		p, l := &s.who[i], &s.lanes[i]
		l.Secrets, l.Message = p.identity.secrets, s.names[p.from:p.to]
	}
	keyring.DeriveLanes(s.lanes[done:])
}

// grow makes room for everybody, and tells for how many there was.
func (s *Subjects) grow() (before int) {
	before = len(s.lanes)
	s.lanes = slices.Grow(s.lanes, len(s.who)-before)[:len(s.who)]
	return before
}

// ask asks the registry about those of whom it was not asked yet for the recipient at hand.
func (s *Subjects) ask(r Registry) {
	if len(s.answers) == len(s.who) {
		return
	}
	s.grow()
	for n := len(s.answers); n < len(s.who); n++ {
		p := &s.who[n]
		verdict := p.verdict
		if verdict == Done {
			verdict = r.Secret(&s.lanes[n].Secret, n, p.identity, s.names[p.from:p.to])
		}
		s.answers = append(s.answers, verdict)
	}
}

// sum makes the pseudonyms in a domain of those who have none there yet.
func (s *Subjects) sum(d *keyring.Domain, r Registry) {
	s.derive(r)
	if s.domain != d {
		s.domain, s.digests = d, 0
	}
	for i := s.digests; i < len(s.who); i++ {
		s.lanes[i].PRF = d.TypePRF(s.who[i].identity.typ)
	}
	keyring.SumLanes(s.lanes[s.digests:])
	s.digests = len(s.lanes)
}
