// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"html"
	"slices"
	"unicode"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// Treatment is what is done with what was found in a text.
type Treatment uint8

const (
	AsTag       Treatment = iota // [PHONE]
	AsMask                       // an asterisk for every character but space and punctuation
	AsPseudonym                  // of whom it names; of nobody, a tag
	AsSurrogate                  // something of its shape that cannot be anybody's
	AsIs                         // it stays
	AsHost                       // of a URL the host; where it has none that may stay, a tag
)

// TextOptions say what a text technique looks for, and what it does with it.
type TextOptions struct {
	Detector   *detect.Detector
	Markup     detect.Markup
	Treat      [span.Kinds]Treatment
	Identities [span.Kinds]*Identity // whose pseudonyms stand for what is found; nil: no pseudonym is made of it
	Account    *Identity             // of whom <@…> names in the markups of Slack and Discord
}

type text struct{ TextOptions }

// NewText replaces personal data in free text: what was found, and wherever the event's own names occur. The rest of the text
// stays as it is, and the result is valid in its markup. A text that holds something like one of our pseudonyms is Shaped, one of
// more than 1 MiB a Misfit.
func NewText(o TextOptions) Technique { return &text{o} }

// Self are the event's own names, which are looked for in its texts.
type Self struct {
	Names []detect.Identity
	// Person gives the number among the scope's People of whom the identity with a Ref names; below 0: of nobody.
	Person func(ref int) int
}

// leastOfSelf and leastOfPart are how long a name, or a part of one, must be, in bytes, to be looked for inside a word.
const (
	leastOfSelf = 4
	leastOfPart = 3
)

// within tells whether one of the names stands in a host, which is in lower case: ann.example.blog is ann's. Where a name was found
// around it, named, so does a part of one.
func (s *Self) within(host []byte, named bool) bool {
	return slices.ContainsFunc(s.Names, func(n detect.Identity) bool {
		name := bytes.TrimPrefix(n.Text, []byte{'@'})
		if len(name) >= leastOfSelf && containsFold(host, name) {
			return true
		}
		if !named {
			return false
		}
		if at := bytes.IndexByte(name, '@'); at > 0 {
			name = name[:at]
		}
		for part := range bytes.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(part) >= leastOfPart && containsFold(host, part) {
				return true
			}
		}
		return false
	})
}

// containsFold tells whether the ASCII letters of name stand in text, which is in lower case.
func containsFold(text, name []byte) bool {
	for i := 0; i+len(name) <= len(text); i++ {
		if bytes.EqualFold(text[i:i+len(name)], name) {
			return true
		}
	}
	return false
}

// longestText is how long a text may be, in bytes, to be searched: what may be found in it takes a hundred times its memory.
const longestText = 1 << 20

func (t *text) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if v.Kind != String || len(v.Text) > longestText {
		return dst, Misfit
	}
	f := s.find(t, v)
	switch {
	case f.shaped:
		return dst, Shaped
	case f.from == f.to:
		return append(dst, v.Raw...), Done
	}
	// Pseudonyms take the place of the value and of its decoded text.
	s.prose.text = append(s.prose.text[:0], v.Text...)
	start := len(dst)
	dst = append(dst, '"')
	at, anyMissed := 0, false // who is missed is asked for with all others that the text names
	for i := f.from; i < f.to; i++ {
		found := &s.prose.findings[i]
		treat := t.Treat[found.Kind]
		switch {
		case found.Start < at: // within a mention that is replaced
			continue
		case treat == AsIs:
			if bar := s.label(found); bar > 0 && t.Treat[span.Person] != AsIs {
				dst, at = appendEscaped(dst, s.prose.text[at:bar]), found.mention
			}
			continue
		}
		for j, p := range s.prose.pieces[found.piecesFrom:found.piecesTo] {
			dst = appendEscaped(dst, s.prose.text[at:max(at, p.Start)]) // a mention ends behind its pieces
			at = max(p.End, found.mention)
			if j > 0 {
				continue
			}
			var missed bool
			dst, missed = t.replace(dst, found, treat, s)
			anyMissed = anyMissed || missed
		}
	}
	if anyMissed {
		return dst[:start], Missed
	}
	return append(appendEscaped(dst, s.prose.text[at:]), '"'), Done
}

// replace appends what stands for a finding. missed: the secret of whom it names is not at hand yet.
func (t *text) replace(dst []byte, f *foundInText, treat Treatment, s *Scope) (_ []byte, missed bool) {
	what := s.wording(f)
	switch treat {
	case AsMask:
		return appendMasked(dst, f.Kind, what), false
	case AsSurrogate:
		return appendSurrogate(dst, f.Kind, what), false
	case AsHost:
		start := len(dst)
		if out, ok := appendHostOf(dst, what); ok && !s.Self.within(out[start:], f.Ref >= 0) {
			return out, false
		}
	case AsPseudonym:
		out, verdict := t.pseudonym(dst, f, t.spelled(what, s), s)
		if verdict == Done || verdict == Missed {
			return out, verdict == Missed
		}
	}
	return append(append(append(dst, '['), f.Kind.Label()...), ']'), false
}

// label gives where the name begins that a mention between angle brackets has behind its account: <@U123|ann>; 0: nowhere.
func (s *Scope) label(f *foundInText) int {
	if n := bytes.IndexByte(s.prose.text[f.Start:max(f.Start, f.mention)], '|'); n >= 0 {
		return f.Start + n
	}
	return 0
}

// wording gives the text of a finding without the tags in it, valid until the next.
func (s *Scope) wording(f *foundInText) []byte {
	pieces := s.prose.pieces[f.piecesFrom:f.piecesTo]
	if len(pieces) == 1 {
		return s.prose.text[f.Start:max(f.End, f.mention)]
	}
	s.prose.wording = s.prose.wording[:0]
	for _, p := range pieces {
		s.prose.wording = append(s.prose.wording, s.prose.text[p.Start:p.End]...)
	}
	return s.prose.wording
}

// spelled gives an identifier as fields of its own spell it: without character references and what nobody sees.
func (t *text) spelled(what []byte, s *Scope) []byte {
	if t.Markup == detect.HTML && bytes.IndexByte(what, '&') >= 0 {
		what = []byte(html.UnescapeString(string(what)))
	}
	if !isASCII(what) {
		s.prose.plain = appendVisible(s.prose.plain[:0], what)
		what = s.prose.plain
	}
	return what
}

// pseudonym appends the pseudonym of whom a finding names, after the sign of a mention where it had one.
func (t *text) pseudonym(dst []byte, f *foundInText, what []byte, s *Scope) ([]byte, Verdict) {
	start := len(dst)
	m := mentionIn(what, f.mention > 0)
	dst = append(dst, m.sign...)
	verdict := Misfit
	if f.Ref >= 0 {
		if n := s.Self.Person(f.Ref); n >= 0 {
			dst, verdict = s.People.AppendPseudonym(dst, n, s.Domain, s.Secrets)
		}
	} else {
		identity := t.Identities[f.Kind]
		if m.account {
			identity = t.Account
		}
		if identity != nil {
			s.part = Value{Kind: String, Text: m.id}
			dst, verdict = identity.AppendPseudonym(dst, &s.part, s)
		}
	}
	if verdict != Done {
		return dst[:start], verdict
	}
	return dst, Done
}

// mention is an identifier and the sign before it.
type mention struct {
	sign    string
	id      []byte
	account bool // it names an account, and no handle
}

// mentionIn takes apart @ann, and what stands between the brackets of <@U123|ann> in the markups of Slack and Discord.
func mentionIn(what []byte, bracketed bool) mention {
	if id, ok := bytes.CutPrefix(what, []byte{'@'}); ok && bracketed {
		id, _, _ = bytes.Cut(bytes.TrimPrefix(id, []byte{'!'}), []byte{'|'})
		return mention{"@", id, true}
	}
	for _, sign := range [...]struct{ spelled, sign string }{{"@", "@"}, {"＠", "@"}, {"/u/", "/u/"}, {"u/", "u/"}, {"/U/", "/u/"}, {"U/", "u/"}} {
		if id, ok := bytes.CutPrefix(what, []byte(sign.spelled)); ok {
			return mention{sign.sign, id, false}
		}
	}
	return mention{id: what}
}

// appendHostOf appends the host of a URL as NewHost keeps it; also where no scheme is written.
func appendHostOf(dst, url []byte) ([]byte, bool) {
	start := len(dst)
	v := Value{Kind: String, Text: url}
	if !bytes.Contains(url, []byte("://")) {
		end := bytes.IndexAny(url, `/?#\`)
		if end < 0 {
			end = len(url)
		}
		if bytes.IndexByte(url[:end], '@') >= 0 { // what stands before the first colon is a user
			return dst, false
		}
		if colon := bytes.IndexByte(url[:end], ':'); colon >= 0 {
			end = colon
		}
		dst, verdict := appendHost(dst, url[:end])
		return unquoted(dst, start), verdict == Done
	}
	dst, verdict := host{}.Append(dst, &v, nil)
	return unquoted(dst, start), verdict == Done
}

// unquoted takes the quotes from a JSON string at the end of dst that needs no escape.
func unquoted(dst []byte, start int) []byte {
	if len(dst)-start < 2 {
		return dst[:start]
	}
	copy(dst[start:], dst[start+1:len(dst)-1])
	return dst[:len(dst)-2]
}
