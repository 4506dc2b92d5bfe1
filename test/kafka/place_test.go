// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/test/rig"
)

// place is one test's corner of the shared cluster: its own topics, group and keys.
type place struct {
	t       *testing.T
	cluster *rig.Cluster
	client  *kgo.Client // the administrator's
	admin   *kadm.Client
	setup   rig.Setup
	prefix  string
}

// newPlace makes a place; PREFIX in the policy becomes the prefix of this test's topics.
func newPlace(t *testing.T, policy string) *place {
	t.Helper()
	p := &place{t: t, cluster: rig.CurrentCluster(t)}
	p.prefix = strings.ToLower(strings.NewReplacer("/", ".", "_", ".").Replace(t.Name())) + time.Now().Format(".150405.000")
	client, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.Brokers...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p.client, p.admin = client, kadm.NewClient(client)
	p.setup = rig.Setup{
		Dir: t.TempDir(), Binary: rig.Build(t), Brokers: p.cluster.Brokers, Group: p.topic("group"),
		Policy: strings.ReplaceAll(policy, "PREFIX", p.prefix),
	}
	return p
}

func (p *place) topic(name string) string { return p.prefix + "." + name }

func (p *place) create(partitions int32, names ...string) {
	p.t.Helper()
	topics := map[string]int32{}
	for _, name := range names {
		topics[p.topic(name)] = partitions
	}
	if err := rig.CreateTopics(p.t.Context(), p.cluster.Brokers, topics); err != nil {
		p.t.Fatal(err)
	}
}

// keys writes policy and keys; quarantine is this test's own topic.
func (p *place) keys() {
	p.t.Helper()
	if err := p.setup.Keys(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) more() string {
	return "quarantine: {topic: " + p.topic("quarantine") + "}\nsession_timeout: 6s\n"
}

func (p *place) produce(topic string, records ...*kgo.Record) {
	p.t.Helper()
	for _, r := range records {
		r.Topic = p.topic(topic)
	}
	if err := p.client.ProduceSync(p.t.Context(), records...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

// run lets one instance work until it has consumed the sources, and ends it.
func (p *place) run(sources ...string) {
	p.t.Helper()
	log := filepath.Join(p.setup.Dir, "one.log")
	p.t.Cleanup(func() {
		if text, err := os.ReadFile(log); err == nil && p.t.Failed() {
			p.t.Logf("one.log:\n%s", text)
		}
	})
	i, err := p.setup.Start("one", p.more())
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for _, s := range sources {
		if err := rig.Drained(ctx, p.admin, p.setup.Group, p.topic(s)); err != nil {
			p.t.Error(err)
		}
	}
	if err := i.Close(20 * time.Second); err != nil {
		p.t.Error(err)
	}
	if exits := i.Exits(); len(exits) > 0 {
		p.t.Errorf("want an instance that lasts, got %v", exits)
	}
}

// read gives what a read_committed reader of the topic gets.
func (p *place) read(topic string) []*kgo.Record {
	p.t.Helper()
	var all []*kgo.Record
	err := rig.ReadCommitted(p.t.Context(), p.cluster.Brokers, p.topic(topic), 20*time.Second, func(r *kgo.Record) { all = append(all, r) })
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// nymstream runs a command of the binary and gives its exit code and what it said.
func (p *place) nymstream(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.setup.Binary, args...)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	if ctx.Err() != nil {
		p.t.Errorf("nymstream %s did not end within a minute", strings.Join(args, " "))
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// check runs `nymstream run --check` with the test's configuration.
func (p *place) check() (code int, said string) {
	p.t.Helper()
	file, err := p.setup.Config("one", p.more())
	if err != nil {
		p.t.Fatal(err)
	}
	code, out, errs := p.nymstream("run", "-c", file, "--check")
	return code, out + errs
}
