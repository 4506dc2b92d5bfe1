// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
)

// Whether records are compressed as they come or all at the end, or a batch is made in between: it is the same batch,
// and it decompresses, also as one block by another decoder, to what the batch holds without compression.
func TestSqueezedBatchesAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 31, 900, 20_000, snappyPiece - 100, snappyPiece, 3*snappyPiece + 17}), 1, 20).Draw(t, "sizes")
		var plain, late, early builder
		who := identity{producer: 9, epoch: 2, transactional: true}
		made := func(b *builder, codec Codec) []byte {
			out, err := b.pack(&compressor{}, codec, who, 3)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		for i, n := range sizes {
			value := text(r, n)
			for _, b := range []*builder{&plain, &late, &early} {
				b.append(int64(1000+i), value[:n/3], value, nil)
			}
			early.squeeze()
			if len(early.records) >= snappyPiece {
				t.Fatalf("%d bytes are left uncompressed", len(early.records))
			}
			if rapid.Bool().Draw(t, "between") {
				made(&early, Snappy)
			}
		}
		want := made(&plain, None)[batchHeaderSize:]
		atEnd, asTheyCame := made(&late, Snappy), made(&early, Snappy)
		if !bytes.Equal(atEnd, asTheyCame) {
			t.Error("the batch differs when its records are compressed as they come")
		}
		got, err := s2.Decode(nil, asTheyCame[batchHeaderSize:])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("want the %d bytes of the records, got %d, %v", len(want), len(got), err)
		}
		if binary.BigEndian.Uint64(asTheyCame) != 0 || early.size() != batchHeaderSize+len(want) {
			t.Errorf("want base offset 0 and size %d, got %d and %d", batchHeaderSize+len(want), binary.BigEndian.Uint64(asTheyCame), early.size())
		}
		if early.squeeze(); early.plain > snappyPiece {
			if _, err := early.pack(&compressor{}, LZ4, who, 3); err == nil {
				t.Error("want an error when records are in two codecs")
			}
		}
	})
}

// A builder that is used again makes what a new one makes.
func TestBuilderIsUsedAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var used builder
	for _, n := range []int{200_000, 10, 70_000, 3 << 20} {
		var fresh builder
		value := text(r, n)
		used.reset()
		for _, b := range []*builder{&used, &fresh} {
			b.append(5, nil, value, nil)
			b.squeeze()
		}
		got, err := used.pack(&compressor{}, Snappy, identity{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := fresh.pack(&compressor{}, Snappy, identity{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got another batch from a builder that was used before", n)
		}
	}
}

// What waits for a transaction is held compressed, and what is kept for the next one is bounded.
func TestOutboxHoldsLittle(t *testing.T) {
	o := Options{Recipients: []Recipient{{Name: "a", Topic: "out"}}, Codec: Snappy, OutboxBytes: 8 << 20, Workers: 1}
	box := newOutbox(&o, nil)
	box.outputs = []*outputTopic{newOutputTopic("out", 12, defaultMaxMessage)}
	r := rand.New(rand.NewPCG(1, 2))
	rec := event.Record{Topic: "in"}
	for range 3 {
		for n := 0; box.bytes < o.outboxShare(); n++ {
			if err := box.Forward(0, &rec, &event.Output{Key: fmt.Append(nil, n), Value: text(r, 1000)}); err != nil {
				t.Fatal(err)
			}
		}
		held := 0
		for _, q := range box.list() {
			for _, b := range q.batches {
				held += b.held()
			}
		}
		if held > box.bytes*7/10 {
			t.Errorf("%d bytes are held for %d bytes of records", held, box.bytes)
		}
		box.empty(true)
		kept := 0
		for _, b := range box.free {
			kept += b.held()
		}
		if kept != box.kept || kept > box.mostKept || kept == 0 {
			t.Errorf("kept %d bytes, counted %d, at most %d", kept, box.kept, box.mostKept)
		}
	}
	large := &builder{records: make([]byte, 0, keepBuilder+1)}
	before := len(box.free)
	box.recycle(large)
	box.mostKept = box.kept
	box.recycle(&builder{records: make([]byte, 0, 1)})
	if len(box.free) != before {
		t.Error("kept a builder that is too large, or one too many")
	}
}

// All workers together hold OutboxBytes, but none less than is worth a transaction.
func TestOutboxShare(t *testing.T) {
	for _, c := range []struct{ bytes, workers, want int }{
		{16 << 20, 1, 16 << 20}, {16 << 20, 2, 8 << 20}, {16 << 20, 64, leastOutbox}, {1000, 8, 1000},
	} {
		o := Options{OutboxBytes: c.bytes, Workers: c.workers}
		if got := o.outboxShare(); got != c.want {
			t.Errorf("%d bytes for %d workers: want %d each, got %d", c.bytes, c.workers, c.want, got)
		}
	}
}

func text(r *rand.Rand, n int) []byte {
	out := make([]byte, 0, n+64)
	for len(out) < n {
		out = fmt.Appendf(out, `{"id":"%d","type":"like","words":"%x people write"}`, r.Uint64(), r.IntN(100_000))
	}
	return out[:n]
}

// BenchmarkBuilder fills 12 batches in turn, 8 MiB in all, and packs them: compressed as the records come, and all at
// the end. It is the memory that differs: a third.
func BenchmarkBuilder(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([][]byte, 6400)
	for i := range values {
		values[i] = text(r, 1300)
	}
	for name, squeeze := range map[string]bool{"as they come": true, "at the end": false} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(values) * len(values[0])))
			var all [12]builder
			for b.Loop() {
				for i, v := range values {
					to := &all[i%len(all)]
					to.append(1000, v[:16], v, nil)
					if squeeze {
						to.squeeze()
					}
				}
				held := 0
				for i := range all {
					if _, err := all[i].pack(&compressor{}, Snappy, identity{}, 0); err != nil {
						b.Fatal(err)
					}
					held += all[i].held()
					all[i].reset()
				}
				b.ReportMetric(float64(held)/(1<<20), "MiB")
			}
		})
	}
}

// BenchmarkSnappyPieces shows what the size of a piece does to time and to the compressed size.
func BenchmarkSnappyPieces(b *testing.B) {
	src := text(rand.New(rand.NewPCG(1, 2)), 700_000)
	for _, size := range []int{16 << 10, 32 << 10, snappyPiece, len(src)} {
		b.Run(fmt.Sprintf("%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			var dst []byte
			for b.Loop() {
				dst = append(dst[:0], make([]byte, batchRoom)...)
				for rest := src; len(rest) > 0; {
					n := min(size, len(rest))
					dst = appendSnappyPiece(dst, rest[:n])
					rest = rest[n:]
				}
			}
			b.ReportMetric(float64(len(dst)-batchRoom)/float64(len(src)), "ratio")
		})
	}
}
