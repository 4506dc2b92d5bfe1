// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

func (c *compiler) flow(index int, f *policy.Flow, kinds []kindOf) (flow, error) {
	out := flow{index: index, recipient: f.Recipient}
	for i := range f.Events {
		s, err := c.selection(&c.source.Events[i], &f.Events[i])
		if err != nil {
			return out, fmt.Errorf("event %s: %w", c.source.Events[i].Name, err)
		}
		if s.selected {
			if err := c.selves(&c.source.Events[i], f, f.Events[i].Decisions, &kinds[i]); err != nil {
				return out, fmt.Errorf("event %s: %w", c.source.Events[i].Name, err)
			}
			c.people(&kinds[i], &s)
		}
		out.events = append(out.events, s)
	}
	for i := range f.Headers {
		if f.Headers[i].Technique.Name == "" || f.Headers[i].Technique.Name == policy.Drop {
			continue
		}
		h := &c.source.Headers[i]
		t, err := c.technique(&h.Leaf, &f.Headers[i])
		if err != nil {
			return out, fmt.Errorf("header %s: %w", h.Name, err)
		}
		one := header{name: []byte(h.Name), technique: t, pseudonym: f.Headers[i].Technique.Name == policy.Pseudonym}
		if c.stored && !one.pseudonym && h.Leaf.Class.OfSubject() {
			if one.person, err = c.identity(h.Leaf.Class); err != nil {
				return out, err
			}
		}
		out.headers = append(out.headers, one)
	}
	return out, nil
}

func (c *compiler) selection(e *policy.Event, fe *policy.FlowEvent) (selection, error) {
	s := selection{selected: fe.Selected, keyFrom: fe.KeyFrom, ops: make([]*op, len(c.trie.nodes))}
	if !fe.Selected {
		return s, nil
	}
	for _, o := range fe.Only {
		if e.Signal != "" {
			break // deletions reach whoever has what is deleted
		}
		at := -1
		for i := range e.Facets {
			if e.Facets[i].Name == o.Facet {
				at = i
			}
		}
		if at < 0 {
			return s, fmt.Errorf("only: no facet %s", o.Facet)
		}
		s.only = append(s.only, only{at, o.Words})
	}
	for i := range e.Leaves {
		o, err := c.op(e, i, &fe.Decisions[i])
		if err != nil {
			return s, fmt.Errorf("%s: %w", e.Leaves[i].Path, err)
		}
		for _, n := range c.places(e.Leaves[i].Path) {
			c.put(&s, n, o, &e.Leaves[i], e)
		}
	}
	c.nest(&s)
	dropped := new(op)
	for i := range s.ops {
		if s.ops[i] == nil {
			s.ops[i] = dropped
		}
	}
	return s, nil
}

// put decides a place, unless a leaf with a more literal path has it, and lets its enclosing containers be written.
func (c *compiler) put(s *selection, n *node, o op, l *policy.Leaf, e *policy.Event) {
	before := s.ops[n.id]
	if len(l.Case) > 0 {
		one := o
		o = op{verb: write, leaf: o.leaf, choices: []choice{{c.clauses(n, l.Case), &one}}}
	}
	if before != nil {
		o.descends = before.descends
		if before.decided() && !o.follow(before, e, l) {
			return
		}
	}
	s.set(n, o)
	if o.verb == drop {
		return
	}
	for up := n.up; up != none; up = c.trie.nodes[up].up {
		if around := s.ops[up]; around != nil {
			around.descends = true
		} else {
			s.set(c.trie.nodes[up], op{descends: true, leaf: undecided})
		}
	}
}

// follow joins what is said of a place to what was said before; false: what was said before holds. The more literal path
// decides alone; cases of one path are tried in their order; between equals, dropping wins.
func (o *op) follow(before *op, e *policy.Event, l *policy.Leaf) bool {
	other := e.Leaves[before.leaf].Path
	had, now := literalness(other), literalness(l.Path)
	same := slices.Equal(other, l.Path)
	switch {
	case had != now:
		return now > had
	case same && before.choices != nil && o.choices != nil:
		o.choices = append(slices.Clip(before.choices), o.choices...)
	case same && before.choices != nil:
		one := *o
		*o = op{verb: write, leaf: before.leaf, descends: o.descends, choices: append(slices.Clip(before.choices), choice{op: &one})}
	case same && o.choices != nil:
		one := *before
		o.choices = append(o.choices, choice{op: &one})
	case before.choices != nil || o.choices != nil:
		*o = op{leaf: o.leaf, descends: o.descends} // which of two equal paths is meant cannot be told: dropped
	default:
		return o.verb == drop
	}
	return true
}

// nest says how members whose names are data, and documents inside strings, are written: with all that is around something
// that is written. Without its name a member is not.
func (c *compiler) nest(s *selection) {
	for _, n := range c.trie.nodes {
		o := s.ops[n.id]
		switch {
		case o != nil && n.inner != nil && o.verb == write:
			o.verb = writeText
		case o == nil || !o.descends:
		case n.named != nil:
			if named := s.ops[n.named.id]; named == nil || named.verb == drop {
				o.descends = false
			} else {
				o.verb = writeMember
			}
		case n.inner != nil:
			o.verb = writeDocument
		}
	}
}

// people notes whom the recipient's pseudonyms and seals ask for.
func (c *compiler) people(k *kindOf, s *selection) {
	for _, n := range c.trie.nodes {
		o := s.ops[n.id]
		c.person(k, n, o)
		for i := range o.choices {
			c.person(k, n, o.choices[i].op)
		}
	}
}

func (c *compiler) person(k *kindOf, n *node, o *op) {
	if o.person != nil {
		k.name([]int32{n.id}, o.person)
	}
	if o.owner.climb > 0 && o.owner.whos == nil {
		k.name([]int32{o.owner.node}, o.owner.identity)
	}
}

const undecided = -1

func (o *op) decided() bool { return o.leaf != undecided }

func (s *selection) set(n *node, o op) {
	if n.spelled != nil {
		o.member = append([]byte{','}, n.spelled...)
		copy(o.short[:], o.member)
	}
	if n.named != nil { // its name is written when it is known
		o.member = []byte{','}
		copy(o.short[:], o.member)
	}
	s.ops[n.id] = &o
}

// literalness counts the steps of a path that are names or indexes: the more, the more it says.
func literalness(p event.Path) int {
	n := 0
	for _, s := range p {
		switch s.Kind {
		case event.Name:
			n += 2
		case event.Index:
			n++
		}
	}
	return n
}

func (c *compiler) op(e *policy.Event, leaf int, d *policy.Decision) (op, error) {
	l := &e.Leaves[leaf]
	o := op{leaf: int32(leaf)}
	switch d.Technique.Name {
	case "", policy.Drop:
		return o, nil
	case policy.Count:
		o.verb = count
		return o, c.gate(&o, e, l)
	case policy.Presence:
		o.verb = presence
		return o, c.gate(&o, e, l)
	}
	t, err := c.technique(l, d)
	if err != nil {
		return o, err
	}
	o.verb, o.technique, o.except = write, t, literals(l.Except)
	o.verbatim, o.guarded = transform.VerbatimOf(t), transform.GuardsText(t)
	if d.Technique.Name == policy.Pseudonym && d.Rebuild == nil {
		if o.person, err = c.identity(l.Class); err != nil {
			return o, err
		}
	}
	o.nulls = d.Technique.Name == policy.Replace || d.Technique.Name == policy.Blank || d.Technique.Type != nil && d.Technique.Type.Nullable
	o.searched = d.Technique.Name == policy.InText
	o.owned = d.Technique.Name == policy.Seal && !d.Technique.Deterministic || d.Rebuild != nil && l.OwnParts || d.Technique.Shift
	if err := c.gate(&o, e, l); err != nil || !o.owned || o.gated {
		return o, err
	}
	o.owner, err = c.owner(e, l)
	return o, err
}

// gate has the registry asked before another person's leaf is written. A pseudonym asks by itself.
func (c *compiler) gate(o *op, e *policy.Event, l *policy.Leaf) (err error) {
	if c.stored && l.Owner != nil && (o.person == nil || !o.person.OfSubject()) {
		o.gated, o.verbatim, o.things = true, transform.Verbatim{}, l.Class.OfThings()
		o.owner, err = c.owner(e, l)
	}
	return err
}

// owner compiles where the identifier of the leaf's person stands.
func (c *compiler) owner(e *policy.Event, l *policy.Leaf) (owner, error) {
	if l.Owner == nil {
		if len(e.Subjects) == 0 {
			return owner{}, fmt.Errorf("a seal needs a person, and the event has no subject")
		}
		return owner{}, nil
	}
	id, err := c.personAt(e, l.Owner)
	if err != nil {
		return owner{}, fmt.Errorf("the owner %s: %w", l.Owner, err)
	}
	whos, err := c.whos(e, l.Owner)
	if err != nil {
		return owner{}, err
	}
	for _, n := range c.places(l.Path) {
		for _, o := range c.places(l.Owner) {
			o.scalar = true
			if n == o {
				return owner{climb: 1, self: true, node: o.id, identity: id, whos: whos}, nil
			}
			if shared := commonPlace(n, o, c.trie); shared >= 0 {
				return owner{climb: int(n.depth - c.trie.nodes[shared].depth), node: o.id, identity: id, whos: whos}, nil
			}
		}
	}
	return owner{}, fmt.Errorf("the owner %s is no field of the payload", l.Owner)
}
