// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// url finds the address whose "://" is at i and gives where to go on, 0 for none.
func (s *Scanner) url(i int) int {
	t := s.text.Bytes
	start := i
	for start > 0 && i-start < 12 && (class[t[start-1]]&letter != 0 || start < i && (t[start-1] == '+' && start-1 > 0 && isIn(t, start-2, letter))) {
		start--
	}
	if i-start < 2 || i-start > 11 || isIn(t, start-1, digit|under) {
		return 0
	}
	host, end := s.authority(i + 3)
	if end == 0 || at(t, start-1) == '$' {
		if stop := run(t, i+3, inURL, 2048); stop > i+3 {
			if n := bytes.IndexAny(t[i+3:stop], "[({"); n >= 0 {
				if end = s.broken(i + 3 + n); end > 0 {
					return end
				}
			}
			return stop // no address, and no part of it is one
		}
		return 0
	}
	end = pathEnd(t, host, end)
	if at(t, start-1) == '"' && at(t, end) == '"' { // a quoted one
		s.add(start-1, end+1, span.URL, .9, "")
	} else {
		s.add(start, end, span.URL, .97, "")
	}
	if s.d.kinds.has(span.URL) {
		return end
	}
	s.urlParts(i+3, host, end)
	return host
}

// authority gives where the host at i begins, behind user and password, and where it ends with its port; 0 for none.
func (s *Scanner) authority(i int) (host, end int) {
	t := s.text.Bytes
	host = i
	for j := i; j < min(len(t), i+160) && class[t[j]]&inURL != 0 && bytes.IndexByte([]byte("/?#"), t[j]) < 0; j++ {
		if t[j] == '@' {
			host = j + 1
		}
	}
	switch {
	case at(t, host) == '[':
		if n := bytes.IndexByte(t[host:min(len(t), host+48)], ']'); n > 0 {
			end = host + n + 1
		}
	default:
		if end = ipv4End(t, host); end == 0 {
			end = hostEnd(t, host)
		}
	}
	if end > 0 && at(t, end) == ':' && isIn(t, end+1, digit) {
		end = run(t, end+1, digit, 5)
	}
	return host, end
}

// hostEnd gives the end of the domain name of an address with a scheme: one dot, no odd hyphens, no underscores in its last two
// labels.
func hostEnd(t []byte, i int) int {
	end, _ := domainEnd(t, i)
	if end == 0 || isIn(t, end, wordy) || at(t, end) == '-' {
		return 0
	}
	name := t[i:end]
	if dot := bytes.LastIndexByte(name, '.'); dot > 0 {
		if second := bytes.LastIndexByte(name[:dot], '.'); bytes.IndexByte(name[second+1:], '_') >= 0 {
			return 0
		}
	}
	return end
}

// pathEnd gives the end of what follows the host that ends at i: brackets in it are balanced, and marks of a sentence at its end
// are none of it.
func pathEnd(t []byte, host, i int) int {
	if c := at(t, i); c != '/' && c != '?' && c != '#' {
		return i
	}
	start, round, square := i, 0, 0
	for i < len(t) {
		c := t[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(t[i:])
			if r >= 0x2e80 || !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) {
				break
			}
			i += size
			continue
		}
		switch c {
		case '(':
			round++
		case ')':
			round--
		case '[':
			square++
		case ']':
			square--
		}
		if class[c]&inURL == 0 || round < 0 || square < 0 {
			break
		}
		i++
	}
	if hasPrefixFold(t[host:], "t.co/") { // a short link has letters and digits only
		return max(start, run(t, host+5, alnum, 64))
	}
	for i > start+1 && bytes.IndexByte([]byte(".,;:!?'*"), t[i-1]) >= 0 {
		i--
	}
	if i > start+2 && t[i-2] == '\'' && t[i-1] == 's' {
		i -= 2
	}
	return i
}

// bareURL finds an address without a scheme, whose first label is t[i:j]. It gives where to go on, 0 for none.
func (s *Scanner) bareURL(i, j int) int {
	t := s.text.Bytes
	if i < s.domainTried {
		return 0
	}
	end, known := domainEnd(t, i)
	s.domainTried = max(end, j+1)
	if !known {
		stop := j // none of its labels begins a name either
		for stop < min(len(t), j+maxDomain) && (class[t[stop]]&wordy != 0 || t[stop] == '.' || t[stop] == '-') {
			stop++
		}
		s.domainTried = stop
		return 0
	}
	if c := at(t, i-1); c != 0 && bytes.IndexByte([]byte("@$#.-/\\&=%"), c) >= 0 || at(t, end) == '@' || isIn(t, end, wordy) || at(t, end) == '-' {
		return 0
	}
	if r, _ := utf8.DecodeLastRune(t[:i]); r >= 0xc0 && r < 0x2e80 && unicode.IsLetter(r) {
		return 0
	}
	stop := end
	if at(t, stop) == ':' && isIn(t, stop+1, digit) {
		stop = run(t, stop+1, digit, 5)
	}
	stop = pathEnd(t, i, stop)
	if at(t, stop-1) == ':' {
		stop = end
	}
	score := bareScore(t[i:end], stop > end, s.text.Field)
	if score == 0 {
		return 0
	}
	s.add(i, stop, span.URL, score, "bare")
	if s.d.kinds.has(span.URL) && score >= .5 {
		return stop
	}
	return 0
}

// bareScore says how sure a bare domain name is an address, 0 for not at all.
func bareScore(name []byte, path, field bool) float32 {
	dot := bytes.LastIndexByte(name, '.')
	first := bytes.IndexByte(name, '.')
	second := name[bytes.LastIndexByte(name[:dot], '.')+1 : dot]
	tld := name[dot+1:]
	kind := classOf(tld)
	switch {
	case first == 3 && dot > 3 && hasPrefixFold(name, "www"):
		return .95
	case !letters(name[:dot]) && kind != common:
		return 0
	case bytes.IndexByte(second, '_') >= 0 || name[0] == '_':
		return 0
	case class[tld[0]]&upper != 0 && class[second[len(second)-1]]&lower != 0: // a sentence without a space
		return 0
	case len(second) == 1 && !path && (kind != common || len(tld) > 3):
		return 0
	case path && kind != fileEnding, field:
		return .9
	case kind == common:
		return .85
	case kind == fileEnding:
		return .3
	}
	return .6
}

// urlParts finds what is personal in an address that itself is not asked for: a password, the name of a profile.
func (s *Scanner) urlParts(user, host, end int) {
	t := s.text.Bytes
	if n := bytes.IndexByte(t[user:host], ':'); n > 0 && host-user > n+2 {
		s.add(user, user+n, span.Handle, .7, "")
		s.add(user+n+1, host-1, span.Secret, .9, "password")
	}
	for i := host; i < end; i++ {
		if t[i] != '/' {
			continue
		}
		for _, word := range [...]string{"u/", "user/", "users/", "profile/", "in/", "people/", "author/"} {
			if from := i + 1 + len(word); hasPrefixFold(t[i+1:end], word) {
				if stop := run(t, from, wordy, 64); stop > from+1 {
					s.add(from, stop, span.Handle, .7, "")
				}
			}
		}
	}
}
