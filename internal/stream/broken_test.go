// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nymstream/nymstream/internal/event"
)

// rawSet gives the bytes of a partition as a fetch carries them.
func rawSet(t *testing.T, addrs []string, topic string) []byte {
	t.Helper()
	c := connect(Connection{Brokers: addrs})
	defer c.close()
	states, err := c.refresh(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := c.leader(tp{topic, 0})
	m, err := c.send(context.Background(), &fetchRequest{ReplicaID: -1, MaxBytes: 1 << 20, SessionEpoch: -1, broker: l.broker, Topics: []fetchTopic{{
		Topic: topic, ID: states[topic].id, Partitions: []fetchPartition{{LeaderEpoch: -1, FetchedEpoch: -1, LogStart: -1, MaxBytes: 1 << 20}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(m.(*fetchResponse).Topics[0].Partitions[0].records().bytes)
}

// damaged has the cluster answer fetches of a topic, from offset 0 to the last, with other bytes.
func damaged(cluster *kfake.Cluster, addrs []string, t *testing.T, topic string, last int64, set []byte, fetches *atomic.Int32) {
	c := connect(Connection{Brokers: addrs})
	defer c.close()
	states, err := c.refresh(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	id := states[topic].id
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := r.(*kmsg.FetchRequest)
		if len(req.Topics) != 1 || req.Topics[0].TopicID != id || len(req.Topics[0].Partitions) != 1 || req.Topics[0].Partitions[0].FetchOffset > last {
			return nil, nil, false
		}
		fetches.Add(1)
		res := req.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.TopicID = id
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset = 100, 100
		p.RecordBatches = set
		topic.Partitions = append(topic.Partitions, p)
		res.Topics = append(res.Topics, topic)
		return res, nil, true
	})
}

// threeBatches produces records 0…5 in three batches.
func threeBatches(b *bed) {
	for i := range 3 {
		b.produce(&kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, 2*i)}, &kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, 2*i+1)})
	}
}

func TestCorruptBatchIsSealedAndPassed(t *testing.T) {
	cluster, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	threeBatches(b)
	set := rawSet(t, addrs, b.in)
	first, rest, _ := nextBatch(set)
	second, _, _ := nextBatch(rest)
	if second.base != 2 {
		t.Fatalf("the second batch begins at %d", second.base)
	}
	set[len(first.bytes)+batchHeaderSize+3] ^= 0xff
	var fetches atomic.Int32
	damaged(cluster, addrs, t, b.in, 3, set, &fetches)
	o := b.options("a")
	o.Workers = 1
	r := b.run(o, nil)
	b.committed(0, 6)
	var values []string
	for _, rec := range b.read(b.out, 4, 5*time.Second) {
		values = append(values, string(rec.Value))
	}
	if want := []string{"0", "1", "4", "5"}; !slices.Equal(values, want) {
		t.Errorf("got %v, want %v", values, want)
	}
	if n := fetches.Load(); n < 3 {
		t.Errorf("the batch was fetched %d times, want 3", n)
	}
	found := 0
	err := ReadQuarantine(context.Background(), Connection{Brokers: addrs}, b.quar, func(e *Entry) error {
		found++
		damagedBatch := set[len(first.bytes) : len(first.bytes)+len(second.bytes)]
		if e.Reason != event.CorruptBatch.String() || e.Offset != 2 || !bytes.Equal(e.Sealed, append([]byte("sealed:"), damagedBatch...)) {
			t.Errorf("entry: reason %s, offset %d, %d bytes; want the batch as it came", e.Reason, e.Offset, len(e.Sealed))
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("got %d entries, %v", found, err)
	}
	r.stop()
}

func TestCorruptHeaderStopsThePartition(t *testing.T) {
	cluster, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	threeBatches(b)
	set := rawSet(t, addrs, b.in)
	first, _, _ := nextBatch(set)
	set[len(first.bytes)+26] = 2 // last offset delta: offset 5 would be lost if this were believed
	var fetches atomic.Int32
	damaged(cluster, addrs, t, b.in, 3, set, &fetches)
	o := b.options("a")
	o.Workers = 1
	r := b.run(o, nil)
	eventually(t, "the partition stops", 10*time.Second, func() bool {
		p := r.Status().Partitions
		return len(p) == 1 && strings.Contains(p[0].Stopped, "corrupt") && p[0].Committed == 2
	})
	if got := b.read(b.quar, 1, 300*time.Millisecond); len(got) != 0 {
		t.Errorf("got %d quarantine records, want none", len(got))
	}
	r.stop()
}

// TestFaults has every request of a transaction refused or unanswered now and then.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		key  kmsg.Key
		fail func(kmsg.Request) kmsg.Response
	}{
		"produce: not leader": {kmsg.Produce, func(r kmsg.Request) kmsg.Response {
			return refusedProduce(r.(*kmsg.ProduceRequest), kerr.NotLeaderForPartition.Code)
		}},
		"produce: out of order": {kmsg.Produce, func(r kmsg.Request) kmsg.Response {
			return refusedProduce(r.(*kmsg.ProduceRequest), kerr.OutOfOrderSequenceNumber.Code)
		}},
		"commit: coordinator moved": {kmsg.EndTxn, func(r kmsg.Request) kmsg.Response {
			res := r.ResponseKind().(*kmsg.EndTxnResponse)
			res.ErrorCode = kerr.NotCoordinator.Code
			return res
		}},
		"commit: invalid state": {kmsg.EndTxn, func(r kmsg.Request) kmsg.Response {
			res := r.ResponseKind().(*kmsg.EndTxnResponse)
			res.ErrorCode = kerr.InvalidTxnState.Code
			return res
		}},
		"offsets: rebalance": {kmsg.TxnOffsetCommit, func(r kmsg.Request) kmsg.Response {
			req, res := r.(*kmsg.TxnOffsetCommitRequest), r.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
			for _, t := range req.Topics {
				rt := kmsg.NewTxnOffsetCommitResponseTopic()
				rt.Topic = t.Topic
				for _, p := range t.Partitions {
					rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
					rp.Partition, rp.ErrorCode = p.Partition, kerr.IllegalGeneration.Code
					rt.Partitions = append(rt.Partitions, rp)
				}
				res.Topics = append(res.Topics, rt)
			}
			return res
		}},
		"heartbeat: unknown member": {kmsg.Heartbeat, func(r kmsg.Request) kmsg.Response {
			res := r.ResponseKind().(*kmsg.HeartbeatResponse)
			res.ErrorCode = kerr.UnknownMemberID.Code
			return res
		}},
		"connection lost": {kmsg.AddPartitionsToTxn, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, addrs := fake(t)
			b := newBed(t, addrs, 2, nil)
			var n, injected atomic.Int32
			cluster.ControlKey(int16(c.key), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if n.Add(1)%3 != 2 || injected.Load() >= 4 {
					return nil, nil, false
				}
				injected.Add(1)
				if c.fail == nil {
					return nil, errors.New("closed"), true
				}
				return c.fail(r), nil, true
			})
			r := b.run(b.options("a"), nil)
			for i := range 10 {
				b.numbered(i*20, 20)
				time.Sleep(30 * time.Millisecond)
			}
			b.exactlyOnce(200, 25*time.Second)
			if injected.Load() == 0 {
				t.Error("nothing was injected")
			}
			r.stop()
		})
	}
}

// TestLimitLoweredAtRuntime has a topic accept less than it said when it was read.
func TestLimitLoweredAtRuntime(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, nil)
	o := b.options("a")
	o.WatchInterval, o.Uncompressed = time.Hour, true
	r := b.run(o, nil)
	b.numbered(0, 10)
	b.committed(0, 10)
	alter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kmsg.StringPtr("2000")}}
	if _, err := b.admin.AlterTopicConfigs(context.Background(), alter, b.out); err != nil {
		t.Fatal(err)
	}
	b.numbered(10, 990)
	b.exactlyOnce(1000, 20*time.Second)
	r.stop()
}

func refusedProduce(req *kmsg.ProduceRequest, code int16) kmsg.Response {
	res := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 1, map[string]*string{"retention.ms": kmsg.StringPtr("86400000")})
	check := func(o Options) ([]string, error) {
		s, err := New(o, func(int) (Processor, error) { return &passThrough{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		defer s.cluster.close()
		return s.Check(context.Background())
	}
	o := b.options("a")
	o.Recipients[0].Retention = 24 * time.Hour
	if warnings, err := check(o); err != nil || len(warnings) != 0 {
		t.Errorf("a good cluster: %v, %v", warnings, err)
	}
	o.Recipients[0].Retention = time.Hour
	if warnings, err := check(o); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "retention.ms to 3600000") {
		t.Errorf("retention: %v, %v", warnings, err)
	}
	o.Recipients[0].Topic = "nowhere"
	if _, err := check(o); err == nil || !strings.Contains(err.Error(), "topic nowhere does not exist; create it") {
		t.Errorf("missing topic: %v", err)
	}
	if _, err := b.admin.ListTopics(context.Background(), "nowhere"); err != nil {
		t.Fatal(err)
	}
	m, err := b.admin.Metadata(context.Background())
	if err != nil || m.Topics.Has("nowhere") {
		t.Errorf("the topic was created by asking: %v", err)
	}
}

func TestCheckSaysWhichRightIsMissing(t *testing.T) {
	topic := func(name string, ops ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, op := range ops {
			acls = append(acls, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
		}
		return acls
	}
	group := kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "g", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true}
	id := kfake.ACL{Resource: kmsg.ACLResourceTypeTransactionalId, Name: "g-", Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: kmsg.ACLOperationWrite, Allow: true}
	all := slices.Concat(topic("in", kmsg.ACLOperationRead), topic("out", kmsg.ACLOperationWrite), topic("quar", kmsg.ACLOperationWrite), []kfake.ACL{group, id})
	for name, c := range map[string]struct {
		acls []kfake.ACL
		want string
	}{
		"all":           {all, ""},
		"source":        {all[1:], "grant READ and DESCRIBE on topic in"},
		"output":        {slices.Concat(topic("in", kmsg.ACLOperationRead), topic("out", kmsg.ACLOperationRead), all[2:]), "grant WRITE and DESCRIBE on topic out"},
		"group":         {slices.Concat(all[:3], all[4:]), "grant READ on group g"},
		"transactional": {all[:4], "grant WRITE and DESCRIBE on transactional id g-a-check"},
	} {
		t.Run(name, func(t *testing.T) {
			_, addrs := fake(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "in", "out", "quar"),
				kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("SCRAM-SHA-256", "nym", "secret", c.acls...))
			login, err := SASL("SCRAM-SHA-256", "nym", "secret")
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(Options{
				Connection: Connection{Brokers: addrs, SASL: login, Timeout: 3 * time.Second}, Group: "g", Instance: "a", Sources: []string{"in"}, Quarantine: "quar",
				Recipients: []Recipient{{Name: "ads", Topic: "out"}},
			}, func(int) (Processor, error) { return &passThrough{}, nil })
			if err != nil {
				t.Fatal(err)
			}
			defer s.cluster.close()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, err = s.Check(ctx)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOptionsAreCheckedWhole(t *testing.T) {
	_, err := New(Options{Connection: Connection{Brokers: []string{"nohost"}}, Sources: []string{"in", "out"}, Recipients: []Recipient{{Name: "a", Topic: "out"}, {Name: "b", Topic: "out"}}, Workers: -1}, nil)
	for _, want := range []string{"`nohost` is not host:port", "no group", "no instance", "no quarantine", "topic out is given to a and to b", "topic out is a source and is also written", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}
