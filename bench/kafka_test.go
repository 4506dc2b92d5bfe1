// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

const (
	partitions = 12
	subjects   = 10_000
	seed       = 1
	inputBatch = 64 << 10 // bytes: what a producer that waits a few milliseconds sends
)

// course is what all contenders run on: a broker, input topics and their programs.
type course struct {
	cluster *rig.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	broker  int // process id
	root    string
	dir     string
	product string // its binary
	full    *feed
	tenth   *feed // the same but shorter, for slow contenders; nil: there are none
	hash    maphash.Seed
}

// feed is an input topic, and what is remembered of it.
type feed struct {
	Input
	topic  string
	digest uint64            // of all values, whatever their order
	sample map[string]sample // by fingerprint
}

// contender says how a program is started. Every run has a group, an output and a quarantine topic of its own.
type contender struct {
	name        string
	unchanged   bool // its output values are the input's
	atLeastOnce bool
	slow        bool                         // reads the shorter input
	check       func() (*Equivalence, error) // of a sample of the output in the first round; nil: none
	start       func(c *course, run string) (*process, error)
}

func (who *contender) feed(c *course) *feed {
	if who.slow {
		return c.tenth
	}
	return c.full
}

func (who *contender) result(c *course) *Contender {
	delivery := "exactly once"
	if who.atLeastOnce {
		delivery = "at least once"
	}
	return &Contender{Name: who.name, Delivery: delivery, Events: who.feed(c).Events}
}

// kafkaToKafka lets every contender read the same input in every round, each time another one first.
func kafkaToKafka(t *testing.T, root string, events, rounds int) (*Input, []*Contender) {
	c := newCourse(t, root)
	all := contenders(t, c)
	c.full = c.produce(t, workload.Topic, events)
	results := make([]*Contender, len(all))
	for i := range all {
		results[i] = all[i].result(c)
	}
	for round := range rounds {
		for i := range all {
			n := (i + round) % len(all)
			if err := c.round(t, &all[n], round, results[n]); err != nil {
				t.Fatalf("round %d, %s: %v", round+1, all[n].name, err)
			}
		}
	}
	if dir := place("BENCH_PROFILE", root); dir != "" {
		if err := c.profile(t.Context(), dir); err != nil {
			t.Fatalf("profile: %v", err)
		}
		t.Logf("profiles of one more run: %s", dir)
	}
	return &c.full.Input, results
}

// round adds one run to the result.
func (c *course) round(t *testing.T, who *contender, round int, result *Contender) error {
	var check *Equivalence
	if round == 0 && who.check != nil {
		var err error
		if check, err = who.check(); err != nil {
			return err
		}
	}
	r, err := c.run(t.Context(), who, fmt.Sprintf("%s-%d", who.name, round+1), check)
	if err != nil {
		return err
	}
	if check != nil {
		result.Checked = check.Checked()
	}
	t.Logf("round %d, %s: %.2f CPU-s a million, %.2f steady, %.1f s, %d MiB", round+1, who.name, r.CPUPerMillion, r.SteadyPerMillion, r.WallSeconds, r.PeakMemory/mebibyte)
	result.Runs = append(result.Runs, r)
	return nil
}

func newCourse(t *testing.T, root string) *course {
	c := &course{root: root, dir: t.TempDir(), hash: maphash.MakeSeed()}
	if os.Getenv("NYMSTREAM_KAFKA_DIR") != "" {
		c.cluster = rig.CurrentCluster(t)
	} else {
		c.cluster = rig.StartCluster(t, rig.ClusterOptions{})
	}
	pid, err := os.ReadFile(filepath.Join(c.cluster.Dir, "1", "pid"))
	if err == nil {
		c.broker, err = strconv.Atoi(strings.TrimSpace(string(pid)))
	}
	if err != nil {
		t.Fatalf("broker: %v", err)
	}
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.cluster.Brokers...), kgo.ProducerBatchCompression(kgo.SnappyCompression()),
		kgo.ProducerBatchMaxBytes(inputBatch), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	c.admin = kadm.NewClient(c.client)
	return c
}

// produce makes and fills an input topic.
func (c *course) produce(t *testing.T, topic string, events int) *feed {
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.create(t.Context(), partitions, topic); err != nil {
		t.Fatal(err)
	}
	f := &feed{topic: topic, sample: map[string]sample{}}
	f.Input = Input{Kafka: c.cluster.Version, Events: events, Subjects: subjects, Seed: seed, Partitions: partitions}
	first := kgo.AbortingFirstErrPromise(c.client)
	for n := range events {
		key, value := g.Event(n)
		f.ValueBytes += int64(len(value))
		f.digest += maphash.Bytes(c.hash, value)
		if n%max(1, events/sampled) == 0 {
			if err := f.keep(key, value); err != nil {
				t.Fatal(err)
			}
		}
		c.client.Produce(t.Context(), &kgo.Record{Topic: topic, Key: key, Value: value}, first.Promise())
	}
	if err := errors.Join(c.client.Flush(t.Context()), first.Err()); err != nil {
		t.Fatal(err)
	}
	if f.StoredBytes, err = c.stored(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	t.Logf("input %s: %d events, %.0f MB, %.0f MB stored", topic, events, float64(f.ValueBytes)/1e6, float64(f.StoredBytes)/1e6)
	return f
}

// run measures one process from its start to its last commit, reads what it wrote, and throws that away. A nil check looks at no values.
func (c *course) run(ctx context.Context, who *contender, run string, check *Equivalence) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := c.prepare(ctx, run); err != nil {
		return Run{}, err
	}
	before, err := cpuOf(c.broker)
	if err != nil {
		return Run{}, err
	}
	p, err := who.start(c, run)
	if err != nil {
		return Run{}, err
	}
	events := who.feed(c).Events
	var warm halt // where a quarter is done
	err = p.until(ctx, func() (bool, error) {
		at, err := c.observe(ctx, run, p.cmd.Process.Pid)
		if warm.events == 0 && at.events >= events/4 {
			warm = at
		}
		return at.events == events, err
	})
	if err != nil {
		return Run{}, err
	}
	wall := time.Since(p.began)
	memory, err := peakMemory(p.cmd.Process.Pid)
	if err := errors.Join(err, p.stop()); err != nil {
		return Run{}, err
	}
	after, err := cpuOf(c.broker)
	if err != nil {
		return Run{}, err
	}
	million := float64(events) / 1e6
	user, system := p.cmd.ProcessState.UserTime().Seconds(), p.cmd.ProcessState.SystemTime().Seconds()
	r := Run{
		UserSeconds: user, SystemSeconds: system, CPUPerMillion: (user + system) / million,
		WallSeconds: wall.Seconds(), EventsPerSecond: float64(events) / wall.Seconds(),
		PeakMemory: memory, BrokerCPU: (after - before).Seconds() / million,
	}
	r.SteadyPerMillion = r.CPUPerMillion // where one commit held more than three quarters, there is no other
	if left := events - warm.events; left > 0 {
		r.SteadyPerMillion = (user + system - warm.cpu.Seconds()) / float64(left) * 1e6
	}
	if err := c.verify(ctx, who, run, check, &r); err != nil {
		return Run{}, err
	}
	_, err = c.admin.DeleteTopics(ctx, output(run), quarantine(run))
	return r, err
}

// halt is how far a run has come, and the CPU time until then.
type halt struct {
	events int
	cpu    time.Duration
}

// observe asks what the run's group has committed.
func (c *course) observe(ctx context.Context, run string, pid int) (halt, error) {
	at, err := c.admin.FetchOffsets(ctx, group(run))
	if kerr.IsRetriable(err) { // the broker has just begun to think of groups
		return halt{}, nil
	}
	if err != nil {
		return halt{}, err
	}
	var h halt
	at.Each(func(o kadm.OffsetResponse) { h.events += int(max(o.At, 0)) })
	h.cpu, err = cpuOf(pid)
	return h, err
}

// verify reads the output as a recipient would. No figure counts before all records have arrived, exactly or at least once,
// those of the sample are equivalent, and none is in quarantine.
func (c *course) verify(ctx context.Context, who *contender, run string, check *Equivalence, r *Run) error {
	got, digest, in := 0, uint64(0), who.feed(c)
	seen := &sampler{of: in.sample, check: check, sameKey: who.atLeastOnce, found: map[string]bool{}}
	err := rig.ReadCommitted(ctx, c.cluster.Brokers, output(run), 20*time.Second, func(record *kgo.Record) {
		got++
		r.ValueBytes += int64(len(record.Value))
		digest += maphash.Bytes(c.hash, record.Value)
		seen.look(record)
	})
	if err := errors.Join(err, seen.end()); err != nil {
		return err
	}
	if got < in.Events || got > in.Events && !who.atLeastOnce {
		return fmt.Errorf("want %d records in the output, got %d", in.Events, got)
	}
	if who.unchanged && digest != in.digest {
		return errors.New("the output's values are not the input's")
	}
	sealed, err := c.admin.ListEndOffsets(ctx, quarantine(run))
	if err != nil {
		return err
	}
	if o, ok := sealed.Lookup(quarantine(run), 0); !ok || o.Offset > 0 {
		return fmt.Errorf("want an empty quarantine, got %d records", o.Offset)
	}
	r.StoredBytes, err = c.stored(ctx, output(run))
	return err
}

// prepare makes the topics of a run.
func (c *course) prepare(ctx context.Context, run string) error {
	return errors.Join(c.create(ctx, partitions, output(run)), c.create(ctx, 1, quarantine(run)))
}

// create makes a topic and waits until the broker tells of it. It outlives the benchmark by far.
func (c *course) create(ctx context.Context, partitions int32, topic string) error {
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, map[string]*string{"retention.ms": kadm.StringPtr("604800000")}, topic); err != nil {
		return err
	}
	for ctx.Err() == nil {
		ends, err := c.admin.ListEndOffsets(ctx, topic)
		if err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("topic %s: %w", topic, ctx.Err())
}

// stored gives what the topic takes on the broker's disk.
func (c *course) stored(ctx context.Context, topic string) (int64, error) {
	brokers, err := c.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return 0, err
	}
	size := int64(0)
	brokers.Each(func(dir kadm.DescribedLogDir) {
		err = errors.Join(err, dir.Err)
		dir.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == topic {
				size += p.Size
			}
		})
	})
	return size, err
}

func group(run string) string      { return "bench-" + run }
func output(run string) string     { return "bench.clean." + run }
func quarantine(run string) string { return "bench.quarantine." + run }
