// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"

	"github.com/nymstream/nymstream/internal/event"
)

// Points at which Options.Hold is called, inside an open transaction.
const (
	PointInTransaction = "in-txn"     // records are produced, the offsets are not yet added
	PointBeforeEnd     = "before-end" // the offsets are added, the commit is not yet asked for
)

// producer is a transactional producer: one open transaction at a time, for one goroutine.
type producer struct {
	cluster *cluster
	id      string // transactional id, the same across restarts
	timeout time.Duration
	codec   Codec
	hold    func(ctx context.Context, point string, producer int64, epoch int16, id string)
	fresh   func(since time.Time) error // the proof of Control; never nil

	who      identity
	known    bool // this process has been given who
	ready    bool // no transaction can be open
	sequence map[tp]int32
	pack     compressor
	opened   func(time.Time) // told when a transaction opens, and with the zero time when it ends
}

// offsets are what a transaction consumes, on behalf of a member of a group.
type offsets struct {
	group      string
	generation *generation
	topics     []txnOffsetTopic
}

func (p *producer) key() coordinatorKey { return coordinatorKey{ofTransaction, p.id} }

// recover ends whatever transaction is open, of this process or of one before it with the same id, and makes the
// producer ready. A process takes its id over once, at its start; from then on, finding it taken is fatal.
func (p *producer) recover(ctx context.Context) error {
	if p.ready {
		return nil
	}
	err := p.cluster.coordinated(ctx, p.key(), func(to broker) error {
		req := &initProducerRequest{TransactionalID: p.id, TimeoutMillis: millis(p.timeout), ProducerID: -1, ProducerEpoch: -1, broker: to}
		if p.known {
			req.ProducerID, req.ProducerEpoch = p.who.producer, p.who.epoch
		}
		m, err := p.cluster.send(ctx, req)
		if err != nil {
			return err
		}
		r := m.(*initproducerid.Response)
		if err := refuse("take transactional id", p.id, r.ErrorCode); err != nil {
			return err
		}
		p.who = identity{producer: r.ProducerID, epoch: r.ProducerEpoch, transactional: true}
		return nil
	})
	if isCode(err, codeFencedProducer, codeInvalidEpoch) {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if err != nil {
		return err
	}
	p.known, p.ready = true, true
	p.sequence = make(map[tp]int32)
	p.opened(time.Time{})
	return nil
}

// commit writes the parcels and the offsets in one transaction. After an error nothing or everything of it has
// happened: recover, then ask for the stable offsets. Parcels must not be reused then: a request may still read them.
// since is when the oldest decision among them was made. ctx bounds the waiting; the transaction itself is given up at half its timeout.
func (p *producer) commit(ctx context.Context, parcels []*parcel, consumed *offsets, since time.Time) error {
	if !p.ready {
		return errors.New("the producer is not ready")
	}
	if len(parcels) == 0 && consumed == nil {
		return nil
	}
	if err := p.fresh(since); err != nil {
		return err
	}
	if err := p.seal(parcels); err != nil {
		return err
	}
	p.ready = false
	p.opened(time.Now())
	limited, cancel := context.WithTimeout(ctx, p.timeout/2)
	defer cancel()
	if len(parcels) > 0 {
		if err := p.addPartitions(limited, parcels); err != nil {
			return err
		}
		if err := p.produce(limited, parcels); err != nil {
			return err
		}
		p.hold(ctx, PointInTransaction, p.who.producer, p.who.epoch, p.id)
	}
	if consumed != nil {
		if err := p.addOffsets(limited, consumed); err != nil {
			return err
		}
	}
	if err := p.fresh(since); err != nil {
		return err
	}
	p.hold(ctx, PointBeforeEnd, p.who.producer, p.who.epoch, p.id)
	if err := p.end(ctx); err != nil {
		return err
	}
	p.ready = true
	p.opened(time.Time{})
	return nil
}

// seal packs the parcels' batches with the sequences they will have.
func (p *producer) seal(parcels []*parcel) error {
	next := make(map[tp]int32, len(parcels))
	for _, q := range parcels {
		sequence := p.sequence[q.tp]
		for _, b := range q.batches {
			if _, err := b.pack(&p.pack, p.codec, p.who, sequence); err != nil {
				return fmt.Errorf("pack records for %s: %w", q.tp, err)
			}
			sequence = sequenceAfter(sequence, b.count)
		}
		next[q.tp] = sequence
	}
	for at, sequence := range next {
		p.sequence[at] = sequence
	}
	return nil
}

func (p *producer) addPartitions(ctx context.Context, parcels []*parcel) error {
	var topics []addedTopic
	at := make(map[string]int)
	for _, q := range parcels {
		i, ok := at[q.topic]
		if !ok {
			i = len(topics)
			at[q.topic] = i
			topics = append(topics, addedTopic{Name: q.topic})
		}
		topics[i].Partitions = append(topics[i].Partitions, q.partition)
	}
	return p.cluster.coordinated(ctx, p.key(), func(to broker) error {
		m, err := p.cluster.send(ctx, &addPartitionsRequest{
			TransactionalID: p.id, ProducerID: p.who.producer, ProducerEpoch: p.who.epoch, Topics: topics, broker: to,
		})
		if err != nil {
			return err
		}
		var worst error
		for _, t := range m.(*addpartitionstotxn.Response).Results {
			for _, r := range t.Results {
				// When one partition is refused the others say "operation not attempted": keep the real reason.
				if err := refuse("add partition to transaction", t.Name, r.ErrorCode); err != nil && (worst == nil || isCode(worst, kafka.Error(55))) {
					worst = err
				}
			}
		}
		return worst
	})
}

func (p *producer) addOffsets(ctx context.Context, o *offsets) error {
	err := p.cluster.coordinated(ctx, p.key(), func(to broker) error {
		m, err := p.cluster.send(ctx, &addOffsetsRequest{
			TransactionalID: p.id, ProducerID: p.who.producer, ProducerEpoch: p.who.epoch, GroupID: o.group, broker: to,
		})
		if err != nil {
			return err
		}
		return refuse("add offsets to transaction of", o.group, m.(*addoffsetstotxn.Response).ErrorCode)
	})
	if err != nil {
		return err
	}
	return p.cluster.coordinated(ctx, coordinatorKey{ofGroup, o.group}, func(to broker) error {
		m, err := p.cluster.send(ctx, &txnOffsetCommitRequest{
			TransactionalID: p.id, GroupID: o.group, ProducerID: p.who.producer, ProducerEpoch: p.who.epoch,
			GenerationID: o.generation.id, MemberID: o.generation.member, GroupInstanceID: o.generation.instance,
			Topics: o.topics, broker: to,
		})
		if err != nil {
			return err
		}
		for _, t := range m.(*txnoffsetcommit.Response).Topics {
			for _, r := range t.Partitions {
				if err := refuse("commit offsets of", o.group, r.ErrorCode); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// end asks for the commit. It has its own time: held or stopped before it, the transaction is the coordinator's to judge.
func (p *producer) end(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.timeout/2)
	defer cancel()
	return p.cluster.coordinated(limited, p.key(), func(to broker) error {
		m, err := p.cluster.send(limited, &endTxnRequest{
			TransactionalID: p.id, ProducerID: p.who.producer, ProducerEpoch: p.who.epoch, Committed: true, broker: to,
		})
		if err != nil {
			return err
		}
		return refuse("commit transaction", p.id, m.(*endtxn.Response).ErrorCode)
	})
}

// produce sends the first batch of every parcel, then the second, and so on: a partition takes one batch a request.
func (p *producer) produce(ctx context.Context, parcels []*parcel) error {
	var round []delivery
	for i := 0; ; i++ {
		round = round[:0]
		for _, q := range parcels {
			if i < len(q.batches) {
				round = append(round, delivery{tp: q.tp, batch: q.batches[i].batch, count: int(q.batches[i].count)})
			}
		}
		if len(round) == 0 {
			return nil
		}
		if err := p.deliver(ctx, round); err != nil {
			return err
		}
	}
}

// delivery is one batch for one partition, and how it went.
type delivery struct {
	tp
	batch []byte
	count int // records
	err   error
}

// deliver sends the batches to their leaders, in parallel, until all are written. Sending one twice is harmless:
// the broker knows it by its sequence.
func (p *producer) deliver(ctx context.Context, round []delivery) error {
	pause := backoff{next: 5 * time.Millisecond, longest: 500 * time.Millisecond}
	for {
		byLeader := make(map[broker][]*delivery)
		for i := range round {
			if l, ok := p.cluster.leader(round[i].tp); ok {
				byLeader[l.broker] = append(byLeader[l.broker], &round[i])
			} else {
				round[i].err = fmt.Errorf("%s: %w", round[i].tp, errNoLeader)
			}
		}
		var sent sync.WaitGroup
		for to, part := range byLeader {
			sent.Go(func() { p.sendTo(ctx, to, part) })
		}
		sent.Wait()
		var left []delivery
		stale := make(map[string]struct{})
		for _, d := range round {
			if d.err != nil && !passing(d.err) {
				return d.err
			}
			if d.err != nil {
				left = append(left, d)
				stale[d.topic] = struct{}{}
			}
		}
		if len(left) == 0 {
			return nil
		}
		round = left
		if err := pause.wait(ctx); err != nil {
			return round[0].err
		}
		for topic := range stale {
			_, _ = p.cluster.refresh(ctx, topic) // failing, the old leaders are tried again
		}
	}
}

func (p *producer) sendTo(ctx context.Context, to broker, part []*delivery) {
	req := &produceRequest{TransactionalID: p.id, Acks: -1, TimeoutMillis: millis(p.timeout / 2), broker: to}
	at := make(map[tp]*delivery, len(part))
	for _, d := range part {
		at[d.tp] = d
		d.err = fmt.Errorf("produce to %s: no answer for it", d.tp)
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != d.topic {
			req.Topics = append(req.Topics, produceTopic{Topic: d.topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, producePartition{Partition: d.partition, Records: rawRecords{bytes: d.batch}})
	}
	m, err := p.cluster.send(ctx, req)
	if err != nil {
		for _, d := range part {
			d.err = err
		}
		return
	}
	for _, t := range m.(*produce.Response).Topics {
		for _, r := range t.Partitions {
			d := at[tp{t.Topic, r.Partition}]
			if d == nil {
				continue
			}
			d.err = refuse("produce", t.Topic, r.ErrorCode)
			switch {
			case isCode(d.err, codeDuplicateSequence):
				d.err = nil
			case isCode(d.err, codeTooLarge, kafka.RecordListTooLarge):
				d.err = &oversized{topic: t.Topic, size: len(d.batch), count: d.count, err: d.err}
			}
		}
	}
}

// oversized says that a topic refused a batch of this size, whatever its max.message.bytes was thought to be.
type oversized struct {
	topic string
	size  int
	count int // records in it
	err   error
}

func (e *oversized) Error() string { return e.err.Error() }
func (e *oversized) Unwrap() error { return e.err }

// fresh gives the proof of a Control; none has nothing to prove.
func fresh(c Control) func(time.Time) error {
	if c == nil {
		return func(time.Time) error { return nil }
	}
	return c.Fresh
}

func ignoreOpened(time.Time) {}

// hopeless tells whether err ends the process.
func hopeless(err error) bool { return errors.Is(err, event.ErrFatal) }
