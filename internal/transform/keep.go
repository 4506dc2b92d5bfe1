// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"
)

// Type is what a value must be to be kept. The zero value keeps nothing and is refused.
type Type struct {
	Kind     TypeKind
	Enum     []string  // of TypeEnum: the decoded texts that may be
	Pattern  string    // of TypeString: RE2, matched against the whole decoded text
	Max      int       // of TypeString: longest text in code points; 0: no limit
	Or       []Literal // values kept beside those of the kind
	Nullable bool      // null is kept too
	Guarded  bool      // of TypeString: a text with an e-mail address in it is not kept, whatever the pattern allows
	Text     bool      // of numbers and booleans: one that is written as a string is kept too, as it came
}

// TypeKind is the kind of values a Type keeps.
type TypeKind uint8

const (
	TypeInteger TypeKind = iota + 1 // a number without point and exponent, of any size
	TypeNumber
	TypeBoolean
	TypeEnum
	TypeString
)

type keep struct {
	kind     TypeKind
	few      []string        // an enum of few words
	enum     map[string]bool // an enum of many
	pattern  *pattern        // nil: none
	max      int
	or       []Literal
	nullable bool
	text     bool
	guarded  bool
}

// NewKeep leaves values as they are, if they are of the agreed type; all others are misfits. Numbers keep every byte of their
// token, so that 2⁵³+1 stays 2⁵³+1. Strings keep their text; escapes are written in the one way of AppendString.
// A string type states a pattern or a longest text: free text is not kept by oversight.
func NewKeep(t Type) (Technique, error) {
	k := &keep{kind: t.Kind, max: t.Max, or: t.Or, nullable: t.Nullable, text: t.Text, guarded: t.Guarded}
	switch {
	case t.Kind < TypeInteger || t.Kind > TypeString:
		return nil, fmt.Errorf("keep: no type")
	case t.Kind != TypeString && (t.Pattern != "" || t.Max != 0), t.Kind != TypeEnum && len(t.Enum) > 0:
		return nil, fmt.Errorf("keep: pattern and max are of strings, the list of values is of enums")
	case t.Kind == TypeEnum && len(t.Enum) == 0:
		return nil, fmt.Errorf("keep: an enum without values")
	case t.Text && t.Kind > TypeBoolean:
		return nil, fmt.Errorf("keep: strings are texts already")
	case t.Kind == TypeString && t.Pattern == "" && t.Max == 0, t.Max < 0:
		return nil, fmt.Errorf("keep: a string needs a pattern or a positive max")
	}
	for i := range t.Or {
		if _, err := t.Or[i].token(); err != nil {
			return nil, fmt.Errorf("keep: %w", err)
		}
	}
	if k.few = t.Enum; len(k.few) > fewWords {
		k.few = nil
		k.enum = make(map[string]bool, len(t.Enum))
		for _, word := range t.Enum {
			k.enum[word] = true
		}
	}
	if t.Pattern != "" {
		p, err := newPattern(t.Pattern)
		if err != nil {
			return nil, fmt.Errorf("keep: %w", err)
		}
		k.pattern = p
	}
	return k, nil
}

func (k *keep) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if !k.agrees(v) && !k.excepted(v) {
		return dst, Misfit
	}
	switch v.Kind {
	case String:
		if len(v.Raw) == len(v.Text)+2 { // no escapes: these are longer than what they stand for
			return append(dst, v.Raw...), Done
		}
		return AppendString(dst, v.Text), Done
	case Number:
		return append(dst, v.Text...), Done
	case True:
		return append(dst, "true"...), Done
	case False:
		return append(dst, "false"...), Done
	}
	return append(dst, "null"...), Done
}

// Verbatim tells by kind how long a token may be that a technique copies as it stands, if it is the one way to write its value:
// a string without escapes, a number without point and exponent. 0: only the technique knows.
type Verbatim [Null + 1]int32

// GuardsText tells whether texts with an @ in them must be shown to the technique all the same.
func GuardsText(t Technique) bool {
	k, ok := t.(*keep)
	return ok && k.guarded
}

// VerbatimOf gives what can be copied without asking the technique.
func VerbatimOf(t Technique) (v Verbatim) {
	k, ok := t.(*keep)
	if !ok {
		return v
	}
	switch {
	case k.kind == TypeInteger || k.kind == TypeNumber:
		v[Number] = math.MaxInt32
	case k.kind == TypeBoolean:
		v[True], v[False] = math.MaxInt32, math.MaxInt32
	case k.kind == TypeString && k.pattern == nil:
		v[String] = int32(min(k.max, math.MaxInt32-2)) + 2 // no text has more characters than bytes
	}
	return v
}

func (k *keep) agrees(v *Value) bool {
	if v.Kind == Null {
		return k.nullable
	}
	switch k.kind {
	case TypeInteger:
		return (v.Kind == Number || k.text && spellsNumber(v)) && whole(v.Text)
	case TypeNumber:
		return v.Kind == Number || k.text && spellsNumber(v)
	case TypeBoolean:
		return v.Kind == True || v.Kind == False || k.text && spellsBoolean(v)
	case TypeEnum:
		return v.Kind == String && k.listed(v.Text)
	case TypeString:
		return v.Kind == String && k.short(v.Text) && (k.pattern == nil || k.pattern.matches(v.Text)) && !(k.guarded && holdsEmail(v.Text))
	}
	return false
}

// holdsEmail tells whether a text has something like a@b.c in it. Of texts without @ it costs one search for a byte.
func holdsEmail(text []byte) bool {
	for at := bytes.IndexByte(text, '@'); at >= 0; {
		host := text[at+1:]
		end := bytes.IndexFunc(host, func(r rune) bool { return r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(host)
		}
		if at > 0 && text[at-1] > ' ' && bytes.IndexByte(bytes.Trim(host[:end], ".-"), '.') > 0 {
			return true
		}
		next := bytes.IndexByte(host, '@')
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// longestNumber is how many characters a number may have that is written as a string.
const longestNumber = 40

// spellsNumber tells whether a string is a number as JSON writes it.
func spellsNumber(v *Value) bool {
	if v.Kind != String || len(v.Text) > longestNumber || len(v.Text) == 0 {
		return false
	}
	c := v.Text[0]
	return (c == '-' || c >= '0' && c <= '9') && json.Valid(v.Text)
}

// spellsBoolean tells whether a string is true or false, in any case of letters.
func spellsBoolean(v *Value) bool {
	return v.Kind == String && (bytes.EqualFold(v.Text, []byte("true")) || bytes.EqualFold(v.Text, []byte("false")))
}

// whole tells whether a number has neither a point nor an exponent. It is a number: nothing else needs to be looked for.
func whole(number []byte) bool {
	for _, c := range number {
		if c == '.' || c > '9' {
			return false
		}
	}
	return true
}

// fewWords is how many words are compared one by one faster than a map finds one.
const fewWords = 8

func (k *keep) listed(text []byte) bool {
	for _, word := range k.few {
		if word == string(text) {
			return true
		}
	}
	return k.enum != nil && k.enum[string(text)]
}

// short tells whether the text is within max code points; no text has more of them than bytes.
func (k *keep) short(text []byte) bool {
	return k.max == 0 || len(text) <= k.max || len(text) <= utf8.UTFMax*k.max && utf8.RuneCount(text) <= k.max
}

func (k *keep) excepted(v *Value) bool {
	for i := range k.or {
		if k.or[i].equals(v) {
			return true
		}
	}
	return false
}
