// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nymstream/nymstream/internal/event"
)

func codecs() map[string]Codec {
	return map[string]Codec{"none": None, "gzip": Gzip, "snappy": Snappy, "lz4": LZ4, "zstd": Zstd}
}

// sample makes records of all shapes, the same for the same seed.
func sample(n int, seed uint64) []event.Record {
	r := rand.New(rand.NewPCG(seed, 1))
	blob := func(most int) []byte {
		switch r.IntN(6) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		return bytes.Repeat([]byte(fmt.Sprintf(`{"id":%d}`, r.IntN(1000))), 1+r.IntN(most))
	}
	records := make([]event.Record, n)
	for i := range records {
		records[i] = event.Record{Time: 1_700_000_000_000 + int64(r.IntN(100_000)) - 50_000, Key: blob(2), Value: blob(40)}
		for h := range r.IntN(4) {
			records[i].Headers = append(records[i].Headers, event.Header{Key: fmt.Appendf(nil, "h%d", h), Value: blob(1)})
		}
	}
	return records
}

func packed(t testing.TB, records []event.Record, codec Codec, who identity, sequence int32) []byte {
	t.Helper()
	var b builder
	for _, r := range records {
		b.append(r.Time, r.Key, r.Value, r.Headers)
	}
	out, err := b.pack(&compressor{}, codec, who, sequence)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(batch []byte, base int64) []byte {
	binary.BigEndian.PutUint64(batch, uint64(base))
	return batch
}

func equal(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func sameRecord(t *testing.T, got, want *event.Record) {
	t.Helper()
	same := got.Time == want.Time && equal(got.Key, want.Key) && equal(got.Value, want.Value) && len(got.Headers) == len(want.Headers)
	for i := range want.Headers {
		same = same && bytes.Equal(got.Headers[i].Key, want.Headers[i].Key) && equal(got.Headers[i].Value, want.Headers[i].Value)
	}
	if !same {
		t.Errorf("offset %d: got %+v, want %+v", got.Offset, got, want)
	}
}

func TestBatchComesBack(t *testing.T) {
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			want := sample(300, 7)
			d := decoder{limit: 1 << 20}
			for round := range 3 { // buffers are used again
				set := at(packed(t, want, codec, identity{producer: 5, epoch: 2, transactional: true}, 77), 1000)
				b, rest, err := nextBatch(append(set, 1, 2, 3))
				if err != nil || len(rest) != 3 || b.check() != nil {
					t.Fatalf("round %d: batch: %v, %d bytes left, check %v", round, err, len(rest), b.check())
				}
				d.reset()
				if err := d.decode(&b, "in", 3, 1010); err != nil {
					t.Fatal(err)
				}
				if len(d.records) != 290 || b.last != 1299 || b.producer() != 5 || b.attributes()&attrTransactional == 0 {
					t.Fatalf("got %d records, last %d, producer %d", len(d.records), b.last, b.producer())
				}
				for i := range d.records {
					sameRecord(t, &d.records[i], &want[10+i])
				}
				if r := d.records[0]; r.Topic != "in" || r.Partition != 3 || r.Offset != 1010 {
					t.Errorf("got coordinates %s/%d@%d", r.Topic, r.Partition, r.Offset)
				}
			}
		})
	}
}

func TestFranzReadsOurBatches(t *testing.T) {
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			want := sample(200, 9)
			p := &kmsg.FetchResponseTopicPartition{RecordBatches: at(packed(t, want, codec, identity{producer: -1, epoch: -1}, -1), 50), HighWatermark: 1e6, LastStableOffset: 1e6}
			got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: 50}, p, kgo.DefaultDecompressor(), nil)
			if got.Err != nil || len(got.Records) != len(want) || next != 250 {
				t.Fatalf("got %d records, next %d, %v", len(got.Records), next, got.Err)
			}
			for i, r := range got.Records {
				rec := event.Record{Offset: r.Offset, Time: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
				for _, h := range r.Headers {
					rec.Headers = append(rec.Headers, event.Header{Key: []byte(h.Key), Value: h.Value})
				}
				sameRecord(t, &rec, &want[i])
			}
		})
	}
}

func TestKafkaGoReadsOurBatches(t *testing.T) {
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			want := sample(200, 11)
			batch := packed(t, want, codec, identity{producer: -1, epoch: -1}, -1)
			var rs protocol.RecordSet
			if _, err := rs.ReadFrom(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(batch))), batch...))); err != nil {
				t.Fatal(err)
			}
			for i := 0; ; i++ {
				r, err := rs.Records.ReadRecord()
				if errors.Is(err, io.EOF) {
					if i != len(want) {
						t.Errorf("got %d records, want %d", i, len(want))
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				key, _ := protocol.ReadAll(r.Key)
				value, _ := protocol.ReadAll(r.Value)
				rec := event.Record{Offset: r.Offset, Time: r.Time.UnixMilli(), Key: key, Value: value}
				for _, h := range r.Headers {
					rec.Headers = append(rec.Headers, event.Header{Key: []byte(h.Key), Value: h.Value})
				}
				sameRecord(t, &rec, &want[i])
			}
		})
	}
}

func TestWeReadKafkaGoBatches(t *testing.T) {
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			want := sample(200, 13)
			records := make([]protocol.Record, len(want))
			for i, r := range want {
				records[i] = protocol.Record{Offset: int64(i), Time: time.UnixMilli(r.Time), Key: protocol.NewBytes(r.Key), Value: protocol.NewBytes(r.Value)}
				for _, h := range r.Headers {
					records[i].Headers = append(records[i].Headers, protocol.Header{Key: string(h.Key), Value: h.Value})
				}
			}
			var out bytes.Buffer
			rs := protocol.RecordSet{Version: 2, Attributes: protocol.Attributes(codec), Records: protocol.NewRecordReader(records...)}
			if _, err := rs.WriteTo(&out); err != nil {
				t.Fatal(err)
			}
			readAll(t, out.Bytes()[4:], want)
		})
	}
}

func readAll(t *testing.T, set []byte, want []event.Record) {
	t.Helper()
	d := decoder{limit: 1 << 20}
	for len(set) > 0 {
		b, rest, err := nextBatch(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.check(); err != nil {
			t.Fatal(err)
		}
		if err := d.decode(&b, "in", 0, 0); err != nil {
			t.Fatal(err)
		}
		set = rest
	}
	if len(d.records) != len(want) {
		t.Fatalf("got %d records, want %d", len(d.records), len(want))
	}
	for i := range want {
		sameRecord(t, &d.records[i], &want[i])
	}
}

// repack gives a batch another compressed body.
func repack(batch []byte, codec Codec, body []byte) []byte {
	out := append(bytes.Clone(batch[:batchHeaderSize]), body...)
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	out[22] = out[22]&^attrCodec | byte(codec)
	return sign(out)
}

func sign(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[crcFrom:], castagnoli()))
	return batch
}

func TestXerialSnappy(t *testing.T) {
	want := sample(100, 17)
	plain := packed(t, want, None, identity{}, 0)
	body := append([]byte(xerial), 0, 0, 0, 1, 0, 0, 0, 1)
	for rest := plain[batchHeaderSize:]; len(rest) > 0; {
		n := min(len(rest), 1000)
		block := s2.EncodeSnappy(nil, rest[:n])
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(block))), block...)
		rest = rest[n:]
	}
	readAll(t, repack(plain, Snappy, body), want)
}

func TestBombs(t *testing.T) {
	big := []event.Record{{Value: bytes.Repeat([]byte("a"), 5<<20)}}
	for name, codec := range codecs() {
		b, _, err := nextBatch(packed(t, big, codec, identity{}, 0))
		if err != nil {
			t.Fatal(err)
		}
		d := decoder{limit: 1 << 20}
		if err := d.decode(&b, "in", 0, 0); !errors.Is(err, errBomb) {
			t.Errorf("%s: got %v, want a bomb", name, err)
		}
		if len(d.buffers) > 0 && cap(d.buffers[0]) > 2<<20 {
			t.Errorf("%s: the bomb took %d bytes", name, cap(d.buffers[0]))
		}
		d.limit = 6 << 20
		if err := d.decode(&b, "in", 0, 0); err != nil || len(d.records) != 1 {
			t.Errorf("%s: with room for it: %d records, %v", name, len(d.records), err)
		}
	}
}

func TestDamageIsSeen(t *testing.T) {
	good := packed(t, sample(5, 19), Snappy, identity{}, 0)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		b, _, err := nextBatch(bad)
		if err == nil {
			err = b.check()
		}
		// Base offset and leader epoch are the broker's and outside of the checksum.
		if outside := i < 8 || i >= 12 && i < 16; err == nil && !outside {
			t.Errorf("damage at byte %d went unseen", i)
		}
	}
	for n := range good {
		if _, _, err := nextBatch(good[:n]); err == nil {
			t.Errorf("a batch cut to %d bytes was taken for whole", n)
		}
	}
}

func TestSequenceWraps(t *testing.T) {
	for _, c := range []struct{ first, n, want int32 }{{0, 5, 5}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 3, 1}} {
		if got := sequenceAfter(c.first, c.n); got != c.want {
			t.Errorf("after %d records from %d: got %d, want %d", c.n, c.first, got, c.want)
		}
	}
}

// marker makes a control batch.
func marker(t *testing.T, producer int64, base int64, kind byte) []byte {
	batch := packed(t, []event.Record{{Key: []byte{0, 0, 0, kind}, Value: make([]byte, 6)}}, None, identity{producer: producer, transactional: true}, 0)
	batch[22] |= attrControl
	return sign(at(batch, base))
}

func TestAbortedAreSkipped(t *testing.T) {
	const abort, commit = 0, 1
	data := func(producer, base int64, transactional bool) []byte {
		return at(packed(t, sample(2, uint64(base)), None, identity{producer: producer, transactional: transactional}, 0), base)
	}
	set := bytes.Join([][]byte{
		data(1, 0, true), data(2, 2, true), data(1, 4, false), marker(t, 1, 6, abort), data(1, 7, true), marker(t, 1, 9, commit), marker(t, 2, 10, commit), data(3, 11, true), marker(t, 3, 13, abort),
	}, nil)
	f := abortFilter{aborted: []abortedTxn{{Producer: 1, First: 0}, {Producer: 3, First: 11}}}
	var got []int64
	for len(set) > 0 {
		b, rest, err := nextBatch(set)
		if err != nil {
			t.Fatal(err)
		}
		if !f.skips(&b) {
			got = append(got, b.base)
		}
		set = rest
	}
	if want := []int64{2, 4, 7}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got batches at %v, want %v", got, want)
	}
}

func TestMurmur2IsJavas(t *testing.T) {
	// From the tests of Apache Kafka's own implementation.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	set := packed(t, sample(1000, 23), Snappy, identity{}, 0)
	d := decoder{limit: 1 << 20}
	allocs := testing.AllocsPerRun(20, func() {
		d.reset()
		b, _, _ := nextBatch(set)
		if err := d.decode(&b, "in", 0, 0); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 5 {
		t.Errorf("%v allocations for 1000 records", allocs)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for _, codec := range codecs() {
		f.Add(packed(f, sample(3, 29), codec, identity{}, 0))
	}
	f.Add(packed(f, []event.Record{{Value: bytes.Repeat([]byte("a"), 1<<20)}}, Zstd, identity{}, 0))
	f.Fuzz(func(t *testing.T, set []byte) {
		d := decoder{limit: 1 << 16}
		filter := abortFilter{aborted: []abortedTxn{{}}}
		offsetAfter(set, 0)
		for {
			b, rest, err := nextBatch(set)
			if err != nil {
				return
			}
			if len(b.bytes) >= batchHeaderSize {
				sign(b.bytes) // past the checksum, where the parsing is
			}
			if b.check() == nil && !filter.skips(&b) {
				before := len(d.records)
				if err := d.decode(&b, "in", 0, 0); err != nil && len(d.records) != before {
					t.Errorf("%d records of a refused batch", len(d.records)-before)
				}
				for _, r := range d.records[before:] {
					if r.Offset < b.base || r.Offset > b.last {
						t.Errorf("offset %d outside of %d to %d", r.Offset, b.base, b.last)
					}
				}
			}
			if len(rest) >= len(set) {
				t.Fatal("no progress")
			}
			set = rest
		}
	})
}

func FuzzDecodeTopicIDs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = decodeTopicIDs(body) })
}
