// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package scale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

// course is what programs run on: a broker, and the keys that they share.
type course struct {
	cluster *rig.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	broker  int // process id
	setup   rig.Setup
}

func newCourse(t *testing.T) *course {
	c := &course{}
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
	// Batches as of a producer that waits a few milliseconds.
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.cluster.Brokers...), kgo.ProducerBatchCompression(kgo.SnappyCompression()),
		kgo.ProducerBatchMaxBytes(64<<10), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	c.admin = kadm.NewClient(c.client)
	c.setup = rig.Setup{Dir: t.TempDir(), Binary: rig.Build(t), Brokers: c.cluster.Brokers, Group: "scale", Policy: workload.Policy()}
	if err := os.WriteFile(filepath.Join(c.setup.Dir, "pack.yaml"), []byte(workload.Pack()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.setup.Keys(); err != nil {
		t.Fatal(err)
	}
	return c
}

// run names what belongs to one measurement.
type run string

func (r run) group() string      { return "scale-" + string(r) }
func (r run) input() string      { return "scale.raw." + string(r) }
func (r run) output() string     { return "scale.clean." + string(r) }
func (r run) quarantine() string { return "scale.quarantine." + string(r) }

// prepare makes what a run writes to, and its policy. All runs share the folder and so the keys: their outputs can be compared.
func (c *course) prepare(ctx context.Context, r run, input string, partitions int32, v Variant) error {
	text, err := v.Policy()
	if err != nil {
		return err
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, workload.CleanTopic, r.output()), workload.Topic, input)
	if err := os.WriteFile(filepath.Join(c.setup.Dir, "policy.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	c.setup.Group = r.group()
	return rig.CreateTopics(ctx, c.cluster.Brokers, map[string]int32{r.output(): partitions, r.quarantine(): 1})
}

// sanitize starts an instance of the run that was prepared last, with more lines in its configuration.
func (c *course) sanitize(r run, instance, more string) (*program, error) {
	file, err := c.setup.Config(instance, fmt.Sprintf("quarantine: {topic: %s}\n", r.quarantine())+more)
	if err != nil {
		return nil, err
	}
	return startProgram(filepath.Join(c.setup.Dir, instance+".log"), c.setup.Binary, "run", "-c", file)
}

// program is a process at work.
type program struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended; err tells how
	err   error
}

func startProgram(log, bin string, args ...string) (*program, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &program{cmd: exec.Command(bin, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// alive tells why the process is no more, or nil.
func (p *program) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the process ended by itself: %s: %s", p.cmd.ProcessState, p.said())
	default:
		return nil
	}
}

// stop asks the process to drain and waits; it kills a process that does not.
func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		err := p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(errors.New("the process did not drain"), err)
	}
	if p.err != nil {
		return fmt.Errorf("%w: %s", p.err, p.said())
	}
	return nil
}

// said gives the last of what the process wrote.
func (p *program) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// cpu gives the CPU time that the process has used so far. A clock of the system, because getrusage counts in ticks.
func (p *program) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

func cpuOf(pid int) time.Duration { return cpuClock(int32(^pid<<3 | 2)) } // as clock_getcpuclockid(3) makes it

// peakMemory gives the greatest resident size so far, in bytes.
func (p *program) peakMemory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmHWM")
}

// joined tells whether the group is settled with so many members that read all partitions.
func (c *course) joined(ctx context.Context, group string, members, partitions int) bool {
	groups, err := c.admin.DescribeGroups(ctx, group)
	if err != nil {
		return false // the broker has just begun to think of groups
	}
	g := groups[group]
	if g.Err != nil || g.State != "Stable" || len(g.Members) != members {
		return false
	}
	n := 0
	for _, of := range g.AssignedPartitions() {
		n += len(of)
	}
	return n == partitions
}

// committed counts what the group has done.
func (c *course) committed(ctx context.Context, group string) (int, error) {
	at, err := c.admin.FetchOffsets(ctx, group)
	if kerr.IsRetriable(err) {
		return 0, nil
	}
	n := 0
	at.Each(func(o kadm.OffsetResponse) { n += int(max(o.At, 0)) })
	return n, err
}
