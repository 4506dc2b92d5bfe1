// SPDX-License-Identifier: Apache-2.0

package names

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

//go:embed han.txt
var hanFile string

// hanWords holds what han.txt says, by words of up to three characters packed into one number.
type hanWords struct {
	first [1 << 16]uint8 // by character: what begins with it
	words map[uint64]uint16
}

// What a word is in.
const (
	zhFamily = 1 << iota
	zhLoose
	zhGiven
	zhWord
	zhBefore
	zhAfter
	jaFamily
	jaGiven
	jaAfter
	zhAddress
)

// What begins with a character.
const (
	beginsZh = 1 << iota
	beginsJa
)

var han = sync.OnceValue(func() *hanWords {
	h := &hanWords{words: map[uint64]uint16{}}
	keys := map[string]uint16{"zh-family": zhFamily, "zh-loose": zhLoose, "zh-given": zhGiven, "zh-word": zhWord,
		"zh-before": zhBefore, "zh-after": zhAfter, "ja-family": jaFamily, "ja-given": jaGiven, "ja-after": jaAfter, "zh-address": zhAddress}
	for line := range strings.Lines(hanFile) {
		key, words, _ := strings.Cut(line, ":")
		for word := range strings.FieldsSeq(words) {
			r, _ := utf8.DecodeRuneInString(word)
			h.words[packed([]rune(word))] |= keys[key]
			switch keys[key] {
			case zhFamily:
				h.first[r&0xffff] |= beginsZh
			case jaFamily, jaGiven:
				h.first[r&0xffff] |= beginsJa
			}
		}
	}
	return h
})

// packed packs up to three characters.
func packed(word []rune) (key uint64) {
	for _, r := range word {
		key = key<<21 | uint64(r)
	}
	return key
}

// is gives what the n tokens from i on are in: 0 unless they stand side by side.
func (h *hanWords) is(tokens []Token, i, n int) uint16 {
	if i < 0 || i+n > len(tokens) {
		return 0
	}
	var key uint64
	for k := i; k < i+n; k++ {
		if tokens[k].shape != dense || k > i && tokens[k].Start != tokens[k-1].End {
			return 0
		}
		key = key<<21 | uint64(tokens[k].hash)
	}
	return h.words[key]
}

// bound reports whether no character of the script stands at i, beside its neighbor.
func bound(tokens []Token, i int) bool {
	return i < 0 || i >= len(tokens) || tokens[i].shape != dense
}

// find appends the names in scripts without spaces; a bias asks for less evidence.
func (h *hanWords) find(dst []span.Found, tokens []Token, bias float32) []span.Found {
	for i := 0; i < len(tokens); i++ {
		t := &tokens[i]
		if t.shape != dense {
			continue
		}
		n, score := 0, float32(0)
		begins := h.first[t.hash&0xffff]
		if begins&beginsJa != 0 {
			n, score = h.japanese(tokens, i)
		}
		if begins&beginsZh != 0 && n == 0 {
			n, score = h.chinese(tokens, i, enough-bias/2)
		}
		if n > 0 {
			dst = append(dst, span.Found{Start: int(t.Start), End: int(tokens[i+n-1].End), Kind: span.Person, Reason: span.Listed, Score: score})
			i += n - 1
		}
	}
	return dst
}

// enough is the weight of evidence from which a Chinese name is taken for one.
const enough = 3

// chinese gives how many characters from i on are a family name of one or two and a given name of one or two, or a family name
// alone before a form of address; 0 for none.
func (h *hanWords) chinese(tokens []Token, i int, least float32) (n int, score float32) {
	best := least - .01
	for family := 1; family <= 2; family++ {
		names := h.is(tokens, i, family)
		if names&zhFamily == 0 {
			continue
		}
		start := h.start(tokens, i)
		if names&zhLoose != 0 {
			start--
		}
		for given := 1; given <= 2; given++ {
			weight := h.given(tokens, i, family, given)
			if weight < 0 {
				continue
			}
			if weight += start + h.stop(tokens, i+family+given); weight > best {
				best, n = weight, family+given
			}
		}
	}
	if n == 0 {
		return h.addressed(tokens, i)
	}
	return n, min(.95, max(.5, .4+best/10))
}

// addressed gives the length of a family name with a form of address, which is not of the name; 0 for none.
func (h *hanWords) addressed(tokens []Token, i int) (n int, score float32) {
	for family := 2; family >= 1; family-- {
		names := h.is(tokens, i, family)
		if names&zhFamily != 0 && names&zhLoose == 0 && h.is(tokens, i+family, 2)&zhAddress != 0 && h.start(tokens, i) > 0 {
			return family, .7
		}
	}
	return 0, 0
}

// start weighs what stands before a name.
func (h *hanWords) start(tokens []Token, i int) float32 {
	for n := 3; n >= 1; n-- {
		if h.is(tokens, i-n, n)&zhBefore != 0 {
			return 2
		}
	}
	if bound(tokens, i-1) {
		return 1
	}
	return 0
}

// stop weighs what stands after a name.
func (h *hanWords) stop(tokens []Token, i int) float32 {
	for n := 2; n >= 1; n-- {
		if h.is(tokens, i, n)&zhAfter != 0 {
			return 1.5
		}
	}
	if bound(tokens, i) {
		return 1
	}
	return 0
}

// given weighs a given name after a family name; it is below 0 for what is none.
func (h *hanWords) given(tokens []Token, i, family, given int) float32 {
	if family+given <= 3 && h.is(tokens, i, family+given)&zhWord != 0 || family == 1 && h.is(tokens, i, 2)&zhWord != 0 {
		return -1
	}
	at := i + family
	listed := h.is(tokens, at, given)&zhGiven != 0
	if given == 1 {
		if !listed {
			return -1
		}
		return float32(family) - .5
	}
	if listed {
		return 2
	}
	if h.is(tokens, at, 2)&zhWord != 0 || h.is(tokens, at, 1)&zhGiven == 0 || h.is(tokens, at+1, 1)&zhGiven == 0 {
		return -1
	}
	return 1.2
}

// japanese gives how many characters from i on are a listed family name with a given name, or a name with a form of address, which
// is not of the name; 0 for none.
func (h *hanWords) japanese(tokens []Token, i int) (n int, score float32) {
	for family := 3; family >= 1; family-- {
		names := h.is(tokens, i, family)
		if names&(jaFamily|jaGiven) == 0 {
			continue
		}
		at := i + family
		for given := 3; given >= 1 && names&jaFamily != 0; given-- {
			if h.is(tokens, at, given)&jaGiven != 0 && (given > 1 || family > 1) {
				return family + given, .9
			}
		}
		for address := 3; address >= 1; address-- {
			if h.is(tokens, at, address)&jaAfter != 0 {
				return family, .85
			}
		}
	}
	return 0, 0
}
