// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	_ "embed"
	"strings"
	"sync"
)

// tagWalk finds the ends of tags in linear time: what was sought in vain is not sought again.
type tagWalk struct {
	t        []byte
	closed   int  // where '>' comes next; -1: there is none left
	unquoted bool // a tag was left open: quotes mean nothing from there on
	open     bool // a comment was
	room     [longestName]byte
}

// longestName is the longest name of the elements and attributes known.
const longestName = 24

// comment gives the end of the comment at i; 0 for none.
func (w *tagWalk) comment(i int) int {
	if w.open || !bytes.HasPrefix(w.t[i:], []byte("<!--")) {
		return 0
	}
	n := bytes.Index(w.t[i+len("<!--"):], []byte("-->"))
	if n < 0 {
		w.open = true
		return 0
	}
	return i + len("<!--") + n + len("-->")
}

// tag gives the end of the tag at i, 0 for none, and the name of a known element; it remembers what of the tag may hold text. A tag is
// what the tokenizer of the HTML standard takes for one (13.2.5); of the beginning of an open comment nothing else is taken, so that its
// words stay.
func (v *view) tag(w *tagWalk, i int) (end int, name []byte) {
	t, from := w.t, i+1
	c := at(t, from)
	closing := c == '/'
	if closing {
		from++
		c = at(t, from)
	}
	switch {
	case bytes.HasPrefix(t[i:], []byte("<!--")):
		return i + 4, nil
	case class[c]&letter == 0 && !closing && c != '!' && c != '?' || w.end(i) < 0:
		return 0, nil
	case class[c]&letter == 0: // a comment, to the standard
		v.note(from, w.closed)
		return w.closed + 1, nil
	}
	j := from
	for j < len(t) && !endsName(t[j]) {
		j++
	}
	if name = w.known(elements(), t[from:j]); name != nil {
		from = j
	}
	if end = v.inTag(w, from, j); end == 0 {
		w.unquoted = true
	}
	return end, name
}

// inTag gives the end of the tag whose name ends at j, 0 where it has none. It remembers the values of its attributes, and words between
// them: names that are not known, from words on.
func (v *view) inTag(w *tagWalk, words, j int) (end int) {
	t := w.t
	for j < len(t) {
		if c := t[j]; c == '>' {
			v.note(words, j)
			return j + 1
		} else if endsName(c) {
			j++
			continue
		}
		from := j
		for j++; j < len(t) && t[j] != '=' && !endsName(t[j]); {
			j++
		}
		equals := passSpace(t, j)
		if at(t, equals) != '=' {
			continue
		}
		if w.known(attributes(), t[from:j]) != nil {
			v.note(words, from)
		} else {
			v.note(words, j)
		}
		var value Piece
		if value, j = w.value(passSpace(t, equals+1)); j == 0 {
			return 0
		}
		if !isImage(t[value.Start:value.End]) {
			v.note(value.Start, value.End)
		}
		words = j
	}
	return 0
}

// value gives the value of an attribute at i and where to go on; 0 where its quote is not closed.
func (w *tagWalk) value(i int) (value Piece, next int) {
	if q := at(w.t, i); (q == '"' || q == '\'') && !w.unquoted {
		n := bytes.IndexByte(w.t[i+1:], q)
		if n < 0 {
			return Piece{}, 0
		}
		return Piece{i + 1, i + 1 + n}, i + n + 2
	}
	end := i
	for end < len(w.t) && w.t[end] != '>' && !isSpace(w.t[end]) {
		end++
	}
	return Piece{i, end}, end
}

// note remembers a part of a tag that may hold text.
func (v *view) note(start, end int) {
	for start < end && (isSpace(v.orig[start]) || v.orig[start] == '/') {
		start++
	}
	for start < end && isSpace(v.orig[end-1]) {
		end--
	}
	if start < end {
		v.attrs = append(v.attrs, Piece{start, end})
	}
}

// largeImage is from how many bytes on an image in an attribute is not searched.
const largeImage = 4096

// isImage reports a large image in base64, RFC 2397, and nothing else.
func isImage(value []byte) bool {
	if len(value) < largeImage || !hasPrefixFold(value, "data:image/") {
		return false
	}
	head, data, ok := bytes.Cut(value, []byte(";base64,"))
	if !ok || len(head) > 40 {
		return false
	}
	for _, c := range data {
		if class[c]&alnum == 0 && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}

// end gives where '>' comes next from i on, -1 for nowhere.
func (w *tagWalk) end(i int) int {
	if w.closed < i && w.closed >= 0 {
		if w.closed = bytes.IndexByte(w.t[i:], '>'); w.closed >= 0 {
			w.closed += i
		}
	}
	return w.closed
}

// known gives a name in lower case if the set has it, valid until the next; nil if not.
func (w *tagWalk) known(set map[string]struct{}, name []byte) []byte {
	if len(name) > len(w.room) {
		return nil
	}
	for i, c := range name {
		w.room[i] = lowered(c)
	}
	if _, ok := set[string(w.room[:len(name)])]; !ok {
		return nil
	}
	return w.room[:len(name)]
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' && c != '\v' }

// passSpace gives where white space from i on ends.
func passSpace(t []byte, i int) int {
	for i < len(t) && isSpace(t[i]) {
		i++
	}
	return i
}

func endsName(c byte) bool { return isSpace(c) || c == '/' || c == '>' }

//go:embed markup.txt
var markupFile string

// elements and attributes are the names of HTML, SVG and MathML, in lower case.
var (
	elements   = sync.OnceValue(func() map[string]struct{} { return markupNames("element: ") })
	attributes = sync.OnceValue(func() map[string]struct{} { return markupNames("attribute: ") })
)

func markupNames(kind string) map[string]struct{} {
	set := map[string]struct{}{}
	for line := range strings.Lines(markupFile) {
		if list, ok := strings.CutPrefix(line, kind); ok {
			for name := range strings.FieldsSeq(list) {
				set[name] = struct{}{}
			}
		}
	}
	return set
}
