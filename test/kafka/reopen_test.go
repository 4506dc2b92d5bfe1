// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/test/rig"
)

// crowd is a policy of six recipients who get large records. The first of them is named by the caller: another one moves the others.
func (p *place) crowd(n int, first string) string {
	text, block, _ := strings.Cut(p.policyText(n, "raw"), "  analytics:\n")
	block, _, _ = strings.Cut(block, "  partner:\n")
	block = strings.Replace(block, "    paths:\n      posts:\n", "    paths:\n      posts:\n        $.content: {keep: {max: 100000}, clear: A test}\n", 1)
	for _, name := range append([]string{first}, "c", "d", "e", "f") {
		text += "  " + name + ":\n" + strings.ReplaceAll(block, ".analytics\n", "."+name+"\n")
	}
	return text
}

// A policy that comes while the stream is about to be opened anew for the one before takes its place, and no recipient ever gets
// what was made for another.
func TestPolicyComesWhileTheStreamReopens(t *testing.T) {
	p := newPlace(t, "")
	ps := newPlans(p)
	p.setup.Policy = p.crowd(0, "b")
	ps.learn(0, p.setup.Policy)
	p.create(8, "raw")
	p.create(1, "a", "b", "c", "d", "e", "f", "quarantine")
	p.keys()
	var records []*kgo.Record
	text := make([]byte, 10_000)
	for n := range 3000 { // more than one transaction holds: a worker has records in hand when it has committed
		r := post("raw", n)
		_, _ = rand.Read(text)
		r.Value = []byte(strings.Replace(string(r.Value), "Hello", hex.EncodeToString(text), 1))
		records = append(records, r)
	}
	p.produce("raw", records...)

	pauses, waiting := t.TempDir(), make(chan *rig.Held, 1)
	go func() {
		defer close(waiting)
		if held, err := rig.Hold(t.Context(), pauses, "one", rig.InTransaction); err == nil {
			waiting <- held
		}
	}()
	one, log := p.begin("workers: 4\npolicy_watch: 0s\n", rig.PauseVariable+"="+pauses)
	held := <-waiting
	if held == nil {
		t.Fatal("no transaction was held")
	}
	for n := 1; n <= 2; n++ { // the first has another topic, the second the same topics as the first
		text := p.crowd(n, "a")
		hash, since := ps.learn(n, text), log.now()
		p.hangUp(one, text)
		log.await(since, takenOver, func(l line) bool { return l.Message == takenOver && l.Plan == hash })
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	p.drained("raw")
	p.produce("raw", post("raw", len(records)))
	p.drained("raw")

	wrong, last := map[string]int{}, -1
	for recipient, known := range ps.number {
		for _, r := range p.read(recipient) {
			n, ok := known[header(r, "nym-plan")]
			if !ok {
				for other, hashes := range ps.number {
					if by, of := hashes[header(r, "nym-plan")]; of {
						wrong[fmt.Sprintf("what plan %d made for %s lies in the topic of %s", by, other, recipient)]++
					}
				}
			}
			if strings.Contains(string(r.Value), fmt.Sprintf(`"number":%d,`, len(records))) {
				last = n
			}
		}
	}
	for what, times := range wrong {
		t.Errorf("%d times: %s", times, what)
	}
	if last != 2 {
		t.Errorf("the log said that policy 2 was taken over; policy %d was at work afterwards", last)
	}
}

// What is written into the file while the policy before is still being read is taken over at the next look.
func TestFileChangesWhileThePolicyIsRead(t *testing.T) {
	p := newPlace(t, "")
	large := func(n int) string { // its pack takes some tenths of a second to compile
		return strings.NewReplacer("./posts.yaml", "mastodon@1", "$.number", "$.favourites_count").Replace(p.policyText(n, "raw"))
	}
	p.setup.Policy = large(0)
	p.create(1, "raw", "analytics", "partner", "quarantine")
	p.keys()
	one, log := p.begin("policy_watch: 1s\n")
	ps := newPlans(p)
	for n := 1; n <= 7; n += 2 {
		hash, since := ps.learn(n+1, large(n+1)), log.now()
		p.hangUp(one, large(n))
		time.Sleep(time.Duration(50*n) * time.Millisecond) // some of these moments fall between the reading and the taking over
		p.replacePolicy(large(n + 1))
		log.await(since, fmt.Sprintf("policy %d was taken over", n+1), func(l line) bool { return l.Message == takenOver && l.Plan == hash })
	}
}
