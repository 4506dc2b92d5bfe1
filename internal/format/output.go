// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/avro"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Output is the Avro schema of what a recipient can get, derived from the plan alone: it holds no more than leaves.
type Output struct {
	Text   string // the schema as JSON, in one spelling: equal plans have equal texts
	root   *shape
	schema *avro.Schema
}

// OutputSchema derives the schema of one flow: of all its events, merged.
func OutputSchema(plan *policy.Plan, flow int) (*Output, error) {
	return derive(plan, plan.Flows[flow].Recipient, plan.Flows[flow:flow+1])
}

// RecipientSchema derives the schema of a recipient's topic: of all its flows, merged. A topic has one subject, so this is the
// schema to register where a recipient gets several sources.
func RecipientSchema(plan *policy.Plan, recipient int) (*Output, error) {
	var flows []policy.Flow
	for _, f := range plan.Flows {
		if f.Recipient == recipient {
			flows = append(flows, f)
		}
	}
	return derive(plan, recipient, flows)
}

func derive(plan *policy.Plan, recipient int, flows []policy.Flow) (*Output, error) {
	root := &shape{members: map[string]*shape{}}
	for _, f := range flows {
		for i := range f.Events {
			leaves := plan.Sources[f.Source].Events[i].Leaves
			for j := range f.Events[i].Decisions {
				d := &f.Events[i].Decisions[j]
				if kinds, ok := outcome(&leaves[j], d); ok {
					root.at(leaves[j].Path).add(kinds)
				}
			}
		}
	}
	return newOutput(root, plan.Recipients[recipient].Name)
}

func newOutput(root *shape, recipient string) (*Output, error) {
	root.settle()
	if root.members == nil {
		return nil, fmt.Errorf("recipient %s: its events are maps of data keys; a record of Avro has named fields", recipient)
	}
	record := root.record("nymstream."+AvroName(recipient), "Event")
	record["doc"] = "What the recipient " + recipient + " can get. Derived from the policy; every field may be missing."
	text, err := json.Marshal(record) // maps are written in the order of their keys
	if err != nil {
		return nil, err
	}
	schema, err := avro.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("recipient %s: the derived schema: %w", recipient, err)
	}
	return &Output{string(text), root, schema}, nil
}

// kinds are the types of Avro that one place of an output may have.
type kinds uint8

const (
	texts kinds = 1 << iota
	longs
	doubles
	booleans
	nulls
)

// shape is what one place of an output may be: any of its parts. Where one is empty, the place is never that.
type shape struct {
	kinds   kinds
	members map[string]*shape // of an object with named members
	each    *shape            // of an array's elements
	values  *shape            // of a map with data for keys
	tag     string            // the name of the object's branch, where the place is a union
}

func (s *shape) add(k kinds) { s.kinds |= k }

// at gives the place of a path, made where it is not there yet. A step that is not known here ends in a text: whatever is
// behind it is written inside a string, or is the name of a map's member.
func (s *shape) at(p event.Path) *shape {
	for _, seg := range p {
		switch seg.Kind {
		case event.Name:
			if s.members == nil {
				s.members = map[string]*shape{}
			}
			if s.members[seg.Name] == nil {
				s.members[seg.Name] = &shape{}
			}
			s = s.members[seg.Name]
		case event.Index, event.Each:
			if s.each == nil {
				s.each = &shape{}
			}
			s = s.each
		case event.Members:
			if s.values == nil {
				s.values = &shape{}
			}
			s = s.values
		default:
			s.add(texts)
			return s
		}
	}
	return s
}

// settle makes one map of an object that has both named members and data for keys.
func (s *shape) settle() {
	if s.values != nil {
		for _, m := range s.members {
			s.values.merge(m)
		}
		s.members = nil
		s.values.settle()
	}
	if s.each != nil {
		s.each.settle()
	}
	for _, m := range s.members {
		m.settle()
	}
}

func (s *shape) merge(o *shape) {
	s.kinds |= o.kinds
	for name, m := range o.members {
		s.at(event.Path{{Kind: event.Name, Name: name}}).merge(m)
	}
	if o.each != nil {
		s.at(event.Path{{Kind: event.Each}}).merge(o.each)
	}
	if o.values != nil {
		s.at(event.Path{{Kind: event.Members}}).merge(o.values)
	}
}

// outcome tells what a leaf becomes for a recipient; false where it never leaves.
func outcome(l *policy.Leaf, d *policy.Decision) (kinds, bool) {
	switch d.Technique.Name {
	case "", policy.Drop:
		return 0, false
	case policy.Keep:
		t := d.Technique.Type
		if t == nil {
			t = l.Type
		}
		if t == nil {
			return texts, true
		}
		return ofType(t), true
	case policy.Round:
		if l.Geo == "lat,lon" || l.Geo == "lon,lat" {
			return texts, true
		}
		return longs | doubles, true
	case policy.Count:
		return longs, true
	case policy.Presence:
		return booleans, true
	case policy.Blank:
		return texts | nulls, true
	case policy.Replace:
		return ofLiteral(d.Technique.Value), true
	}
	return texts, true // pseudonyms, seals, masks, times, …: texts, and numbers as the texts of them
}

func ofType(t *policy.Type) kinds {
	var k kinds
	switch t.Kind {
	case policy.TypeInteger:
		k = longs
	case policy.TypeNumber:
		k = longs | doubles
	case policy.TypeBoolean:
		k = booleans
	default:
		k = texts
	}
	for i := range t.Or {
		k |= ofLiteral(&t.Or[i])
	}
	if t.Nullable {
		k |= nulls
	}
	return k
}

func ofLiteral(l *policy.Literal) kinds {
	if l == nil {
		return texts
	}
	switch l.Kind {
	case policy.Number:
		return longs | doubles
	case policy.Bool:
		return booleans
	case policy.Null:
		return nulls
	}
	return texts
}

// record gives the schema of an object. Namespaces keep names of nested records apart: each is the path of the record above.
func (s *shape) record(namespace, name string) map[string]any {
	fields := []any{}
	for _, member := range slices.Sorted(maps.Keys(s.members)) {
		avroName := AvroName(member)
		f := map[string]any{"name": avroName, "type": s.members[member].union(namespace+"."+name, typeName(avroName), true), "default": nil}
		if avroName != member {
			f["nym.name"] = member
		}
		fields = append(fields, f)
	}
	return map[string]any{"type": "record", "name": name, "namespace": namespace, "fields": fields}
}

// union gives the schema of a place: the union of what it may be, or the one thing that it is.
func (s *shape) union(namespace, name string, nullable bool) any {
	var all []any
	if nullable || s.kinds&nulls != 0 {
		all = append(all, "null")
	}
	for _, k := range []struct {
		kind kinds
		name string
	}{{texts, "string"}, {longs, "long"}, {doubles, "double"}, {booleans, "boolean"}} {
		if s.kinds&k.kind != 0 {
			all = append(all, k.name)
		}
	}
	if s.members != nil {
		all = append(all, s.record(namespace, name))
	}
	if s.each != nil {
		all = append(all, map[string]any{"type": "array", "items": s.each.union(namespace+"."+name, elementName, false)})
	}
	if s.values != nil {
		all = append(all, map[string]any{"type": "map", "values": s.values.union(namespace+"."+name, memberName, false)})
	}
	if len(all) == 1 && !nullable {
		return all[0]
	}
	if s.members != nil {
		s.tag = namespace + "." + name
	} else if s.values != nil {
		s.tag = "map"
	}
	return all
}
