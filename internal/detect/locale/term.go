// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

var (
	healthCue  = sync.OnceValue(func() span.Cue { return span.Cues().Must("health") })
	financeCue = sync.OnceValue(func() span.Cue { return span.Cues().Must("finance") })
)

// term appends a word of health or money, or a corner of streets, that begins at `at` with a word of hash h.
func (l *lexicon) term(dst []span.Found, t *span.Text, at, end int, h uint64) []span.Found {
	stop, mean := l.longest(t.Bytes, end, h, []meaning{health, healthWeak, finance, financeWeak, corner})
	if mean == corner {
		return l.corner(dst, t, at, stop)
	}
	if found, ok := weigh(t, at, stop, mean); ok {
		return append(dst, found)
	}
	return dst
}

// weigh scores a term: surer with a cue word beside it; a term with other meanings is nothing without.
func weigh(t *span.Text, start, end int, mean meaning) (span.Found, bool) {
	found := span.Found{Start: start, End: end, Kind: span.Health, Reason: span.Listed, Score: .6}
	cue := healthCue
	switch mean {
	case health, healthWeak:
	case finance, financeWeak:
		found.Kind, cue = span.Finance, financeCue
	default:
		return found, false
	}
	if t.Near(cue(), start, end, 40) {
		found.Reason, found.Score = found.Reason|span.Context, .9
		if mean == healthWeak || mean == financeWeak {
			found.Score = .75
		}
		return found, true
	}
	return found, t.Field || mean == health || mean == finance || mean == financeWeak && owned(t.Bytes, start)
}

// owned reports a word like "my" before i.
func owned(b []byte, i int) bool {
	if i < 3 {
		return false
	}
	if b[i-1] != ' ' {
		return i >= 6 && (literal(b, i-6, "我的") || literal(b, i-6, "私の"))
	}
	_, c := words().class(b, wordStart(b, i-1))
	return c.any(own)
}

// amount reads a sum of money beside a word of the cue finance: what somebody earns, has or owes.
func (l *lexicon) amount(t *span.Text, n number) (span.Found, bool) {
	b := t.Bytes
	if !monetary(b, n) {
		return span.Found{}, false
	}
	start := currencyBefore(b, n.start)
	end := n.end
	for end+1 < len(b) && strings.IndexByte(".,'", b[end]) >= 0 && digit(b[end+1]) && end < n.end+12 {
		end, _ = digits(b, end+1)
	}
	stop := currencyAfter(b, end)
	if start == n.start && stop == end {
		return span.Found{}, false
	}
	found := span.Found{Start: start, End: stop, Kind: span.Finance, Reason: span.Pattern | span.Context, Score: .6}
	return found, t.Before(financeCue(), start, 28) || t.Near(financeCue(), start, stop, 12)
}

// monetary rules out most numbers by the bytes beside them.
func monetary(b []byte, n number) bool {
	if n.start > 0 && (b[n.start-1] >= utf8.RuneSelf || b[n.start-1] == '$') {
		return true
	}
	if n.start > 1 && b[n.start-1] == ' ' && (b[n.start-2] >= utf8.RuneSelf || strings.IndexByte("$DRPF", b[n.start-2]) >= 0) {
		return true
	}
	i := n.end
	for i < len(b) && i < n.end+16 && (digit(b[i]) || b[i] == '.' || b[i] == ',' || b[i] == '\'' || b[i] == ' ') {
		i++
	}
	return i < len(b) && (b[i] >= utf8.RuneSelf || strings.IndexByte("$kKeEUGCdpr", b[i]) >= 0)
}

// currencyBefore gives where a currency before a number begins; i where none stands there.
func currencyBefore(b []byte, i int) int {
	if i == 0 || strings.IndexByte("$ \xac\xa3\xa5\xb9", b[i-1]) < 0 { // last bytes of what follows
		return i
	}
	for _, s := range []string{"R$", "$", "€", "£", "¥", "₹", "CHF ", "USD ", "EUR ", "GBP ", "$ ", "€ ", "£ "} {
		if i >= len(s) && literal(b, i-len(s), s) {
			return i - len(s)
		}
	}
	return i
}

// currencyAfter gives the end of a currency or a thousand's sign after a number; i where none stands there.
func currencyAfter(b []byte, i int) int {
	j := skip(b, i)
	if j >= len(b) || strings.IndexByte("$kKeEUGCdpr\xc2\xe2\xe4\xe5\xe8", b[j]) < 0 { // first bytes of what follows
		return i
	}
	for _, s := range []string{"€", "$", "£", "¥", "元", "円", "万円", "万元", "萬元", "萬", "万", "k", "K", "euros", "euro", "Euro", "EUR", "USD", "GBP", "CHF", "dollars", "pounds", "pesos", "reais"} {
		if literal(b, j, s) && !(letters[s[0]] != 0 && inWord(b, j+len(s))) {
			return j + len(s)
		}
	}
	return i
}

// run appends what a run of letters without spaces holds: terms, and an address.
func (l *lexicon) run(dst []span.Found, t *span.Text, at int) []span.Found {
	b := t.Bytes
	r, _ := utf8.DecodeRune(b[at:])
	if !dense(r) {
		return dst
	}
	if prev, _ := utf8.DecodeLastRune(b[:at]); at > 0 && (dense(prev) || bridged(b, at)) {
		return dst
	}
	m := marks{first: -1}
	i := at
	for i < len(b) {
		r, size := utf8.DecodeRune(b[i:])
		if !dense(r) {
			if next, ok := bridge(b, i); ok {
				i = next
				continue
			}
			break
		}
		signs := l.signs(r)
		if signs&beginsTerm != 0 {
			found, mean, ok := l.denseTerm(t, i, r)
			if ok {
				dst = append(dst, found)
			}
			if mean == province && !m.province {
				m.province, m.start = true, i
			}
		}
		if signs&(areaSign|roadSign|houseSign) != 0 {
			m.note(l, b, signs, i, size)
		}
		i += size
	}
	return m.address(dst, t, at, i)
}

// denseTerm gives the longest term that begins at i.
func (l *lexicon) denseTerm(t *span.Text, i int, r rune) (found span.Found, mean meaning, ok bool) {
	end := 0
	for _, e := range l.dense[r] {
		if literal(t.Bytes, i, e.rest) && i+len(e.rest) > end {
			end, mean = i+len(e.rest), e.mean
		}
	}
	found, ok = weigh(t, i, end, mean)
	return found, mean, ok
}
