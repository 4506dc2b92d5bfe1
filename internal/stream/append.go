// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/segmentio/kafka-go/protocol/produce"

	"github.com/nymstream/nymstream/internal/event"
)

// ByKey, as a record's partition, has Appender choose it: by the key as Java's producer does; without a key, partition 0.
const ByKey int32 = -1

// Appender writes to one topic outside of any transaction, for what is rare and must not wait for one. It is safe for
// concurrent use.
type Appender struct {
	cluster *cluster
	topic   string

	mu    sync.Mutex
	stale bool // ask who leads before the next write
}

// NewAppender makes an appender; it connects with the first Append.
func NewAppender(conn Connection, topic string) (*Appender, error) {
	if err := conn.validate(); err != nil {
		return nil, fmt.Errorf("append to %s: %w", topic, err)
	}
	if topic == "" {
		return nil, errors.New("append: no topic")
	}
	return &Appender{cluster: connect(conn), topic: topic, stale: true}, nil
}

// Close ends the connections.
func (a *Appender) Close() { a.cluster.close() }

// Append writes records (Partition, which may be ByKey, Key, Value, Headers, Time) and returns when all in-sync replicas
// have them; it sets Topic, Partition and Offset of each. Until ctx ends it tries again what may succeed. Each record is
// then written at least once, those of one partition in order; after an error some may have been written.
func (a *Appender) Append(ctx context.Context, records []event.Record) error {
	if err := a.place(ctx, records); err != nil {
		return fmt.Errorf("append to %s: %w", a.topic, err)
	}
	byPartition := make(map[int32][]*event.Record)
	var order []int32
	for i := range records {
		p := records[i].Partition
		if byPartition[p] == nil {
			order = append(order, p)
		}
		byPartition[p] = append(byPartition[p], &records[i])
	}
	for _, p := range order {
		if err := a.write(ctx, tp{a.topic, p}, byPartition[p]); err != nil {
			return fmt.Errorf("append to %s: %w", a.topic, err)
		}
	}
	return nil
}

// place names topic and partition of each record.
func (a *Appender) place(ctx context.Context, records []event.Record) error {
	if err := a.lead(ctx); err != nil {
		return err
	}
	partitions := len(a.cluster.topic(a.topic).partitions)
	for i := range records {
		r := &records[i]
		switch {
		case r.Partition == ByKey && r.Key == nil:
			r.Partition = 0
		case r.Partition == ByKey:
			r.Partition = partitionOf(r.Key, partitions)
		case r.Partition < 0 || int(r.Partition) >= partitions:
			return fmt.Errorf("there is no partition %d, the topic has %d", r.Partition, partitions)
		}
		r.Topic = a.topic
	}
	return nil
}

// lead learns who leads the partitions, unless that is known. It fails when ctx ends or the topic cannot be written.
func (a *Appender) lead(ctx context.Context) error {
	a.mu.Lock()
	stale := a.stale
	a.mu.Unlock()
	if !stale {
		return nil
	}
	var states map[string]topicState
	err := retry(ctx, func() (err error) {
		states, err = a.cluster.refresh(ctx, a.topic)
		return err
	})
	if err != nil {
		return err
	}
	if err := usable(states[a.topic], "write", aclWrite); err != nil {
		return err
	}
	a.setStale(false)
	return nil
}

func (a *Appender) setStale(stale bool) {
	a.mu.Lock()
	a.stale = stale
	a.mu.Unlock()
}

// write packs the records of one partition into as few batches as fit, and sends one after the other.
func (a *Appender) write(ctx context.Context, at tp, records []*event.Record) error {
	var pack compressor
	for len(records) > 0 {
		var b builder
		n := 0
		for _, r := range records {
			if n > 0 && b.size()+recordSize(r.Key, r.Value, r.Headers) > fullBatch {
				break
			}
			b.append(r.Time, r.Key, r.Value, r.Headers)
			n++
		}
		batch, err := b.pack(&pack, Snappy, identity{producer: -1, epoch: -1}, -1)
		if err != nil {
			return err
		}
		base, err := a.deliver(ctx, at, batch)
		if err != nil {
			return err
		}
		for i, r := range records[:n] {
			r.Offset = base + int64(i)
		}
		records = records[n:]
	}
	return nil
}

// deliver sends one batch to its leader, until it is written, and gives the offset of its first record.
func (a *Appender) deliver(ctx context.Context, at tp, batch []byte) (base int64, err error) {
	var unusable error
	err = retry(ctx, func() error {
		if unusable = a.lead(ctx); unusable != nil {
			return nil
		}
		l, ok := a.cluster.leader(at)
		if !ok {
			a.setStale(true)
			return fmt.Errorf("%s: %w", at, errNoLeader)
		}
		m, err := a.cluster.send(ctx, &produceRequest{Acks: -1, TimeoutMillis: millis(a.cluster.timeout), broker: l.broker, Topics: []produceTopic{{
			Topic: at.topic, Partitions: []producePartition{{Partition: at.partition, Records: rawRecords{bytes: batch}}}}}})
		if err == nil {
			base, err = produced(m.(*produce.Response), at)
		}
		if err != nil {
			a.setStale(true)
		}
		return err
	})
	if unusable != nil {
		return 0, unusable
	}
	return base, err
}

func produced(r *produce.Response, at tp) (base int64, err error) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if t.Topic == at.topic && p.Partition == at.partition {
				return p.BaseOffset, refuse("produce", at.topic, p.ErrorCode)
			}
		}
	}
	return 0, fmt.Errorf("produce to %s: no answer for it", at)
}

// Log is a topic of one partition that is appended to and followed over the same connections. How soon it is of use again
// after a broker that hangs depends on Connection.Timeout: 2 s rather than the default where seconds count.
type Log struct{ *Appender }

// NewLog makes a log; it connects with the first use.
func NewLog(conn Connection, topic string) (*Log, error) {
	a, err := NewAppender(conn, topic)
	if err != nil {
		return nil, err
	}
	return &Log{a}, nil
}

// Follow is Follow from an offset, FromEnd or FromBeginning. A topic of several partitions is refused with event.ErrFatal.
func (l *Log) Follow(ctx context.Context, from int64, fn func(batch []event.Record, end bool) error) error {
	states, err := l.cluster.refresh(ctx, l.topic)
	if err != nil {
		return fmt.Errorf("follow %s: %w", l.topic, err)
	}
	if n := len(states[l.topic].partitions); n > 1 {
		return fmt.Errorf("topic %s has %d partitions; make it again with one: %w", l.topic, n, event.ErrFatal)
	}
	return l.cluster.tail(ctx, TailOptions{Topic: l.topic, From: func(int32) int64 { return from }}, fn)
}
