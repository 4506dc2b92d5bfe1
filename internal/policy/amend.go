// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"path/filepath"
	"slices"
)

// policySays applies a source's add: and reclassify: to one event.
func (x *expansion) policySays(s *sourceSpec, used []bool, source *Source) {
	in := scope{base: root, where: filepath.Base(x.policy) + " add"}
	for i := range s.add {
		f := &s.add[i]
		if first, twice := x.first[f.path.String()]; twice {
			x.once(f.at, fmt.Sprintf("event %s: %s is already of class %s", x.event, f.path, x.leaves[first].Class), "write it under `reclassify:`")
			continue
		}
		x.field(f, in)
	}
	for i := range s.reclassify {
		c := &s.reclassify[i]
		for j := range x.leaves {
			if c.path.Matches(x.leaves[j].Path) {
				used[i] = true
				x.reclassify(&x.leaves[j], c, source)
			}
		}
	}
}

func (x *expansion) reclassify(old *placed, c *reclassification, source *Source) {
	from, to := old.Class, c.spec.leaf.Class
	if to.protection() < from.protection() && c.reason == "" {
		x.once(c.at, fmt.Sprintf("%s is %s, and %s is weaker", c.path, from, to), "write the reason beside it: {class: …, reason: \"…\"}")
		return
	}
	source.Reclassified = append(source.Reclassified, Reclassification{old.Path, from, to, c.reason})
	p := placed{Leaf: *c.spec.leaf, key: old.key, next: old.next, where: c.spec.at}
	p.Path, p.Rule, p.Case, p.cases = old.Path, filepath.Base(x.policy)+" reclassify", old.Case, old.cases
	p.own(old.Path, c.spec, scope{base: root}, x.faults)
	p.tieTo(c.spec.same, tieSame, scope{base: root}, x.faults)
	p.tieTo(c.spec.links, tieLink, scope{base: root}, x.faults)
	for i := range c.spec.ties {
		p.tieTo(&c.spec.ties[i], tieOffset, scope{base: root}, x.faults)
	}
	if p.Owner == nil && !slices.Equal(old.Owner, old.Path) {
		p.Owner = old.Owner
	}
	*old = p
}

// protection orders classes by what their misuse does to a person: a class with a lower number is weaker.
func (c Class) protection() int {
	switch {
	case c == Credential:
		return 5
	case c == Special, c == Health, c == Government, c == Finance:
		return 4
	case c.DirectIdentifier():
		return 3
	case c == Plain:
		return 0
	case c == App, c == Offset:
		return 1
	}
	return 2
}
