// SPDX-License-Identifier: Apache-2.0

package stream

import "github.com/nymstream/nymstream/internal/event"

// keepBuffer is the largest decompression buffer a decoder keeps for the next batch.
const keepBuffer = 4 << 20

// decoder unpacks record batches. Its records point into its buffers and into the bytes it was given:
// both must stay untouched until reset.
type decoder struct {
	limit   int // most bytes one batch may decompress to
	records []event.Record
	size    int // decompressed bytes since reset

	headers []event.Header
	buffers [][]byte
	used    int
	inflate decompressor
}

// reset forgets all records and makes their buffers free again.
func (d *decoder) reset() {
	clear(d.records)
	d.records, d.headers = d.records[:0], d.headers[:0]
	d.size, d.used = 0, 0
	for i, b := range d.buffers {
		if cap(b) > keepBuffer {
			d.buffers[i] = nil
		}
	}
}

// decode appends the records of the checked batch b that are at or past from.
// On an error the records of b are taken back.
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
	first, fixed := b.firstTime(), b.attributes()&attrLogAppendTime != 0
	before := len(d.records)
	r := varints{buf: body}
	for i := 0; i < count; i++ {
		rec := event.Record{Topic: topic, Partition: partition, Time: b.maxTime()}
		if err := d.record(&r, &rec, b, first, fixed); err != nil {
			d.records = d.records[:before]
			return err
		}
		if rec.Offset >= from {
			d.records = append(d.records, rec)
		}
	}
	if len(r.buf) > 0 {
		d.records = d.records[:before]
		return errCorrupt
	}
	return nil
}

// record reads one record; everything in it is checked against the length it declares.
func (d *decoder) record(body *varints, rec *event.Record, b *rawBatch, first int64, fixed bool) error {
	r := varints{buf: body.bytes()}
	r.skip(1) // attributes, unused
	if delta := r.int(); !fixed {
		rec.Time = first + delta
	}
	rec.Offset = b.base + r.int()
	rec.Key = r.bytes()
	rec.Value = r.bytes()
	headers := r.int()
	if body.err != nil || r.err != nil || rec.Offset < b.base || rec.Offset > b.last || headers < 0 || headers > int64(len(r.buf)) {
		return errCorrupt
	}
	if headers == 0 {
		return nil
	}
	start := len(d.headers)
	for range headers {
		key := r.bytes()
		d.headers = append(d.headers, event.Header{Key: key, Value: r.bytes()})
		if key == nil {
			return errCorrupt
		}
	}
	rec.Headers = d.headers[start:len(d.headers):len(d.headers)]
	return r.err
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
