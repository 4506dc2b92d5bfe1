// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// running is a service on a broker inside the process, with everything it writes in reach.
type running struct {
	t       *testing.T
	broker  *kfake.Cluster
	service *Service
	log     journal
	config  *config.Config
	stop    func() error
}

// start runs a service with a scaffolded policy for the packs; every source has one topic of two partitions.
func start(t *testing.T, packs ...string) *running {
	t.Helper()
	return startWith(t, func(config, policy string) (string, string) { return config, policy }, packs...)
}

// startWith lets configuration and policy be changed before.
func startWith(t *testing.T, edit func(config, policy string) (string, string), packs ...string) *running {
	t.Helper()
	dir := t.TempDir()
	if err := Scaffold(dir, packs, time.Now()); err != nil {
		t.Fatal(err)
	}
	r := &running{t: t}
	topics := []string{"nymstream.quarantine", "nymstream.signals", "social.clean.analytics"}
	for _, p := range packs {
		topics = append(topics, "social.raw."+p)
	}
	var err error
	if r.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...), kfake.SeedTopics(1, "nymstream.control", "nymstream.ledger")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.broker.Close)
	r.keepForEver("nymstream.ledger")
	file := filepath.Join(dir, "nymstream.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("127.0.0.1:9092"), []byte(r.broker.ListenAddrs()[0]), 1)
	text = append(text, "log: {level: debug}\nhttp: {listen: 127.0.0.1:0}\n"...)
	rules, err := os.ReadFile(filepath.Join(dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	edited, editedRules := edit(string(text), string(rules))
	if err := errors.Join(os.WriteFile(file, []byte(edited), 0o600), os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(editedRules), 0o600)); err != nil {
		t.Fatal(err)
	}
	if r.config, err = config.Load(file, os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	r.again()
	return r
}

// keepForEver sets a topic to lose nothing.
func (r *running) keepForEver(topic string) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.ListenAddrs()...))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	for _, name := range []string{"retention.ms", "retention.bytes"} {
		if _, err := kadm.NewClient(client).AlterTopicConfigs(r.t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr("-1")}}, topic); err != nil {
			r.t.Fatal(err)
		}
	}
}

// again makes the service and runs it.
func (r *running) again() {
	r.t.Helper()
	var err error
	if r.service, err = New(ServiceOptions{Config: r.config, Version: "test", Err: &r.log, Lookup: os.LookupEnv}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.service.Check(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.service.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	r.t.Cleanup(func() { _ = r.stop() })
}

func (r *running) produce(records ...*kgo.Record) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// wait waits until that many records were committed.
func (r *running) wait(records int) {
	r.t.Helper()
	d := demo{registry: r.service.registry}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if in, err := d.sum(telemetry.RecordsIn, nil); err == nil && int(in) >= records {
			return
		}
	}
	r.t.Fatalf("%d records were not committed in a minute; the log:\n%s", records, r.log.String())
}

// read gives what a read_committed reader sees of a topic.
func (r *running) read(topic string) []*kgo.Record {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for {
		ctx, cancel := context.WithTimeout(r.t.Context(), 500*time.Millisecond)
		got := client.PollFetches(ctx).Records()
		cancel()
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
	}
}

// metrics gives what Prometheus would scrape.
func (r *running) metrics() string {
	r.t.Helper()
	families, err := r.service.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			r.t.Fatal(err)
		}
	}
	return text.String()
}

// coincidences are labeled values that are also words of ours or of the platforms, and what they are there.
var coincidences = map[string]string{
	"127.0.0.1":   "the address that the test's service listens on",
	"rudderstack": "the name of the source, and of the client library that sent the event",
	"anonymousId": "a name of a field",
	"client_id":   "a name of a field",
	"rudderlabs":  "the maker of a client library",
	"3333333333":  "digits of an aspect ratio",
}

// TestServiceShowsNothing runs the whole service over all real events of the four platforms, whole and cut off, and looks
// for their labeled values in everything that leaves the process: records, keys, headers, log at debug level, metrics, quarantine.
func TestServiceShowsNothing(t *testing.T) {
	events := corpusEvents(t)
	r := start(t, platformsOfTheDemo...)
	var records []*kgo.Record
	personalValues := map[string]string{}
	for i := range events {
		e := &events[i]
		for _, v := range e.values {
			if len(v.value) >= 8 {
				personalValues[v.value] = v.class
			}
		}
		topic := "social.raw." + e.platform
		key := []byte("kanarienvogel")
		headers := []kgo.RecordHeader{{Key: "kanarienvogel", Value: []byte("1")}, {Key: "user", Value: []byte("kanarienvogel")}}
		records = append(records, &kgo.Record{Topic: topic, Key: key, Value: e.payload, Headers: headers},
			&kgo.Record{Topic: topic, Key: key, Value: e.payload[:len(e.payload)*2/3], Headers: headers})
	}
	personalValues["kanarienvogel"] = "canary"
	r.produce(records...)
	r.wait(len(records))
	if err := r.stop(); err != nil {
		t.Fatalf("%v; the log:\n%s", err, r.log.String())
	}
	places := map[string]string{"log": r.log.String(), "metrics": r.metrics()}
	clean, held := r.read("social.clean.analytics"), r.read("nymstream.quarantine")
	for name, topic := range map[string][]*kgo.Record{"outputs": clean, "quarantine": held} {
		var all strings.Builder
		for _, rec := range topic {
			fmt.Fprintf(&all, "%s\n%s\n", rec.Key, rec.Value)
			for _, h := range rec.Headers {
				fmt.Fprintf(&all, "%s %s\n", h.Key, h.Value)
			}
		}
		places[name] = all.String()
	}
	for where, text := range places {
		if len(text) < 500 {
			t.Errorf("%s has %d bytes: nothing to look through", where, len(text))
		}
		for value, class := range personalValues {
			if coincidences[value] == "" && strings.Contains(text, value) {
				t.Errorf("%s holds a value of class %s", where, class)
			}
		}
	}
	t.Logf("%d records in, %d forwarded, %d quarantine records, %d distinct values looked for in %d bytes", len(records), len(clean), len(held),
		len(personalValues), len(places["log"])+len(places["metrics"])+len(places["outputs"])+len(places["quarantine"]))
	if len(clean) < 1200 || len(held) < 1600 {
		t.Errorf("%d forwarded, %d quarantined: too few to show anything", len(clean), len(held))
	}
}
