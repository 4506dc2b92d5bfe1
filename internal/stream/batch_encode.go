// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/nymstream/nymstream/internal/event"
)

// maxSequence is the last sequence number; 0 follows it.
const maxSequence = math.MaxInt32

// batchRoom is kept free before the body of a batch: for the header, and for the length that a snappy block begins with.
const batchRoom = batchHeaderSize + binary.MaxVarintLen32

// builder gathers records of one output partition and packs them into one record batch.
type builder struct {
	records []byte // uncompressed, since the last squeeze
	plain   int    // length of all records, before compression
	count   int32
	first   int64 // time of the first record, milliseconds
	latest  int64
	body    []byte // batchRoom, then the pieces that squeeze has compressed; empty before the first
	batch   []byte // what pack made
}

func (b *builder) reset() {
	b.records, b.body, b.batch = b.records[:0], b.body[:0], nil
	b.plain, b.count = 0, 0
}

// size is the length of the batch before compression.
func (b *builder) size() int { return batchHeaderSize + b.plain }

// held is what the builder keeps allocated.
func (b *builder) held() int { return cap(b.records) + cap(b.body) }

// append adds one record.
func (b *builder) append(time int64, key, value []byte, headers []event.Header) {
	if b.count == 0 {
		b.first, b.latest = time, time
	}
	b.latest = max(b.latest, time)
	timeDelta, offsetDelta := time-b.first, int64(b.count)
	size := 1 + varintSize(timeDelta) + varintSize(offsetDelta) + fieldSize(key) + fieldSize(value) + varintSize(int64(len(headers)))
	for i := range headers {
		size += varintSize(int64(len(headers[i].Key))) + len(headers[i].Key) + fieldSize(headers[i].Value)
	}
	out := binary.AppendVarint(b.records, int64(size))
	out = append(out, 0)
	out = binary.AppendVarint(out, timeDelta)
	out = binary.AppendVarint(out, offsetDelta)
	out = appendField(out, key)
	out = appendField(out, value)
	out = binary.AppendVarint(out, int64(len(headers)))
	for i := range headers {
		out = binary.AppendVarint(out, int64(len(headers[i].Key)))
		out = append(out, headers[i].Key...)
		out = appendField(out, headers[i].Value)
	}
	b.plain += len(out) - len(b.records)
	b.records = out
	b.count++
}

// squeeze compresses the whole pieces among the records, for a batch that pack will be told to make with Snappy: so a
// transaction holds, while it waits, a third of the memory that its records take (BenchmarkBuilder).
func (b *builder) squeeze() {
	rest := b.records
	for len(rest) >= snappyPiece {
		b.body = appendSnappyPiece(b.begin(), rest[:snappyPiece])
		rest = rest[snappyPiece:]
	}
	if len(rest) < len(b.records) {
		b.records = b.records[:copy(b.records, rest)]
	}
}

// begin gives the body, at least the room before it.
func (b *builder) begin() []byte {
	if len(b.body) == 0 {
		var room [batchRoom]byte
		b.body = append(b.body, room[:]...)
	}
	return b.body
}

// recordSize is at least what append adds for such a record.
func recordSize(key, value []byte, headers []event.Header) int {
	size := 64 + len(key) + len(value)
	for i := range headers {
		size += 10 + len(headers[i].Key) + len(headers[i].Value)
	}
	return size
}

// identity is who produces a batch: zero epoch and sequence with producer -1 for nobody in particular.
type identity struct {
	producer      int64
	epoch         int16
	transactional bool
}

var errSqueezed = errors.New("records that were compressed with snappy cannot get another codec")

// pack makes the batch; it is valid until b is changed. It may be made again, with another sequence.
func (b *builder) pack(c *compressor, codec Codec, who identity, sequence int32) ([]byte, error) {
	body, start := b.begin(), batchRoom
	if codec == Snappy {
		for rest := b.records; len(rest) > 0; {
			n := min(len(rest), snappyPiece)
			body = appendSnappyPiece(body, rest[:n])
			rest = rest[n:]
		}
		start -= uvarintSize(uint64(b.plain))
		binary.PutUvarint(body[start:], uint64(b.plain))
	} else {
		if len(b.records) < b.plain {
			return nil, errSqueezed
		}
		var err error
		if body, err = c.append(body, codec, b.records); err != nil {
			return nil, err
		}
	}
	b.body = body[:len(b.body)]
	b.batch = body[start-batchHeaderSize:]
	out := b.batch
	attributes := uint16(codec)
	if who.transactional {
		attributes |= attrTransactional
	}
	be := binary.BigEndian
	be.PutUint64(out, 0) // base offset: the broker's to fill
	be.PutUint32(out[8:], uint32(len(out)-12))
	be.PutUint32(out[12:], math.MaxUint32) // leader epoch: the broker's to fill
	out[16] = batchVersion
	be.PutUint16(out[21:], attributes)
	be.PutUint32(out[23:], uint32(b.count-1))
	be.PutUint64(out[27:], uint64(b.first))
	be.PutUint64(out[35:], uint64(b.latest))
	be.PutUint64(out[43:], uint64(who.producer))
	be.PutUint16(out[51:], uint16(who.epoch))
	be.PutUint32(out[53:], uint32(sequence))
	be.PutUint32(out[57:], uint32(b.count))
	be.PutUint32(out[17:], crc32.Checksum(out[crcFrom:], castagnoli()))
	return out, nil
}

// sequenceAfter is the sequence that follows n records from first on; it wraps to 0 after 2³¹−1.
func sequenceAfter(first, n int32) int32 {
	return int32((int64(first) + int64(n)) & maxSequence)
}

func appendField(dst, field []byte) []byte {
	if field == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(field))), field...)
}

func fieldSize(field []byte) int {
	if field == nil {
		return 1
	}
	return varintSize(int64(len(field))) + len(field)
}

func varintSize(x int64) int { return uvarintSize(uint64(x<<1) ^ uint64(x>>63)) }

func uvarintSize(u uint64) int {
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
