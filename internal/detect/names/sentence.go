// SPDX-License-Identifier: Apache-2.0

package names

import "strings"

// Sentence is a text as the model sees it: tokens and their features. It is reused: Read begins the next one.
type Sentence struct {
	Tokens []Token

	lexicon *Lexicon
	style   uint32
	dense   bool    // there are scripts without spaces
	company uint32  // how many words look like given names, up to 3
	padded  []Token // Tokens with two empty ones before and after
}

// NewSentence makes a Sentence that looks words up in a lexicon.
func NewSentence(l *Lexicon) *Sentence { return &Sentence{lexicon: l} }

// dot is the hash of a full stop.
const dot = '.' * fnvPrime & (1<<32 - 1)

// particles stand inside family names.
var particles = func() map[uint32]bool {
	set := map[uint32]bool{}
	for w := range strings.FieldsSeq("de da do dos das du des del della dalla di d la le las los lo van von vom der den dem ten ter te zu zur zum el al bin ibn ben abu bint y e i mac mc af av") {
		set[foldHash(w)] = true
	}
	return set
}()

// pad is how many tokens are looked at on each side of one.
const pad = 2

// Read splits a text into tokens. It reports whether any of them may belong to a name.
func (s *Sentence) Read(text []byte) bool {
	s.padded = append(s.padded[:0], Token{}, Token{})
	s.padded = append(tokenize(s.padded, text), Token{}, Token{})
	s.Tokens = s.padded[pad : len(s.padded)-pad]
	s.look()
	if !s.gate() {
		return false
	}
	if s.style&1 != 0 {
		s.echo(text)
	}
	s.join(text)
	return true
}

// Candidate reports whether a token may belong to a name: the others are ruled out unseen.
func (s *Sentence) Candidate(i int) bool { return s.Tokens[i].candidate }

// look looks the words up and notes how the text is written.
func (s *Sentence) look() {
	s.dense = false
	var lowers, titles, uppers, posts, given uint32
	for i := range s.Tokens {
		t := &s.Tokens[i]
		switch t.shape {
		case lower:
			lowers++
		case title:
			titles++
		case upper:
			uppers++
		case mention, hashtag, link:
			posts = 1
			continue
		case mixed, initial, uncased:
		case dense:
			s.dense = true
			continue
		default:
			continue
		}
		t.entry = s.lexicon.find(t.hash)
		if e := t.entry; e.Given() > 1 && e.Common() < 2 {
			given++
		}
	}
	s.company = min(given, 3)
	switch {
	case titles+uppers <= 1 && lowers > 2:
		s.style = 1 // no capitals to go by
	case uppers > titles+lowers:
		s.style = 2
	case titles > 2*lowers && titles > 3:
		s.style = 3 // a headline or a form
	default:
		s.style = 0
	}
	s.style = s.style<<1 | posts
}

// echo marks the words that mentions in the text begin with: @annabell, as Anna said.
func (s *Sentence) echo(text []byte) {
	const most = 4 // mentions looked at
	seen := 0
	for i := range s.Tokens {
		m := &s.Tokens[i]
		if m.shape != mention {
			continue
		}
		if seen++; seen > most {
			return
		}
		name := text[m.Start+1 : m.End]
		for k := range s.Tokens {
			t := &s.Tokens[k]
			if n := int(t.End - t.Start); t.candidate && n > 2 && n <= len(name) && same(name[:n], text[t.Start:t.End]) {
				t.echo = true
			}
		}
	}
}

// same compares ASCII letters without case.
func same(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] && (a[i]^b[i] != 0x20 || classes[a[i]]&(isLower|isUpper) == 0) {
			return false
		}
	}
	return true
}

// gate marks the candidates, and reports whether there are some.
func (s *Sentence) gate() (some bool) {
	before := false // the last token is one
	for i := range s.Tokens {
		t := &s.Tokens[i]
		t.candidate = t.mayBegin() || before && t.mayFollow()
		before = t.candidate
		some = some || before
	}
	return some
}

func (t *Token) mayBegin() bool {
	if t.foreign && (t.shape == lower || t.shape == uncased) {
		return t.entry.Given() > 0 || t.entry.Family() > 0
	}
	switch t.shape {
	case title, upper, initial, mixed, numbered, uncased:
		return true
	case lower:
		return t.entry.Common() < 2 || t.entry.Common() == 2 && t.entry.Given() > 1 && t.End-t.Start > 2
	}
	return false
}

// mayFollow reports what stands inside names without being one: particles, hyphens, dots of initials.
func (t *Token) mayFollow() bool {
	switch t.shape {
	case hyphen, quote:
		return true
	case stop:
		return t.hash == dot
	case lower:
		return particles[t.hash] || t.entry.Family() > 1
	}
	return false
}
