// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"fmt"
	"sort"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	// fullBatch is when a batch is closed and the next begun: below Kafka's default limit of one mebibyte.
	fullBatch = 900_000
	// defaultMaxMessage is Kafka's default max.message.bytes, assumed where the topic's own cannot be read.
	defaultMaxMessage = 1_048_588
	// batchMargin is what a batch with one record needs beyond the sizes that recordSize and headers count.
	batchMargin = 512
	// mostPlain and mostPlainRatio bound a record before compression: above either it is too large for its topic, and
	// is not compressed to find out. Text may well shrink to an eighth; what shrinks more, its readers should not get.
	mostPlain      = 32 << 20
	mostPlainRatio = 8
	// keepBuilder is the most that one builder, or the seal, keeps for the next transaction.
	keepBuilder = 3 * fullBatch
)

// parcel is what one transaction writes to one partition.
type parcel struct {
	tp
	batches []*builder
}

// outputTopic is a topic that is written to.
type outputTopic struct {
	name       string
	partitions int
	maxMessage int // largest batch it takes: a record above it, alone in a batch, is too large
	full       int // when a batch is closed, before compression
}

func newOutputTopic(name string, partitions, maxMessage int) *outputTopic {
	return &outputTopic{name: name, partitions: partitions, maxMessage: maxMessage, full: min(fullBatch, maxMessage*9/10)}
}

// outbox takes what a Processor decides and keeps it, packed by partition, until the next transaction.
// It is the event.Sink of one worker.
type outbox struct {
	recipients []Recipient
	outputs    []*outputTopic // by recipient
	quarantine *outputTopic
	seal       func(dst []byte, q *event.Quarantined) ([]byte, error)
	codec      Codec
	pack       compressor
	clock      func() time.Time

	parcels  map[tp]*parcel
	bytes    int // uncompressed, of all parcels
	counts   counts
	free     []*builder
	kept     int // bytes that the free builders hold
	mostKept int // as many as a transaction needs, compressed and not
	sealed   []byte
	sticky   uint32 // moves on with every batch; null keys follow it
}

func newOutbox(o *Options, seal func([]byte, *event.Quarantined) ([]byte, error)) *outbox {
	return &outbox{recipients: o.Recipients, seal: seal, codec: o.Codec, clock: o.Now, parcels: make(map[tp]*parcel), counts: newCounts(len(o.Recipients)), mostKept: 2 * o.outboxShare()}
}

// batch begins the batch of one source partition.
func (o *outbox) batch() { o.sticky++ }

// empty forgets everything. Buffers are kept only when reuse is safe: after a commit, never after a failure,
// when a request may still be reading them.
func (o *outbox) empty(reuse bool) {
	for at, q := range o.parcels {
		if reuse {
			for _, b := range q.batches {
				o.recycle(b)
			}
		}
		delete(o.parcels, at)
	}
	if cap(o.sealed) > keepBuilder {
		o.sealed = nil
	}
	o.bytes = 0
	o.counts.reset()
}

// list gives the parcels by topic and partition.
func (o *outbox) list() []*parcel {
	all := make([]*parcel, 0, len(o.parcels))
	for _, q := range o.parcels {
		all = append(all, q)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].topic != all[j].topic {
			return all[i].topic < all[j].topic
		}
		return all[i].partition < all[j].partition
	})
	return all
}

var errNoRecipient = fmt.Errorf("the processor named a recipient that does not exist: %w", event.ErrFatal)

// Forward takes a sanitized record; one that its topic would refuse goes to quarantine.
func (o *outbox) Forward(recipient int, rec *event.Record, out *event.Output) error {
	fits, err := o.put(recipient, rec, out)
	if err != nil {
		return err
	}
	if !fits {
		return o.Quarantine(&event.Quarantined{Record: rec, Recipients: []int{recipient}, Reason: event.OutputTooLarge})
	}
	o.counts.forwarded[recipient]++
	return nil
}

// put adds a record for a recipient, unless the recipient's topic would refuse its size.
func (o *outbox) put(recipient int, rec *event.Record, out *event.Output) (fits bool, err error) {
	if recipient < 0 || recipient >= len(o.outputs) {
		return false, errNoRecipient
	}
	to := o.outputs[recipient]
	partition, err := o.place(recipient, to, rec, out)
	if err != nil {
		return false, err
	}
	size := recordSize(out.Key, out.Value, out.Headers)
	if size+batchMargin > to.maxMessage {
		if fits, err := o.fits(to, size, out); err != nil || !fits {
			return false, err
		}
	}
	o.add(to, partition, size, out)
	return true, nil
}

// Withhold takes note; the count appears after the commit.
func (o *outbox) Withhold(recipient int, _ *event.Record, reason event.Reason) error {
	if recipient < 0 || recipient >= len(o.outputs) {
		return errNoRecipient
	}
	if reason == event.None || reason.Quarantines() {
		return fmt.Errorf("the processor withheld a record for %s: %w", reason, event.ErrFatal)
	}
	o.counts.withheld[recipient][reason]++
	return nil
}

// Quarantine seals the record and keeps the seal, in as many chunks as the quarantine topic needs.
func (o *outbox) Quarantine(q *event.Quarantined) error {
	if !q.Reason.Quarantines() {
		return fmt.Errorf("the processor quarantined a record for %s: %w", q.Reason, event.ErrFatal)
	}
	for _, r := range q.Recipients {
		if r < 0 || r >= len(o.outputs) {
			return errNoRecipient
		}
	}
	sealed, err := o.seal(o.sealed[:0], q)
	if err != nil {
		return fmt.Errorf("seal for quarantine: %w", err)
	}
	if sealed == nil {
		return fmt.Errorf("seal for quarantine: nothing came back: %w", event.ErrFatal)
	}
	o.sealed = sealed
	o.addQuarantined(q, sealed)
	for _, r := range q.Recipients {
		o.counts.quarantined[r][q.Reason]++
	}
	return nil
}

// place chooses the output partition.
func (o *outbox) place(recipient int, to *outputTopic, rec *event.Record, out *event.Output) (int32, error) {
	switch {
	case o.recipients[recipient].PartitionBySource:
		if int(rec.Partition) >= to.partitions {
			return 0, fmt.Errorf("source %s has partition %d, but topic %s of recipient %s, partitioned by source, has only %d partitions; add partitions to it: %w",
				rec.Topic, rec.Partition, to.name, o.recipients[recipient].Name, to.partitions, event.ErrFatal)
		}
		return rec.Partition, nil
	case out.Key == nil:
		return int32(o.sticky % uint32(to.partitions)), nil
	}
	return partitionOf(out.Key, to.partitions), nil
}

// fits tells whether a record of this size, large before compression, is accepted after it.
func (o *outbox) fits(to *outputTopic, size int, out *event.Output) (bool, error) {
	if size > mostPlain || size/mostPlainRatio > to.maxMessage {
		return false, nil
	}
	b := o.builder()
	b.append(out.Time, out.Key, out.Value, out.Headers)
	packed, err := b.pack(&o.pack, o.codec, identity{}, 0)
	fits := len(packed) <= to.maxMessage
	o.recycle(b)
	return fits, err
}

func (o *outbox) add(to *outputTopic, partition int32, size int, out *event.Output) {
	b := o.open(to, partition, size)
	before := b.plain
	b.append(out.Time, out.Key, out.Value, out.Headers)
	o.bytes += b.plain - before
	if o.codec == Snappy {
		b.squeeze()
	}
}

// open gives the batch that a record of this size goes into.
func (o *outbox) open(to *outputTopic, partition int32, size int) *builder {
	at := tp{to.name, partition}
	q := o.parcels[at]
	if q == nil {
		q = &parcel{tp: at}
		o.parcels[at] = q
	}
	if n := len(q.batches); n > 0 && q.batches[n-1].size()+size <= to.full {
		return q.batches[n-1]
	}
	b := o.builder()
	q.batches = append(q.batches, b)
	return b
}

func (o *outbox) builder() *builder {
	if n := len(o.free); n > 0 {
		b := o.free[n-1]
		o.free = o.free[:n-1]
		o.kept -= b.held()
		return b
	}
	return &builder{}
}

// recycle keeps a builder for the next batch, unless it, or all of them together, would keep much.
func (o *outbox) recycle(b *builder) {
	if size := b.held(); size <= keepBuilder && o.kept+size <= o.mostKept {
		b.reset()
		o.free = append(o.free, b)
		o.kept += size
	}
}

// counts are what a transaction will have decided, for the metrics once it is committed.
type counts struct {
	read        map[string]int
	forwarded   []int
	withheld    [][]int // by recipient and reason
	quarantined [][]int
}

func newCounts(recipients int) counts {
	c := counts{
		read:        make(map[string]int),
		forwarded:   make([]int, recipients),
		withheld:    make([][]int, recipients),
		quarantined: make([][]int, recipients),
	}
	reasons := len(event.Reasons()) + 1
	for r := range recipients {
		c.withheld[r], c.quarantined[r] = make([]int, reasons), make([]int, reasons)
	}
	return c
}

func (c *counts) reset() {
	clear(c.read)
	clear(c.forwarded)
	for r := range c.withheld {
		clear(c.withheld[r])
		clear(c.quarantined[r])
	}
}
