// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/event"
)

// The scenarios in which a partition stops, begins or grows, and in which the processor fails.

func outOfRange(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 2, nil)
	for p := range int32(2) {
		for i := range 5 {
			b.manual(p, fmt.Sprint(int(p)*5+i))
		}
	}
	r := b.run(b.options("a"), nil)
	b.exactlyOnce(10, 10*time.Second)
	b.committed(0, 5)
	b.committed(1, 5)
	r.stop()
	for i := range 10 {
		b.manual(0, fmt.Sprint(100+i))
	}
	for i := range 5 {
		b.manual(1, fmt.Sprint(10+i))
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: b.in, Partition: 0, At: 8, LeaderEpoch: -1})
	if _, err := b.admin.DeleteRecords(context.Background(), offsets); err != nil {
		t.Fatal(err)
	}
	r = b.run(b.options("a"), nil)
	eventually(t, "partition 0 stops, partition 1 goes on", 15*time.Second, func() bool {
		s := r.Status().Partitions
		return len(s) == 2 && strings.Contains(s[0].Stopped, "out of range") && s[1].Stopped == "" && s[1].Committed == 10
	})
	if err := r.Resume(context.Background(), b.in, 1, 3); err == nil {
		t.Error("resumed a partition that is not stopped")
	}
	if err := r.Resume(context.Background(), b.in, 0, 8); err != nil {
		t.Errorf("Resume: %v", err)
	}
	b.committed(0, 15)
	if got := b.read(b.out, 22, 10*time.Second); len(got) != 22 {
		t.Errorf("got %d records, want 22: all but the 3 that were deleted", len(got))
	}
	r.stop()
}

// manual produces one record to a chosen partition.
func (b *bed) manual(partition int32, value string) {
	b.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	r := &kgo.Record{Topic: b.in, Partition: partition, Key: fmt.Append(nil, partition), Value: []byte(value)}
	if err := c.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

func recreated(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 5)
	r := b.run(b.options("a"), nil)
	b.exactlyOnce(5, 10*time.Second)
	b.committed(0, 5)
	again := func() {
		t.Helper()
		if _, err := b.admin.DeleteTopic(context.Background(), b.in); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the topic is made again", 20*time.Second, func() bool {
			_, err := b.admin.CreateTopic(context.Background(), 1, 1, nil, b.in)
			return err == nil
		})
		for i := range 20 {
			b.manual(0, fmt.Sprint(i))
		}
	}
	stopped := func() bool {
		s := r.Status().Partitions
		return len(s) == 1 && strings.Contains(s[0].Stopped, "made again")
	}
	again() // under a running instance
	eventually(t, "the partition stops", 20*time.Second, stopped)
	b.committed(0, 5) // written again, with the old topic's id
	r.stop()
	r = b.run(b.options("a"), nil) // and seen by one that starts
	eventually(t, "the partition stops again", 20*time.Second, stopped)
	if got := b.read(b.out, 6, time.Second); len(got) != 5 {
		t.Errorf("got %d records, want 5: nothing of the new topic", len(got))
	}
	r.stop()
	if err := ResumeAt(context.Background(), Connection{Brokers: addrs}, b.group, b.in, 0, 0); err != nil {
		t.Fatalf("ResumeAt: %v", err)
	}
	r = b.run(b.options("a"), nil)
	if got := b.read(b.out, 25, 15*time.Second); len(got) != 25 {
		t.Errorf("got %d records, want 25", len(got))
	}
	r.stop()
}

func lostOffset(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 2, nil)
	b.numbered(0, 40)
	o := b.options("a")
	o.Workers = 1
	r := b.run(o, nil)
	b.exactlyOnce(40, 10*time.Second)
	r.stop()
	if _, err := b.admin.DeleteOffsets(context.Background(), b.group, kadm.TopicsSet{b.in: {1: {}}}); err != nil {
		t.Fatal(err)
	}
	r = b.run(o, nil)
	eventually(t, "partition 1 stops", 15*time.Second, func() bool {
		s := r.Status().Partitions
		return len(s) == 2 && s[0].Stopped == "" && strings.Contains(s[1].Stopped, "lost")
	})
	r.stop()
	b.exactlyOnce(40, 5*time.Second)
}

func growth(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 2, nil)
	b.numbered(1000, 20)
	o := b.options("a")
	o.Start = Latest
	r := b.run(o, nil)
	b.committed(0, b.end(b.in, 0))
	b.committed(1, b.end(b.in, 1))
	eventually(t, "the start is finished by all", 5*time.Second, func() bool {
		offsets, err := b.admin.FetchOffsets(context.Background(), b.group)
		o, ok := offsets.Lookup(b.in, 0)
		return err == nil && ok && parseNote(o.Metadata).known == 2
	})
	if _, err := b.admin.UpdatePartitions(context.Background(), 4, b.in); err != nil {
		t.Fatal(err)
	}
	for p := range int32(4) {
		eventually(t, "the partition is there", 10*time.Second, func() bool {
			m, err := b.admin.ListTopics(context.Background(), b.in)
			return err == nil && len(m[b.in].Partitions) == 4
		})
		for i := range 3 {
			b.manual(p, fmt.Sprint(int(p)*3+i))
		}
	}
	b.exactlyOnce(12, 20*time.Second)
	r.stop()
}

func classes(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 1, nil)
	b.numbered(0, 10)
	fails := 3
	r := b.run(b.options("a"), func() *passThrough {
		return &passThrough{before: func([]event.Record) error {
			if fails--; fails >= 0 {
				return fmt.Errorf("no key yet: %w", event.ErrTransient)
			}
			return nil
		}}
	})
	b.exactlyOnce(10, 15*time.Second)
	r.stop()

	b.numbered(10, 10)
	r = b.run(b.options("a"), func() *passThrough {
		return &passThrough{before: func([]event.Record) error { return fmt.Errorf("key is gone: %w", event.ErrFatal) }}
	})
	if err := r.wait(); !errors.Is(err, event.ErrFatal) {
		t.Errorf("Run: got %v, want ErrFatal", err)
	}
	b.committed(0, 10)
	r = b.run(b.options("a"), nil)
	b.exactlyOnce(20, 15*time.Second)
	r.stop()
}

func bySource(t *testing.T, addrs []string) {
	b := newBed(t, addrs, 3, nil)
	for p := range int32(3) {
		b.manual(p, fmt.Sprint(p))
	}
	o := b.options("a")
	o.Recipients[0].PartitionBySource = true
	r := b.run(o, nil)
	got := b.read(b.out, 3, 10*time.Second)
	for _, rec := range got {
		if fmt.Sprint(rec.Partition) != string(rec.Value) {
			t.Errorf("record of partition %s is in %d", rec.Value, rec.Partition)
		}
	}
	if len(got) != 3 {
		t.Errorf("got %d records, want 3", len(got))
	}
	r.stop()
	narrow := "narrow-" + b.out
	b.create(narrow, 2, nil)
	o.Recipients[0].Topic = narrow
	s, err := New(o, func(int) (Processor, error) { return &passThrough{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "add partitions") {
		t.Errorf("Check: got %v, want a refusal that says what to do", err)
	}
	if err := s.Run(context.Background()); !errors.Is(err, event.ErrFatal) {
		t.Errorf("Run: got %v, want ErrFatal", err)
	}
}
