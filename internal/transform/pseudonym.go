// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strconv"
)

type pseudonym struct{ id *Identity }

// NewPseudonym replaces an identifier by its pseudonym in the recipient's domain.
func NewPseudonym(id *Identity) Technique { return pseudonym{id} }

func (p pseudonym) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	start := len(dst)
	dst, verdict := p.id.AppendPseudonym(append(dst, '"'), v, s)
	if verdict != Done {
		return dst[:start], verdict
	}
	return append(dst, '"'), Done
}

// A pseudonym is written <type>_<epoch>_<digest>: three letters, the epoch in decimal, and 16 bytes in lower-case base32hex
// (RFC 4648, section 7) without padding, whose last character has two spare bits, zero. It sorts as its bytes do.
const (
	base32Digits      = "0123456789abcdefghijklmnopqrstuv"
	digestLength      = 26
	longestEpoch      = 9 // digits
	shortestPseudonym = 3 + 1 + 1 + 1 + digestLength
	longestPseudonym  = shortestPseudonym - 1 + longestEpoch
)

// appendPseudonym writes it all into one place that is large enough: appending part by part takes twice as long (BenchmarkPseudonym).
func appendPseudonym(dst []byte, identityType, epoch string, digest *[16]byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(identityType)+len(epoch)+2+digestLength)
	dst = dst[:start+len(identityType)+len(epoch)+2+digestLength]
	to := dst[start:]
	to = to[copy(to, identityType):]
	to[0] = '_'
	to = to[1+copy(to[1:], epoch):]
	to[0] = '_'
	putDigest((*[digestLength]byte)(to[1:]), digest)
	return dst
}

// putDigest writes ten bits as two characters, looked up in a table. A digest is about to be published: how long the look-up
// takes tells nothing else.
func putDigest(to *[digestLength]byte, d *[16]byte) {
	a, b := binary.BigEndian.Uint64(d[:8]), binary.BigEndian.Uint64(d[8:])
	binary.LittleEndian.PutUint64(to[0:], base32Text(a>>24))
	binary.LittleEndian.PutUint64(to[8:], base32Text(a<<16|b>>48))
	binary.LittleEndian.PutUint64(to[16:], base32Text(b>>8))
	binary.LittleEndian.PutUint16(to[24:], base32Pairs[b<<2&0x3ff])
}

// base32Text gives the characters of the lowest 40 bits, the first in the lowest byte.
func base32Text(bits uint64) uint64 {
	return uint64(base32Pairs[bits>>30&0x3ff]) | uint64(base32Pairs[bits>>20&0x3ff])<<16 | uint64(base32Pairs[bits>>10&0x3ff])<<32 | uint64(base32Pairs[bits&0x3ff])<<48
}

// base32Pairs holds the two characters of every ten bits.
var base32Pairs = func() (pairs [1 << 10]uint16) {
	for i := range pairs {
		pairs[i] = uint16(base32Digits[i>>5]) | uint16(base32Digits[i&31])<<8
	}
	return pairs
}()

// Pseudonym is a pseudonym taken apart.
type Pseudonym struct {
	Type   string
	Epoch  int
	Digest [16]byte
}

var base32Lower = base32.NewEncoding(base32Digits).WithPadding(base32.NoPadding)

// ParsePseudonym reads a pseudonym in the one spelling it has; upper case, leading zeros and spare bits are refused.
func ParsePseudonym(text []byte) (Pseudonym, bool) {
	if !LooksLikePseudonym(text) || !isIdentityType(text[:3]) {
		return Pseudonym{}, false
	}
	cut := len(text) - digestLength
	number := string(text[4 : cut-1])
	epoch, err := strconv.Atoi(number)
	if err != nil || epoch < 1 || number[0] == '0' {
		return Pseudonym{}, false
	}
	p := Pseudonym{Type: string(text[:3]), Epoch: epoch}
	var digest [17]byte
	if _, err := base32Lower.Decode(digest[:], text[cut:]); err != nil {
		return Pseudonym{}, false
	}
	p.Digest = [16]byte(digest[:16])
	var again [digestLength]byte
	if putDigest(&again, &p.Digest); string(again[:]) != string(text[cut:]) {
		return Pseudonym{}, false
	}
	return p, true
}

// LooksLikePseudonym tells whether text has the shape of one of our pseudonyms, also in upper case or with spare bits set:
// such an identifier is not made a pseudonym once more, its record goes to quarantine.
func LooksLikePseudonym(text []byte) bool {
	n := len(text)
	if n < shortestPseudonym || n > longestPseudonym || text[3] != '_' || text[n-digestLength-1] != '_' {
		return false
	}
	for _, c := range text[:3] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	for _, c := range text[4 : n-digestLength-1] {
		if c < '0' || c > '9' {
			return false
		}
	}
	for _, c := range text[n-digestLength:] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'v') {
			return false
		}
	}
	return true
}
