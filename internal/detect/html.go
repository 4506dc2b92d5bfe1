// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"html"
	"strings"
	"sync"
	"unicode/utf8"
)

// html takes tags out of the text, decodes its character references and remembers what of tags may hold text or addresses.
func (v *view) html() {
	t, i := v.orig, 0
	w := tagWalk{t: t}
	for i < len(t) {
		next := bytes.IndexByte(t[i:], '<')
		if next < 0 {
			break
		}
		start := i + next
		if end := w.comment(start); end > 0 {
			v.plainOrEntities(i, start)
			v.put(start, end, true, "")
			v.attrs = append(v.attrs, Piece{start + len("<!--"), end - len("-->")})
			i = end
			continue
		}
		noted := len(v.attrs)
		end, name := v.tag(&w, start)
		if end == 0 {
			v.attrs = v.attrs[:noted]
			v.plainOrEntities(i, start+1)
			i = start + 1
			continue
		}
		v.plainOrEntities(i, start)
		if isBlock(name) {
			v.put(start, end, true, "\n")
		} else {
			v.put(start, end, true, "")
		}
		i = end
	}
	v.plainOrEntities(i, len(t))
}

// isBlock reports an element that begins a line.
func isBlock(name []byte) bool {
	switch string(name) {
	case "p", "div", "br", "li", "ul", "ol", "tr", "td", "th", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "section", "article",
		"header", "footer", "hr", "dl", "dt", "dd", "option", "title", "body", "head", "script", "style", "form", "figure", "figcaption", "address":
		return true
	}
	return false
}

// plainOrEntities is plain for text with character references.
func (v *view) plainOrEntities(i, end int) {
	for i < end {
		n := bytes.IndexByte(v.orig[i:end], '&')
		if n < 0 {
			break
		}
		v.plain(i, i+n)
		i += n
		r, size := entity(v.orig[i:end])
		if size == 0 {
			i++
			continue
		}
		if plain := plainLow(r); plain == 0 {
			v.put(i, i+size, false, "")
		} else {
			v.putRune(i, i+size, plain)
		}
		i += size
	}
	v.plain(i, end)
}

// plainLow is plainRune for all runes.
func plainLow(r rune) rune {
	switch {
	case r == 0xa0:
		return ' '
	case r == 0xad:
		return 0
	case r < 0x300:
		return r
	}
	return plainRune(r)
}

// entity gives the rune of the character reference that b begins with, and its size; 0 for none.
func entity(b []byte) (r rune, size int) {
	semicolon := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if semicolon < 2 {
		return 0, 0
	}
	name := b[1:semicolon]
	if name[0] != '#' {
		r := entities()[string(name)]
		if r == 0 {
			return 0, 0
		}
		return r, semicolon + 1
	}
	base, digits := rune(10), name[1:]
	if len(digits) > 1 && digits[0]|32 == 'x' {
		base, digits = 16, digits[1:]
	}
	for _, c := range digits {
		d := hexValue(c)
		if d < 0 || d >= base {
			return 0, 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0
		}
	}
	if len(digits) == 0 || !utf8.ValidRune(r) || r < ' ' && r != '\n' && r != '\t' && r != '\r' {
		return 0, 0
	}
	return r, semicolon + 1
}

func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case class[c]&hexLetter != 0:
		return rune(c|32-'a') + 10
	}
	return -1
}

// entityNames are the references of HTML 4 that occur in names, prices and punctuation.
const entityNames = `amp lt gt quot apos nbsp shy iexcl cent pound yen sect copy laquo raquo reg deg plusmn sup2 sup3 acute micro para middot
ordf ordm iquest times divide euro ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo hellip bull prime Prime trade minus ensp emsp thinsp zwnj zwj
lrm rlm lsaquo rsaquo oline commat period comma colon lpar rpar lowbar num plus hyphen dash dot sol excl quest dollar percnt ast equals NewLine Tab
AElig Aacute Acirc Agrave Aring Atilde Auml Ccedil ETH Eacute Ecirc Egrave Euml Iacute Icirc Igrave Iuml Ntilde Oacute Ocirc Ograve Oslash Otilde
Ouml THORN Uacute Ucirc Ugrave Uuml Yacute aacute acirc aelig agrave aring atilde auml ccedil eacute ecirc egrave eth euml iacute icirc igrave iuml
ntilde oacute ocirc ograve oslash otilde ouml szlig thorn uacute ucirc ugrave uuml yacute yuml OElig oelig Scaron scaron Yuml`

var entities = sync.OnceValue(func() map[string]rune {
	table := map[string]rune{}
	for name := range strings.FieldsSeq(entityNames) {
		if s := html.UnescapeString("&" + name + ";"); utf8.RuneCountInString(s) == 1 {
			table[name], _ = utf8.DecodeRuneInString(s)
		}
	}
	return table
})
