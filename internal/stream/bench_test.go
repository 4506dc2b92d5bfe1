// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkPassThrough measures what the loop itself costs: 1 KB messages are read, handed to a processor that forwards
// them as they are, and written in transactions. CPU is user and system time of this process, so the broker's work
// and a busy machine do not count.
func BenchmarkPassThrough(b *testing.B) {
	const messages = 300_000
	for name, codec := range map[string]Codec{"snappy": Snappy, "lz4": LZ4} {
		b.Run(name, func(b *testing.B) {
			bed := newBed(b, realBroker(b), 6, nil)
			preload(b, bed, messages)
			for i := range b.N {
				o := bed.options("a")
				o.Group = fmt.Sprintf("%s-%d", bed.group, i)
				o.CommitInterval, o.Codec = 100*time.Millisecond, codec
				before, cpu, began := memory(), cpuTime(), time.Now()
				r := bed.run(o, nil)
				for done := 0; done < messages; {
					time.Sleep(20 * time.Millisecond)
					done = 0
					for _, p := range r.Status().Partitions {
						done += int(max(p.Committed, 0))
					}
				}
				elapsed, used, after := time.Since(began), cpuTime()-cpu, memory()
				r.stop()
				b.ReportMetric(used.Seconds()*1e6/messages, "cpu-s/M")
				b.ReportMetric(messages/elapsed.Seconds(), "msg/s")
				b.ReportMetric(float64(after.Mallocs-before.Mallocs)/messages, "allocs/msg")
				b.ReportMetric(float64(after.Sys)/(1<<20), "MiB")
			}
		})
	}
}

func preload(b *testing.B, bed *bed, messages int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	c, err := kgo.NewClient(kgo.SeedBrokers(bed.addrs...), kgo.DefaultProduceTopic(bed.in), kgo.ProducerLinger(20*time.Millisecond), kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for i := range messages {
		value := fmt.Appendf(make([]byte, 0, 1024), `{"id":"%d","type":"like","created_at":%d,"actor":{"id":"%x","handle":"user%d","bio":"`, i, 1_700_000_000+i, r.Uint64(), r.IntN(100_000))
		for len(value) < 1000 {
			value = fmt.Appendf(value, "%x some words that people write ", r.Uint64())
		}
		value = append(value, `"}}`...)
		c.Produce(context.Background(), &kgo.Record{Key: fmt.Append(nil, r.IntN(10_000)), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := c.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func memory() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
