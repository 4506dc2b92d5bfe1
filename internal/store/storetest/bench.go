// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/subject"
)

const (
	benchBatch = 500 // rows
	benchBody  = 150 // bytes: a person's row
)

// Person gives the row of one of any number of people, who are the same in each run.
func Person(n uint64) subject.Row {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32)})
	row := subject.Row{Body: make([]byte, benchBody)}
	binary.BigEndian.PutUint64(row.Key[:], r.Uint64())
	binary.BigEndian.PutUint64(row.Key[8:], n)
	_, _ = r.Read(row.Body)
	return row
}

// Fill inserts people from..to-1 in batches by several writers, and tells how long the store took, a writer's own work left out.
func Fill(ctx context.Context, s subject.Store, from, to uint64, writers int) (time.Duration, error) {
	var next atomic.Uint64
	next.Store(from)
	var mu sync.Mutex
	var failed error
	var took time.Duration
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			var inside time.Duration
			for {
				first := next.Add(benchBatch) - benchBatch
				if first >= to {
					break
				}
				rows := people(first, min(first+benchBatch, to))
				began := time.Now()
				lost, err := s.Swap(ctx, subject.People, rows)
				inside += time.Since(began)
				if err == nil && len(lost) > 0 {
					err = fmt.Errorf("%d rows were there before", len(lost))
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					break
				}
			}
			mu.Lock()
			took += inside
			mu.Unlock()
		})
	}
	all.Wait()
	return took / time.Duration(writers), failed
}

func people(from, to uint64) []subject.Row {
	rows := make([]subject.Row, 0, to-from)
	for n := from; n < to; n++ {
		rows = append(rows, Person(n))
	}
	return rows
}

// ProcessorTime is what this process has used. It tells more than the clock where others work on the machine, too.
func ProcessorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkInsert writes new people in batches of 500 by 1 and by 8 writers.
func BenchmarkInsert(b *testing.B, open func(b *testing.B) subject.Store) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			s := open(b)
			defer func() { _ = s.Close() }()
			used := ProcessorTime()
			b.ResetTimer()
			took, err := Fill(b.Context(), s, 0, uint64(b.N), writers)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/took.Seconds(), "rows/s")
			b.ReportMetric(float64((ProcessorTime()-used).Microseconds())/float64(b.N), "cpu-µs/row")
		})
	}
}

// BenchmarkLookup reads people at random in batches of 500, and as many who are not there, by 1 and by 8 readers.
func BenchmarkLookup(b *testing.B, s subject.Store, stored uint64) {
	if _, err := Fill(b.Context(), s, 0, stored, 8); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"there", "missing"} {
		beyond := uint64(0)
		if name == "missing" {
			beyond = stored
		}
		for _, readers := range []int{1, 8} {
			b.Run(fmt.Sprint(name, "/readers=", readers), func(b *testing.B) {
				keys := people(beyond, beyond+min(stored, 100_000))
				var left atomic.Int64
				left.Store(int64(b.N))
				used := ProcessorTime()
				b.ResetTimer()
				var all sync.WaitGroup
				for range readers {
					all.Go(func() { lookUp(b, s, keys, &left, beyond == 0) })
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64((ProcessorTime()-used).Microseconds())/float64(b.N), "cpu-µs/row")
			})
		}
	}
}

func lookUp(b *testing.B, s subject.Store, keys []subject.Row, left *atomic.Int64, there bool) {
	rows := make([]subject.Row, benchBatch)
	for left.Add(-benchBatch) > -benchBatch {
		for i := range rows {
			rows[i].Key = keys[rand.IntN(len(keys))].Key
		}
		if err := s.Load(b.Context(), subject.People, rows); err != nil {
			b.Error(err)
			return
		}
		if got := rows[0].Version > 0; got != there {
			b.Errorf("there: %v, want %v", got, there)
			return
		}
	}
}

// BenchmarkUpdate scans all people and writes each again, a block at a time, as when their rows are re-sealed.
func BenchmarkUpdate(b *testing.B, s subject.Store, stored uint64) {
	if _, err := Fill(b.Context(), s, 0, stored, 8); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	rows := 0
	for rows < b.N {
		err := s.Scan(b.Context(), subject.People, subject.Key{}, func(block []subject.Row) error {
			block = block[:min(len(block), b.N-rows)]
			if rows += len(block); len(block) == 0 {
				return errStopped
			}
			_, err := s.Swap(b.Context(), subject.People, block)
			return err
		})
		if err != nil && !errors.Is(err, errStopped) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
