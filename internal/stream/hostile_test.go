// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

func emptyHeaders(n int) []event.Header {
	headers := make([]event.Header, n)
	for i := range headers {
		headers[i].Key = []byte{}
	}
	return headers
}

func oneBatch(t testing.TB, records []event.Record, codec Codec) rawBatch {
	t.Helper()
	b, _, err := nextBatch(packed(t, records, codec, identity{}, 0))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHeaderBombIsRefused(t *testing.T) {
	for n, want := range map[int]error{mostRecordHeaders: nil, mostRecordHeaders + 1: errBomb, 4_200_000: errBomb} {
		b := oneBatch(t, []event.Record{{Value: []byte("a"), Headers: emptyHeaders(n)}}, Zstd)
		d := decoder{limit: 32 << 20}
		if err := d.decode(&b, "in", 0, 0); !errors.Is(err, want) {
			t.Errorf("%d headers: got %v, want %v", n, err, want)
		}
		if want != nil && (cap(d.headers) > 0 || len(d.records) > 0) {
			t.Errorf("%d headers: %d were unpacked, with %d records", n, cap(d.headers), len(d.records))
		}
	}
}

// TestLargeBatchIsDecodedInParts has batches whose records would take a hundred times their bytes.
func TestLargeBatchIsDecodedInParts(t *testing.T) {
	for name, c := range map[string]struct{ records, headers int }{
		"null records":  {1_000_000, 0},
		"empty headers": {2000, mostRecordHeaders},
	} {
		t.Run(name, func(t *testing.T) {
			records := make([]event.Record, c.records)
			for i, headers := 0, emptyHeaders(c.headers); i < len(records); i++ {
				records[i].Headers = headers
			}
			b := oneBatch(t, records, Zstd)
			d := decoder{limit: 32 << 20}
			const from = 5
			if err := d.decode(&b, "in", 0, from); err != nil {
				t.Fatal(err)
			}
			next, parts := int64(from), 1
			for {
				for i := range d.records {
					if d.records[i].Offset != next || len(d.records[i].Headers) != c.headers {
						t.Fatalf("got offset %d with %d headers, want %d with %d", d.records[i].Offset, len(d.records[i].Headers), next, c.headers)
					}
					next++
				}
				if len(d.records) > mostRecords || len(d.headers) > mostHeaders+mostRecordHeaders {
					t.Fatalf("%d records and %d headers at a time", len(d.records), len(d.headers))
				}
				if !d.unread() {
					break
				}
				d.forget()
				if err := d.more(); err != nil {
					t.Fatal(err)
				}
				parts++
			}
			if next != int64(c.records) || parts < 2 {
				t.Errorf("ended at %d after %d parts, want %d after some", next, parts, c.records)
			}
		})
	}
}

func TestFaultBehindTheFirstPartIsSeenAtOnce(t *testing.T) {
	plain := packed(t, make([]event.Record, 3*mostRecords), None, identity{}, 0)
	plain[len(plain)-2] = 8 // the last record's value has four bytes, it says
	b, _, err := nextBatch(sign(plain))
	if err != nil || b.check() != nil {
		t.Fatal(err, b.check())
	}
	d := decoder{limit: 1 << 20}
	if err := d.decode(&b, "in", 0, 0); !errors.Is(err, errCorrupt) || len(d.records) != 0 || d.unread() {
		t.Errorf("got %v, %d records, unread %v; want a corrupt batch", err, len(d.records), d.unread())
	}
}

// TestPartsKeepTheirBuffer decodes a batch behind the last part of a large one, as a reader does.
func TestPartsKeepTheirBuffer(t *testing.T) {
	large := make([]event.Record, mostRecords+1)
	for i := range large {
		large[i].Value = []byte("first")
	}
	a, b := oneBatch(t, large, Snappy), oneBatch(t, []event.Record{{Value: bytes.Repeat([]byte("second"), 50_000)}}, Snappy)
	d := decoder{limit: 1 << 20}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.decode(&b, "in", 0, 0)) // takes the first buffer
	must(d.decode(&a, "in", 0, 0))
	for d.unread() {
		d.forget()
		must(d.more())
	}
	must(d.decode(&b, "in", 0, 0))
	if got := d.records[0]; string(got.Value) != "first" || got.Offset != mostRecords-1 && got.Offset != mostRecords {
		t.Errorf("got offset %d with %d bytes of another batch", got.Offset, len(got.Value))
	}
}

func TestDecoderKeepsNoLargeBuffers(t *testing.T) {
	b := oneBatch(t, []event.Record{{Value: make([]byte, 3<<20)}}, Snappy)
	d := decoder{limit: 8 << 20}
	for range 3 {
		if err := d.decode(&b, "in", 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	d.headers = make([]event.Header, 0, 10*mostHeaders)
	d.records = make([]event.Record, 0, 10*mostRecords)
	d.reset()
	kept := 0
	for _, b := range d.buffers {
		kept += cap(b)
	}
	if kept > keepBuffer || d.headers != nil || d.records != nil {
		t.Errorf("kept %d bytes, %d headers, %d records", kept, cap(d.headers), cap(d.records))
	}
}

func TestXerialBlocksGrowTheBufferRarely(t *testing.T) {
	block := s2.EncodeSnappy(nil, bytes.Repeat([]byte("a"), 100))
	src := append([]byte(xerial), make([]byte, 8)...)
	for range 20_000 {
		src = append(binary.BigEndian.AppendUint32(src, uint32(len(block))), block...)
	}
	allocs := testing.AllocsPerRun(1, func() {
		if out, err := appendSnappy(nil, src, 4<<20); err != nil || len(out) != 2_000_000 {
			t.Fatal(len(out), err)
		}
	})
	if allocs > 100 {
		t.Errorf("%v allocations for 20,000 blocks", allocs)
	}
}

func TestHugeOutputIsRefusedUncompressed(t *testing.T) {
	o := outbox{codec: Zstd, clock: time.Now}
	to := newOutputTopic("out", 1, 1000)
	for size, want := range map[int]bool{6000: true, 10_000: false} {
		out := event.Output{Value: bytes.Repeat([]byte("a"), size)}
		if fits, err := o.fits(to, recordSize(nil, out.Value, nil), &out); err != nil || fits != want {
			t.Errorf("%d bytes: got %v, %v, want %v", size, fits, err, want)
		}
	}
	out := event.Output{Value: make([]byte, mostPlain)}
	wide := newOutputTopic("out", 1, 16<<20)
	if allocs := testing.AllocsPerRun(1, func() {
		if fits, err := o.fits(wide, recordSize(nil, out.Value, nil), &out); err != nil || fits {
			t.Error(fits, err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations to refuse", allocs)
	}
	out.Value = out.Value[:4<<20]
	o.free = nil
	if fits, err := o.fits(wide, recordSize(nil, out.Value, nil), &out); err != nil || !fits || len(o.free) != 0 {
		t.Errorf("4 MiB: fits %v, %v; %d builders kept", fits, err, len(o.free))
	}
}

// TestLargeBatchIsDecidedInParts has one part refused for a while: nothing is lost or written twice.
func TestLargeBatchIsDecidedInParts(t *testing.T) {
	const n = 2*mostRecords + 500
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	c, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.MaxBufferedRecords(2*n), kgo.ProducerLinger(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: b.in, Key: []byte("k"), Value: fmt.Append(nil, i)}
	}
	if err := c.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if first, _, err := nextBatch(rawSet(t, addrs, b.in)); err != nil || first.count() != n {
		t.Skipf("the client made no batch of all records: %d, %v", first.count(), err)
	}
	o := b.options("a")
	o.Workers = 1
	var largest, refused atomic.Int64
	r := b.run(o, func() *passThrough {
		return &passThrough{before: func(batch []event.Record) error {
			largest.Store(max(largest.Load(), int64(len(batch))))
			if batch[0].Offset > 0 && refused.Add(1) == 1 {
				return event.ErrTransient
			}
			return nil
		}}
	})
	b.exactlyOnce(n, 20*time.Second)
	if largest.Load() > mostRecords || refused.Load() < 2 {
		t.Errorf("at most %d records at a time, %d later parts", largest.Load(), refused.Load())
	}
	r.stop()
}

// TestCorruptHeaderNeedsTwoWitnesses damages the second of six batches, each of two records, in a fetched set.
func TestCorruptHeaderNeedsTwoWitnesses(t *testing.T) {
	for name, c := range map[string]struct {
		delta byte // the last offset delta it claims; 1 is true
		whole int  // batches in the set
		bad   int  // which is damaged
		last  int64
		ends  bool // the partition stops before it
	}{
		"ends on a later batch":          {3, 6, 1, 3, true},
		"ends on the log's end":          {9, 6, 1, 3, true},
		"tells the truth":                {1, 6, 1, 3, false},
		"nothing is seen behind it":      {1, 2, 1, 3, true},
		"is the log's last and true":     {1, 6, 5, 11, false},
		"is the log's last, ends beyond": {2, 6, 5, 11, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, addrs := fake(t)
			b := newBed(t, addrs, 1, nil)
			threeBatches(b)
			threeBatches(b)
			set, at, end := rawSet(t, addrs, b.in), 0, 0
			for i, rest := 0, set; i < c.whole; i++ {
				batch, more, err := nextBatch(rest)
				if err != nil || batch.base != int64(2*i) {
					t.Fatalf("batch %d begins at %d, %v", i, batch.base, err)
				}
				if i == c.bad {
					at = end
				}
				end, rest = end+len(batch.bytes), more
			}
			set = set[:end]
			set[at+26] = c.delta
			set[at+batchHeaderSize+3] ^= 0xff
			var fetches atomic.Int32
			damaged(cluster, addrs, t, b.in, c.last, set, &fetches)
			o := b.options("a")
			o.Workers = 1
			r := b.run(o, nil)
			if c.ends {
				eventually(t, "the partition stops", 10*time.Second, func() bool {
					p := r.Status().Partitions
					return len(p) == 1 && strings.Contains(p[0].Stopped, "corrupt") && p[0].Committed == int64(2*c.bad)
				})
			} else {
				b.committed(0, 12)
				if got := b.read(b.quar, 1, 5*time.Second); len(got) != 1 {
					t.Errorf("got %d quarantine records, want the batch", len(got))
				}
			}
			r.stop()
		})
	}
}

func TestForeignRecordsInQuarantineAreSkipped(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	b.produce(&kgo.Record{Value: []byte("poison")})
	b.produce(&kgo.Record{Topic: b.quar, Value: []byte("hello")},
		&kgo.Record{Topic: b.quar, Headers: []kgo.RecordHeader{{Key: HeaderTopic, Value: []byte("t")}, {Key: HeaderOffset, Value: []byte("x")}}})
	var log bytes.Buffer
	o := b.options("a")
	r := b.run(o, nil)
	b.committed(0, 1)
	r.stop()
	entries := 0
	foreign, err := CountQuarantine(context.Background(), Connection{Brokers: addrs}, b.quar, func(*Entry) error {
		entries++
		return nil
	})
	if err != nil || entries != 1 || foreign != 2 {
		t.Errorf("got %d entries and %d foreign records, %v; want 1 and 2", entries, foreign, err)
	}
	o.Logger = zerolog.New(&log)
	rep, err := OpenReplayer(context.Background(), o, &passThrough{})
	if err != nil {
		t.Fatal(err)
	}
	rep.Close()
	if !strings.Contains(log.String(), `"records":2`) {
		t.Errorf("the log does not count foreign records: %s", log.String())
	}
}

func TestUnstableOffsetsAreLogged(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	for _, unstable := range []bool{false, true} {
		var log bytes.Buffer
		o := b.options("a")
		o.UnstableOffsets, o.Logger = unstable, zerolog.New(&log)
		s, err := New(o, func(int) (Processor, error) { return &passThrough{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(log.String(), `"level":"warn"`) && strings.Contains(log.String(), "exactly-once is off")
		if warned != unstable {
			t.Errorf("unstable %v: warned %v", unstable, warned)
		}
	}
}
