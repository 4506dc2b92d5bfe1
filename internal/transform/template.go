// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"slices"
)

// Part is fixed text of a composite value, or a part of it that says something.
type Part struct {
	Literal  string
	Identity *Identity // what the part names; it is written as its pseudonym
	Owner    bool      // the part is another spelling of whom the leaf belongs to; it is written as their pseudonym
	Kept     func(text []byte) bool
	Dropped  bool // the rest of the value, not written
}

// The parts that are kept as they are.
var (
	// KeptWord is 1 to 64 letters, points and hyphens.
	KeptWord = func(text []byte) bool {
		return len(text) <= 64 && !slices.ContainsFunc(text, func(c byte) bool { return (c|0x20 < 'a' || c|0x20 > 'z') && c != '.' && c != '-' })
	}
	// KeptInteger is up to 9 digits.
	KeptInteger = func(text []byte) bool {
		return len(text) <= 9 && !slices.ContainsFunc(text, func(c byte) bool { return c < '0' || c > '9' })
	}
	// KeptHost is a host name with at least one point.
	KeptHost = func(text []byte) bool {
		return len(text) <= 253 && bytes.IndexByte(text, '.') > 0 &&
			!slices.ContainsFunc(text, func(c byte) bool {
				return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-'
			})
	}
)

// KeptWords is one of these words.
func KeptWords(words []string) func([]byte) bool {
	return func(text []byte) bool { return slices.Contains(words, string(text)) }
}

// Form is one way in which a composite value can be put together.
type Form struct {
	Parts []Part
	Whole *Identity // the recipient may not have all parts: a value of this form gets one pseudonym
}

type template struct{ forms []Form }

// NewTemplate rebuilds a composite identifier with the pseudonyms of what it names. The first form that the value has counts;
// a value of no form is a misfit.
func NewTemplate(forms []Form) Technique { return template{forms} }

func (t template) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if v.Kind != String && v.Kind != Number {
		return dst, Misfit
	}
	start := len(dst)
	s.text = append(s.text[:0], v.Text...) // the value's own text is lent to the parts below
	for i := range t.forms {
		form := &t.forms[i]
		if !s.cut(form.Parts) {
			continue
		}
		out, verdict := s.appendForm(append(dst[:start], '"'), form.Parts)
		if verdict == Done && form.Whole != nil {
			s.part = Value{Kind: String, Text: s.text}
			out, verdict = form.Whole.AppendPseudonym(append(out[:start], '"'), &s.part, s)
		}
		switch verdict {
		case Done:
			return append(out, '"'), Done
		case Shaped, Barred, Missed:
			return dst[:start], verdict
		}
	}
	return dst[:start], Misfit
}

// cut finds the parts of the value as far as it has this form, before anybody in it is looked for.
func (s *Scope) cut(form []Part) bool {
	s.pieces = s.pieces[:0]
	text := s.text
	for i := range form {
		p := &form[i]
		if p.Literal != "" {
			rest, ok := bytes.CutPrefix(text, []byte(p.Literal))
			if !ok {
				return false
			}
			s.pieces, text = append(s.pieces, text[:len(p.Literal)]), rest
			continue
		}
		if p.Dropped {
			return true
		}
		end := len(text)
		if i+1 < len(form) && form[i+1].Literal != "" {
			if end = bytes.Index(text, []byte(form[i+1].Literal)); end < 0 {
				return false
			}
		} else if i+1 < len(form) { // {drop}: from where an identifier cannot go on
			if end = bytes.IndexAny(text, "/?#"); end < 0 {
				end = len(text)
			}
		}
		part := text[:end]
		text = text[end:]
		if len(part) == 0 || bytes.ContainsAny(part, "/?# \t\r\n") || p.Kept != nil && !p.Kept(part) {
			return false
		}
		s.pieces = append(s.pieces, part)
	}
	return len(text) == 0
}

// appendForm writes the parts that were cut. Everything that is written needs no escape.
func (s *Scope) appendForm(dst []byte, form []Part) ([]byte, Verdict) {
	for i, piece := range s.pieces {
		var verdict Verdict
		if dst, verdict = form[i].append(dst, piece, s); verdict != Done {
			return dst, verdict
		}
	}
	return dst, Done
}

func (p *Part) append(dst, text []byte, s *Scope) ([]byte, Verdict) {
	switch {
	case p.Literal != "":
		return appendEscaped(dst, text), Done
	case p.Owner:
		if !s.Owner.Known || !s.Owner.Identity.ofSubject {
			return dst, Misfit
		}
		return s.Owner.Identity.AppendPseudonymOf(dst, &s.Owner.Secret, s), Done
	case p.Kept != nil:
		return append(dst, text...), Done
	}
	s.part = Value{Kind: String, Text: text}
	return p.Identity.AppendPseudonym(dst, &s.part, s)
}
