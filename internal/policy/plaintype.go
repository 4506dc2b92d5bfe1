// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp/syntax"
)

var typeKinds = map[string]TypeKind{"integer": TypeInteger, "number": TypeNumber, "boolean": TypeBoolean, "string": TypeString}

// maxText bounds max: of a text type, in code points.
const maxText = 1 << 20

// plainType reads the type of {plain: …}, with or: and nullable: inside or beside it. It gives nil after a fault.
func (r reader) plainType(o object) *Type {
	n := o.values["plain"]
	t := r.typ(n)
	if t == nil {
		return nil
	}
	if or := o.take("or"); or != nil {
		t.Or = append(t.Or, r.literals(or, "or")...)
	}
	if nullable := o.take("nullable"); nullable != nil {
		t.Nullable, _ = r.flag(nullable, "nullable")
	}
	return t
}

// typ reads integer, number, boolean, or {type: …, enum: […], pattern: …, max: N, or: […], nullable: true, text: true}.
func (r reader) typ(n *node) *Type {
	if n.kind == scalarNode {
		word, ok := r.word(n, "type", "integer", "number", "boolean", "string")
		if !ok {
			return nil
		}
		if word == "string" {
			r.add(n.place, "a string without limits", "write {max: 80} or {pattern: \"^…$\"}")
			return nil
		}
		return &Type{Kind: typeKinds[word]}
	}
	o, ok := r.object(n, "a type", "type", "enum", "pattern", "max", "or", "nullable", "text")
	if !ok {
		return nil
	}
	t := &Type{}
	if w := o.take("type"); w != nil {
		word, ok := r.word(w, "type", "integer", "number", "boolean", "string")
		if !ok {
			return nil
		}
		t.Kind = typeKinds[word]
	}
	ok = r.limits(o, t)
	if or := o.take("or"); or != nil {
		t.Or = r.literals(or, "or")
	}
	if nullable := o.take("nullable"); nullable != nil {
		t.Nullable, _ = r.flag(nullable, "nullable")
	}
	if n := o.take("text"); n != nil {
		if t.Text, _ = r.flag(n, "text"); t.Text && t.Kind > TypeBoolean {
			r.add(n.place, "text: numbers and booleans that come as strings", "strings are texts already")
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return t
}

// limits reads what a string or enum may be.
func (r reader) limits(o object, t *Type) bool {
	enum, pattern, limit := o.take("enum"), o.take("pattern"), o.take("max")
	textual := enum != nil || pattern != nil || limit != nil
	switch {
	case textual && t.Kind != 0 && t.Kind != TypeString:
		r.add(o.at, "enum, pattern and max belong to strings", "remove them, or the type")
		return false
	case enum != nil && (pattern != nil || limit != nil):
		r.add(o.at, "an enum with pattern or max", "the words of an enum are limit enough")
		return false
	case enum != nil:
		t.Kind = TypeEnum
		return r.enum(enum, t)
	case textual:
		t.Kind = TypeString
		return r.pattern(pattern, limit, t)
	case t.Kind == 0:
		r.add(o.at, "a type without a kind", "write type: integer, number or boolean, enum: [a, b], pattern: or max:")
		return false
	case t.Kind == TypeString:
		r.add(o.at, "a string without limits", "add max: or pattern:")
		return false
	}
	return true
}

func (r reader) enum(n *node, t *Type) bool {
	for _, item := range r.list(n, "enum") {
		if item.kind == scalarNode && item.scalar == quoted && item.text == "" {
			t.Enum = append(t.Enum, "") // platforms do say nothing by an empty word
			continue
		}
		word, ok := r.text(item, "a word of the enum")
		if !ok {
			return false
		}
		t.Enum = append(t.Enum, word)
	}
	return len(t.Enum) > 0
}

func (r reader) pattern(pattern, limit *node, t *Type) bool {
	ok := true
	if pattern != nil {
		text, good := r.text(pattern, "pattern")
		if good {
			if _, err := syntax.Parse(text, syntax.Perl); err != nil { // it is compiled where values are matched
				r.add(pattern.place, fmt.Sprintf("pattern: %v", err), "patterns are RE2 and match the whole text")
				good = false
			}
		}
		t.Pattern, ok = text, good
	}
	if limit != nil {
		v, good := r.integer(limit, "max", 1, maxText)
		t.Max, ok = v, ok && good
	}
	return ok
}
