// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// crowded is the number of member names from which an object may be a map whose names are data, even where they look like words.
const crowded = 32

// alike tells whether the literal members of an object are all of one shape, rare in each object, and words that formats do not use: user names, for one.
func alike(n *node) bool {
	if n.objects == 0 || len(n.members) < crowded {
		return false
	}
	var first map[string]bool
	var kind, same, seen, known uint64
	for name, c := range n.members {
		seen += c.seen
		if mean(name).says != unknown {
			known++
		}
		switch {
		case c.objects > 0 && c.leaf == nil && c.arrays == 0:
			if first == nil {
				first = map[string]bool{}
				for inner := range c.members {
					first[inner] = true
				}
			}
			if resembles(c.members, first) {
				same++
			}
		case c.leaf != nil && c.objects == 0 && c.arrays == 0:
			kind |= kindsOf(c.leaf)
			same++
		case c.arrays > 0 && c.objects == 0 && c.leaf == nil:
			kind |= 1 << 8
			same++
		}
	}
	members := uint64(len(n.members))
	oneKind := kind&(kind-1) == 0 && (kind == 0 || first == nil)
	return oneKind && same*10 >= members*9 && known*4 <= members && seen*4 <= members*n.objects*3
}

func resembles(members map[string]*node, names map[string]bool) bool {
	common := 0
	for name := range members {
		if names[name] {
			common++
		}
	}
	return 2*common >= max(len(members), len(names))
}

// kindsOf gives one bit for each kind of scalar.
func kindsOf(s *stats) uint64 {
	var kinds uint64
	for i, n := range []uint64{s.bools, s.numbers(), s.strings} {
		if n > 0 {
			kinds |= 1 << i
		}
	}
	return kinds
}

// settle finds the maps that show only when all samples are in.
func (d *Discoverer) settle() {
	var crowd []*node
	d.root.walk(func(n *node) {
		if !n.crowded && alike(n) {
			crowd = append(crowd, n)
		}
	})
	for _, n := range crowd {
		if n.into == nil {
			d.crowd(n)
		}
	}
}

// maps proposes what the names of members are, where they are data.
func (in *inference) maps() []Map {
	var out []Map
	in.d.root.walk(func(n *node) {
		if n.values == nil || n.names == nil {
			return
		}
		out = append(out, in.keys(n))
	})
	return out
}

// keys says what the member names of one object are: the stricter class where it is not clear.
func (in *inference) keys(n *node) Map {
	s := n.names
	f, share := s.format()
	m := Map{Path: n.spelled(), node: n, Confidence: 0.6, Class: policy.Free}
	kind := kindOf(mean(n.label()).says)
	switch {
	case s.share(email) >= 0.3:
		m.Class, m.Confidence = policy.Email, 0.95
	case s.share(phone) >= 0.3:
		m.Class, m.Confidence = policy.Phone, 0.9
	case s.share(address) >= 0.3:
		m.Class, m.Confidence = policy.IP, 0.95
	case s.share(did) >= 0.3:
		m.Class, m.Confidence = policy.Account, 0.95
	case s.share(acct) >= 0.3:
		m.Class, m.Confidence = policy.Handle, 0.9
	case s.share(jwt, key) > 0.3:
		m.Class, m.Confidence = policy.Credential, 0.9
	case s.share(link) >= 0.5:
		m.Class, m.Confidence = policy.URL, 0.9
	case s.share(uuid, ulid, longID, hexHash, random, digits, epoch, token) >= 0.5 && s.longest > 3:
		if m.Class = policy.ObjectID; referred[kind] != "" {
			m.Class, m.Confidence = referred[kind], 0.8
		} else if n.values.objects > 0 && in.person(n.values) {
			m.Class, m.Confidence = policy.Account, 0.8
		}
	case kind == aPerson:
		m.Class, m.Confidence = policy.Handle, 0.6
	}
	m.Evidence = []string{
		"member names are data",
		percent(share) + " " + formatNames[f],
		fmt.Sprintf("%d distinct names", int(s.values.size())),
		fmt.Sprintf("%d members in %d objects", n.values.seen, n.objects),
	}
	if n.crowded {
		m.Evidence = append(m.Evidence, "many names, all with values of one shape")
	}
	if kind != unknown {
		m.Evidence = append(m.Evidence, "inside "+strings.ToLower(string(kind)))
	}
	return m
}
