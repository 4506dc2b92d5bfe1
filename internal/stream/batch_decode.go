// SPDX-License-Identifier: Apache-2.0

package stream

import "github.com/nymstream/nymstream/internal/event"

const (
	// keepBuffer bounds the decompression buffers that a decoder keeps for the next batches, together.
	keepBuffer = 4 << 20
	// mostRecordHeaders is how many headers one record may have: an empty one takes two bytes on the wire, which
	// compress to nothing, and forty-eight in memory.
	mostRecordHeaders = 1000
	// mostHeaders bounds the headers in memory at a time, but for those of one more record: about 4 MiB.
	mostHeaders = 80_000
)

// decoder unpacks record batches. Its records point into its buffers and into the bytes it was given:
// both must stay untouched until forget or reset.
type decoder struct {
	limit   int // most bytes one batch may decompress to
	records []event.Record
	size    int // decompressed bytes since reset

	headers []event.Header
	buffers [][]byte
	used    int
	inflate decompressor
	rest    unread
}

// unread is what of a batch has not become records yet. Every record of it has been checked.
type unread struct {
	rawBatch
	topic     string
	partition int32
	from      int64
	records   varints
	left      int   // records
	after     int64 // offset of the record before
	first     int64 // time of the first record
	fixed     bool  // all have the batch's time
}

// reset forgets all records, also those still unread.
func (d *decoder) reset() {
	d.rest = unread{}
	d.forget()
}

// forget makes room for the records still unread, or for other batches.
func (d *decoder) forget() {
	d.records, d.headers = emptied(d.records, 2*mostRecords), emptied(d.headers, mostHeaders+mostRecordHeaders)
	d.size = len(d.rest.records.buf)
	if d.unread() && d.used > 0 {
		// What is unread may be in the buffer used last: no other batch must get that.
		d.buffers[0], d.buffers[d.used-1] = d.buffers[d.used-1], d.buffers[0]
		d.used = 1
	} else {
		d.used = 0
	}
	kept := 0
	for i, b := range d.buffers {
		if kept+cap(b) > keepBuffer {
			d.buffers[i] = nil
			continue
		}
		kept += cap(b)
	}
}

// emptied gives s without elements, or nothing when its capacity is above most.
func emptied[E any](s []E, most int) []E {
	if cap(s) > most {
		return nil
	}
	clear(s)
	return s[:0]
}

// decode appends the records of the checked batch b that are at or past from, or as many as may be in memory:
// unread tells whether there are more. On an error, wherever in b the fault is, the records of b are taken back.
func (d *decoder) decode(b *rawBatch, topic string, partition int32, from int64) error {
	body, err := d.decompress(b)
	if err != nil {
		return err
	}
	d.size += len(body)
	count := b.count()
	if count < 0 || count > len(body) {
		return errCorrupt
	}
	records, headers := len(d.records), len(d.headers)
	d.rest = unread{
		rawBatch: *b, topic: topic, partition: partition, from: from, records: varints{buf: body}, left: count,
		after: b.base - 1, first: b.firstTime(), fixed: b.attributes()&attrLogAppendTime != 0,
	}
	if err = d.more(); err == nil {
		err = d.rest.verify()
	}
	if err != nil {
		d.records, d.headers, d.rest = d.records[:records], d.headers[:headers], unread{}
	}
	return err
}

// unread tells whether the batch decoded last has more records: to have them, call forget and more.
func (d *decoder) unread() bool { return d.rest.left > 0 }

// more appends records still unread. It gives no error but to decode.
func (d *decoder) more() error {
	for d.unread() && len(d.records) < mostRecords && len(d.headers) < mostHeaders {
		var rec event.Record
		start := len(d.headers)
		var err error
		if d.headers, err = d.rest.next(&rec, d.headers); err != nil {
			return err
		}
		if rec.Offset < d.rest.from {
			d.headers = d.headers[:start]
			continue
		}
		d.records = append(d.records, rec)
	}
	return nil
}

// verify reads all that is left of the batch and keeps nothing.
func (u unread) verify() error {
	var headers []event.Header
	for u.left > 0 {
		var rec event.Record
		var err error
		if headers, err = u.next(&rec, headers[:0]); err != nil {
			return err
		}
	}
	if len(u.records.buf) > 0 {
		return errCorrupt
	}
	return nil
}

// next reads one record and appends its headers; everything in it is checked against the length it declares.
// Offsets rise, so that a reader can go on in the middle of a batch.
func (u *unread) next(rec *event.Record, headers []event.Header) ([]event.Header, error) {
	r := varints{buf: u.records.bytes()}
	rec.Topic, rec.Partition, rec.Time = u.topic, u.partition, u.maxTime()
	r.skip(1) // attributes, unused
	if delta := r.int(); !u.fixed {
		rec.Time = u.first + delta
	}
	rec.Offset = u.base + r.int()
	rec.Key = r.bytes()
	rec.Value = r.bytes()
	count := r.int()
	if u.records.err != nil || r.err != nil || rec.Offset <= u.after || rec.Offset > u.last || count < 0 || count > int64(len(r.buf)) {
		return headers, errCorrupt
	}
	u.after, u.left = rec.Offset, u.left-1
	if count == 0 {
		return headers, nil
	}
	if count > mostRecordHeaders {
		return headers, errBomb
	}
	start := len(headers)
	for range count {
		key := r.bytes()
		headers = append(headers, event.Header{Key: key, Value: r.bytes()})
		if key == nil {
			return headers, errCorrupt
		}
	}
	rec.Headers = headers[start:len(headers):len(headers)]
	return headers, r.err
}

func (d *decoder) decompress(b *rawBatch) ([]byte, error) {
	if b.codec() == None {
		if len(b.body()) > d.limit {
			return nil, errBomb
		}
		return b.body(), nil
	}
	if d.used == len(d.buffers) {
		d.buffers = append(d.buffers, nil)
	}
	out, err := d.inflate.append(d.buffers[d.used][:0], b.codec(), b.body(), d.limit)
	if out != nil {
		d.buffers[d.used] = out[:0]
	}
	if err != nil {
		return nil, err
	}
	d.used++
	return out, nil
}
