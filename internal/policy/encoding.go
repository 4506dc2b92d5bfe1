// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"math"

	"github.com/nymstream/nymstream/internal/event"
)

// encoding is the binary spelling under which leaves and decisions are hashed: reflection over that many takes longer than
// all else that loads a policy. Every field is written in its place, zero or not, and says itself where it ends, so two values
// that differ never have the same encoding. Left out is only what is written for people.
type encoding []byte

func (e encoding) leaf(l *Leaf, cases sum) encoding {
	e = e.path(l.Path)
	e = e.count(len(l.Case))
	e = append(e, cases[:]...)
	e = e.text(string(l.Class))
	e = e.typed(l.Type)
	e = e.count(len(l.Templates))
	for _, t := range l.Templates {
		e = e.template(t)
	}
	e = e.flag(l.OwnParts)
	e = e.path(l.Owner)
	e = e.path(l.Same)
	e = e.flag(l.Alias)
	e = e.literals(l.Except)
	e = e.text(l.Timestamp.Unit).text(l.Timestamp.Format).text(l.Timestamp.Zone)
	e = e.text(l.Geo)
	e = e.text(l.Markup)
	e = e.count(len(l.Offsets))
	for _, p := range l.Offsets {
		e = e.path(p)
	}
	e = e.text(l.OffsetUnit)
	e = e.path(l.Links)
	return e.flag(l.Container)
}

func (e encoding) decision(d *Decision) encoding {
	t := &d.Technique
	e = e.text(t.Name)
	e = e.typed(t.Type)
	e = e.flag(t.Deterministic)
	e = e.integer(int64(t.Keep))
	e = e.text(t.At)
	e = e.integer(int64(t.IPv4)).integer(int64(t.IPv6))
	e = e.integer(int64(t.Places))
	e = e.float(t.Grid)
	e = e.count(len(t.Bounds))
	for _, b := range t.Bounds {
		e = e.float(b)
	}
	e = e.integer(int64(t.Step))
	e = e.flag(t.Shift)
	e = e.text(t.Alphabet)
	if e = e.flag(t.Value != nil); t.Value != nil {
		e = e.literal(*t.Value)
	}
	if e = e.flag(t.Text != nil); t.Text != nil {
		e = e.textRule(t.Text)
	}
	e = e.count(len(d.Rebuild))
	for _, b := range d.Rebuild {
		e = e.flag(b)
	}
	return e.text(d.Clear)
}

func (e encoding) textRule(t *TextRule) encoding {
	e = e.text(t.Found).text(t.Names).texts(t.Allow)
	e = e.count(len(t.Kinds))
	for _, k := range t.Kinds {
		e = e.text(k.Kind).text(k.Action)
	}
	e = e.count(len(t.Deny))
	for _, d := range t.Deny {
		e = e.text(d.Text).text(d.Kind)
	}
	return e
}

func (e encoding) clauses(all []Clause) encoding {
	e = e.count(len(all))
	for i := range all {
		e = e.flag(all[i].Not)
		e = e.count(len(all[i].When))
		for j := range all[i].When {
			e = e.condition(&all[i].When[j])
		}
	}
	return e
}

func (e encoding) condition(c *Condition) encoding {
	e = e.path(c.Path)
	e = e.literals(c.Equals)
	e = e.text(c.Prefix)
	return e.flag(c.Every).flag(c.Exists).flag(c.Absent)
}

func (e encoding) template(t Template) encoding {
	e = e.count(len(t))
	for i := range t {
		e = append(e, byte(t[i].Kind))
		e = e.text(t[i].Literal)
		e = e.text(string(t[i].Class))
		e = e.texts(t[i].Words)
	}
	return e
}

func (e encoding) typed(t *Type) encoding {
	if e = e.flag(t != nil); t == nil {
		return e
	}
	e = append(e, byte(t.Kind))
	e = e.texts(t.Enum)
	e = e.text(t.Pattern)
	e = e.integer(int64(t.Max))
	e = e.literals(t.Or)
	return e.flag(t.Nullable).flag(t.Text)
}

// path tells no path from the path of the payload itself: the one leaves it to the event, the other does not.
func (e encoding) path(p event.Path) encoding {
	if e = e.flag(p != nil); p == nil {
		return e
	}
	e = e.count(len(p))
	for i := range p {
		e = append(e, byte(p[i].Kind))
		e = e.text(p[i].Name)
		e = e.integer(int64(p[i].Index))
	}
	return e
}

func (e encoding) literals(all []Literal) encoding {
	e = e.count(len(all))
	for _, l := range all {
		e = e.literal(l)
	}
	return e
}

func (e encoding) literal(l Literal) encoding { return append(e, byte(l.Kind)).text(l.Text) }

func (e encoding) texts(all []string) encoding {
	e = e.count(len(all))
	for _, s := range all {
		e = e.text(s)
	}
	return e
}

func (e encoding) text(s string) encoding { return append(e.count(len(s)), s...) }

func (e encoding) count(n int) encoding { return binary.AppendUvarint(e, uint64(n)) }

func (e encoding) integer(n int64) encoding { return binary.AppendVarint(e, n) }

func (e encoding) float(f float64) encoding {
	return binary.BigEndian.AppendUint64(e, math.Float64bits(f))
}

func (e encoding) flag(b bool) encoding {
	if b {
		return append(e, 1)
	}
	return append(e, 0)
}
