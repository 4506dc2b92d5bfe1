// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/test/rig"
)

// controlMAC stands for the keyring's.
type controlMAC []byte

func (k controlMAC) Sum(dst, msg []byte) []byte {
	m := hmac.New(sha256.New, k)
	m.Write(msg)
	return m.Sum(dst)
}

func (k controlMAC) Verify(tag, msg []byte) error {
	if !hmac.Equal(tag, k.Sum(nil, msg)) {
		return errors.New("wrong")
	}
	return nil
}

// evicted tells of what a follower drops.
type evicted struct {
	evict func(k control.Key, at time.Time)
	drop  func()
}

func (e evicted) Evict(keys []control.Key) {
	for _, k := range keys {
		e.evict(k, time.Now())
	}
}

func (e evicted) DropAll() { e.drop() }

// controlTopic makes a control topic of its own for the test.
func controlTopic(t *testing.T, c *rig.Cluster) string {
	t.Helper()
	topic := strings.ToLower(t.Name()) + time.Now().Format(".150405.000")
	if err := rig.CreateTopics(t.Context(), c.Brokers, map[string]int32{topic: 1}); err != nil {
		t.Fatal(err)
	}
	return topic
}

func newFollower(brokers []string, topic, instance string, e control.Evictions) (*control.Follower, error) {
	log, err := stream.NewLog(stream.Connection{Brokers: brokers, Timeout: 2 * time.Second}, topic)
	if err != nil {
		return nil, err
	}
	return control.New(control.Options{
		Log: log, MAC: func() control.MAC { return controlMAC("key") }, Evictions: e, Tenant: "test", Keyring: "ring", Store: "store", Instance: instance, Settle: 3 * time.Second,
	})
}

// follow runs a follower until the test ends.
func follow(t *testing.T, brokers []string, topic, instance string, e control.Evictions) *control.Follower {
	t.Helper()
	f, err := newFollower(brokers, topic, instance, e)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", instance, err)
		}
	})
	began := time.Now()
	joining, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := f.Await(joining); err != nil {
		t.Fatalf("%s does not join: %v", instance, err)
	}
	t.Logf("%s joined after %v", instance, time.Since(began).Round(time.Millisecond))
	return f
}

// TestControlReachesTheOthers: what one instance announces, another has applied within a second.
func TestControlReachesTheOthers(t *testing.T) {
	c := rig.CurrentCluster(t)
	topic := controlTopic(t, c)
	var mu sync.Mutex
	arrived := make(map[control.Key]time.Time)
	first := follow(t, c.Brokers, topic, "first", evicted{func(control.Key, time.Time) {}, func() {}})
	second := follow(t, c.Brokers, topic, "second", evicted{func(k control.Key, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		arrived[k] = at
	}, func() {}})
	const n = 200
	sent := make([]time.Time, n)
	var last int64
	for i := range n {
		sent[i] = time.Now()
		var err error
		if last, err = first.Announce(t.Context(), []control.Key{{byte(i)}}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		if err := second.Fresh(time.Now()); err != nil {
			t.Errorf("while announcements come: %v", err)
		}
	}
	began := time.Now()
	if ok, err := first.Settled(t.Context(), last); !ok || err != nil {
		t.Errorf("Settled: got %v, %v", ok, err)
	}
	t.Logf("acknowledged by both %v after the last announcement", time.Since(began).Round(time.Millisecond))
	mu.Lock()
	defer mu.Unlock()
	took := make([]time.Duration, n)
	for i := range n {
		at, ok := arrived[control.Key{byte(i)}]
		if took[i] = at.Sub(sent[i]); !ok || took[i] > time.Second {
			t.Errorf("announcement %d was applied after %v", i, took[i])
		}
	}
	slices.Sort(took)
	t.Logf("from the announcement to the other's eviction: p50 %v, p90 %v, p99 %v, max %v", took[n/2], took[n*9/10], took[n*99/100], took[n-1])
	if got := first.Instances(); len(got) != 2 || !got[0].Live || !got[1].Live {
		t.Errorf("instances: got %+v", got)
	}
}

// TestControlOfAPausedProcess stops a process and lets it go on: it is not fresh before it has applied what was announced
// meanwhile and read a beat that it sent since.
func TestControlOfAPausedProcess(t *testing.T) {
	if topic := os.Getenv("NYMSTREAM_TEST_FOLLOW"); topic != "" {
		pausedProcess(t, topic)
		return
	}
	c := rig.CurrentCluster(t)
	topic := controlTopic(t, c)
	first := follow(t, c.Brokers, topic, "first", evicted{func(control.Key, time.Time) {}, func() {}})
	child := exec.Command(os.Args[0], "-test.run=^TestControlOfAPausedProcess$", "-test.v")
	child.Env = append(os.Environ(), "NYMSTREAM_TEST_FOLLOW="+topic)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			if said, ok := strings.CutPrefix(s.Text(), "child: "); ok {
				lines <- said
			}
		}
	}()
	until := func(want string) (said []string) {
		t.Helper()
		late := time.After(20 * time.Second)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the process ended; it said %v", said)
				}
				if said = append(said, line); line == want {
					return said
				}
			case <-late:
				t.Fatalf("the process does not say %q but %v", want, said)
			}
		}
	}
	until("fresh")
	for round := range 3 {
		time.Sleep(700 * time.Millisecond)
		if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		offset, err := first.Announce(t.Context(), []control.Key{{byte(round)}}, true)
		if err != nil {
			t.Fatal(err)
		}
		announced := time.Now()
		if _, err := first.Settled(t.Context(), offset); err != nil || time.Since(announced) < 3*time.Second {
			t.Errorf("Settled while a process is paused: %v after %v, want its transactions to be over", err, time.Since(announced))
		}
		resumed := time.Now()
		if err := child.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		said := until("fresh")
		stale, applied := slices.Index(said, "stale"), slices.Index(said, fmt.Sprint("evicted ", round))
		if stale < 0 || applied < 0 || !slices.Contains(said, "dropped") {
			t.Errorf("after a pause it said %v, want that it is stale, has dropped all and evicted what was announced, and is fresh then", said)
		}
		t.Logf("fresh %v after the pause: %v", time.Since(resumed).Round(time.Millisecond), said)
	}
}

// pausedProcess is the process that is stopped: it says when it becomes fresh or stale, and what it drops.
func pausedProcess(t *testing.T, topic string) {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("child: "+format+"\n", args...)
	}
	c := rig.CurrentCluster(t)
	f, err := newFollower(c.Brokers, topic, "child", evicted{func(k control.Key, _ time.Time) { say("evicted %d", k[0]) }, func() { say("dropped") }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { _ = f.Run(ctx) }()
	was := false
	for ctx.Err() == nil {
		err := f.Fresh(time.Time{})
		if errors.Is(err, event.ErrFatal) {
			t.Fatal(err)
		}
		if is := err == nil; is != was {
			was = is
			say("%s", map[bool]string{true: "fresh", false: "stale"}[is])
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestControlOutlivesItsLeader kills the broker that leads the control topic: instances are stale for as long as no other
// leads, and fresh again by themselves.
func TestControlOutlivesItsLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three brokers")
	}
	c := rig.StartCluster(t, rig.ClusterOptions{Brokers: 3})
	topic := controlTopic(t, c)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var mu sync.Mutex
	seen := make(map[control.Key]bool)
	first := follow(t, c.Brokers, topic, "first", evicted{func(control.Key, time.Time) {}, func() {}})
	second := follow(t, c.Brokers, topic, "second", evicted{func(k control.Key, _ time.Time) {
		mu.Lock()
		defer mu.Unlock()
		seen[k] = true
	}, func() {}})
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(topics[topic].Partitions[0].Leader); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := first.Announce(limited, []control.Key{{1}}, true); err != nil {
		t.Fatalf("an announcement with the leader gone: %v", err)
	}
	t.Logf("announced %v after the kill", time.Since(killed).Round(time.Millisecond))
	for _, f := range []*control.Follower{first, second} {
		if err := f.Await(limited); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("both fresh %v after the kill", time.Since(killed).Round(time.Millisecond))
	for {
		mu.Lock()
		ok := seen[control.Key{1}]
		mu.Unlock()
		if ok {
			return
		}
		if time.Sleep(10 * time.Millisecond); limited.Err() != nil {
			t.Fatal("the announcement was not applied")
		}
	}
}
