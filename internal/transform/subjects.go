// SPDX-License-Identifier: Apache-2.0

package transform

import "github.com/nymstream/nymstream/internal/keyring"

// Subjects are the people that one record names. They are collected first and then taken through the PRFs together,
// once for the record and once for each domain, however many leaves, seals and keys ask for them. The zero value is empty.
// Not safe for concurrent use.
type Subjects struct {
	who    []subject
	lanes  []keyring.Lane // of each, in the same order
	names  []byte         // their labels and canonical forms, one behind the other
	secret bool           // the lanes' secrets are derived
	domain *keyring.Domain
}

type subject struct {
	identity *Identity
	verdict  Verdict
	from, to int // in names
}

// Reset forgets the people of the record before.
func (s *Subjects) Reset() {
	s.who, s.lanes, s.names, s.secret, s.domain = s.who[:0], s.lanes[:0], s.names[:0], false, nil
}

// Add takes in a person and gives their number. What is no identifier is remembered as such: see Verdict.
func (s *Subjects) Add(id *Identity, v *Value) int {
	p := subject{identity: id, from: len(s.names)}
	s.names, p.verdict = id.appendName(s.names, v)
	p.to = len(s.names)
	s.who = append(s.who, p)
	s.secret, s.domain = false, nil
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
	if s.domain != d {
		s.sum(d)
	}
	return appendPseudonym(dst, p.identity.typ, d.EpochText(), &s.lanes[n].Digest), Done
}

func (s *Subjects) derive() {
	if s.secret {
		return
	}
	if cap(s.lanes) < len(s.who) {
		s.lanes = make([]keyring.Lane, 2*len(s.who))
	}
	s.lanes = s.lanes[:len(s.who)]
	for i := range s.who {
		p, l := &s.who[i], &s.lanes[i]
		l.Secrets, l.Message = p.identity.secrets, s.names[p.from:p.to]
	}
	keyring.DeriveLanes(s.lanes)
	s.secret = true
}

func (s *Subjects) sum(d *keyring.Domain) {
	s.derive()
	for i := range s.who {
		s.lanes[i].PRF = d.TypePRF(s.who[i].identity.typ)
	}
	keyring.SumLanes(s.lanes)
	s.domain = d
}
