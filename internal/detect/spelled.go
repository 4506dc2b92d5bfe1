// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"slices"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// atWords and dotWords are what people write for '@' and '.' in the languages that are read, folded.
var (
	atWords  = []string{"at", "@", "arroba", "arobase", "arrobase", "ät", "aet", "chiocciola", "apenstaartje", "klammeraffe", "アット", "アットマーク", "艾特"}
	dotWords = []string{"dot", ".", "punto", "punkt", "point", "ponto", "punt", "ドット", "点"}
)

// spelledEmail finds "name [at] example [dot] com" by the bracket at i.
func (s *Scanner) spelledEmail(i int) int {
	t := s.text.Bytes
	end := bracketed(t, i, atWords)
	if end == 0 {
		return 0
	}
	start := i
	for start > 0 && t[start-1] == ' ' && i-start < 2 {
		start--
	}
	from := localStart(t, start)
	if from == start {
		return 0
	}
	label := skipSpaces(t, end)
	for range 4 {
		stop := run(t, label, alnum, 64)
		for at(t, stop) == '-' {
			stop = run(t, stop+1, alnum, 64)
		}
		if stop == label {
			return 0
		}
		if at(t, stop) == '.' {
			if whole, known := domainEnd(t, label); known {
				s.add(from, whole, span.Email, .9, "")
				return whole
			}
		}
		dot := dotAfter(t, stop)
		if dot == 0 {
			return 0
		}
		label = dot
		if last := run(t, label, letter, 24); tlds().has(t[label:last]) && dotAfter(t, last) == 0 && !isIn(t, last, wordy) {
			s.add(from, last, span.Email, .9, "")
			return last
		}
	}
	return 0
}

// dotAfter gives where the label behind a written dot at i begins, in brackets or between spaces; 0 for none.
func dotAfter(t []byte, i int) int {
	j := skipSpaces(t, i)
	if end := bracketed(t, j, dotWords); end > 0 {
		return skipSpaces(t, end)
	}
	if j == i || j >= len(t) {
		return 0
	}
	if n := prefixOf(t[j:], dotWords); n > 0 && at(t, j+n) == ' ' {
		return skipSpaces(t, j+n)
	}
	return 0
}

// bracketed gives the end of "[word]" or "(word)" at i; 0 for none.
func bracketed(t []byte, i int, words []string) int {
	open := at(t, i)
	if open != '[' && open != '(' && open != '{' {
		return 0
	}
	j := skipSpaces(t, i+1)
	if j >= len(t) {
		return 0
	}
	n := prefixOf(t[j:], words)
	if n == 0 {
		return 0
	}
	if j = skipSpaces(t, j+n); at(t, j) != ']' && at(t, j) != ')' && at(t, j) != '}' {
		return 0
	}
	return j + 1
}

// prefixOf gives the length of the longest word that b begins with, in any case; 0 for none.
func prefixOf(b []byte, words []string) (n int) {
	for _, w := range words {
		if len(w) > n && hasPrefixFold(b, w) {
			n = len(w)
		}
	}
	return n
}

// skipSpaces passes at most two spaces.
func skipSpaces(t []byte, i int) int {
	for range 2 {
		if at(t, i) == ' ' {
			i++
		}
	}
	return i
}

// looseEmail finds an address with spaces around '@' at i, or around its last dot; its local part must look like one. It gives its
// end, 0 for none.
func (s *Scanner) looseEmail(i int) int {
	t := s.text.Bytes
	stop, domain := i, i+1
	if at(t, i-1) == ' ' {
		stop--
	}
	if at(t, domain) == ' ' {
		domain++
	}
	if !isIn(t, domain, alnum) || !isIn(t, stop-1, alnum) {
		return 0
	}
	start := localStart(t, stop)
	if start == stop || !hasDigit(t[start:stop]) && !bytes.ContainsAny(t[start:stop], "._+") || !letters(t[start:stop]) {
		return 0
	}
	end, known := domainEnd(t, domain)
	if !known {
		end = run(t, domain, alnum, 64)
		if !bytes.HasPrefix(t[end:], []byte(" . ")) {
			return 0
		}
		last := run(t, end+3, lower, 24)
		if end, known = last, tlds().has(t[end+3:last]); !known {
			return 0
		}
	}
	s.add(start, end, span.Email, .75, "spaced")
	return end
}

// spokenEmail finds "name at example dot com" by the word t[i:j] for a dot; it gives its end, 0 for none.
func (s *Scanner) spokenEmail(i, j int) int {
	t := s.text.Bytes
	end := run(t, j+1, letter, 24)
	if prefixOf(t[i:j], dotWords) != j-i || at(t, j) != ' ' || at(t, i-1) != ' ' || !tlds().has(t[j+1:end]) || isIn(t, end, wordy|high) {
		return 0
	}
	label, word := spokenLabel(t, i-1), 0
	for range 3 {
		if label < 4 {
			return 0
		}
		if word = wordBefore(t, label, atWords); word > 0 {
			break
		}
		dot := wordBefore(t, label, dotWords)
		if dot == 0 {
			return 0
		}
		label = spokenLabel(t, dot)
	}
	if word == 0 || article(t[label:i-1]) {
		return 0
	}
	start := localStart(t, word)
	if start == word {
		return 0
	}
	for dot := wordBefore(t, start, dotWords); dot > 0 && localStart(t, dot) < dot; dot = wordBefore(t, start, dotWords) {
		start = localStart(t, dot)
	}
	s.add(start, end, span.Email, .8, "spoken")
	return end
}

// spokenLabel gives where the label of a domain that ends at i begins.
func spokenLabel(t []byte, i int) int {
	label := i
	for label > 0 && i-label < 64 && (class[t[label-1]]&alnum != 0 || t[label-1] == '-' || t[label-1] == '.') {
		label--
	}
	if label == i {
		return 0
	}
	return label
}

// wordBefore gives where the space before one of words is that ends, with a space, before i; 0 for none.
func wordBefore(t []byte, i int, words []string) int {
	if at(t, i-1) != ' ' {
		return 0
	}
	for _, w := range words {
		if from := i - 1 - len(w); from > 1 && t[from-1] == ' ' && hasPrefixFold(t[from:], w) {
			return from - 1
		}
	}
	return 0
}

// article reports a word that no domain has: "at the dot com".
func article(w []byte) bool {
	return slices.ContainsFunc([]string{"the", "a", "this", "that", "der", "die", "das", "el", "la", "le", "il", "o", "de"}, func(s string) bool {
		return len(w) == len(s) && hasPrefixFold(w, s)
	})
}

// maxBroken bounds how far a broken address is read, in bytes.
const maxBroken = 256

// broken finds an address whose signs stand in brackets, as in example[.]com, by the bracket at i. It reads the address without
// them and gives where to go on, 0 for none.
func (s *Scanner) broken(i int) int {
	t := s.text.Bytes
	if _, size := unbracketed(t, i); size == 0 {
		return 0
	}
	start := i
	for start > 0 && i-start < maxLocal && class[t[start-1]]&inURL != 0 && bytes.IndexByte([]byte(`,;()`), t[start-1]) < 0 {
		start--
	}
	var whole [maxBroken]byte
	var from [maxBroken + 1]int // where each byte of whole stands in t
	n, j := 0, start
	for n < len(whole)-4 && j < len(t) && class[t[j]]&(inURL|high) != 0 {
		from[n] = j
		if sign, size := unbracketed(t, j); size > 0 {
			for k := range len(sign) {
				from[n+k] = j
			}
			n, j = n+copy(whole[n:], sign), j+size
			continue
		}
		whole[n] = t[j]
		n, j = n+1, j+1
	}
	from[n] = j
	k, end, kind := readBroken(whole[:n])
	if end == 0 || from[end] <= i {
		return 0
	}
	s.add(from[k], from[end], kind, .85, "broken")
	return from[end]
}

// readBroken reads what an address without its brackets is: where it begins and ends, 0 for none.
func readBroken(b []byte) (start, end int, k span.Kind) {
	if n := bytes.IndexByte(b, '@'); n > 0 && bytes.IndexByte(b, '/') < 0 {
		if end, known := domainEnd(b, n+1); known {
			return localStart(b, n), end, span.Email
		}
		return 0, 0, 0
	}
	host := 0
	if n := bytes.Index(b, []byte("://")); n > 0 {
		host = n + 3
	}
	end, known := ipv4End(b, host), true
	if k = span.IP; end == 0 {
		end, known = domainEnd(b, host)
		k = span.URL
	}
	if !known || isIn(b, end, wordy) {
		return 0, 0, 0
	}
	if stop := pathEnd(b, host, end); stop > end {
		end, k = stop, span.URL
	}
	if host > 0 {
		k = span.URL
	}
	return 0, end, k
}

// unbracketed gives the sign that stands in brackets at i, and the size with them; 0 for none.
func unbracketed(t []byte, i int) (sign string, size int) {
	c := at(t, i)
	if c != '[' && c != '(' && c != '{' {
		return "", 0
	}
	for _, sign := range [...]string{".", ":", "@", "://", "dot"} {
		if end := i + 1 + len(sign); hasPrefixFold(t[i+1:], sign) && (at(t, end) == ']' || at(t, end) == ')' || at(t, end) == '}') {
			if sign == "dot" {
				return ".", end + 1 - i
			}
			return sign, end + 1 - i
		}
	}
	return "", 0
}
