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
	inputTopic = "bench.raw" // as the policy of the benchmark says
	partitions = 12
	subjects   = 10_000
	seed       = 1
	inputBatch = 64 << 10 // bytes: what a producer that waits a few milliseconds sends
)

// course is what all contenders run on: a broker, an input topic and their programs.
type course struct {
	cluster *rig.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	broker  int // process id
	root    string
	dir     string
	product string // its binary
	input   Input
	digest  uint64 // of all input values, whatever their order
	hash    maphash.Seed
}

// contender says how a program is started. Every run has a group, an output and a quarantine topic of its own.
type contender struct {
	name      string
	unchanged bool // its output values are the input's
	start     func(c *course, run string) (*process, error)
}

// kafkaToKafka lets every contender read the same input in every round, each time another one first.
func kafkaToKafka(t *testing.T, root string, events, rounds int) (*Input, []*Contender) {
	c := newCourse(t, root)
	all := contenders(t, c)
	c.produce(t, events)
	t.Logf("input: %d events, %.0f MB, %.0f MB stored", events, float64(c.input.ValueBytes)/1e6, float64(c.input.StoredBytes)/1e6)
	results := make([]*Contender, len(all))
	for i := range all {
		results[i] = &Contender{Name: all[i].name}
	}
	for round := range rounds {
		for i := range all {
			n := (i + round) % len(all)
			r, err := c.run(t.Context(), &all[n], fmt.Sprintf("%s-%d", all[n].name, round+1))
			if err != nil {
				t.Fatalf("round %d, %s: %v", round+1, all[n].name, err)
			}
			t.Logf("round %d, %s: %.2f CPU-s a million, %.1f s, %d MiB", round+1, all[n].name, r.CPUPerMillion, r.WallSeconds, r.PeakMemory/mebibyte)
			results[n].Runs = append(results[n].Runs, r)
		}
	}
	if dir := place("BENCH_PROFILE", root); dir != "" {
		if err := c.profile(t.Context(), dir); err != nil {
			t.Fatalf("profile: %v", err)
		}
		t.Logf("profiles of one more run: %s", dir)
	}
	return &c.input, results
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
	c.input = Input{Kafka: c.cluster.Version, Subjects: subjects, Seed: seed, Partitions: partitions}
	return c
}

// produce fills the input topic.
func (c *course) produce(t *testing.T, events int) {
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.create(t.Context(), partitions, inputTopic); err != nil {
		t.Fatal(err)
	}
	first := kgo.AbortingFirstErrPromise(c.client)
	for n := range events {
		key, value := g.Event(n)
		c.input.ValueBytes += int64(len(value))
		c.digest += maphash.Bytes(c.hash, value)
		c.client.Produce(t.Context(), &kgo.Record{Topic: inputTopic, Key: key, Value: value}, first.Promise())
	}
	if err := errors.Join(c.client.Flush(t.Context()), first.Err()); err != nil {
		t.Fatal(err)
	}
	c.input.Events = events
	if c.input.StoredBytes, err = c.stored(t.Context(), inputTopic); err != nil {
		t.Fatal(err)
	}
}

// run measures one process from its start to its last commit, counts what it wrote, and throws that away.
func (c *course) run(ctx context.Context, who *contender, run string) (Run, error) {
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
	var warm halt // where a quarter is done
	err = p.until(ctx, func() (bool, error) {
		at, err := c.observe(ctx, run, p.cmd.Process.Pid)
		if warm.events == 0 && at.events >= c.input.Events/4 {
			warm = at
		}
		return at.events == c.input.Events, err
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
	million := float64(c.input.Events) / 1e6
	user, system := p.cmd.ProcessState.UserTime().Seconds(), p.cmd.ProcessState.SystemTime().Seconds()
	r := Run{
		UserSeconds: user, SystemSeconds: system, CPUPerMillion: (user + system) / million,
		WallSeconds: wall.Seconds(), EventsPerSecond: float64(c.input.Events) / wall.Seconds(),
		PeakMemory: memory, BrokerCPU: (after - before).Seconds() / million,
	}
	if left := c.input.Events - warm.events; left > 0 {
		r.SteadyPerMillion = (user + system - warm.cpu.Seconds()) / float64(left) * 1e6
	}
	if err := c.verify(ctx, who, run, &r); err != nil {
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

// verify reads the output as a recipient would. No figure counts before all records have arrived, once, and none in quarantine.
func (c *course) verify(ctx context.Context, who *contender, run string, r *Run) error {
	got, digest := 0, uint64(0)
	err := rig.ReadCommitted(ctx, c.cluster.Brokers, output(run), 20*time.Second, func(record *kgo.Record) {
		got++
		r.ValueBytes += int64(len(record.Value))
		digest += maphash.Bytes(c.hash, record.Value)
	})
	if err != nil {
		return err
	}
	if got != c.input.Events {
		return fmt.Errorf("want %d records in the output, got %d", c.input.Events, got)
	}
	if who.unchanged && digest != c.digest {
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
