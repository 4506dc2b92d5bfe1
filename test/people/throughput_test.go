// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/nymstream/nymstream/test/rig"
)

// mark is how much of the stateless throughput is to be left with a store and consents. It is told, not asserted.
const mark = 0.85

// speed is what one run over all posts came to.
type speed struct {
	perSecond float64
	perPost   time.Duration // of the process's CPU time, while it consumed
}

// What it costs to keep people in the embedded store and to ask each for their consent, beside secrets that are derived and nobody asked:
// Kafka to Kafka over the same posts, in turn.
func TestThroughputWithStore(t *testing.T) {
	p := newPlace(t, rig.CurrentCluster(t), "consent", nil)
	people, posts, rounds := 5000, pick(100_000, 300_000), pick(2, 4)
	p.grant(people)
	l := &load{p: p}
	for range posts {
		person := int(l.next*7919) % people
		l.send(t.Context(), person, int32(person%partitions))
	}
	l.flush(t.Context())
	embedded := p.store
	p.measure("first", embedded, "", l.next) // merges the consents and creates everybody

	var with, without []speed
	for round := range rounds {
		a := p.measure(fmt.Sprint("without-", round), "kind: none", "assume_consent: true\n", l.next)
		b := p.measure(fmt.Sprint("with-", round), embedded, "", l.next)
		without, with = append(without, a), append(with, b)
		t.Logf("round %d: without a store %.0f events/s, %v of CPU each; embedded store and consent %.0f events/s, %v of CPU each",
			round+1, a.perSecond, a.perPost, b.perSecond, b.perPost)
	}
	var a, b speed
	for i := range rounds {
		a.perSecond, a.perPost = a.perSecond+without[i].perSecond/float64(rounds), a.perPost+without[i].perPost/time.Duration(rounds)
		b.perSecond, b.perPost = b.perSecond+with[i].perSecond/float64(rounds), b.perPost+with[i].perPost/time.Duration(rounds)
	}
	t.Logf("%d posts of %d people, %d recipients, %d rounds: %.0f events/s without, %.0f with: ratio %.2f (mark %.2f); %.2f and %.2f CPU-s per million posts: ratio %.2f",
		l.next, people, len(recipients), rounds, a.perSecond, b.perSecond, b.perSecond/a.perSecond, mark,
		a.perPost.Seconds()*1e6, b.perPost.Seconds()*1e6, float64(a.perPost)/float64(b.perPost))
	for _, r := range recipients {
		ends, err := p.admin.ListEndOffsets(t.Context(), p.topic(r))
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
		if want := int64(2*rounds+1) * l.next; total < want {
			t.Errorf("%s: want at least %d records, each run forwards all posts; got %d", r, want, total)
		}
	}
}

// measure runs one instance over all posts, from its first commit to its last.
func (p *place) measure(group, store, more string, posts int64) (s speed) {
	p.t.Helper()
	p.store = store
	log, err := os.Create(filepath.Join(p.dir, group+".log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(executable(p.t), "run", "-c", p.config("solo", group, "policy", more))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(25*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := <-ended; err != nil {
			p.t.Logf("%s ended: %v", group, err)
		}
		if p.t.Failed() {
			rig.ShowLog(p.t, log.Name())
		}
	}()
	var began time.Time
	var before time.Duration
	first := int64(0)
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			p.t.Fatalf("the instance ended by itself: %v", err)
		default:
		}
		done := p.consumed(group)
		switch {
		case began.IsZero() && done > 0:
			began, before, first = time.Now(), cpuOf(cmd.Process.Pid), done
		case done >= posts:
			counted := max(1, posts-first)
			return speed{float64(counted) / time.Since(began).Seconds(), (cpuOf(cmd.Process.Pid) - before) / time.Duration(counted)}
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: %d of %d posts were consumed after 3 minutes", group, done, posts)
		}
	}
}

// consumed counts the posts a group has committed.
func (p *place) consumed(group string) (n int64) {
	at, err := p.admin.FetchOffsets(context.Background(), p.topic(group))
	if err != nil {
		return 0
	}
	at.Each(func(o kadm.OffsetResponse) {
		if o.Topic == p.topic("raw") {
			n += max(o.At, 0)
		}
	})
	return n
}

// cpuOf gives what a process has used, by /proc in hundredths of a second; 0 where there is none.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	var user, system int64
	if fields := strings.Fields(rest); len(fields) > 12 {
		_, _ = fmt.Sscan(fields[11], &user)
		_, _ = fmt.Sscan(fields[12], &system)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
