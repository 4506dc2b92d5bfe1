// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// frame is the object whose fields are being written.
type frame struct {
	path     event.Path // from the object, document or payload at whose fields paths begin
	absolute bool
	owner    event.Path // of the person around, in the same frame; nil: none
	steps    int
}

// place writes what stands at one place of the pack: the nodes are the same place in several objects.
func (w *packWriter) place(nodes []*node, f frame) []entry {
	if f.steps > w.style.deepest {
		return nil
	}
	leaves := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n.leaf == nil })
	objects := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n.members == nil && n.values == nil })
	each := below(nodes, func(n *node) *node { return n.each })
	key := yamlKey(relative(f.path, f.absolute))

	if coding := w.coding(leaves); coding != "" && len(objects) == 0 && len(each) == 0 {
		documents := below(leaves, func(n *node) *node { return n.inner[coding] })
		if inside := w.inPlace(documents, nil); len(inside) > 0 {
			return []entry{{key: key, inside: append([]entry{{key: "decode", text: coding}}, inside...), comment: "a document inside a string"}}
		}
	}
	if g := w.groupOf(nodes); g != nil && len(f.path) > 0 {
		ref := w.reference(g, w.inside)
		if ref == "" {
			return nil
		}
		w.used[g] = true
		out := []entry{{key: key, text: ref}}
		if len(w.scalars(g)) > 0 { // then the shape may stand in arrays by itself
			return out
		}
		return append(out, w.arrays(each, f)...)
	}
	own := objects
	hasScalars := slices.ContainsFunc(leaves, func(n *node) bool { return n.leaf.present() > 0 })
	objects = slices.Clone(objects)
	for _, e := range each {
		if e.members != nil || e.values != nil {
			objects = append(objects, e)
		}
	}
	switch mixed := hasScalars || slices.ContainsFunc(each, func(n *node) bool { return n.leaf != nil && n.leaf.present() > 0 }); {
	case len(f.path) > 0 && mixed && len(objects) > 0:
		// A scalar, an object, or an array of either: one shape written in place says all.
		for _, e := range each {
			if e.leaf != nil {
				leaves = append(leaves, e)
			}
		}
		inside := w.inPlace(objects, leaves)
		if len(inside) == 0 {
			return nil
		}
		return []entry{{key: key, inside: inside}}
	case slices.ContainsFunc(own, func(n *node) bool { return n.values != nil }):
		var out []entry
		if inside := w.inPlace(own, nil); len(inside) > 0 {
			out = append(out, entry{key: key, inside: inside})
		}
		return append(out, w.arrays(each, f)...)
	}
	var out []entry
	if len(leaves) > 0 && len(f.path) > 0 && (hasScalars || len(own) == 0 && len(each) == 0) {
		n, v := w.in.strictest(leaves)
		out = append(out, entry{key: key, text: w.leafText(leaves, n, v, f), comment: w.comment(n, v)})
	}
	out = append(out, w.members(own, f)...)
	return append(out, w.arrays(each, f)...)
}

func (w *packWriter) arrays(each []*node, f frame) []entry {
	if len(each) == 0 {
		return nil
	}
	f.path = append(slices.Clip(f.path), event.Segment{Kind: event.Each})
	f.steps++
	return w.place(each, f)
}

func below(nodes []*node, of func(*node) *node) []*node {
	var out []*node
	for _, n := range nodes {
		if m := of(n); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// coding tells how most of the strings hold documents; "" where they do not.
func (w *packWriter) coding(leaves []*node) string {
	total, counts := uint64(0), map[string]uint64{}
	for _, n := range leaves {
		total += n.leaf.present()
		for coding, inner := range n.inner {
			counts[coding] += inner.seen
		}
	}
	for _, coding := range event.Codecs {
		if total > 0 && counts[coding]*10 >= total*9 {
			return coding
		}
	}
	return ""
}

// groupOf gives the shape of the objects at a place, where it is one.
func (w *packWriter) groupOf(nodes []*node) *group {
	if !w.style.shapes {
		return nil
	}
	var found *group
	for _, n := range nodes {
		if n.members == nil && n.values == nil {
			continue
		}
		g := w.shapes.of[n]
		if g == nil || found != nil && found != g {
			return nil
		}
		found = g
	}
	return found
}

// inPlace writes {value, keys, values, fields} of objects whose place is nobody else's.
func (w *packWriter) inPlace(objects, leaves []*node) []entry {
	var out []entry
	if owner := w.owner(objects); owner != nil {
		out = append(out, entry{key: "subject", text: relative(owner, false)})
	}
	if len(leaves) > 0 {
		n, v := w.in.strictest(leaves)
		out = append(out, entry{key: "value", text: w.leafText(leaves, n, v, frame{}), comment: w.comment(n, v)})
	}
	values := below(objects, func(n *node) *node { return n.values })
	if len(values) > 0 {
		if what := w.values(values); what.text != "" || len(what.inside) > 0 {
			m := w.in.keys(objects[slices.IndexFunc(objects, func(n *node) bool { return n.values != nil })])
			out = append(out, entry{key: "keys", text: string(m.Class), comment: fmt.Sprintf("%.2f: %s", m.Confidence, strings.Join(m.Evidence, "; "))}, what)
		}
	}
	fields := w.members(objects, frame{})
	for _, o := range objects {
		if o.each != nil && o.step == innerStep {
			fields = append(fields, w.arrays([]*node{o.each}, frame{})...)
		}
	}
	if len(fields) > 0 {
		out = append(out, entry{key: "fields", inside: fields})
	}
	if len(out) == 1 && out[0].key == "subject" {
		return nil
	}
	return out
}

// values writes what stands behind names that are data: a class, or a shape written in place, which holds for arrays of its like too.
func (w *packWriter) values(nodes []*node) entry {
	var leaves, objects []*node
	arrays := false
	for at := nodes; len(at) > 0; at = below(at, func(n *node) *node { return n.each }) {
		for _, n := range at {
			if n.leaf != nil {
				leaves = append(leaves, n)
				arrays = arrays || n.step == eachStep
			}
			if n.members != nil || n.values != nil {
				objects = append(objects, n)
			}
		}
	}
	if len(objects) == 0 && len(leaves) > 0 && !arrays {
		n, v := w.in.strictest(leaves)
		return entry{key: "values", text: w.leafText(leaves, n, v, frame{}), comment: w.comment(n, v)}
	}
	if !slices.ContainsFunc(leaves, func(n *node) bool { return n.leaf.present() > 0 }) && len(objects) > 0 {
		leaves = nil
	}
	inside := w.inPlace(objects, leaves)
	if len(leaves) == 0 && len(inside) > 0 && slices.ContainsFunc(objects, func(o *node) bool { return o.step == eachStep }) {
		inside = append([]entry{{key: "value", text: string(policy.Free), comment: "none was seen; with it, the objects may stand in arrays"}}, inside...)
	}
	return entry{key: "values", inside: inside}
}

// members writes the literal members of objects, flat: a member's own members stand under longer paths.
func (w *packWriter) members(objects []*node, f frame) []entry {
	names := map[string][]*node{}
	for _, o := range objects {
		for name, c := range o.members {
			names[name] = append(names[name], c)
		}
	}
	if len(f.path) > 0 || f.absolute { // else the shape's subject says it
		if owner := w.owner(objects); owner != nil {
			f.owner = append(slices.Clip(f.path), owner...)
		}
	}
	var out []entry
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child := f
		child.path = append(slices.Clip(f.path), event.Segment{Name: name})
		child.steps++
		out = append(out, w.place(names[name], child)...)
	}
	return out
}

// owner finds the member that says whose the others are, where the objects are persons.
func (w *packWriter) owner(objects []*node) event.Path {
	named, built := false, false
	for _, o := range objects {
		named = named || o.step != rootStep && mean(o.label()).says == aPerson
		built = built || o.step != rootStep && w.in.person(o)
	}
	if !named && !built {
		return nil
	}
	best, bestRank := "", 0
	for _, o := range objects {
		for name, c := range o.members {
			if c.leaf == nil || c.leaf.present() == 0 || c.objects > 0 || c.arrays > 0 || w.coding([]*node{c}) != "" {
				continue
			}
			rank := 0
			switch m := mean(name); {
			case w.in.verdicts[c].class == policy.Account && m.says == isID && m.whole && m.matched == "id":
				rank = 4
			case w.in.verdicts[c].class == policy.Account && (m.says == isID || m.says == isAccount) && m.whole:
				rank = 3
			case w.in.verdicts[c].class == policy.Account && (m.says == isID || m.says == isAccount):
				rank = 1
			}
			if rank > bestRank || rank == bestRank && rank > 0 && name < best {
				best, bestRank = name, rank
			}
		}
	}
	if best == "" || !named && bestRank < 4 || w.strictestOf(objects, best) != policy.Account {
		return nil
	}
	return event.Path{{Name: best}}
}

func (w *packWriter) strictestOf(objects []*node, name string) policy.Class {
	var leaves []*node
	for _, o := range objects {
		if c := o.members[name]; c != nil && c.leaf != nil {
			leaves = append(leaves, c)
		}
	}
	_, v := w.in.strictest(leaves)
	return v.class
}

// comment is the evidence behind a field.
func (w *packWriter) comment(n *node, v verdict) string {
	return fmt.Sprintf("%.2f: %s", v.confidence, strings.Join(w.in.evidence(n, v), "; "))
}
