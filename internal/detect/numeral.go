// SPDX-License-Identifier: Apache-2.0

package detect

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

//go:embed numerals.txt
var numeralsFile string

// numerals holds numbers in words, folded, and how many digits they stand for.
var numerals = func() map[string]int {
	table := map[string]int{}
	for line := range strings.Lines(numeralsFile) {
		if digits, words, ok := strings.Cut(line, ":"); ok {
			for w := range strings.FieldsSeq(words) {
				table[w] = int(digits[0] - '0')
			}
		}
	}
	return table
}()

// numeralHashes says of hashes that numerals have them: nearly all other words are ruled out by it.
var numeralHashes = func() (table [1 << 13]bool) {
	for w := range numerals {
		table[numeralHash([]byte(w))] = true
	}
	return table
}()

func numeralHash(w []byte) (h uint32) {
	for _, c := range w {
		h = h*37 + uint32(c&31)
	}
	return (h ^ h>>13) & (1<<13 - 1)
}

// numeralCue is a cue beside which a number in words, of so many digits at least, is of a kind.
type numeralCue struct {
	cue  span.Cue
	kind span.Kind
	from int
}

var numeralCues = sync.OnceValue(func() []numeralCue {
	words := span.Cues()
	return []numeralCue{
		{words.Must("card"), span.Card, 12}, {words.Must("id.sure"), span.NationalID, 8}, {words.Must("phone"), span.Phone, 7},
		{words.Must("phone.weak"), span.Phone, 9},
	}
})

// Bounds of a number in words.
const (
	maxNumeral       = 13 // bytes of a word
	maxNumeralTokens = 32
	maxNumeralDigits = 24
	numeralReach     = 40
)

// numeralRun is a number that is written in words, or partly.
type numeralRun struct{ start, end, digits, words int }

// spokenNumber finds a number in words, one of which is t[i:j], beside its cue word. It gives where to go on, 0 for none.
func (s *Scanner) spokenNumber(i, j int) int {
	t := s.text.Bytes
	if i < s.numeralTried || !numeralHashes[numeralHash(t[i:j])] {
		return 0
	}
	if next := afterGap(t, j); next == j || !mayBeNumeral(t, next) {
		return 0
	}
	r := numeralRun{start: i, end: i}
	if !r.take(t, i) {
		return 0
	}
	for range maxNumeralTokens {
		next := afterGap(t, r.end)
		if next == r.end || !r.take(t, next) {
			break
		}
	}
	s.numeralTried = r.end
	if r.words < 2 {
		return 0
	}
	for range maxNumeralTokens {
		before := r.start
		if !r.takeBefore(t) || r.start == before {
			break
		}
	}
	return s.judgeNumeral(r)
}

// mayBeNumeral rules out nearly all tokens that are no numbers.
func mayBeNumeral(t []byte, i int) bool {
	end := run(t, i, letter, maxNumeral)
	if end == i || isIn(t, end, high) {
		return isIn(t, end, digit|high)
	}
	return numeralHashes[numeralHash(t[i:end])]
}

// judgeNumeral adds a number in words where a cue word says what it is.
func (s *Scanner) judgeNumeral(r numeralRun) int {
	if r.digits < 7 || r.digits > maxNumeralDigits {
		return 0
	}
	for _, c := range numeralCues() {
		if r.digits >= c.from && s.d.kinds.has(c.kind) && s.text.Near(c.cue, r.start, r.end, numeralReach) {
			s.add(r.start, r.end, c.kind, .8, "spelled")
			return r.end
		}
	}
	return 0
}

// take adds the token at i, with a joining word before it, if it is a number.
func (r *numeralRun) take(t []byte, i int) bool {
	end, digits, word := numeralAt(t, i)
	if digits == 0 && r.digits > 0 && numeralJoiner(t[i:end]) {
		if next := afterGap(t, end); next > end {
			end, digits, word = numeralAt(t, next)
		}
	}
	if digits == 0 {
		return false
	}
	r.end, r.digits = end, r.digits+digits
	if word {
		r.words++
	}
	return true
}

// takeBefore adds the token before the run if it is a number.
func (r *numeralRun) takeBefore(t []byte) bool {
	stop := r.start
	for stop > 0 && r.start-stop < 3 && gap(t[stop-1]) {
		stop--
	}
	start := stop
	for start > 0 && stop-start < maxNumeral && class[t[start-1]]&(wordy|high) != 0 {
		start--
	}
	if stop == r.start || start == stop {
		return false
	}
	end, digits, word := numeralAt(t, start)
	if digits == 0 || end != stop {
		return false
	}
	if start > 0 && t[start-1] == '+' {
		start--
	}
	r.start, r.digits = start, r.digits+digits
	if word {
		r.words++
	}
	return true
}

// numeralAt reads the token at i: a few digits, or a word for a number. It gives its end and how many digits it is, 0 for another.
func numeralAt(t []byte, i int) (end, digits int, word bool) {
	if end = run(t, i, digit, maxNumeral); end > i {
		if isIn(t, end, wordy|high) || end-i > 8 {
			return end, 0, false
		}
		return end, end - i, false
	}
	var room [maxNumeral + 2*utf8.UTFMax]byte
	folded := room[:0]
	for end < len(t) && len(folded) < maxNumeral {
		r, size := rune(t[end]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(t[end:])
		}
		if !unicode.IsLetter(r) || r >= 0x250 {
			break
		}
		folded = span.AppendFold(folded, r)
		end += size
	}
	if isIn(t, end, wordy|high) {
		return end, 0, false
	}
	digits = numerals[string(folded)]
	return end, digits, digits > 0
}

// numeralJoiner reports the "and" of numbers.
func numeralJoiner(w []byte) bool {
	switch string(w) {
	case "and", "y", "et", "e", "und", "en", "plus":
		return true
	}
	return false
}

func gap(c byte) bool { return c == ' ' || c == ',' || c == '-' || c == '.' }

// afterGap passes one to three separators; i for none.
func afterGap(t []byte, i int) int {
	j := i
	for j < len(t) && j-i < 3 && gap(t[j]) {
		j++
	}
	return j
}

// hanDigits are the digits that Chinese and Japanese numbers are told with.
const hanDigits = "〇零一二三四五六七八九幺两"

// hanNumber finds a number in Chinese digits, perhaps mixed with others, that begins at i, beside its cue word. It gives its end.
func (s *Scanner) hanNumber(i int) int {
	t := s.text.Bytes
	if i < s.numeralTried {
		return 0
	}
	r := numeralRun{start: i, end: i}
	for r.end < len(t) && r.digits <= maxNumeralDigits {
		switch {
		case isIn(t, r.end, digit):
			r.end++
		case hanDigit(t, r.end):
			r.end += 3
			r.words++
		case r.digits > 0 && afterGap(t, r.end) == r.end+1 && hanDigit(t, r.end+1):
			r.end++
			continue
		case r.digits > 0 && r.end+3 <= len(t) && string(t[r.end:r.end+3]) == "の" && hanDigit(t, r.end+3):
			r.end += 3
			continue
		default:
			return s.judgeHan(r)
		}
		r.digits++
	}
	return s.judgeHan(r)
}

func (s *Scanner) judgeHan(r numeralRun) int {
	t := s.text.Bytes
	s.numeralTried = r.end
	for r.words > 0 && isIn(t, r.start-1, digit) && r.digits <= maxNumeralDigits {
		r.start, r.digits = r.start-1, r.digits+1
	}
	return s.judgeNumeral(r)
}

// hanDigit reports a digit at i, Chinese or not.
func hanDigit(t []byte, i int) bool {
	switch at(t, i) {
	case 0xe3, 0xe4, 0xe5, 0xe9: // how hanDigits begin in UTF-8
		return i+3 <= len(t) && strings.Contains(hanDigits, string(t[i:i+3]))
	}
	return isIn(t, i, digit)
}
