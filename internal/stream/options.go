// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
)

// Processor decides about the records of one worker. It is called from one goroutine at a time.
type Processor interface {
	// Process decides about a batch: records of one partition, in order, valid until it returns. Every recipient of
	// every record gets exactly one call of sink. An error of class event.ErrTransient has the batch processed again
	// after a pause; any other stops the flow. Nothing is committed in either case.
	Process(batch []event.Record, sink event.Sink) error
	// Seal appends the encrypted original of a record to dst. For a batch that cannot be read, the record's value is
	// the batch as it came.
	Seal(dst []byte, q *event.Quarantined) ([]byte, error)
}

// Turner is a Processor that can change how it decides. Turn is called between two transactions of its worker, while nothing
// that it decided is uncommitted: what a transaction holds was decided in one way.
type Turner interface{ Turn() }

// Control proves, just before a transaction opens and just before it is committed, that no decision in it is out of
// date; the oldest was made at since, which is zero when there is none. An error of class event.ErrTransient has the
// work done again.
type Control interface {
	Fresh(since time.Time) error
}

// Recipient is where one recipient's records go. Its index is its number in event.Sink.
type Recipient struct {
	Name              string
	Topic             string
	PartitionBySource bool          // same partition number as the source; else by key, as Java's producer does
	Retention         time.Duration // what the topic is expected to keep; 0: not checked
	Sources           []string      // topics it reads from, for batches nobody can read; none: all
	Side              bool          // it gets what some records tell beside what they are for: no record is meant for it
}

// Start says where a group that has never run begins.
type Start int

const (
	Earliest Start = iota
	Latest
)

// Options configure a Stream. Required are Brokers, Group, Instance, Sources, Recipients and Quarantine.
type Options struct {
	Connection

	Group        string
	Instance     string // this process among those of the group; the same after a restart, never two at a time
	StaticMember bool   // keep the partitions over a restart within SessionTimeout (group.instance.id = Instance)
	Sources      []string
	Recipients   []Recipient
	Quarantine   string // topic of sealed records
	Start        Start  // only for a group that has never run
	Ran          bool   // the application knows that this group has run: missing offsets are then an alarm, never Start

	Workers            int           // one transaction each; default GOMAXPROCS
	Codec              Codec         // of what is produced; default Snappy, use Uncompressed for none
	Uncompressed       bool          //
	CommitInterval     time.Duration // default 100 ms: what a record waits at most for its transaction
	TransactionTimeout time.Duration // default 15 s: what a dead instance holds up readers; given up at half of it
	SessionTimeout     time.Duration // default 10 s: after this a silent instance loses its partitions
	HeartbeatInterval  time.Duration // default a sixth of SessionTimeout
	RebalanceTimeout   time.Duration // default 30 s: what a batch in hand may take when the group changes
	DrainTimeout       time.Duration // default 20 s: what Run may take after its context has ended
	WatchInterval      time.Duration // default 10 s: how soon new partitions and recreated topics are seen

	FetchBytes      int  // default 64 MiB: fetched, not yet processed, of the whole process
	MaxBatchBytes   int  // default 32 MiB: what one record batch may decompress to
	OutboxBytes     int  // default 16 MiB: outputs that wait for their transaction, before compression, of all workers; see outboxShare
	ProcessBytes    int  // default 256 KiB: decompressed records in one call of Process, roughly
	UnstableOffsets bool // reads offsets of open transactions: breaks exactly-once, only for a test that shows it

	Control    Control
	Logger     zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time
	// Hold is called inside every transaction; see PointInTransaction and HoldByFile.
	Hold func(ctx context.Context, point string, producer int64, epoch int16, transactionalID string)
}

func (o *Options) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := o.Connection.validate(); err != nil {
		faults = append(faults, err)
	}
	if o.Group == "" {
		fault("no group")
	}
	if o.Instance == "" {
		fault("no instance name")
	}
	if len(o.Sources) == 0 {
		fault("no source topics")
	}
	if len(o.Recipients) == 0 {
		fault("no recipients")
	}
	if o.Quarantine == "" {
		fault("no quarantine topic")
	}
	outputs := map[string]string{o.Quarantine: "quarantine"}
	for _, r := range o.Recipients {
		if r.Name == "" || r.Topic == "" || strings.Contains(r.Name, ",") {
			fault("recipient `%s` needs a topic and a name without comma", r.Name)
		}
		if other, taken := outputs[r.Topic]; taken {
			fault("topic %s is given to %s and to %s", r.Topic, other, r.Name)
		}
		outputs[r.Topic] = r.Name
	}
	for _, s := range o.Sources {
		if to, taken := outputs[s]; taken {
			fault("topic %s is a source and is also written for %s", s, to)
		}
	}
	if o.SessionTimeout > 0 && o.HeartbeatInterval > o.SessionTimeout/2 {
		fault("the heartbeat interval is above half the session timeout")
	}
	if o.Codec < None || o.Codec > Zstd {
		fault("unknown codec %d", o.Codec)
	}
	for _, n := range []int{o.Workers, o.FetchBytes, o.MaxBatchBytes, o.OutboxBytes, o.ProcessBytes} {
		if n < 0 {
			fault("a negative number of workers or bytes")
		}
	}
	for _, d := range []time.Duration{o.CommitInterval, o.TransactionTimeout, o.SessionTimeout, o.HeartbeatInterval, o.RebalanceTimeout, o.DrainTimeout, o.WatchInterval} {
		if d < 0 {
			fault("a negative duration")
		}
	}
	if o.TransactionTimeout > 0 && o.CommitInterval > o.TransactionTimeout/2 {
		fault("the commit interval is above half the transaction timeout")
	}
	return errors.Join(faults...)
}

func (o *Options) setDefaults() {
	if o.ClientID == "" {
		o.ClientID = o.Instance
	}
	if o.Codec == None && !o.Uncompressed {
		o.Codec = Snappy
	}
	for _, n := range []struct {
		p *int
		d int
	}{
		{&o.Workers, runtime.GOMAXPROCS(0)}, {&o.FetchBytes, 64 << 20}, {&o.MaxBatchBytes, 32 << 20}, {&o.OutboxBytes, 16 << 20}, {&o.ProcessBytes, 256 << 10},
	} {
		if *n.p == 0 {
			*n.p = n.d
		}
	}
	for _, t := range []struct {
		p *time.Duration
		d time.Duration
	}{
		{&o.CommitInterval, 100 * time.Millisecond}, {&o.TransactionTimeout, 15 * time.Second}, {&o.SessionTimeout, 10 * time.Second},
		{&o.RebalanceTimeout, 30 * time.Second}, {&o.DrainTimeout, 20 * time.Second}, {&o.WatchInterval, 10 * time.Second},
	} {
		if *t.p == 0 {
			*t.p = t.d
		}
	}
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = o.SessionTimeout / 6
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hold == nil {
		o.Hold = func(context.Context, string, int64, int16, string) {}
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
}

// leastOutbox keeps transactions large enough to be worth their requests, however many workers share OutboxBytes.
const leastOutbox = 4 << 20

// outboxShare is what one worker's outputs may take before it commits: its part of OutboxBytes, or leastOutbox.
func (o *Options) outboxShare() int {
	return max(o.OutboxBytes/max(o.Workers, 1), min(leastOutbox, o.OutboxBytes))
}

// topics gives the sources in order, each once.
func (o *Options) topics() []string {
	sorted := slices.Clone(o.Sources)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// outputTopics gives every topic that is written to: the recipients' in their order, then the quarantine.
func (o *Options) outputTopics() []string {
	all := make([]string, 0, len(o.Recipients)+1)
	for _, r := range o.Recipients {
		all = append(all, r.Topic)
	}
	return append(all, o.Quarantine)
}

// readers gives the recipients that a source topic is meant for.
func (o *Options) readers(topic string) []int {
	var all []int
	for i, r := range o.Recipients {
		if !r.Side && (len(r.Sources) == 0 || slices.Contains(r.Sources, topic)) {
			all = append(all, i)
		}
	}
	return all
}
