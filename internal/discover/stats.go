// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"
	"strconv"
)

// stats is what is remembered of the scalars at one place: counts and hashes, but for short words that may turn out to be constants.
type stats struct {
	nulls, bools, integers, fractions, strings, empty uint64

	formats            [formats]uint64
	emails, links      uint64 // texts that hold an address or link somewhere
	upper, marked      uint64 // words with capitals; words with digits
	spaced, long       uint64 // texts of several words; texts over 60 bytes
	shortest, longest  int
	negative           bool
	smallest, greatest float64
	values             sketch
	words              map[string]uint64 // candidates for constants; nil when there were too many
	wordless           bool              // there were too many
	odd                uint64            // texts that cannot be constants
	equal, held        map[*node]uint64  // places of the same payload with the same value; whose value is a part of this one
	joins              map[join]uint64
}

// join is how a value is put together of others of its payload.
type join struct {
	joint byte
	parts int
	of    [3]*node // nil where the part is nothing that is known
}

func newStats() *stats { return &stats{} }

// present counts the values that say anything.
func (s *stats) present() uint64 {
	return s.bools + s.integers + s.fractions + s.strings - s.empty
}

func (s *stats) numbers() uint64 { return s.integers + s.fractions }

func (s *stats) add(v *value) {
	switch v.kind {
	case nullValue:
		s.nulls++
	case boolValue:
		s.bools++
	case numberValue:
		s.number(v.text)
	case stringValue:
		s.text(v.text)
	}
}

func (s *stats) number(text string) {
	f, err := strconv.ParseFloat(text, 64)
	if _, isInt := strconv.ParseInt(text, 10, 64); isInt == nil || err == nil && f == float64(int64(f)) {
		s.integers++
	} else {
		s.fractions++
	}
	if s.numbers() == 1 || f < s.smallest {
		s.smallest = f
	}
	if s.numbers() == 1 || f > s.greatest {
		s.greatest = f
	}
	s.negative = s.negative || f < 0
	s.formats[numberFormat(text, f)]++
	s.values.add(hash(text))
}

func (s *stats) text(text string) {
	s.strings++
	if text == "" {
		s.empty++
		return
	}
	f := formatOf(text)
	s.formats[f]++
	switch f {
	case words, otherText, markup:
		if holdsEmail(text) {
			s.emails++
		}
		if holdsLink(text) {
			s.links++
		}
	}
	if hasSpace(text) {
		s.spaced++
	}
	if len(text) > 60 {
		s.long++
	}
	if hasUpper(text) {
		s.upper++
	}
	if hasDigit(text) {
		s.marked++
	}
	if s.strings-s.empty == 1 || len(text) < s.shortest {
		s.shortest = len(text)
	}
	s.longest = max(s.longest, len(text))
	s.values.add(hash(text))
	s.word(text)
}

// maxWords bounds the constants of one place.
const maxWords = 40

// word remembers a text that may be a constant. Too many different ones end it for the place.
func (s *stats) word(text string) {
	switch {
	case !constantSpelling(text):
		s.odd++
	case s.wordless:
	case s.words[text] == 0 && len(s.words) >= maxWords:
		s.words, s.wordless = nil, true
	case s.words == nil:
		s.words = map[string]uint64{text: 1}
	default:
		s.words[text]++
	}
}

// constants tells whether nearly all texts are of a few words in the spelling of constants.
func (s *stats) constants() bool {
	return !s.wordless && len(s.words) > 0 && s.odd*50 <= s.strings-s.empty
}

// maxPartners bounds the places one place is compared with.
const maxPartners = 12

func (s *stats) equals(n *node) {
	if s.equal == nil {
		s.equal = map[*node]uint64{}
	}
	if s.equal[n] > 0 || len(s.equal) < maxPartners {
		s.equal[n]++
	}
}

func (s *stats) holds(n *node) {
	if s.held == nil {
		s.held = map[*node]uint64{}
	}
	if s.held[n] > 0 || len(s.held) < maxPartners {
		s.held[n]++
	}
}

func (s *stats) join(j join) {
	if s.joins == nil {
		s.joins = map[join]uint64{}
	}
	if s.joins[j] > 0 || len(s.joins) < maxPartners {
		s.joins[j]++
	}
}

func (s *stats) merge(o *stats) {
	s.nulls, s.bools, s.integers, s.fractions = s.nulls+o.nulls, s.bools+o.bools, s.integers+o.integers, s.fractions+o.fractions
	if o.strings > o.empty {
		if s.strings == s.empty || o.shortest < s.shortest {
			s.shortest = o.shortest
		}
		s.longest = max(s.longest, o.longest)
	}
	if o.numbers() > 0 {
		first := s.numbers() == o.numbers() // counted above
		if first || o.smallest < s.smallest {
			s.smallest = o.smallest
		}
		if first || o.greatest > s.greatest {
			s.greatest = o.greatest
		}
	}
	s.strings, s.empty = s.strings+o.strings, s.empty+o.empty
	for f, n := range o.formats {
		s.formats[f] += n
	}
	s.emails, s.links, s.upper, s.marked = s.emails+o.emails, s.links+o.links, s.upper+o.upper, s.marked+o.marked
	s.spaced, s.long, s.negative = s.spaced+o.spaced, s.long+o.long, s.negative || o.negative
	s.values.merge(&o.values)
	s.wordless, s.odd = s.wordless || o.wordless, s.odd+o.odd
	for w, n := range o.words {
		if !s.wordless {
			if s.words == nil {
				s.words = map[string]uint64{}
			}
			s.words[w] += n
		}
	}
	if s.wordless || len(s.words) > maxWords {
		s.words, s.wordless = nil, true
	}
	for n, count := range o.equal {
		for range min(count, 1<<10) {
			s.equals(n)
		}
	}
	for n, count := range o.held {
		for range min(count, 1<<10) {
			s.holds(n)
		}
	}
}

// share is the part of the strings and numbers that have one of the formats.
func (s *stats) share(of ...format) float64 {
	total := s.present() - s.bools
	if total == 0 {
		return 0
	}
	var n uint64
	for _, f := range of {
		n += s.formats[f]
	}
	return float64(n) / float64(total)
}

// format gives the most frequent format and its share.
func (s *stats) format() (best format, share float64) {
	for f := range s.formats {
		if s.formats[f] > s.formats[best] {
			best = format(f)
		}
	}
	return best, s.share(best)
}

// sketchSize is how many of the smallest hashes of a set are kept: cardinalities above it are estimates within some 12 %.
const sketchSize = 64

// sketch is a bottom-k sketch: of a set of any size it keeps the smallest hashes, which tell how many values there are and how two sets overlap.
type sketch struct{ hashes []uint64 }

func (k *sketch) add(h uint64) {
	if len(k.hashes) == sketchSize && h >= k.hashes[sketchSize-1] {
		return
	}
	i, found := slices.BinarySearch(k.hashes, h)
	if found {
		return
	}
	k.hashes = slices.Insert(k.hashes, i, h)
	if len(k.hashes) > sketchSize {
		k.hashes = k.hashes[:sketchSize]
	}
}

func (k *sketch) merge(o *sketch) {
	for _, h := range o.hashes {
		k.add(h)
	}
}

// full tells whether the size is an estimate.
func (k *sketch) full() bool { return len(k.hashes) == sketchSize }

// size is the number of distinct values.
func (k *sketch) size() float64 {
	if !k.full() {
		return float64(len(k.hashes))
	}
	return float64(sketchSize-1) / (float64(k.hashes[sketchSize-1]) / (1 << 64))
}

// overlap tells which part of k's values is also in o, and of how many values that is known.
func (k *sketch) overlap(o *sketch) (part float64, of int) {
	limit := ^uint64(0)
	if o.full() {
		limit = o.hashes[sketchSize-1]
	}
	common := 0
	for _, h := range k.hashes {
		if h > limit {
			break
		}
		of++
		if _, found := slices.BinarySearch(o.hashes, h); found {
			common++
		}
	}
	if of == 0 {
		return 0, 0
	}
	return float64(common) / float64(of), of
}

// hash is FNV-1a with a finalizer, so that its smallest values are a fair sample.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
