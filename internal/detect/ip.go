// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"github.com/nymstream/nymstream/internal/detect/span"
)

// ipv4End gives the end of the dotted address at i, 0 for none.
func ipv4End(t []byte, i int) int {
	for group := range 4 {
		if group > 0 {
			if at(t, i) != '.' {
				return 0
			}
			i++
		}
		n, start := 0, i
		for ; i < len(t) && i-start < 4 && class[t[i]]&digit != 0; i++ {
			n = n*10 + int(t[i]-'0')
		}
		if i == start || i-start > 3 || n > 255 || i-start > 1 && t[start] == '0' {
			return 0
		}
	}
	if isIn(t, i, wordy) {
		return 0
	}
	return i
}

// ipv4 finds an address with its prefix length; it gives its end, 0 for none.
func (s *Scanner) ipv4(i int) int {
	t := s.text.Bytes
	end := ipv4End(t, i)
	if end == 0 {
		return 0
	}
	if c := at(t, i-1); c == '.' && isIn(t, i-2, digit) || class[c]&wordy != 0 || c == '$' {
		return 0
	}
	score := float32(.95)
	if small := end-i <= 8; small && s.text.Before(cues().version, i, 12) {
		return 0
	} else if small && end-i == 7 && !s.text.Near(cues().ip, i, end, 48) {
		score = .7
	}
	if at(t, end) == '.' && isIn(t, end+1, digit) { // five numbers: of a version, where they are small
		if end-i < 10 {
			return 0
		}
		score = .6
	}
	end = prefixLength(t, end)
	s.add(i, end, span.IP, score, "v4")
	return end
}

// prefixLength gives the end of the /n at i; i for none.
func prefixLength(t []byte, i int) int {
	if at(t, i) == '/' && isIn(t, i+1, digit) {
		if end := run(t, i+1, digit, 4); end-i <= 4 && !isIn(t, end, wordy) && at(t, end) != '/' {
			return end
		}
	}
	return i
}

// ipv6 finds an address whose first group, or first colon, is at i; it gives its end, 0 for none.
func (s *Scanner) ipv6(i int) int {
	t := s.text.Bytes
	if isIn(t, i-1, wordy) || at(t, i-1) == ':' {
		return 0
	}
	end, groups, digits := ipv6End(t, i)
	if end == 0 {
		return 0
	}
	if at(t, end) == '%' { // a zone, RFC 4007
		zone := run(t, end+1, alnum, 16)
		for at(t, zone) == '.' && isIn(t, zone+1, digit) {
			zone = run(t, zone+1, digit, 8)
		}
		if zone > end+1 {
			end = zone
		}
	}
	whole := prefixLength(t, end)
	score := float32(.95)
	if whole == end && (groups == 0 || !digits && groups < 3) {
		if !s.text.Field && !s.text.Near(cues().ip, i, end, 48) {
			return 0
		}
		score = .7
	}
	s.add(i, whole, span.IP, score, "v6")
	return whole
}

// ipv6End gives the end of the address at i (RFC 4291, 2.2), how many groups it writes and whether a digit is in them; 0 for none.
func ipv6End(t []byte, i int) (end, groups int, digits bool) {
	double, j := false, i
	if at(t, i) == ':' {
		if at(t, i+1) != ':' {
			return 0, 0, false
		}
		double, j = true, i+2
	}
	for groups < 8 {
		if stop := ipv4End(t, j); stop > 0 && (groups == 6 || double && groups < 6) {
			return stop, groups + 2, true
		}
		stop := run(t, j, digit|hexLetter, 5)
		if stop == j {
			break
		}
		if stop-j > 4 || isIn(t, stop, wordy) || at(t, stop) == '.' && isIn(t, stop+1, digit) {
			return 0, 0, false
		}
		digits = digits || run(t, j, hexLetter, 5) < stop
		groups++
		j = stop
		if at(t, j) != ':' {
			break
		}
		if at(t, j+1) == ':' {
			if double {
				return 0, 0, false
			}
			double = true
			j += 2
			continue
		}
		if groups == 8 || !isIn(t, j+1, digit|hexLetter) {
			break
		}
		j++
	}
	if isIn(t, j, wordy) || at(t, j) == ':' && (isIn(t, j+1, wordy) || at(t, j+1) == ':') || groups == 8 && double || groups < 8 && !double {
		return 0, 0, false
	}
	return j, groups, digits
}

// mac finds a hardware address (EUI-48 or EUI-64) at i: pairs parted by one sign, groups of four parted by dots, or bare beside a
// cue word. It gives its end, 0 for none.
func (s *Scanner) mac(i int) int {
	t := s.text.Bytes
	end := 0
	switch first := run(t, i, digit|hexLetter, 17) - i; {
	case first == 2 && (at(t, i+2) == ':' || at(t, i+2) == '-' || at(t, i+2) == '.' || at(t, i+2) == ' '):
		end = macGroups(t, i, 2, at(t, i+2))
	case first == 4 && (at(t, i+4) == '.' || at(t, i+4) == '-' || at(t, i+4) == ':'):
		end = macGroups(t, i, 4, at(t, i+4))
	case first == 6 && (at(t, i+6) == '-' || at(t, i+6) == ':'):
		end = macGroups(t, i, 6, at(t, i+6))
	case first == 12 || first == 16:
		end = i + first
	}
	if end == 0 || isIn(t, end, wordy) || isIn(t, i-1, wordy) || uniform(t[i:end]) {
		return 0
	}
	sure := at(t, i+2) == ':' || at(t, i+2) == '-' && letters(t[i:end]) || at(t, i+4) == '.' && letters(t[i:end])
	score := float32(.97)
	if !sure && !s.text.Near(cues().mac, i, end, 40) {
		if !s.text.Field || !letters(t[i:end]) {
			return 0
		}
		score = .6
	}
	s.add(i, end, span.MAC, score, "")
	return end
}

// macGroups gives the end of 12 or 16 hexadecimal digits in groups of size parted by sep; 0 for others.
func macGroups(t []byte, i, size int, sep byte) int {
	digits, j := 0, i
	for {
		stop := run(t, j, digit|hexLetter, size+1)
		if stop-j != size {
			return 0
		}
		digits += size
		j = stop
		if at(t, j) != sep || !isIn(t, j+1, digit|hexLetter) || digits >= 16 || sep == ' ' && digits == 12 {
			break
		}
		j++
	}
	if digits != 12 && digits != 16 {
		return 0
	}
	return j
}

// uniform reports all zeros or all ones, which are no device's.
func uniform(b []byte) bool {
	for _, c := range b {
		if c|32 != b[0]|32 && class[c]&alnum != 0 {
			return false
		}
	}
	return b[0] == '0' || b[0]|32 == 'f'
}
