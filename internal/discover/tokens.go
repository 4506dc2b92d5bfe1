// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// tokens splits a member's name into lower-case words without accents: camel, snake, kebab, dotted, and words of the vocabulary that are glued together.
func tokens(name string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, unglue(b.String())...)
			b.Reset()
		}
	}
	runes := []rune(norm.NFD.String(name))
	for i, r := range runes {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case r == 'ß':
			b.WriteString("ss")
			continue
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			flush()
		case i > 0 && unicode.IsDigit(r) != unicode.IsDigit(runes[i-1]) && unicode.IsLetter(r) != unicode.IsLetter(runes[i-1]):
			flush()
		}
		b.WriteRune(unicode.ToLower(r))
	}
	flush()
	return out
}

// unglue splits words that are written together, useragent or firstname, when every part is a word of the vocabulary.
func unglue(s string) []string {
	if len(s) < 5 || lexicon.known[s] {
		return []string{s}
	}
	if parts := split(s, 3); parts != nil {
		return parts
	}
	return []string{s}
}

func split(s string, most int) []string {
	for i := len(s) - 2; i >= 2 && most > 1; i-- {
		if !lexicon.glues[s[:i]] {
			continue
		}
		if rest := s[i:]; lexicon.glues[rest] {
			return []string{s[:i], rest}
		} else if parts := split(rest, most-1); parts != nil {
			return append([]string{s[:i]}, parts...)
		}
	}
	return nil
}

// singular undoes the plural of a word that the vocabulary has in the singular.
func singular(s string) string {
	for _, ending := range []struct{ plural, single string }{{"ies", "y"}, {"sses", "ss"}, {"xes", "x"}, {"s", ""}} {
		if stem, ok := strings.CutSuffix(s, ending.plural); ok && len(stem) > 1 && lexicon.known[stem+ending.single] {
			return stem + ending.single
		}
	}
	return s
}

// meaning is what the words of a name say.
type meaning struct {
	words     []string
	says      idea
	matched   string   // the words that say it
	qualifier []string // the words before them
	whole     bool     // there are no others
}

// mean finds the longest end of the name that the vocabulary knows; failing that, the last word that says something by itself.
func mean(name string) meaning {
	m := meaning{words: tokens(name)}
	words := make([]string, len(m.words))
	for i, w := range m.words {
		words[i] = singular(w)
	}
	for len(words) > 1 && isDigits(words[len(words)-1]) { // address1, image_48
		words = words[:len(words)-1]
	}
	for n := min(4, len(words)); n > 0; n-- {
		end := strings.Join(words[len(words)-n:], " ")
		if says, ok := lexicon.ideas[end]; ok {
			m.says, m.matched, m.qualifier, m.whole = says, end, words[:len(words)-n], n == len(words)
			return m
		}
	}
	for n := 3; n > 0; n-- {
		for i := len(words) - n; i >= 0; i-- {
			part := strings.Join(words[i:i+n], " ")
			if says, ok := lexicon.ideas[part]; ok && (slices.Contains(telling, says) || says == isLink && len(part) <= 4) {
				m.says, m.matched = says, part
				m.qualifier = append(append([]string{}, words[:i]...), words[i+n:]...)
				return m
			}
		}
	}
	m.qualifier = words
	return m
}
