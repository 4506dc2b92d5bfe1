// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/test/rig"
)

const (
	input           = "social.raw"
	inputPartitions = 12
	quarantineTopic = "nymstream.quarantine"
	group           = "chaos"

	sessionTimeout     = 6 * time.Second // the least that brokers allow by default
	transactionTimeout = 15 * time.Second
)

// outputs names the recipients' topics; the numbers of partitions differ from each other and from chance.
var outputs = map[string]struct {
	topic      string
	partitions int32
}{
	analytics: {"social.clean.analytics", 12},
	partner:   {"social.clean.partner", 7},
}

const policy = `language: 1
controller: {name: Chaos, contact: chaos@example.org}
purposes:
  study: {basis: consent, description: Does anything get lost?}
sources:
  posts: {topics: [social.raw], pack: mastodon@1}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: social.clean.analytics
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from:
      posts: {events: [status], only: {visibility: [public, unlisted]}}
    classes: {account: pseudonym, object-id: pseudonym, plain: keep}
  partner:
    role: processor
    purpose: study
    topic: social.clean.partner
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from:
      posts: {events: [status], only: {visibility: public}}
    classes: {account: pseudonym, plain: keep}
`

// world is everything that takes part in a round.
type world struct {
	dir     string // configuration, keys and logs
	pauses  string // folder of the hold points
	cluster *rig.Cluster
	client  *kgo.Client // the harness's own: producer and administrator
	admin   *kadm.Client
	a, b    *rig.Instance

	produced atomic.Int64   // numbers given out so far
	hurry    atomic.Bool    // the faults are over: produce the rest at full speed
	done     map[string]int // faults by name
}

func newWorld(t *testing.T, bin string, cluster *rig.Cluster, env ...string) *world {
	t.Helper()
	w := &world{cluster: cluster, dir: t.TempDir(), done: map[string]int{}}
	if keep := os.Getenv("CHAOS_KEEP"); keep != "" { // configuration, keys and logs outlive the test there
		w.dir = filepath.Join(keep, t.Name()+time.Now().Format("-150405"))
	}
	w.pauses = filepath.Join(w.dir, "pauses")
	if err := os.MkdirAll(w.pauses, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	w.client, err = kgo.NewClient(kgo.SeedBrokers(cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(10*time.Millisecond), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	w.admin = kadm.NewClient(w.client)
	if err := w.createTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	setup := rig.Setup{Dir: w.dir, Binary: bin, Brokers: cluster.Brokers, Policy: policy, Group: group}
	if err := setup.Keys(); err != nil {
		t.Fatal(err)
	}
	env = append(env, rig.PauseVariable+"="+w.pauses)
	for _, slot := range []struct {
		name string
		to   **rig.Instance
	}{{"a", &w.a}, {"b", &w.b}} {
		i, err := setup.Start(slot.name, fmt.Sprintf("workers: 2\ntransaction_timeout: %v\nsession_timeout: %v\n", transactionTimeout, sessionTimeout), env...)
		if err != nil {
			t.Fatal(err)
		}
		*slot.to = i
		t.Cleanup(func() {
			if err := i.Close(25 * time.Second); err != nil {
				t.Log(err)
			}
			if t.Failed() {
				rig.ShowLog(t, filepath.Join(w.dir, i.Name+".log"))
			}
		})
	}
	return w
}

func (w *world) createTopics(ctx context.Context) error {
	topics := map[string]int32{input: inputPartitions, quarantineTopic: 3}
	for _, o := range outputs {
		topics[o.topic] = o.partitions
	}
	return rig.CreateTopics(ctx, w.cluster.Brokers, topics)
}

// awaitOffsets waits until the group has committed an offset of every input partition.
func (w *world) awaitOffsets(ctx context.Context) error {
	return poll(ctx, time.Minute, func() (bool, error) {
		offsets, err := w.admin.FetchOffsets(ctx, group)
		return len(offsets[input]) == inputPartitions, err
	})
}

// produce writes numbered records until at least so many are written and the faults are over.
func (w *world) produce(ctx context.Context, atLeast int64, perSecond int) error {
	var failed atomic.Pointer[error]
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	began := time.Now()
	for number := int64(0); ; number++ {
		if w.hurry.Load() {
			if number >= atLeast {
				break
			}
		} else if due := int64(time.Since(began).Seconds() * float64(perSecond)); number > due {
			time.Sleep(10 * time.Millisecond)
		}
		if err := failed.Load(); err != nil {
			return fmt.Errorf("input: %w", *err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := sampleAt(number)
		w.client.Produce(ctx, &kgo.Record{
			Topic: input, Partition: int32(number*7919%1009) % inputPartitions, Key: []byte(s.subject), Value: s.value,
			Headers: []kgo.RecordHeader{{Key: "number", Value: strconv.AppendInt(nil, number, 10)}},
		}, done)
		w.produced.Store(number + 1)
	}
	if err := w.client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("input: %w", *err)
	}
	return nil
}

// finish waits until all input is consumed, stops both instances and lets a referee read everything back.
func (w *world) finish(ctx context.Context) (*Referee, error) {
	drain, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := rig.Drained(drain, w.admin, group, input); err != nil {
		return nil, err
	}
	if err := errors.Join(w.a.Close(25*time.Second), w.b.Close(25*time.Second)); err != nil {
		return nil, err
	}
	r := NewReferee(analytics, partner)
	if err := w.tellInput(ctx, r); err != nil {
		return nil, err
	}
	for name, o := range outputs {
		err := w.read(ctx, o.topic, func(rec *kgo.Record) { r.Out(name, rec.Partition, string(rec.Key), numberOf(rec.Value)) })
		if err != nil {
			return nil, err
		}
	}
	return r, w.tellQuarantine(ctx, r)
}

func (w *world) read(ctx context.Context, topic string, each func(*kgo.Record)) error {
	return rig.ReadCommitted(ctx, w.cluster.Brokers, topic, 2*transactionTimeout, each)
}

func (w *world) tellInput(ctx context.Context, r *Referee) error {
	var bad error
	read := int64(0)
	err := w.read(ctx, input, func(rec *kgo.Record) {
		number, err := strconv.ParseInt(string(rec.Headers[0].Value), 10, 64)
		if err == nil {
			s := sampleAt(number)
			err = r.In(number, rec.Partition, rec.Offset, s.subject, s.want)
		}
		bad = errors.Join(bad, err)
		read++
	})
	if err == nil && bad == nil && read != w.produced.Load() {
		bad = fmt.Errorf("%d records were produced, %d lie in the input topic", w.produced.Load(), read)
	}
	return errors.Join(err, bad)
}

// tellQuarantine reads the coordinates of the originals. A long value comes in parts ("2/3"): the first speaks for all.
func (w *world) tellQuarantine(ctx context.Context, r *Referee) error {
	var bad error
	err := w.read(ctx, quarantineTopic, func(rec *kgo.Record) {
		header := map[string]string{}
		for _, h := range rec.Headers {
			header[h.Key] = string(h.Value)
		}
		partition, noPartition := strconv.ParseInt(header["nym-partition"], 10, 32)
		offset, noOffset := strconv.ParseInt(header["nym-offset"], 10, 64)
		if bad = errors.Join(bad, noPartition, noOffset); bad != nil || !strings.HasPrefix(header["nym-chunk"], "1/") {
			return
		}
		for name := range strings.SplitSeq(header["nym-recipients"], ",") {
			r.Quarantined(name, int32(partition), offset)
		}
	})
	return errors.Join(err, bad)
}

// exits tells how instances ended that nobody had killed: fenced zombies, mostly.
func (w *world) exits() []string { return append(w.a.Exits(), w.b.Exits()...) }
