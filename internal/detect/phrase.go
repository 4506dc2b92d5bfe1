// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// phrases finds words and phrases in a text, whatever their case, accents and separators, in time that hardly depends on how many
// there are: each is under the hash of its text, and what it begins with, word by word, is marked.
type phrases struct {
	heads  [buckets]int32 // 1 + the index of the first phrase of a bucket
	pairs  hashSet        // of the first two bytes
	begins hashSet        // of beginnings
	list   []phrase
	room   []byte // the folded texts
	dense  bool   // some begin with a letter of a script without spaces
}

const buckets = 1 << 10

// hashSet is a set of hashes.
type hashSet [1 << 12 / 64]uint64

func (m *hashSet) set(h uint32)      { m[h>>6%uint32(len(m))] |= 1 << (h & 63) }
func (m *hashSet) has(h uint32) bool { return m[h>>6%uint32(len(m))]>>(h&63)&1 != 0 }

// hashes of texts are FNV-1a, 32 bits.
const hashSeed, hashPrime = 2166136261, 16777619

func hashed(h uint32, text []byte) uint32 {
	for _, c := range text {
		h = (h ^ uint32(c)) * hashPrime
	}
	return h
}

func bucket(h uint32) uint32 { return (h ^ h>>10 ^ h>>20) & (buckets - 1) }

func pair(a, b byte) uint32 { return uint32(a)*37 + uint32(b)*11 }

// phrase is folded: words are parted by one space.
type phrase struct {
	from, to int32 // in room
	next     int32 // 1 + the index of the next of the bucket
	hash     uint32
	ref      int32
	kind     span.Kind
	capital  bool // the text must write it with a capital: it is a common word as well
	open     bool // it needs no boundaries: its script has none
}

func (p *phrases) reset() {
	for i := range p.list {
		p.heads[bucket(p.list[i].hash)] = 0
	}
	p.pairs, p.begins = hashSet{}, hashSet{}
	p.list, p.room, p.dense = p.list[:0], p.room[:0], false
}

// begin gives where the next phrase will stand in room.
func (p *phrases) begin() int { return len(p.room) }

// text appends words of a phrase, folded.
func (p *phrases) text(b []byte) { p.room = appendPhrase(p.room, b) }

// appendPhrase appends words in lower case and without accents, with one space for all that is neither letter nor digit.
func appendPhrase(dst, b []byte) []byte {
	start := len(dst)
	for i := 0; i < len(b); {
		c := b[i]
		if class[c]&alnum != 0 {
			dst = append(dst, lowered(c))
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[i:])
		}
		i += size
		if r >= utf8.RuneSelf && plainLow(r) == 0 || span.Mark(r) {
			continue
		}
		before := len(dst)
		if r >= utf8.RuneSelf {
			dst = appendFoldable(dst, r)
		}
		if len(dst) == before && before > start && dst[before-1] != ' ' {
			dst = append(dst, ' ')
		}
	}
	if len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendFoldable appends the folded letter or digit that the view would show for a rune.
func appendFoldable(dst []byte, r rune) []byte {
	r = plainLow(r)
	if r < utf8.RuneSelf && class[byte(r)]&alnum != 0 {
		return append(dst, lowered(byte(r)))
	}
	return span.AppendFold(dst, r)
}

// end makes a phrase of what was written since begin; it is dropped where it is shorter than two bytes, or stands there already.
func (p *phrases) end(from int, w phrase) bool {
	if len(p.room)-from < 2 {
		p.room = p.room[:from]
		return false
	}
	text := p.room[from:]
	w.hash = p.mark(text)
	b := bucket(w.hash)
	for k := p.heads[b]; k > 0; k = p.list[k-1].next {
		if o := &p.list[k-1]; o.hash == w.hash && string(p.room[o.from:o.to]) == string(text) {
			p.room = p.room[:from]
			return false
		}
	}
	r, _ := utf8.DecodeRune(text)
	w.open = span.Dense(r)
	p.dense = p.dense || w.open
	p.pairs.set(pair(text[0], text[1]))
	w.from, w.to, w.next = int32(from), int32(len(p.room)), p.heads[b]
	p.list = append(p.list, w)
	p.heads[b] = int32(len(p.list))
	return true
}

// mark gives the hash of a phrase and marks what it begins with, up to the end of each word but the last; in scripts without spaces each
// letter is one.
func (p *phrases) mark(text []byte) uint32 {
	h := uint32(hashSeed)
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c == ' ' {
				p.begins.set(h)
			}
			h = (h ^ uint32(c)) * hashPrime
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		dense := span.Dense(r)
		if dense && i > 0 {
			p.begins.set(h)
		}
		h = hashed(h, text[i:i+size])
		if i += size; dense && i < len(text) && text[i] != ' ' {
			p.begins.set(h)
		}
	}
	return h
}

// find gives the longest phrase that begins at i and its end; -1 for none.
func (p *phrases) find(t []byte, i int) (which, end int) {
	which = -1
	if a, b := firstFolded(t, i); !p.pairs.has(pair(a, b)) {
		return which, 0
	}
	h, next := uint32(hashSeed), i
	for {
		var ended int
		if h, ended = hashWord(h, t, next); ended == next {
			return which, end
		}
		for k := p.heads[bucket(h)]; k > 0; k = p.list[k-1].next {
			if w := &p.list[k-1]; w.hash == h {
				if stop := p.matches(w, t, i); stop > end {
					which, end = int(k-1), stop
				}
			}
		}
		if !p.begins.has(h) {
			return which, end
		}
		if next = passGap(t, ended); next > ended {
			h = hashed(h, []byte{' '})
		}
	}
}

// hashWord takes the folded word at i into a hash; in scripts without spaces each letter is a word. It gives the word's end.
func hashWord(h uint32, t []byte, i int) (_ uint32, end int) {
	var room [2 * utf8.UTFMax]byte
	for from := i; i < len(t); {
		if c := t[i]; c < utf8.RuneSelf {
			if class[c]&alnum == 0 {
				break
			}
			h = (h ^ uint32(lowered(c))) * hashPrime
			i++
			continue
		}
		folded, next := foldAt(room[:0], t, i)
		if len(folded) > 0 && folded[0] == ' ' {
			break
		}
		r, _ := utf8.DecodeRune(folded)
		dense := len(folded) > 0 && span.Dense(r)
		if dense && i > from {
			break
		}
		h, i = hashed(h, folded), next
		if dense {
			return h, passMarks(t, i)
		}
	}
	return h, i
}

// passMarks gives where the marks from i on end.
func passMarks(t []byte, i int) int {
	for i < len(t) && t[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(t[i:])
		if !span.Mark(r) {
			break
		}
		i += size
	}
	return i
}

// passGap gives the end of what may part the words of a phrase at i; i for nothing.
func passGap(t []byte, i int) int {
	stop := i
	for stop < len(t) && stop-i < 3 && class[t[stop]]&(alnum|high) == 0 && t[stop] != '\n' && t[stop] != '@' {
		stop++
	}
	return stop
}

// firstFolded gives the first two bytes of the folded text at i.
func firstFolded(t []byte, i int) (a, b byte) {
	var room [2 * utf8.UTFMax]byte
	dst := room[:0]
	for i < len(t) && len(dst) < 2 {
		dst, i = foldAt(dst, t, i)
	}
	if len(dst) < 2 {
		return 0, 0
	}
	return dst[0], dst[1]
}

// foldAt appends the folded letter or digit at i, ' ' for another sign, nothing for a mark; it gives where to go on.
func foldAt(dst, t []byte, i int) ([]byte, int) {
	c := t[i]
	if c < utf8.RuneSelf {
		if class[c]&alnum == 0 {
			c = ' '
		}
		return append(dst, lowered(c)), i + 1
	}
	r, size := utf8.DecodeRune(t[i:])
	before := len(dst)
	if dst = span.AppendFold(dst, r); len(dst) == before && !span.Mark(r) {
		dst = append(dst, ' ')
	}
	return dst, i + size
}

// matches gives the end of the phrase where it begins at i and ends at the end of a word; 0 where it does not.
func (p *phrases) matches(w *phrase, t []byte, i int) int {
	if w.capital && class[t[i]]&lower != 0 {
		return 0
	}
	want := p.room[w.from:w.to]
	var room [2 * utf8.UTFMax]byte
	for len(want) > 0 {
		if i >= len(t) {
			return 0
		}
		if want[0] == ' ' {
			stop := passGap(t, i)
			if stop == i {
				return 0
			}
			i, want = stop, want[1:]
			continue
		}
		if c := t[i]; c < utf8.RuneSelf {
			if lowered(c) != want[0] {
				return 0
			}
			i, want = i+1, want[1:]
			continue
		}
		folded, next := foldAt(room[:0], t, i)
		if len(folded) > len(want) || string(want[:len(folded)]) != string(folded) {
			return 0
		}
		i, want = next, want[len(folded):]
	}
	for i < len(t) && t[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(t[i:])
		if span.Mark(r) {
			i += size
			continue
		}
		if !w.open && unicode.IsLetter(r) && !span.Dense(r) {
			return 0
		}
		break
	}
	if !w.open && isIn(t, i, wordy) {
		return 0
	}
	return i
}

// atWord reports whether a word may begin at i.
func (p *phrases) atWord(t []byte, i int) bool {
	c := t[i]
	if c >= utf8.RuneSelf {
		if !utf8.RuneStart(c) {
			return false
		}
		if r, _ := utf8.DecodeRune(t[i:]); !unicode.IsLetter(r) {
			return false
		} else if span.Dense(r) {
			return p.dense
		}
	} else if class[c]&alnum == 0 {
		return false
	}
	if i == 0 {
		return true
	}
	if t[i-1] < utf8.RuneSelf {
		return class[t[i-1]]&wordy == 0
	}
	r, _ := utf8.DecodeLastRune(t[:i])
	return span.Dense(r) || !unicode.IsLetter(r) && !span.Mark(r)
}
