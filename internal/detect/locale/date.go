// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// dated is a date that was read: from the day to the year, or a part of it.
type dated struct {
	start, end int
	whole      bool // day, month and year
	yearOnly   bool
}

var birthCue = sync.OnceValue(func() span.Cue { return span.Cues().Must("birth") })

// birth reads a date around a number: a date of birth where words say so.
func birth(t *span.Text, n number) (span.Found, bool) {
	d, ok := date(t.Bytes, n)
	if !ok {
		return span.Found{}, false
	}
	found := span.Found{Start: d.start, End: d.end, Kind: span.Birth, Reason: span.Pattern | span.Context, Score: .9}
	cue := birthCue()
	switch {
	case t.Field:
		found.Reason, found.Score = span.Pattern, .8
		return found, d.whole
	case d.yearOnly:
		found.Score = .6
		dense := d.start > 0 && t.Bytes[d.start-1] >= utf8.RuneSelf
		return found, bornBefore(t.Bytes, d.start) || bornAfter(t.Bytes, d.end) || dense && t.Before(cue, d.start, 9)
	case !d.whole:
		found.Score = .7
		return found, t.Before(cue, d.start, 26)
	}
	return found, t.Before(cue, d.start, 42) || t.Near(cue, d.start, d.end, 16) || dotted(t.Bytes, d.start)
}

// dotted reports "d.o.b." shortly before i, or "b. " or "* " right before it.
func dotted(b []byte, i int) bool {
	if i >= 2 && literal(b, i-2, "* ") && (i == 2 || b[i-3] != '*') || i >= 3 && literal(b, i-3, "b. ") && (i == 3 || b[i-4] == ' ' || b[i-4] == '(') {
		return true
	}
	for j := max(0, i-14); j+5 < i; j++ {
		if literal(b, j, "d.o.b") || literal(b, j, "D.O.B") {
			return true
		}
	}
	return false
}

// bornBefore reports a word of birth before i, with at most two words between.
func bornBefore(b []byte, i int) bool {
	if literal(b, max(0, i-7), "né en ") || literal(b, max(0, i-8), "née en ") {
		return true
	}
	l := words()
	for range 3 {
		end := i
		for end > 0 && i-end < 2 && (b[end-1] == ' ' || b[end-1] == ':') {
			end--
		}
		i = wordStart(b, end)
		if i == end {
			return false
		}
		if _, c := l.class(b, i); c.any(born) {
			return true
		}
	}
	return false
}

// bornAfter reports a word of birth right after i, or the suffix of Chinese and Japanese years of birth.
func bornAfter(b []byte, i int) bool {
	if i < len(b) && b[i] == ' ' {
		_, c := words().class(b, i+1)
		return c.any(born)
	}
	for _, s := range []string{"生", "出生", "年生", "年出生", "年の生まれ", "年生まれ"} {
		if i+len(s) <= len(b) && string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

// date reads a date whose first number is n.
func date(b []byte, n number) (dated, bool) {
	if n.len() == 8 {
		year, month, day := n.value/10000, n.value/100%100, n.value%100
		return dated{start: n.start, end: n.end, whole: true}, plausible(year, month, day) && !inWord(b, n.end)
	}
	if n.end >= len(b) {
		return monthBefore(b, n)
	}
	switch c := b[n.end]; {
	case c == "年"[0] && literal(b, n.end, "年"):
		return denseDate(b, n)
	case n.len() == 4 && (c == '-' || c == '/' || c == '.' || c == ' '):
		if d, ok := yearFirst(b, n, c); ok {
			return d, true
		}
	case n.len() <= 2:
		if d, ok := dayFirst(b, n, c); ok {
			return d, true
		}
	}
	return monthBefore(b, n)
}

func literal(b []byte, i int, s string) bool { return i+len(s) <= len(b) && string(b[i:i+len(s)]) == s }

func plausible(year, month, day int) bool {
	return year >= 1880 && year <= 2035 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// eras of Japan and Taiwan, whose years are small.
var eras = []string{"明治", "大正", "昭和", "平成", "令和", "民國", "民国"}

// denseDate reads 1990年2月3日 and 平成2年2月3日.
func denseDate(b []byte, n number) (dated, bool) {
	d := dated{start: n.start, end: n.end + len("年"), yearOnly: true}
	era := false
	for _, e := range eras {
		if n.start >= len(e) && literal(b, n.start-len(e), e) {
			era, d.start = true, n.start-len(e)
		}
	}
	if !era && !(n.len() == 4 && n.value >= 1880 && n.value <= 2035) && n.len() != 2 {
		return d, false
	}
	end, month := digits(b, skip(b, d.end))
	if month < 1 || month > 12 || !literal(b, end, "月") {
		return d, n.len() == 4 || era
	}
	d.end, d.yearOnly = end+len("月"), false
	end, day := digits(b, skip(b, d.end))
	if day < 1 || day > 31 {
		return d, true
	}
	d.whole = true
	for _, s := range []string{"日", "号", "號"} {
		if literal(b, end, s) {
			end += len(s)
			break
		}
	}
	d.end = end
	return d, true
}

// skip passes over one space.
func skip(b []byte, i int) int {
	if i < len(b) && b[i] == ' ' {
		return i + 1
	}
	return i
}

// yearFirst reads 1990-02-03, 1990/2/3, 1990 Feb 3, or a year alone.
func yearFirst(b []byte, n number, sep byte) (dated, bool) {
	d := dated{start: n.start, end: n.end, yearOnly: true}
	if n.value < 1880 || n.value > 2035 {
		return d, false
	}
	end, month := monthAt(b, n.end+1)
	if month > 0 && end < len(b) && (b[end] == sep || b[end] == ' ') {
		if stop, day := digits(b, end+1); plausible(n.value, month, day) && stop-end <= 3 {
			d.end, d.whole, d.yearOnly = stop, true, false
			return d, true
		}
	}
	_, known := monthBefore(b, n)
	return d, !known && (sep == ' ' || sep == '.' && !digitAt(b, n.end+1))
}

func digitAt(b []byte, i int) bool { return i < len(b) && digit(b[i]) }

// monthAt reads a month as a number or a word.
func monthAt(b []byte, i int) (end, month int) {
	if digitAt(b, i) {
		end, month = digits(b, i)
		if end-i > 2 || month > 12 {
			return i, 0
		}
		return end, month
	}
	end, c := words().class(b, i)
	if end < len(b) && b[end] == '.' {
		return end + 1, c.month()
	}
	return end, c.month()
}

// dayFirst reads 3.2.1990, 02/03/90, 3 Feb 1990, 3rd of February, 1990, 3 de febrero de 1990.
func dayFirst(b []byte, n number, sep byte) (dated, bool) {
	if n.value < 1 || n.value > 31 {
		return dated{}, false
	}
	if sep == '-' || sep == '/' || sep == '.' {
		i := n.end + 1
		if sep == '.' {
			i = skip(b, i)
		}
		if digitAt(b, i) {
			return numbers(b, n, i, sep)
		}
	}
	return dayMonth(b, n)
}

// numbers reads a day and a month (or the other way round) and the year of two or four digits.
func numbers(b []byte, n number, i int, sep byte) (dated, bool) {
	end, second := digits(b, i)
	if end-i > 2 || second < 1 || second > 31 || n.value > 12 && second > 12 || end >= len(b) || b[end] != sep {
		return dated{}, false
	}
	i = end + 1
	if sep == '.' {
		i = skip(b, i)
	}
	end, year := digits(b, i)
	ok := end-i == 4 && year >= 1880 && year <= 2035 || end-i == 2
	return dated{start: n.start, end: end, whole: true}, ok && !inWord(b, end) && !(end < len(b) && (b[end] == sep || b[end] == '%') && digitAt(b, end+1))
}

// links stand between a day, a month and a year.
var links = []string{"de ", "of ", "del ", "do ", "d'", "der "}

func linked(b []byte, i int) int {
	for _, s := range links {
		if literal(b, i, s) {
			return i + len(s)
		}
	}
	return i
}

// ordinal passes over the end of 3rd, 1er, 1º, 3.
func ordinal(b []byte, i int) int {
	if i >= len(b) || b[i] == ' ' {
		return i
	}
	for _, s := range []string{"st", "nd", "rd", "th", "er", "º", "°", "ª", "."} {
		if literal(b, i, s) && !(i+len(s) < len(b) && letters[b[i+len(s)]] != 0) {
			return i + len(s)
		}
	}
	return i
}

func dayMonth(b []byte, n number) (dated, bool) {
	i := ordinal(b, n.end)
	if i >= len(b) || b[i] != ' ' && b[i] != '-' && b[i] != '/' && b[i] != '.' && letters[b[i]] == 0 {
		return dated{}, false
	}
	if letters[b[i]] == 0 {
		i++
	}
	if i < len(b) && b[i] == ' ' {
		i++
	}
	i = linked(b, i)
	start := i
	if start >= len(b) || digit(b[start]) {
		return dated{}, false
	}
	end, month := monthAt(b, i)
	if month == 0 {
		return dated{}, false
	}
	d := dated{start: n.start, end: end}
	if b[end-1] == '.' {
		d.end--
	}
	for end < len(b) && end < d.end+4 && strings.IndexByte(" ,.-/'", b[end]) >= 0 {
		end++
	}
	stop, year := digits(b, linked(b, end))
	if len := stop - linked(b, end); len == 4 && year >= 1880 && year <= 2035 || len == 2 && end > d.end {
		d.end, d.whole = stop, !inWord(b, stop)
		return d, d.whole
	}
	return d, upper(b, start) || end-start > 4
}

// monthBefore reads February 3, 1990 and February 1990 from their first number.
func monthBefore(b []byte, n number) (dated, bool) {
	i := n.start
	for i > 0 && n.start-i < 3 && strings.IndexByte(" .-/,", b[i-1]) >= 0 {
		i--
	}
	if i == n.start || i == 0 || n.len() != 4 && (n.len() > 2 || n.value < 1 || n.value > 31) {
		return yearAlone(b, n)
	}
	start := wordStart(b, i)
	if _, c := words().class(b, start); start == i || c.month() == 0 {
		return yearAlone(b, n)
	}
	d := dated{start: start, end: n.end}
	if n.len() == 4 {
		return d, n.value >= 1880 && n.value <= 2035
	}
	end := ordinal(b, n.end)
	if end > n.end && b[end-1] != '.' {
		d.end = end
	}
	for end < len(b) && end < d.end+3 && strings.IndexByte(" ,.-/'", b[end]) >= 0 {
		end++
	}
	if stop, year := digits(b, end); end > d.end && (stop-end == 4 && year >= 1880 && year <= 2035 || stop-end == 2 && (strings.IndexByte(",/-'", b[d.end]) >= 0 || b[end-1] == '\'')) && !inWord(b, stop) {
		d.end, d.whole = stop, true
	}
	return d, !inWord(b, d.end)
}

// yearAlone reads a year at the end of a text or a clause.
func yearAlone(b []byte, n number) (dated, bool) {
	return dated{start: n.start, end: n.end, yearOnly: true}, n.len() == 4 && n.value >= 1880 && n.value <= 2035 && !inWord(b, n.end)
}
