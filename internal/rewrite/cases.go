// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// nearby is a condition inside the container some levels up.
type nearby struct {
	condition
	climb int
	id    int // of the source's
}

// clause is a part of a case: all of when hold, or, with not, one does not.
type clause struct {
	when []nearby
	not  bool
}

// choice is what is done with a leaf where all clauses hold.
type choice struct {
	clauses []clause
	op      *op
}

// answered is a condition of a case inside one container.
type answered struct{ container, condition int32 }

// who is whom a place names where all clauses hold.
type who struct {
	node     int32
	identity *transform.Identity
	clauses  []clause
}

// farthest is above every climb.
const farthest = 1 << 30

// clauses compiles when a leaf at n is what one of its cases says.
func (c *compiler) clauses(n *node, in []policy.Clause) []clause {
	out := make([]clause, len(in))
	for i, k := range in {
		out[i].not = k.Not
		for j, test := range c.conditions(k.When) {
			near := nearby{condition: test, climb: farthest, id: c.nearbys}
			near.nodes = nil
			for _, o := range c.places(k.When[j].Path) { // several where [*] and [n] overlap: those of the leaf's own element
				shared := commonPlace(n, o, c.trie)
				if shared < 0 {
					continue
				}
				climb := int(n.depth - c.trie.nodes[shared].depth)
				if climb < near.climb {
					near.climb, near.nodes = climb, nil
				}
				if climb == near.climb {
					near.nodes = append(near.nodes, o.id)
				}
			}
			c.nearbys++
			out[i].when = append(out[i].when, near)
		}
	}
	return out
}

// personAt gives the identity of whom a path names, in whatever case.
func (c *compiler) personAt(e *policy.Event, path event.Path) (*transform.Identity, error) {
	want := path.String()
	for i := range e.Leaves {
		if l := &e.Leaves[i]; l.Class.OfSubject() && l.Path.String() == want {
			return c.identity(l.Class)
		}
	}
	return nil, fmt.Errorf("it has no class that names somebody")
}

// whos gives whom a path names in which case; nil: there are no cases.
func (c *compiler) whos(e *policy.Event, path event.Path) ([]who, error) {
	var out []who
	cases := false
	for i := range e.Leaves {
		l := &e.Leaves[i]
		if l.Container || !slices.Equal(l.Path, path) {
			continue
		}
		cases = cases || len(l.Case) > 0
		w := who{}
		if l.Class.OfSubject() {
			id, err := c.identity(l.Class)
			if err != nil {
				return nil, err
			}
			w.identity = id
		}
		for _, n := range c.places(path) {
			w.node, w.clauses = n.id, c.clauses(n, l.Case)
			out = append(out, w)
		}
	}
	if !cases {
		return nil, nil
	}
	return out, nil
}

// choose gives what is done with the leaf, as other fields say; nil: nothing.
func (w *Worker) choose(at int32, o *op) *op {
	for i := range o.choices {
		if w.clauses(at, o.choices[i].clauses) {
			return o.choices[i].op
		}
	}
	return nil
}

func (w *Worker) clauses(at int32, cs []clause) bool {
	for i := range cs {
		all := true
		for j := range cs[i].when {
			if !w.near(at, &cs[i].when[j]) {
				all = false
				break
			}
		}
		if all == cs[i].not {
			return false
		}
	}
	return true
}

// near tells whether a condition holds inside the container that the leaf shares with what the condition looks at.
func (w *Worker) near(at int32, c *nearby) bool {
	container := w.enclosing(at, c.climb)
	key := answered{container, int32(c.id)}
	if verdict, known := w.answers[key]; known { // all leaves of one array ask the same
		return verdict
	}
	var seen tally
	for i := container + 1; container >= 0 && i < w.tape[container].end; i++ {
		if slices.Contains(c.nodes, w.tape[i].node) {
			w.test(&c.condition, &w.tape[i], &seen)
		}
	}
	verdict := c.verdict(&seen)
	w.answers[key] = verdict
	return verdict
}

// whoAt gives the identity of the first case that holds; nil: it names nobody.
func (w *Worker) whoAt(at int32, whos []who) *transform.Identity {
	for i := range whos {
		if whos[i].node == w.tape[at].node && w.clauses(at, whos[i].clauses) {
			return whos[i].identity
		}
	}
	return nil
}
