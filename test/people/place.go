// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
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
	partitions = 12 // of the source and of the recipients' topics

	transactionTimeout = 6 * time.Second
	sessionTimeout     = 6 * time.Second // the least that brokers allow by default

	// promise is how soon a withdrawal or an erasure holds.
	promise = 5 * time.Second
)

func short() bool { return testing.Short() || os.Getenv("PEOPLE_ROUND") == "short" }

// pick gives the measure of the round.
func pick[T any](inShort, inWhole T) T {
	if short() {
		return inShort
	}
	return inWhole
}

// policy has two recipients, who get every post's author as a pseudonym, one of them the handle too, and its number as it is. BASIS and PREFIX are the place's.
const policy = `language: 1
controller: {name: People, contact: people@example.org}
ages: {unknown: adult, reason: Made up}
purposes:
  study: {basis: BASIS, description: Does anybody's wish get lost?}
sources:
  posts: {topics: [PREFIX.raw], pack: mastodon@1}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: PREFIX.analytics
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from:
      posts: {events: [status]}
    classes: {account: pseudonym, handle: pseudonym, object-id: pseudonym, plain: keep}
  partner:
    role: processor
    purpose: study
    topic: PREFIX.partner
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from:
      posts: {events: [status]}
    classes: {account: pseudonym, plain: keep}
`

var recipients = []string{"analytics", "partner"}

// place is one test's corner of the cluster: its own topics, group, keys and store.
type place struct {
	t       *testing.T
	dir     string // configuration, keys, logs
	cluster *rig.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	prefix  string
	store   string // what the configuration says below store:
	random  *rand.Rand
	again   atomic.Int64 // commands that had to be repeated
}

// newPlace makes topics and keys. basis is the legal basis of the purpose; db nil: the store is embedded.
func newPlace(t *testing.T, cluster *rig.Cluster, basis string, db *database) *place {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("PEOPLE_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("PEOPLE_SEED=%d", seed)
	p := &place{t: t, cluster: cluster, dir: t.TempDir(), store: "kind: embedded, dir: store", random: rand.New(rand.NewPCG(seed, 0))}
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", ".")) + time.Now().Format(".150405")
	if keep := os.Getenv("PEOPLE_KEEP"); keep != "" {
		if p.dir = filepath.Join(keep, name); os.MkdirAll(p.dir, 0o700) != nil {
			t.Fatalf("PEOPLE_KEEP: %s cannot be made", p.dir)
		}
	}
	p.prefix = name
	if db != nil {
		p.store = `kind: postgres, url: "${file:postgres_url}", cache: 65536`
		if err := os.WriteFile(filepath.Join(p.dir, "postgres_url"), []byte(db.URL), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.client, err = kgo.NewClient(kgo.SeedBrokers(cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	p.admin = kadm.NewClient(p.client)
	if err := p.createTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.writePolicy("policy", basis, p.prefix)
	p.writeToken()
	if out, err := exec.Command(executable(t), "keys", "init", "-c", p.config("keys", "keys", "policy", "")).CombinedOutput(); err != nil {
		t.Fatalf("keys init: %v: %s", err, out)
	}
	return p
}

func (p *place) topic(name string) string { return p.prefix + "." + name }

// createTopics makes topics whose records the broker dates, so that all times are of one clock.
func (p *place) createTopics(ctx context.Context) error {
	topics := map[string]int32{p.topic("raw"): partitions, p.topic("quarantine"): 1, p.topic("signals"): 2, p.topic("control"): 1, p.topic("ledger"): 1}
	for _, r := range recipients {
		topics[p.topic(r)], topics[p.topic("again."+r)] = partitions, partitions
	}
	if err := rig.CreateTopics(ctx, p.cluster.Brokers, topics); err != nil {
		return err
	}
	appended := kadm.AlterConfig{Name: "message.timestamp.type", Value: kadm.StringPtr("LogAppendTime")}
	forEver := kadm.AlterConfig{Name: "retention.ms", Value: kadm.StringPtr("-1")}
	var names []string
	for name := range topics {
		names = append(names, name)
	}
	all, err := p.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{appended}, names...)
	if err != nil {
		return err
	}
	ledger, err := p.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{forEver}, p.topic("ledger"))
	for _, r := range append(all, ledger...) {
		err = errors.Join(err, r.Err)
	}
	return err
}

func (p *place) writePolicy(name, basis, outputs string) {
	p.t.Helper()
	text := strings.NewReplacer("BASIS", basis, "topics: [PREFIX", "topics: ["+p.prefix, "PREFIX", outputs).Replace(policy)
	if err := os.WriteFile(filepath.Join(p.dir, name+".yaml"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// writeToken lets the test send commands to instances, in every role.
func (p *place) writeToken() {
	p.t.Helper()
	token := crand.Text() + crand.Text()
	err := errors.Join(os.WriteFile(filepath.Join(p.dir, "token"), []byte(token), 0o600),
		os.WriteFile(filepath.Join(p.dir, "admins"), []byte("tester operator,privacy-officer,investigator,auditor "+token+"\n"), 0o600))
	if err != nil {
		p.t.Fatal(err)
	}
}

// freeAddress gives an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// config writes the configuration of an instance and gives its file.
func (p *place) config(instance, group, policy, more string) string {
	p.t.Helper()
	text := fmt.Sprintf(`tenant: test
policy: %s.yaml
keyring: {dir: keys}
kafka:
  brokers: ["%s"]
  client_id: %s
group: %s
instance: %s
workers: 2
store: {%s, deletions_within: 0s}
audit: {dir: "audit-%s"}
quarantine: {topic: %s}
signals: {topic: %s}
control: {topic: %s}
ledger: {topic: %s}
transaction_timeout: %v
session_timeout: %v
http: {listen: "%s", admins: "${file:admins}"}
`, policy, strings.Join(p.cluster.Brokers, `", "`), rig.ClientID(instance), p.topic(group), instance, p.store, instance,
		p.topic("quarantine"), p.topic("signals"), p.topic("control"), p.topic("ledger"), transactionTimeout, sessionTimeout, freeAddress(p.t)) + more
	file := p.configFile(instance, group)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

func (p *place) configFile(instance, group string) string {
	return filepath.Join(p.dir, instance+"-"+group+".conf.yaml")
}

// start starts an instance that is closed with the test at the latest.
func (p *place) start(instance, group, policy string) *rig.Instance {
	p.t.Helper()
	log := filepath.Join(p.dir, instance+"-"+group+".log")
	i, err := rig.StartInstance(instance, executable(p.t), p.config(instance, group, policy, ""), log)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := i.Close(25 * time.Second); err != nil {
			p.t.Log(err)
		}
		if p.t.Failed() {
			rig.ShowLog(p.t, log)
		}
	})
	return i
}

// drained waits until the group has consumed all posts.
func (p *place) drained(group string, patience time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := rig.Drained(ctx, p.admin, p.topic(group), p.topic("raw")); err != nil {
		p.t.Fatal(err)
	}
}

// until waits until the condition holds.
func (p *place) until(what string, patience time.Duration, holds func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// closeAll drains instances and tells how processes had ended that nobody killed.
func (p *place) closeAll(instances ...*rig.Instance) {
	p.t.Helper()
	for _, i := range instances {
		if err := i.Close(25 * time.Second); err != nil {
			p.t.Error(err)
		}
		for _, exit := range i.Exits() {
			p.t.Logf("ended by itself and was restarted: %s", exit)
		}
	}
}
