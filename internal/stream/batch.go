// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A record batch, format version 2, begins with a header of fixed size; only its body is compressed.
//
//	 0 base offset, 8 length of what follows, 12 leader epoch, 16 version, 17 CRC-32C of what follows,
//	21 attributes, 23 last offset delta, 27 first time, 35 greatest time,
//	43 producer, 51 producer epoch, 53 first sequence, 57 number of records, 61 records
const (
	batchHeaderSize = 61
	batchVersion    = 2
	crcFrom         = 21

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

var (
	// errCut says that the bytes end within a batch: normal at the end of a fetch.
	errCut = errors.New("record batch is cut")
	// errCorrupt says that a batch fails its checksum or does not hold what it says.
	errCorrupt = errors.New("corrupt record batch")
	// errBomb says that a batch decompresses beyond the limit, or that one of its records has too many headers.
	errBomb = errors.New("record batch decompresses beyond the limit")
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// rawBatch is one record batch as it came, its body still compressed.
type rawBatch struct {
	bytes []byte
	base  int64
	last  int64 // offset of its last record, even when compaction has removed it
}

// nextBatch takes the first batch off set. It trusts nothing but lengths: check does the rest.
func nextBatch(set []byte) (b rawBatch, rest []byte, err error) {
	if len(set) < 17 {
		return b, nil, errCut
	}
	size := int64(int32(binary.BigEndian.Uint32(set[8:]))) + 12
	if size < 17 {
		return b, nil, errCorrupt
	}
	if size > int64(len(set)) {
		return b, nil, errCut
	}
	b = rawBatch{bytes: set[:size:size], base: int64(binary.BigEndian.Uint64(set))}
	b.last = b.base
	if set[16] == batchVersion && size >= batchHeaderSize {
		b.last += int64(int32(binary.BigEndian.Uint32(set[23:])))
	}
	return b, set[size:], nil
}

// check verifies version and checksum.
func (b *rawBatch) check() error {
	if len(b.bytes) < batchHeaderSize || b.bytes[16] != batchVersion || b.last < b.base {
		return errCorrupt
	}
	if crc32.Checksum(b.bytes[crcFrom:], castagnoli()) != binary.BigEndian.Uint32(b.bytes[17:]) {
		return errCorrupt
	}
	return nil
}

// The accessors below need a checked batch.

func (b *rawBatch) attributes() uint16 { return binary.BigEndian.Uint16(b.bytes[21:]) }
func (b *rawBatch) codec() Codec       { return Codec(b.attributes() & attrCodec) }
func (b *rawBatch) leaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b.bytes[12:])) }
func (b *rawBatch) firstTime() int64   { return int64(binary.BigEndian.Uint64(b.bytes[27:])) }
func (b *rawBatch) maxTime() int64     { return int64(binary.BigEndian.Uint64(b.bytes[35:])) }
func (b *rawBatch) producer() int64    { return int64(binary.BigEndian.Uint64(b.bytes[43:])) }
func (b *rawBatch) count() int         { return int(int32(binary.BigEndian.Uint32(b.bytes[57:]))) }
func (b *rawBatch) body() []byte       { return b.bytes[batchHeaderSize:] }

// offsetAfter reads batch headers only: the offset to fetch after the whole batches in set.
// It is a guess made ahead of decoding; whoever decodes corrects it.
func offsetAfter(set []byte, from int64) int64 {
	next := from
	for {
		b, rest, err := nextBatch(set)
		if err != nil {
			return next
		}
		next = max(next, b.last+1)
		set = rest
	}
}

// abortFilter drops what a read_committed reader must not see: control batches and the records of aborted transactions.
type abortFilter struct {
	aborted []abortedTxn // by First
	open    map[int64]struct{}
}

// skips tells whether the checked batch b carries nothing to read. Batches must come in offset order.
func (f *abortFilter) skips(b *rawBatch) bool {
	for len(f.aborted) > 0 && f.aborted[0].First <= b.last {
		if f.open == nil {
			f.open = make(map[int64]struct{})
		}
		f.open[f.aborted[0].Producer] = struct{}{}
		f.aborted = f.aborted[1:]
	}
	attr := b.attributes()
	_, aborted := f.open[b.producer()]
	if attr&attrControl != 0 {
		if aborted && isAbortMarker(b.body()) {
			delete(f.open, b.producer())
		}
		return true
	}
	return aborted && attr&attrTransactional != 0
}

// isAbortMarker reads the key of a control record: version, then type, where 0 is abort and 1 commit.
func isAbortMarker(body []byte) bool {
	r := varints{buf: body}
	r.int() // length
	r.skip(1)
	r.int() // time delta
	r.int() // offset delta
	key := r.bytes()
	return r.err == nil && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == 0
}

// varints reads the fields of a record; after the first fault everything reads as empty.
type varints struct {
	buf []byte
	err error
}

func (r *varints) int() int64 {
	if len(r.buf) > 0 && r.buf[0] < 0x80 {
		x := r.buf[0]
		r.buf = r.buf[1:]
		return int64(x>>1) ^ -int64(x&1)
	}
	x, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return int64(x>>1) ^ -int64(x&1)
}

func (r *varints) skip(n int) {
	if n > len(r.buf) {
		r.fail()
		return
	}
	r.buf = r.buf[n:]
}

// bytes reads a length and as many bytes; a negative length is null.
func (r *varints) bytes() []byte {
	n := r.int()
	if n < 0 {
		return nil
	}
	if n > int64(len(r.buf)) {
		r.fail()
		return nil
	}
	v := r.buf[:n:n]
	r.buf = r.buf[n:]
	return v
}

func (r *varints) fail() { r.err, r.buf = errCorrupt, nil }
