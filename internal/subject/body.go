// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
)

// ErrFormat means a row that a newer release wrote: nothing may be decided about its person.
var ErrFormat = fmt.Errorf("row of an unknown format; run the release that wrote it: %w", event.ErrFatal)

// ErrDamaged means a row that does not read, or a secret that its key does not open: nothing may be decided about its person.
var ErrDamaged = fmt.Errorf("row is damaged; restore the store from a backup: %w", event.ErrFatal)

// body is a person's row in memory. Its encoding, in order:
//
//	format ‖ state ‖ generation ‖ erased at ‖ not before ‖ last seen
//	‖ length, and if not 0: secret's store epoch ‖ sealed secret
//	‖ length, and if not 0: data key's number, 8 bytes ‖ sealed identity
//	‖ count ‖ of each link: key, 16 bytes ‖ from ‖ twice to less from, plus one where key is the account
//	‖ what formats after the first add ‖ standing
//
// Format and state are a byte each, times signed varints, the other numbers uvarints (encoding/binary); last seen is a day. Lengths are of the sealed bytes alone. Slices belong to the bytes that were parsed.
type body struct {
	added
	format     byte // of the row it was parsed from; 0: of none
	state      State
	generation uint32
	erasedAt   int64
	notBefore  int64
	lastSeen   int32
	epoch      int    // store epoch of secret
	secret     []byte // sealed; empty: none
	dataKey    dataKeyNumber
	identity   []byte // sealed; empty: none
	standing   consent.Standing
	links      []Link
}

// append writes b in a format, or in the newer one that it was read in.
func (b *body) append(dst []byte, format byte) []byte {
	format = max(firstFormat, format, b.format)
	dst = append(dst, format, byte(b.state))
	dst = binary.AppendUvarint(dst, uint64(b.generation))
	dst = binary.AppendVarint(dst, b.erasedAt)
	dst = binary.AppendVarint(dst, b.notBefore)
	dst = binary.AppendUvarint(dst, uint64(b.lastSeen))
	dst = binary.AppendUvarint(dst, uint64(len(b.secret)))
	if len(b.secret) > 0 {
		dst = binary.AppendUvarint(dst, uint64(b.epoch))
		dst = append(dst, b.secret...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.identity)))
	if len(b.identity) > 0 {
		dst = append(dst, b.dataKey[:]...)
		dst = append(dst, b.identity...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.links)))
	for _, l := range b.links {
		dst = append(dst, l.Key[:]...)
		dst = binary.AppendVarint(dst, l.From)
		dst = binary.AppendUvarint(dst, uint64(l.To-l.From)<<1|role(l.Account))
	}
	return b.standing.AppendBinary(b.added.append(dst, format, b))
}

func role(account bool) uint64 {
	if account {
		return 1
	}
	return 0
}

// parse sets b to what raw says. An empty raw is the row of somebody unknown.
func (b *body) parse(raw []byte) error {
	*b = body{links: b.links[:0]}
	if len(raw) == 0 {
		return nil
	}
	if b.format = raw[0]; b.format < firstFormat || b.format > NewestFormat {
		return ErrFormat
	}
	r := reader{left: raw[1:]}
	b.state = State(r.bytes(1)[0])
	b.generation = uint32(r.uvarint(1<<32 - 1))
	b.erasedAt = r.varint()
	b.notBefore = r.varint()
	b.lastSeen = int32(r.uvarint(1<<31 - 1))
	if n := r.length(); n > 0 {
		b.epoch = int(r.uvarint(1<<31 - 1))
		b.secret = r.bytes(n)
	}
	if n := r.length(); n > 0 {
		copy(b.dataKey[:], r.bytes(len(b.dataKey)))
		b.identity = r.bytes(n)
	}
	for range r.length() {
		var l Link
		copy(l.Key[:], r.bytes(len(l.Key)))
		l.From = r.varint()
		length := r.uvarint(math.MaxInt64)
		l.To, l.Account = l.From+int64(length>>1), length&1 == 1
		b.links = append(b.links, l)
	}
	b.added.parse(b.format, &r)
	if r.failed || b.state == StateNone || b.state >= states || b.generation == 0 {
		return ErrDamaged
	}
	var rest []byte
	var err error
	if b.standing, rest, err = consent.ParseStanding(r.left); err != nil {
		return fmt.Errorf("standing: %w: %w", err, ErrDamaged)
	}
	if len(rest) > 0 {
		return ErrDamaged
	}
	return nil
}

// reader takes fields from bytes. After a fault its answers are zero, and failed says so.
type reader struct {
	left   []byte
	failed bool
}

func (r *reader) fail() {
	r.left, r.failed = nil, true
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.left) {
		r.fail()
		return make([]byte, min(n, 16))
	}
	b := r.left[:n:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.left)
	if n <= 0 || v > most {
		r.fail()
		return 0
	}
	r.left = r.left[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.left)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[n:]
	return v
}

// length gives a length or count that the bytes left can hold.
func (r *reader) length() int { return int(r.uvarint(uint64(len(r.left)))) }
