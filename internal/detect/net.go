// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// maxLocal is how far a local part is looked for; RFC 5321 allows 64 bytes.
const maxLocal = 80

// atSign looks at '@': an e-mail address around it, or a handle that it begins. It gives where to go on.
func (s *Scanner) atSign(i int) int {
	t := s.text.Bytes
	if end := s.email(i); end > 0 {
		return end
	}
	if end := s.looseEmail(i); end > 0 {
		return end
	}
	if !handleMayFollow(t, i) {
		return i + 1
	}
	if at(t, i+1) == ' ' { // @ name_7
		if end := handleEnd(t, i+2); bytes.IndexByte(t[i+2:end], '_') > 0 {
			s.add(i, end, span.Handle, .7, "spaced")
			return end
		}
	}
	end := handleEnd(t, i+1)
	switch {
	case end == i+1:
		return s.otherHandle(i)
	case at(t, end) == '@': // @name@server
		if stop, ok := domainEnd(t, end+1); ok {
			s.add(i, stop, span.Handle, .95, "fediverse")
			return stop
		}
		return end
	case at(t, end) == ':' && at(t, end+1) == '/' && at(t, end+2) == '/', isAnnotation(t[i+1 : end]):
		return end
	case at(t, end) == ':': // @name:server
		if stop, ok := domainEnd(t, end+1); ok {
			s.add(i, stop, span.Handle, .95, "matrix")
			return stop
		}
	case isIn(t, end, high) && end-i < 20:
		if r, _ := utf8.DecodeRune(t[end:]); r < 0x250 && unicode.IsLetter(r) {
			return end
		}
	}
	s.add(i, end, span.Handle, .9, "")
	return end
}

// isAnnotation reports what calls everybody, or programs.
func isAnnotation(name []byte) bool {
	switch string(name) {
	case "here", "channel", "everyone", "all", "media", "import", "param", "return", "returns", "override", "deprecated", "charset", "font-face":
		return true
	}
	return false
}

// handleMayFollow reports whether what stands before '@' leaves room for a handle: no word but RT, and no other sign of a curse. A
// bracket may end a tag that stands for a word.
func handleMayFollow(t []byte, i int) bool {
	c := at(t, i-1)
	if class[c]&wordy != 0 {
		return i >= 2 && lowered(c) == 't' && lowered(t[i-2]) == 'r' && !isIn(t, i-3, wordy)
	}
	return bytes.IndexByte([]byte("@!#$%&*"), c) < 0 || c == 0 || (c == '*' || c == '!') && !isIn(t, i-2, wordy) && at(t, i-2) != ']'
}

// handleEnd gives the end of the name of a handle: letters, digits, underscores; dots and hyphens between them.
func handleEnd(t []byte, i int) int {
	limit := min(len(t), i+64)
	end := i
	for end < limit {
		c := t[end]
		inner := c == '.' && isIn(t, end+1, lower|digit|under) || c == '-' && isIn(t, end+1, alnum)
		if class[c]&wordy == 0 && (!inner || end == i) {
			break
		}
		end++
	}
	return end
}

// otherHandle finds a handle in a script other than Latin, as Weibo's.
func (s *Scanner) otherHandle(i int) int {
	t, end, n := s.text.Bytes, i+1, 0
	for end < len(t) && n <= 20 {
		r, size := utf8.DecodeRune(t[end:])
		if r == utf8.RuneError || r < 0x370 && class[t[end]]&wordy == 0 || r >= 0x370 && !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) {
			break
		}
		end += size
		n++
	}
	if n < 2 || n > 20 {
		return i + 1
	}
	s.add(i, end, span.Handle, .6, "")
	return end
}

// email finds the address around '@' at i and gives its end, 0 for none.
func (s *Scanner) email(i int) int {
	t := s.text.Bytes
	start := localStart(t, i)
	if start == i {
		return 0
	}
	if at(t, i+1) == '[' { // an address literal
		if stop := ipv4End(t, i+2); stop > 0 && at(t, stop) == ']' {
			s.add(start, stop+1, span.Email, .95, "")
			return stop + 1
		}
		return 0
	}
	end, known := domainEnd(t, i+1)
	switch {
	case end == 0:
		return 0
	case known:
		s.add(start, end, span.Email, .99, "")
	default:
		s.add(start, end, span.Email, .7, "")
	}
	return end
}

// localStart gives where the local part that ends at i begins; i for none.
func localStart(t []byte, i int) int {
	if at(t, i-1) == '"' {
		if n := bytes.LastIndexByte(t[max(0, i-maxLocal):i-1], '"'); n >= 0 {
			return max(0, i-maxLocal) + n
		}
		return i
	}
	start := i
	for start > 0 && i-start < maxLocal {
		c := t[start-1]
		if c < utf8.RuneSelf {
			if class[c]&local == 0 || bytes.IndexByte([]byte("/=?&!`{}"), c) >= 0 {
				break
			}
			start--
			continue
		}
		r, size := utf8.DecodeLastRune(t[:start])
		if r >= 0x530 || !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) {
			break
		}
		start -= size
	}
	for start < i && class[t[start]]&(wordy|high) == 0 {
		start++
	}
	if start < i && at(t, i-1) == '.' {
		return i
	}
	return start
}

// maxDomain is the longest domain name, RFC 1035.
const maxDomain = 253

// domainEnd gives the end of the domain name at i, 0 for none, and whether its top-level domain is known. A name ends before what
// follows without a space: another script, or a sentence.
func domainEnd(t []byte, i int) (end int, known bool) {
	d := tlds()
	if !isIn(t, i, alnum|high) {
		return 0, false
	}
	unknown, label, labels, limit := 0, i, 0, min(len(t), i+maxDomain)
	for label < limit {
		stop := run(t, label, alnum|under, 64)
		for at(t, stop) == '-' && stop < limit {
			stop = run(t, stop+1, alnum|under, 64)
		}
		ascii := stop
		if labels > 0 && ascii > label && d.has(t[label:ascii]) && t[ascii-1] != '-' {
			if end > 0 && class[t[label]]&upper != 0 && class[t[label-2]]&upper == 0 {
				break // a sentence
			}
			end = ascii
		} else if isIn(t, stop, high) && end == 0 {
			if labels > 0 && stop == label {
				if n := d.prefix(t[label:]); n > 0 {
					return label + n, true
				}
			}
			stop = highLabel(t, stop, limit)
		}
		switch {
		case stop == label || t[label] == '-' || t[stop-1] == '-':
			return end, end > 0
		case labels > 0 && stop-label >= 2 && stop-label <= 24 && run(t, label, letter, 64) == stop:
			unknown = stop
		}
		labels++
		if at(t, stop) != '.' || end == ascii && isIn(t, ascii, high) {
			break
		}
		label = stop + 1
	}
	if end > 0 {
		return end, true
	}
	return unknown, false
}

// highLabel gives the end of a label that holds letters beyond ASCII.
func highLabel(t []byte, i, limit int) int {
	for i < limit {
		r, size := utf8.DecodeRune(t[i:limit])
		if r < utf8.RuneSelf && class[t[i]]&alnum == 0 && r != '-' || r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) || r == utf8.RuneError {
			break
		}
		i += size
	}
	return i
}
