// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// networks are services whose names stand beside a handle without '@', in lower case.
var networks = []string{"skype", "snapchat", "snap", "telegram", "instagram", "insta", "ig", "kik", "discord", "tiktok", "wechat", "weixin", "twitter",
	"twitch", "steam", "psn", "gamertag", "github", "gitlab", "reddit", "venmo", "cashapp", "viber", "signal", "threema", "xbox", "username", "handle", "userid"}

// named says of first and last letters and lengths that words of password.go or networks, or numbers in words, have them.
var named = func() (table [1 << 12]uint8) {
	for _, w := range slices.Concat(passwordWords, networks, []string{"dot", "punto", "punkt", "point", "ponto", "punt", "es", "est"}) {
		table[outline([]byte(w))] |= isNamed
	}
	for w := range numerals {
		table[outline([]byte(w))] |= isNumeral
	}
	return table
}()

// What an outline may be: bits.
const (
	isNamed uint8 = 1 << iota
	isNumeral
)

// namedWord looks at the word t[i:j], of whose outline are words that say what follows, or numbers. It gives where to go on.
func (s *Scanner) namedWord(i, j int, what uint8) (end int) {
	if what&isNumeral != 0 {
		end = s.spokenNumber(i, j)
	}
	if end > 0 || what&isNamed == 0 || j-i > 10 {
		return end
	}
	if end = s.passwordWord(i, j); end == 0 {
		end = s.account(i, j)
	}
	if end == 0 && j-i <= 5 {
		end = s.spokenEmail(i, j)
	}
	return end
}

// outline is a number of a word's first and last letter, in any case, and its length.
func outline(w []byte) int { return int(w[0]&31)<<7 | int(w[len(w)-1]&31)<<2 | len(w)&3 }

// account looks at the word t[i:j]: a network's name with a handle beside it. It gives where to go on, 0 for none.
func (s *Scanner) account(i, j int) int {
	t := s.text.Bytes
	var room [32]byte
	if !slices.Contains(networks, string(foldASCII(room[:0], t[i:j]))) || isIn(t, i-1, wordy) || at(t, i-1) == '.' || at(t, i-1) == '/' {
		return 0
	}
	if start := nameBefore(t, i); start >= 0 {
		s.add(start, handleEnd(t, start), span.Handle, .7, "account")
		return 0
	}
	from, certain := nameAfter(t, i, j)
	if from == 0 {
		return 0
	}
	end := handleEnd(t, from)
	if at(t, end) == ':' && string(t[from:end]) == "live" && isIn(t, end+1, wordy) { // Skype's of Microsoft accounts
		end = handleEnd(t, end+1)
	}
	name := t[from:end]
	if at(t, end) == '#' && run(t, end+1, digit, 5) == end+5 && !isIn(t, end+5, wordy) { // Discord's until 2023
		end += 5
	}
	switch {
	case at(t, end) == '/' && bytes.IndexByte(name, '.') > 0: // an address
		return 0
	case len(name) < 3 || len(name) > 40 || !letters(name) || at(t, end) == '.' && isIn(t, end+1, alnum) || isIn(t, end, high):
		return 0
	case !hasDigit(name) && !bytes.ContainsAny(name, "._-") && (!certain || stopName(name)):
		return 0
	}
	s.add(from, end, span.Handle, .75, "account")
	return end
}

// reddit finds "u/name" at i; it gives its end, 0 for none.
func (s *Scanner) reddit(i int) int {
	t := s.text.Bytes
	end := run(t, i+2, wordy, 21)
	for at(t, end) == '-' && isIn(t, end+1, wordy) {
		end = run(t, end+1, wordy, 20)
	}
	if c := at(t, i-1); class[c]&(wordy|high) != 0 || c == '.' || c == '-' || c == '/' && i > 1 && at(t, i-2) > ' ' || end-i < 5 || at(t, end) == '/' {
		return 0
	}
	s.add(i, end, span.Handle, .8, "reddit")
	return end
}

// nameAfter gives where the handle behind a network's name begins, 0 for none; certain says that the words leave no doubt.
func nameAfter(t []byte, i, j int) (from int, certain bool) {
	for _, word := range [...]string{" name", " username", " id", " handle", " user", " tag"} {
		if hasPrefixFold(t[j:], word) && !isIn(t, j+len(word), wordy) {
			j += len(word)
			break
		}
	}
	switch {
	case at(t, j) == ':' || at(t, j) == '=':
		j++
		for j < len(t) && t[j] == ' ' {
			j++
		}
		certain = true
	case hasPrefixFold(t[j:], " is "):
		j += len(" is ")
		certain = owned(t, i)
	case hasPrefixFold(t[j:], " ist "):
		j += len(" ist ")
		certain = owned(t, i)
	case at(t, j) == ' ' && at(t, j+1) == '(':
		j += 2
	case at(t, j) == ' ':
		j++
	default:
		return 0, false
	}
	if !isIn(t, j, wordy) {
		return 0, false
	}
	return j, certain
}

// owned reports that a possessive stands before the word at i.
func owned(t []byte, i int) bool {
	for _, word := range [...]string{"my ", "her ", "his ", "their ", "our ", "mein ", "meine "} {
		if i >= len(word) && hasPrefixFold(t[i-len(word):], word) && !isIn(t, i-len(word)-1, wordy) {
			return true
		}
	}
	return false
}

// nameBefore gives where the handle in "name on skype" begins, which holds a digit or a sign; -1 for none.
func nameBefore(t []byte, i int) int {
	if i < 8 || !hasPrefixFold(t[i-4:], " on ") {
		return -1
	}
	start, end := i-4, i-4
	for start > 0 && end-start < 40 && (class[t[start-1]]&wordy != 0 || t[start-1] == '.' || t[start-1] == '-') {
		start--
	}
	w := t[start:end]
	if len(w) < 4 || at(t, start-1) == '@' || class[w[0]]&letter == 0 || !hasDigit(w) && !bytes.ContainsAny(w, "._") {
		return -1
	}
	return start
}

// stopName reports a word that says how a service is, and names nobody.
func stopName(w []byte) bool {
	var room [32]byte
	switch string(foldASCII(room[:0], w)) {
	case "down", "not", "broken", "the", "working", "dead", "acting", "full", "private", "still", "now", "being", "back", "gone", "hacked", "open", "slow",
		"off", "always", "also", "already", "really", "just", "too", "for", "and", "that", "this", "how", "what", "like", "very", "your", "required", "taken",
		"kaputt", "weg", "nicht", "download", "https", "http", "www", "name", "getting", "blocked", "banned", "suspended", "going", "available", "invalid":
		return true
	}
	return false
}

// Gazetteer tells given from family names: Names that are one are asked for words of hashtags.
type Gazetteer interface {
	Given(word []byte) bool
	Family(word []byte) bool
}

// hashtag looks at '#': what it begins is personal where it is a given name and a family name. It gives its end, 0 for none.
func (s *Scanner) hashtag(i int) int {
	t := s.text.Bytes
	end := i + 1
	for end < len(t) && end-i < 64 {
		if class[t[end]]&wordy != 0 {
			end++
			continue
		}
		r, size := utf8.DecodeRune(t[end:])
		if r < utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) {
			break
		}
		end += size
	}
	names, ok := s.d.names.(Gazetteer)
	if !ok || isIn(t, i-1, wordy) || end-i < 6 || class[t[i+1]]&upper == 0 || run(t, i+1, letter, 64) != end {
		return 0
	}
	second := i + 2
	for second < end && class[t[second]]&upper == 0 {
		second++
	}
	if rest := t[second:end]; len(rest) < 3 || slices.ContainsFunc(rest[1:], func(c byte) bool { return class[c]&upper != 0 }) {
		return 0
	}
	if names.Given(t[i+1:second]) && names.Family(t[second:end]) {
		s.add(i, end, span.Hashtag, .7, "name")
	}
	return 0
}
