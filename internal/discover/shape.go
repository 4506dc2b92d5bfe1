// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// group is a kind of object that stands at several places: a shape of the pack.
type group struct {
	name   string
	nodes  []*node
	refers map[*group]bool
	depth  int // how often it stands inside itself
	rank   int // outer shapes come first
}

// shapes finds objects that are alike: by their name and members, or because one stands inside the other.
type shapes struct {
	in     *inference
	parent map[*node]*node // union-find
	of     map[*node]*group
	all    []*group
}

// fewestMembers is the size from which objects are worth a shape.
const fewestMembers = 3

func (in *inference) shapes() *shapes {
	s := &shapes{in: in, parent: map[*node]*node{}, of: map[*node]*group{}}
	byLabel := map[string][]*node{}
	var objects []*node
	in.d.root.walk(func(n *node) {
		if n.objects == 0 || len(n.members) < fewestMembers || n.values != nil || n.step == innerStep {
			return
		}
		objects = append(objects, n)
		label := singular(strings.ToLower(n.label()))
		if n.label() != "" {
			byLabel[label] = append(byLabel[label], n)
		}
	})
	for _, n := range objects {
		s.parent[n] = n
	}
	for _, nodes := range byLabel {
		s.cluster(nodes)
	}
	var inRoot []*node // like the payload, which may be a union of several kinds
	for _, n := range objects {
		for at := n.parent; at != nil; at = at.parent {
			if s.parent[at] != nil && len(n.members) > fewestMembers && likeAround(n, at) {
				if at.step == rootStep {
					inRoot = append(inRoot, n)
				} else {
					s.parent[s.root(n)] = s.root(at)
				}
				break
			}
		}
	}
	s.joinRoot(inRoot)
	s.collect(objects)
	return s
}

func (s *shapes) root(n *node) *node {
	for s.parent[n] != n {
		s.parent[n] = s.parent[s.parent[n]]
		n = s.parent[n]
	}
	return n
}

// cluster joins objects of one name that are alike, the largest first.
func (s *shapes) cluster(nodes []*node) {
	slices.SortStableFunc(nodes, func(a, b *node) int { return len(b.members) - len(a.members) })
	var heads []*node
	for _, n := range nodes {
		i := slices.IndexFunc(heads, func(h *node) bool { return similar(n, h, 0.4) })
		if i < 0 {
			heads = append(heads, n)
			continue
		}
		s.parent[s.root(n)] = s.root(heads[i])
	}
}

// similar tells whether two objects share so many members that they are of one kind.
func similar(a, b *node, least float64) bool {
	if len(a.members) > len(b.members) {
		a, b = b, a
	}
	common := shared(a, b)
	union := len(a.members) + len(b.members) - common
	return float64(common) >= least*float64(union) || float64(common) >= 0.8*float64(len(a.members))
}

// joinRoot makes the payload one kind with the object that is most like it, and with those that are like that one.
func (s *shapes) joinRoot(inner []*node) {
	root := s.in.d.root
	var best *node
	for _, n := range inner {
		if best == nil || shared(n, root) > shared(best, root) {
			best = n
		}
	}
	for _, n := range inner {
		if n == best || similar(n, best, 0.4) {
			s.parent[s.root(n)] = s.root(root)
		}
	}
}

// shared counts the members that two objects have in common.
func shared(a, b *node) int {
	common := 0
	for name := range a.members {
		if b.members[name] != nil {
			common++
		}
	}
	return common
}

// likeAround tells whether an object is like one around it. The payload's members are those of all kinds of events, so that
// few of them need to be the object's; but not so few that every small object would do.
func likeAround(inner, outer *node) bool {
	common := shared(inner, outer)
	union := len(inner.members) + len(outer.members) - common
	return 2*common >= union || 5*common >= union && 10*common >= 7*len(inner.members)
}

func (s *shapes) collect(objects []*node) {
	groups := map[*node]*group{}
	for _, n := range objects {
		r := s.root(n)
		if groups[r] == nil {
			groups[r] = &group{refers: map[*group]bool{}}
			s.all = append(s.all, groups[r])
		}
		groups[r].nodes = append(groups[r].nodes, n)
	}
	s.all = slices.DeleteFunc(s.all, func(g *group) bool { return len(g.nodes) < 2 })
	slices.SortStableFunc(s.all, func(a, b *group) int { return a.outermost() - b.outermost() })
	names := map[string]int{}
	for i, g := range s.all {
		g.rank = i
		for _, n := range g.nodes {
			s.of[n] = g
		}
		g.name = g.called()
		if names[g.name]++; names[g.name] > 1 {
			g.name = fmt.Sprintf("%s-%d", g.name, names[g.name])
		}
	}
	for _, g := range s.all {
		for _, n := range g.nodes {
			count := 1
			for at := n.parent; at != nil; at = at.parent {
				outer := s.of[at]
				if outer == nil {
					continue
				}
				outer.refers[g] = true
				if outer == g {
					count++
				}
			}
			g.depth = max(g.depth, count-1)
		}
	}
}

// outermost is the number of steps to the nearest of its places.
func (g *group) outermost() int {
	nearest := len(g.nodes[0].path())
	for _, n := range g.nodes {
		nearest = min(nearest, len(n.path()))
	}
	return nearest
}

// called is the name that most of the objects have.
func (g *group) called() string {
	counts := map[string]int{}
	best := ""
	for _, n := range g.nodes {
		label := n.label()
		if label == "" {
			label = "payload"
		}
		var words []string
		for _, w := range tokens(label) {
			words = append(words, singular(w))
		}
		name := strings.ToLower(strings.Join(words, "_"))
		if !packName.MatchString(name) {
			name = "object"
		}
		counts[name]++
		if best == "" || counts[name] > counts[best] || counts[name] == counts[best] && name < best {
			best = name
		}
	}
	return best
}

// reaches tells whether h stands somewhere inside g.
func (g *group) reaches(h *group, seen map[*group]bool) bool {
	if seen[g] {
		return false
	}
	seen[g] = true
	for next := range g.refers {
		if next == h || next.reaches(h, seen) {
			return true
		}
	}
	return false
}

// nestings lists the objects that stand inside their like.
func (in *inference) nestings(s *shapes) []Nesting {
	seen := map[Nesting]bool{}
	var out []Nesting
	for _, g := range s.all {
		for _, n := range g.nodes {
			for at := n.parent; at != nil; at = at.parent {
				if s.of[at] != g {
					continue
				}
				if outer := at.spelled(); !strings.Contains(strings.TrimPrefix(outer, "$"), "."+n.label()) || at.step == rootStep {
					if nest := (Nesting{outer, n.spelled(), g.depth}); !seen[nest] {
						seen[nest] = true
						out = append(out, nest)
					}
				}
				break
			}
		}
	}
	return out
}

// strictness orders classes: the greater protects more.
func strictness(c policy.Class) int {
	switch c {
	case policy.Credential:
		return 9
	case policy.Special, policy.Health, policy.Government, policy.Finance:
		return 8
	case policy.Plain:
		return 0
	case policy.Offset:
		return 1
	case policy.Times:
		return 2
	case policy.App:
		return 3
	}
	if c.DirectIdentifier() {
		return 7
	}
	if c.Identifier() {
		return 5
	}
	return 6
}

// strictest is the verdict that protects most, among the places that have values.
func (in *inference) strictest(nodes []*node) (*node, verdict) {
	var best *node
	for _, n := range nodes {
		switch {
		case best == nil,
			best.leaf.present() == 0 && n.leaf.present() > 0,
			(best.leaf.present() > 0) == (n.leaf.present() > 0) && strictness(in.verdicts[n].class) > strictness(in.verdicts[best].class):
			best = n
		}
	}
	return best, in.verdicts[best]
}
