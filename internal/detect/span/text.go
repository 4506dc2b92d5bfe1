// SPDX-License-Identifier: Apache-2.0

package span

import "unicode/utf8"

// Text is one text as recognizers see it: UTF-8 in which spellings were made plain (digits, spaces and dashes are ASCII, nothing
// has zero width). It is reused: Reset begins the next one.
type Text struct {
	Bytes []byte
	Field bool // a bare value of a field: no cue word is to be expected

	cued bool
	hits []hit
	word [maxWord]byte
	room [utf8.UTFMax]byte // one folded letter
}

// hit is where a cue word stands.
type hit struct {
	start, end int32
	cue        Cue
}

// maxWord is the longest word, in bytes and folded, that can be a cue; longer ones are looked at up to it.
const maxWord = 32

// Reset begins a text. b must stay as it is until the next Reset.
func (t *Text) Reset(b []byte, field bool) {
	t.Bytes, t.Field, t.cued = b, field, false
	t.hits = t.hits[:0]
}

// Near reports whether a word of the cue stands within reach bytes before start or after end. The first call of a text reads all
// of it once, in linear time.
func (t *Text) Near(c Cue, start, end, reach int) bool {
	for _, h := range t.from(start - reach) {
		if int(h.start) > end+reach {
			return false
		}
		if h.cue == c && int(h.end) >= start-reach && (int(h.end) <= start || int(h.start) >= end) {
			return true
		}
	}
	return false
}

// Before reports whether a word of the cue ends within reach bytes before start.
func (t *Text) Before(c Cue, start, reach int) bool {
	for _, h := range t.from(start - reach) {
		if int(h.start) >= start {
			return false
		}
		if h.cue == c && int(h.end) <= start && int(h.end) >= start-reach {
			return true
		}
	}
	return false
}

// maxPhrase is how long a cue may be in a text, in bytes; a longer one may be overlooked by its end.
const maxPhrase = 96

// from gives the hits that may end at or behind i; they are ordered by where they start.
func (t *Text) from(i int) []hit {
	hits := t.cues()
	low, high := 0, len(hits)
	for low < high {
		if mid := (low + high) / 2; int(hits[mid].start) < i-maxPhrase {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return hits[low:]
}

func (t *Text) cues() []hit {
	if !t.cued {
		t.cued = true
		t.read(Cues())
	}
	return t.hits
}

// read notes all cue words.
func (t *Text) read(d *Dictionary) {
	for i := 0; i < len(t.Bytes); {
		c := t.Bytes[i]
		switch {
		case ascii[c] != 0:
			i = t.readWord(d, i)
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(t.Bytes[i:])
			switch {
			case dense(r):
				t.readDense(d, i, r)
				i += size
			case letter(r):
				i = t.readWord(d, i)
			default:
				i += size
			}
		}
	}
}

// readWord reads a word of letters from i on and gives its end. It is hashed as it is folded, and looked up whole and by its
// beginnings, of the lengths that are known under its first letter.
func (t *Text) readWord(d *Dictionary, i int) int {
	start, n, h, best := i, 0, uint32(hashSeed), []entry(nil)
	var stems uint64
	for i < len(t.Bytes) {
		c := ascii[t.Bytes[i]]
		if c == 0 {
			if t.Bytes[i] < utf8.RuneSelf {
				break
			}
			r, size := utf8.DecodeRune(t.Bytes[i:])
			if dense(r) || !letter(r) && !mark(r) {
				break
			}
			before := n
			n += copy(t.word[n:], appendFold(t.room[:0], r))
			i += size
			for _, c := range t.word[before:n] {
				h = step(h, c)
			}
			if before == n {
				continue
			}
		} else {
			i++
			if n == maxWord {
				continue
			}
			t.word[n] = c
			n++
			h = step(h, c)
		}
		if stems == 0 {
			stems = d.stemSizes[t.word[0]] | 1
		}
		if stems>>n&1 != 0 && d.stems.has(h) {
			best = d.find(d.byStem, h, t.word[:n], best)
		}
	}
	if best != nil {
		t.note(best, start, i)
	}
	if d.wordSizes[t.word[0]]>>n&1 != 0 && d.words.has(h) {
		t.note(d.find(d.byWord, h, t.word[:n], nil), start, i)
	}
	return i
}

// readDense looks up the words of a script without spaces that begin at i.
func (t *Text) readDense(d *Dictionary, i int, r rune) {
	for _, e := range d.dense[r] {
		if end := i + len(e.word); end <= len(t.Bytes) && string(t.Bytes[i:end]) == e.word {
			t.hits = append(t.hits, hit{start: int32(i), end: int32(end), cue: e.cue})
		}
	}
}

// note keeps entries whose further words follow too.
func (t *Text) note(entries []entry, start, end int) {
	for _, e := range entries {
		if stop, ok := t.follows(e.rest, end); ok {
			t.hits = append(t.hits, hit{start: int32(start), end: int32(stop), cue: e.cue})
		}
	}
}

// follows reports whether the rest of a phrase (folded, words parted by one space) stands from i on, and where it ends.
func (t *Text) follows(rest string, i int) (end int, ok bool) {
	for len(rest) > 0 {
		if i >= len(t.Bytes) {
			return i, false
		}
		if rest[0] == ' ' {
			switch c := t.Bytes[i]; {
			case c == '.' && i+1 < len(t.Bytes) && t.Bytes[i+1] == ' ': // "P. IVA"
				i++
			case c != ' ' && c != '-' && c != '\'' && c != '.':
				return i, false
			}
			i, rest = i+1, rest[1:]
			continue
		}
		r, size := utf8.DecodeRune(t.Bytes[i:])
		f := appendFold(t.room[:0], r)
		if len(f) == 0 || len(f) > len(rest) || rest[:len(f)] != string(f) {
			return i, false
		}
		i, rest = i+size, rest[len(f):]
	}
	return i, i >= len(t.Bytes) || ascii[t.Bytes[i]] == 0
}
