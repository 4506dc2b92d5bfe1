// SPDX-License-Identifier: Apache-2.0

package iab

import "errors"

// longest is the size in bytes of the longest value that is read at all. A TC string with every vendor is under 40 kB.
const longest = 64 << 10

var (
	errEmpty     = errors.New("is empty")
	errLong      = errors.New("is longer than 64 KiB")
	errCharacter = errors.New("has a character outside base64url (RFC 4648, section 5)")
	errShort     = errors.New("ends before its last field")
	errPadding   = errors.New("has bits after its last field that are no padding")
	errFibonacci = errors.New("has a Fibonacci number that is too large")
	errSpan      = errors.New("has a range of ids that is out of order or out of bounds")
	errLetters   = errors.New("has a language or country code with something else than letters")
)

const noSextet = 0xff

// sextets gives the six bits of a base64url character, or noSextet.
var sextets = func() (table [256]byte) {
	for i := range table {
		table[i] = noSextet
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = byte(i)
	}
	return table
}()

// bits is a run of base64url characters taken as a bit string: six bits a character, the highest first.
type bits []byte

func newBits(s []byte) (bits, error) {
	if len(s) == 0 {
		return nil, errEmpty
	}
	for _, c := range s {
		if sextets[c] == noSextet {
			return nil, errCharacter
		}
	}
	return s, nil
}

// uint is the unsigned integer of n bits from bit at; both lie inside.
func (b bits) uint(at, n int) int {
	v := 0
	for n > 0 {
		used := at % 6
		take := min(6-used, n)
		v = v<<take | int(sextets[b[at/6]])>>(6-used-take)&(1<<take-1)
		at, n = at+take, n-take
	}
	return v
}

// reader reads fields one after the other. After its first error every field is zero.
type reader struct {
	bits bits
	at   int
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// has reports whether n more bits lie ahead, and fails otherwise.
func (r *reader) has(n int) bool {
	if r.err == nil && r.at+n > 6*len(r.bits) {
		r.err = errShort
	}
	return r.err == nil
}

func (r *reader) uint(n int) int {
	if !r.has(n) {
		return 0
	}
	v := r.bits.uint(r.at, n)
	r.at += n
	return v
}

func (r *reader) bool() bool { return r.uint(1) == 1 }

func (r *reader) skip(n int) {
	if r.has(n) {
		r.at += n
	}
}

// fibonacci reads a Fibonacci-coded integer (GPP, "About Fibonacci Encoding"): bits worth 1, 2, 3, 5, 8…, then a 1 after a 1.
func (r *reader) fibonacci() int {
	v, last := 0, false
	for worth, next := 1, 2; worth <= maxID; worth, next = next, worth+next {
		bit := r.bool()
		if r.err != nil {
			return 0
		}
		if bit && last {
			return v
		}
		if bit {
			v += worth
		}
		last = bit
	}
	if last && r.bool() {
		return v
	}
	r.fail(errFibonacci)
	return 0
}

// ids reads a field of n ≤ 24 flags, the first for id 1.
func (r *reader) ids(n int) IDs {
	var ids IDs
	for i := range n {
		if r.bool() {
			ids |= 1 << i
		}
	}
	return ids
}

func (r *reader) letters() Letters {
	first, second := r.uint(6), r.uint(6)
	if first > 25 || second > 25 {
		r.fail(errLetters)
		return Letters{}
	}
	return Letters{'A' + byte(first), 'A' + byte(second)}
}

// end holds that what remains is zeros and shorter than pad bits.
func (r *reader) end(pad int) error {
	rest := 6*len(r.bits) - r.at
	if r.err == nil && rest >= pad {
		return errPadding
	}
	if r.uint(rest) != 0 {
		return errPadding
	}
	return r.err
}

// IDs is a set of small numbers, as of purposes and special features: bit i stands for id i+1.
type IDs uint32

// Has reports whether id is in the set.
func (s IDs) Has(id int) bool { return id >= 1 && id <= 32 && s>>(id-1)&1 == 1 }

// Letters is a two-letter code: a language of ISO 639-1 or a country of ISO 3166-1, in capitals.
type Letters [2]byte

func (l Letters) String() string { return string(l[:]) }
