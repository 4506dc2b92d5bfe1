// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

type truncateText struct {
	max    int
	longer bool // nothing but longer texts
}

// NewTruncateText keeps the first max characters (code points, not bytes) of a text. Shorter texts stay whole, so this hides
// the rest of long texts and nothing of short ones.
func NewTruncateText(max int) (Technique, error) {
	if max < 1 {
		return nil, fmt.Errorf("truncate: cannot keep %d characters; use 1 or more, or replace", max)
	}
	return truncateText{max: max}, nil
}

// NewTruncateLonger is NewTruncateText for texts that must not stay readable: those of max characters or fewer, which it
// would leave whole, are misfits.
func NewTruncateLonger(max int) (Technique, error) {
	if _, err := NewTruncateText(max); err != nil {
		return nil, err
	}
	return truncateText{max: max, longer: true}, nil
}

func (t truncateText) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if v.Kind != String {
		return dst, Misfit
	}
	end := firstCharacters(v.Text, t.max)
	if t.longer && end == len(v.Text) {
		return dst, Misfit
	}
	return AppendString(dst, v.Text[:end]), Done
}

type truncateIP struct{ bits4, bits6 int }

// NewTruncateIP keeps the first bits of an address and writes the network's address: of 24 bits, 203.0.113.7 leaves "203.0.113.0".
// IPv6 is written in RFC 5952's form. An IPv4 address inside IPv6 (::ffff:203.0.113.7) is treated as IPv4, a zone (%eth0) is removed.
// Addresses are what net/netip takes: no port, no brackets, no leading zeros, no list.
func NewTruncateIP(bits4, bits6 int) (Technique, error) {
	if bits4 < 0 || bits4 > 32 || bits6 < 0 || bits6 > 128 {
		return nil, fmt.Errorf("truncate: prefixes of %d and %d bits; use 0 to 32 for IPv4 and 0 to 128 for IPv6", bits4, bits6)
	}
	return truncateIP{bits4, bits6}, nil
}

func (t truncateIP) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if v.Kind != String {
		return dst, Misfit
	}
	var four [4]byte
	if parseIPv4(four[:], v.Text) {
		return appendIPv4(dst, binary.BigEndian.Uint32(four[:])&^(1<<(32-t.bits4)-1)), Done
	}
	addr, ok := parseAddr(v.Text)
	if !ok {
		return dst, Misfit
	}
	addr = addr.Unmap()
	bits := t.bits6
	if addr.Is4() {
		bits = t.bits4
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return dst, Misfit
	}
	dst = append(dst, '"')
	dst = network.Addr().AppendTo(dst)
	return append(dst, '"'), Done
}

// appendIPv4 appends an address as a JSON string.
func appendIPv4(dst []byte, a uint32) []byte {
	before := byte('"')
	for shift := 24; shift >= 0; shift -= 8 {
		octet := byte(a >> shift)
		dst = append(dst, before)
		if octet >= 100 {
			dst = append(dst, '0'+octet/100)
		}
		if octet >= 10 {
			dst = append(dst, '0'+octet/10%10)
		}
		dst = append(dst, '0'+octet%10)
		before = '.'
	}
	return append(dst, '"')
}

// parseAddr takes what netip.ParseAddr takes and drops the zone. It is ours because that one allocates for text that is no string.
func parseAddr(text []byte) (netip.Addr, bool) {
	if bytes.IndexByte(text, ':') < 0 {
		var a [4]byte
		ok := parseIPv4(a[:], text)
		return netip.AddrFrom4(a), ok
	}
	a, ok := parseIPv6(text)
	return netip.AddrFrom16(a), ok
}

// parseIPv4 reads four decimal numbers up to 255, without leading zeros, into four bytes.
func parseIPv4(a, text []byte) bool {
	for i := range a {
		if i > 0 {
			if len(text) == 0 || text[0] != '.' {
				return false
			}
			text = text[1:]
		}
		ds, rest := digits(text)
		if len(ds) == 0 || len(ds) > 3 || len(ds) > 1 && ds[0] == '0' {
			return false
		}
		n := 0
		for _, c := range ds {
			n = n*10 + int(c-'0')
		}
		if n > 255 {
			return false
		}
		a[i], text = byte(n), rest
	}
	return len(text) == 0
}

// parseIPv6 reads RFC 4291's text forms, with a zone or without: groups, or groups on both sides of one "::".
func parseIPv6(text []byte) (a [16]byte, ok bool) {
	text, zone, zoned := bytes.Cut(text, []byte{'%'})
	if zoned && len(zone) == 0 {
		return a, false
	}
	head, tail, gap := bytes.Cut(text, []byte("::"))
	if !gap {
		n := parseGroups(a[:], head, true)
		return a, n == len(a)
	}
	var end [16]byte
	before, after := 0, 0
	if len(head) > 0 {
		before = parseGroups(a[:], head, false)
	}
	if len(tail) > 0 {
		after = parseGroups(end[:], tail, true)
	}
	if before < 0 || after < 0 || before+after > len(a)-2 { // "::" is at least one group
		return a, false
	}
	copy(a[len(a)-after:], end[:after])
	return a, true
}

// parseGroups reads hexadecimal groups with colons between them into a, and IPv4 as the last two groups where that may stand.
// It gives the number of bytes, or -1.
func parseGroups(a, text []byte, v4 bool) int {
	for n := 0; n < len(a); {
		group, rest, more := bytes.Cut(text, []byte{':'})
		if !more && v4 && bytes.IndexByte(group, '.') >= 0 {
			if n+4 > len(a) || !parseIPv4(a[n:n+4], group) {
				return -1
			}
			return n + 4
		}
		word, ok := parseGroup(group)
		if !ok {
			return -1
		}
		a[n], a[n+1] = byte(word>>8), byte(word)
		n += 2
		if !more {
			return n
		}
		text = rest
	}
	return -1
}

// parseGroup reads one to four hexadecimal digits.
func parseGroup(text []byte) (word int, ok bool) {
	if len(text) == 0 || len(text) > 4 {
		return 0, false
	}
	for _, c := range text {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		word = word<<4 | d
	}
	return word, true
}
