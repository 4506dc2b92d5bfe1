// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"encoding/binary"
	"sort"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// view is a text in plain spelling, with the way back to the original. Attributes of tags stand behind the text itself.
type view struct {
	orig  []byte
	bytes []byte // orig where nothing had to be changed
	room  []byte // of bytes where something had
	edits []edit
	from  int     // up to where orig was copied
	main  int     // edits of the text itself; those of attributes follow
	parts []int32 // where attributes begin in bytes
	attrs []Piece // values of attributes in orig, while tags are read

	hidden []Piece // runs of tag characters in orig

	mentions []Piece // of users, in bytes, where the markup tells them

	wordEnd int  // up to where mixed holds
	mixed   bool // the word at hand mixes Latin letters with others that look like them
}

// edit says that view[v0:v1] stands for orig[o0:o1]; between edits bytes are the same.
type edit struct {
	v0, v1, o0, o1 int32
	tag            bool // orig[o0:o1] is markup
}

// reset reads a text.
func (v *view) reset(text []byte, m Markup) {
	v.orig, v.bytes, v.room = text, text, v.room[:0]
	v.edits, v.parts, v.attrs, v.hidden, v.mentions = v.edits[:0], v.parts[:0], v.attrs[:0], v.hidden[:0], v.mentions[:0]
	v.from, v.main, v.wordEnd = 0, 0, 0
	switch m {
	case HTML:
		v.html()
	case Markdown, Discord:
		v.markdown(m == Discord)
	case Slack:
		v.slack()
	default:
		v.plain(0, len(text))
	}
	v.main = len(v.edits)
	v.attributes()
	if len(v.edits) > 0 {
		v.copyTo(len(text))
		v.bytes = v.room
	}
}

// attributes puts the values of attributes behind the text, then what tag characters spell, each after a separator that no finding
// crosses.
func (v *view) attributes() {
	if len(v.attrs)+len(v.hidden) == 0 {
		return
	}
	v.copyTo(len(v.orig))
	for _, a := range v.attrs {
		v.apart(a.Start)
		v.plainOrEntities(a.Start, a.End)
		v.copyTo(a.End)
	}
	for _, h := range v.hidden {
		v.apart(h.Start)
		for i := h.Start; i < h.End; {
			r, size := utf8.DecodeRune(v.orig[i:])
			v.putRune(i, i+size, r-tagCharacters)
			i += size
		}
	}
	v.from = len(v.orig)
}

// apart begins a part of the view that stands for the original from o on.
func (v *view) apart(o int) {
	v.from = o
	v.put(o, o, false, "\n\x1f\n")
	v.parts = append(v.parts, int32(len(v.room)-2))
}

// tagCharacters is where Unicode has ASCII once more, as characters that nobody sees.
const tagCharacters = 0xe0000

// isTagCharacter reports one that stands for a printable character of ASCII.
func isTagCharacter(r rune) bool { return r >= tagCharacters+' ' && r < tagCharacters+0x7f }

// hide takes a run of tag characters out of the text, to be read apart; it gives the run's size.
func (v *view) hide(i, end int) int {
	from := i
	for i < end {
		r, size := utf8.DecodeRune(v.orig[i:end])
		if !isTagCharacter(r) {
			break
		}
		i += size
	}
	v.hidden = append(v.hidden, Piece{from, i})
	v.put(from, i, false, "")
	return i - from
}

// copyTo copies the original up to o.
func (v *view) copyTo(o int) {
	v.room = append(v.room, v.orig[v.from:max(o, v.from)]...)
	v.from = max(o, v.from)
}

// put writes s for orig[o0:o1].
func (v *view) put(o0, o1 int, tag bool, s string) {
	v.copyTo(o0)
	v0 := len(v.room)
	v.room = append(v.room, s...)
	v.edits = append(v.edits, edit{int32(v0), int32(len(v.room)), int32(o0), int32(o1), tag})
	v.from = o1
}

// putRune writes a rune for orig[o0:o1].
func (v *view) putRune(o0, o1 int, r rune) {
	var b [utf8.UTFMax]byte
	v.copyTo(o0)
	v0 := len(v.room)
	v.room = append(v.room, b[:utf8.EncodeRune(b[:], r)]...)
	v.edits = append(v.edits, edit{int32(v0), int32(len(v.room)), int32(o0), int32(o1), false})
	v.from = o1
}

// plain makes orig[i:end] plain. Of a label that stands for what was found before, as [PHONE], the word is left out: it is no cue.
func (v *view) plain(i, end int) {
	from := i
	for i < end {
		n := bytes.IndexByte(v.orig[i:end], '[')
		if n < 0 {
			break
		}
		i += n + 1
		if size := labelSize(v.orig[i:end]); size > 0 {
			v.visible(from, i)
			v.put(i, i+size, false, "")
			i += size
			from = i
		}
	}
	v.visible(from, end)
}

// labelSize gives the size of the label of a kind that b begins with, before its bracket; 0 for none.
func labelSize(b []byte) int {
	if !isIn(b, 0, upper) {
		return 0
	}
	size := run(b, 0, upper|under, longestLabel)
	if at(b, size) != ']' {
		return 0
	}
	for k := span.Email; k < span.Kinds; k++ {
		if k.Label() == string(b[:size]) {
			return size
		}
	}
	return 0
}

// longestLabel is how long labels of kinds may be.
const longestLabel = 24

// visible makes orig[i:end] plain: runs of ASCII are passed eight bytes at a time.
func (v *view) visible(i, end int) {
	for i < end {
		for i+8 <= end && binary.LittleEndian.Uint64(v.orig[i:])&0x8080808080808080 == 0 {
			i += 8
		}
		for i < end && v.orig[i] < utf8.RuneSelf {
			i++
		}
		if i < end {
			i += v.rune(i, end)
		}
	}
}

// rune makes the rune at i plain and gives its size.
func (v *view) rune(i, end int) int {
	r, size := utf8.DecodeRune(v.orig[i:end])
	switch {
	case r < 0x300:
		switch r {
		case 0xa0:
			v.put(i, i+size, false, " ")
		case 0xad:
			v.put(i, i+size, false, "")
		case 0xb7:
			v.point(i, size)
		}
	case r < 0x370 || r >= 0x483 && r <= 0x489: // marks
		if stroke(r) || !v.afterLetter(i) {
			v.put(i, i+size, false, "")
		}
	case r >= 0x370 && r < 0x530:
		if twin := lookalike(r); twin != 0 && v.mixes(i, end) {
			v.put(i, i+size, false, string(rune(twin)))
		}
	case r == 0x2022 || r == 0x2027 || r == 0x2219 || r == 0x3002 || r == 0x30fb:
		v.point(i, size)
	case r >= 0x3040 && r < 0xd800: // Kana, Han, Hangul
	case r == utf8.RuneError && size == 1:
	case isTagCharacter(r):
		return v.hide(i, end)
	default:
		if plain := plainRune(r); plain == 0 {
			v.put(i, i+size, false, "")
		} else if plain != r {
			v.putRune(i, i+size, plain)
		}
	}
	return size
}

// point makes a point of the rune at i, one like it, where it stands between digits or Latin letters.
func (v *view) point(i, size int) {
	if isIn(v.orig, i-1, alnum) && isIn(v.orig, i+size, alnum) && (isIn(v.orig, i-1, digit) && isIn(v.orig, i+size, digit) || v.orig[i] == 0xe3) {
		v.put(i, i+size, false, ".")
	}
}

// stroke reports a mark that no language writes: lines through and below letters, joiners, signs of millions.
func stroke(r rune) bool {
	return r == 0x332 || r == 0x333 || r >= 0x334 && r <= 0x338 || r == 0x34f || r >= 0x488
}

// afterLetter reports a letter before the mark at i.
func (v *view) afterLetter(i int) bool {
	r, _ := utf8.DecodeLastRune(v.orig[:i])
	return unicode.IsLetter(r) || r >= 0x300 && unicode.Is(unicode.M, r)
}

// plainRune gives what a rune from U+0300 on is read as: itself for most, 0 for nothing.
func plainRune(r rune) rune {
	switch {
	case r < 0x600:
		return r
	case r >= 0x2000 && r <= 0x206f:
		return punctuation(r)
	case r >= 0xff01 && r <= 0xff5e: // full width
		return r - 0xff01 + '!'
	case r >= 0x20d0 && r <= 0x20f0: // marks of symbols: keycaps, circles
		return 0
	case r >= 0x2460 && r <= 0x24ff || r >= 0x2776 && r <= 0x2793 || r >= 0x1f110 && r <= 0x1f189:
		return enclosed(r)
	case r == 0x2215 || r == 0x29f8:
		return '/'
	case r == 0x2236 || r == 0xfe55 || r == 0xa789:
		return ':'
	case r == 0xfe52:
		return '.'
	case r == 0x2212 || r == 0x2043 || r == 0xfe63 || r == 0x207b:
		return '-'
	case r == 0x3000 || r == 0x1680:
		return ' '
	case r == 0xfeff || r == 0x180e || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe01ef:
		return 0
	case r == 0xfe6b:
		return '@'
	case r >= 0x1d400 && r <= 0x1d6a3: // mathematical letters: 13 alphabets of 52
		return rune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(r-0x1d400)%52])
	case r >= 0x1d7ce && r <= 0x1d7ff:
		return '0' + (r-0x1d7ce)%10
	}
	return otherDigit(r)
}

// enclosed gives the digit or letter in a circle, a square or parentheses.
func enclosed(r rune) rune {
	switch {
	case r >= 0x2460 && r <= 0x2468:
		return r - 0x2460 + '1'
	case r >= 0x2474 && r <= 0x247c:
		return r - 0x2474 + '1'
	case r >= 0x249c && r <= 0x24b5:
		return r - 0x249c + 'a'
	case r >= 0x24b6 && r <= 0x24cf:
		return r - 0x24b6 + 'A'
	case r >= 0x24d0 && r <= 0x24e9:
		return r - 0x24d0 + 'a'
	case r == 0x24ea || r == 0x24ff:
		return '0'
	case r >= 0x24f5 && r <= 0x24fd:
		return r - 0x24f5 + '1'
	case r >= 0x2776 && r <= 0x277e:
		return r - 0x2776 + '1'
	case r >= 0x2780 && r <= 0x2788:
		return r - 0x2780 + '1'
	case r >= 0x278a && r <= 0x2792:
		return r - 0x278a + '1'
	case r >= 0x1f110 && (r-0x1f110)%32 < 26: // four alphabets
		return (r-0x1f110)%32 + 'A'
	}
	return r
}

// punctuation makes U+2000 to U+206F plain.
func punctuation(r rune) rune {
	switch {
	case r <= 0x200a || r == 0x202f || r == 0x205f:
		return ' '
	case r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060: // zero width, directions
		return 0
	case r <= 0x2015:
		return '-'
	case r == 0x2018 || r == 0x2019 || r == 0x201b:
		return '\''
	case r == 0x2024:
		return '.'
	case r == 0x2044:
		return '/'
	case r == 0x2028 || r == 0x2029:
		return '\n'
	}
	return r
}

// otherDigit gives the ASCII digit of a decimal digit of another script; another rune as it is.
func otherDigit(r rune) rune {
	if r < 0x660 || r >= 0x2000 && r < 0xa620 {
		return r
	}
	for _, t := range unicode.Nd.R16 {
		if r <= rune(t.Hi) {
			if r >= rune(t.Lo) {
				return '0' + (r-rune(t.Lo))%10
			}
			return r
		}
	}
	return r
}

// lookalike gives the ASCII letter that a Greek or Cyrillic letter looks like; 0 for none.
func lookalike(r rune) byte {
	switch {
	case r >= 0x391 && r < 0x391+int32(len(greek)):
		return trimDot(greek[r-0x391])
	case r >= 0x400 && r < 0x400+int32(len(cyrillic)):
		return trimDot(cyrillic[r-0x400])
	}
	return 0
}

const (
	greek    = "AB..EZH.IK.MN.O.P..TY.X.........a.......ik..v.o.p...u.x"                                  // from U+0391
	cyrillic = ".....SIIJ.......A.B..E....K.MHO.PCTY.X..........a....e....k.m.o.pcty.x...............sii" // from U+0400
)

func trimDot(c byte) byte {
	if c == '.' {
		return 0
	}
	return c
}

// mixes reports whether the word around i is Latin but for letters that look so.
func (v *view) mixes(i, end int) bool {
	if i < v.wordEnd {
		return v.mixed
	}
	start := i
	for start > max(v.from, i-64) && class[v.orig[start-1]]&wordy != 0 {
		start--
	}
	latin, odd := start < i && letters(v.orig[start:i]), false
	for end = min(end, i+64); i < end; {
		r, size := utf8.DecodeRune(v.orig[i:end])
		switch {
		case r < utf8.RuneSelf && class[r]&wordy != 0:
			latin = latin || class[r]&letter != 0
		case r >= 0x370 && r < 0x530:
			odd = odd || lookalike(r) == 0
		default:
			end = i
			continue
		}
		i += size
	}
	v.wordEnd, v.mixed = end, latin && !odd
	return v.mixed
}

func letters(b []byte) bool {
	for _, c := range b {
		if class[c]&letter != 0 {
			return true
		}
	}
	return false
}

// origin gives the range of the original that view[start:end] stands for.
func (v *view) origin(start, end int) (int, int) {
	if len(v.edits) == 0 {
		return start, end
	}
	o0, _ := v.back(start)
	_, o1 := v.back(end - 1)
	return o0, o1
}

// back gives the range of the original for one byte of the view.
func (v *view) back(at int) (start, end int) {
	k := sort.Search(len(v.edits), func(i int) bool { return int(v.edits[i].v1) > at })
	if k < len(v.edits) && int(v.edits[k].v0) <= at {
		return int(v.edits[k].o0), int(v.edits[k].o1)
	}
	if k > 0 {
		at += int(v.edits[k-1].o1 - v.edits[k-1].v1)
	}
	return at, at + 1
}

// crosses reports whether view[start:end] holds the beginning of an attribute.
func (v *view) crosses(start, end int) bool {
	k := sort.Search(len(v.parts), func(i int) bool { return int(v.parts[i]) >= start })
	return k < len(v.parts) && int(v.parts[k]) < end
}

// tagAt gives the markup of the text that holds orig[at]; an empty piece at it where there is none.
func (v *view) tagAt(at int) Piece {
	tags := v.edits[:v.main]
	k := sort.Search(len(tags), func(i int) bool { return int(tags[i].o1) > at })
	if k < len(tags) && int(tags[k].o0) <= at {
		return Piece{int(tags[k].o0), int(tags[k].o1)}
	}
	return Piece{at, at}
}

// pieces appends the parts of orig[start:end] that are no markup.
func (v *view) pieces(dst []Piece, start, end int) []Piece {
	tags := v.edits[:v.main]
	k := sort.Search(len(tags), func(i int) bool { return int(tags[i].o1) > start })
	if k < len(tags) && tags[k].tag && int(tags[k].o0) <= start && int(tags[k].o1) >= end {
		return append(dst, Piece{start, end}) // within a tag
	}
	for ; k < len(tags) && int(tags[k].o0) < end; k++ {
		if t := tags[k]; t.tag {
			if int(t.o0) > start {
				dst = append(dst, Piece{start, int(t.o0)})
			}
			start = min(int(t.o1), end)
		}
	}
	if start < end {
		dst = append(dst, Piece{start, end})
	}
	return dst
}
