// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/test/rig"
)

// A withdrawal of consent holds within five seconds, also where the instance that takes signals is killed meanwhile.
func TestRevocationHoldsWithinSeconds(t *testing.T) {
	db := newDatabase(t)
	p := newPlace(t, rig.CurrentCluster(t), "consent", db)
	people, revoked := 2000, pick(20, 60)
	p.grant(people)
	instances := map[string]*rig.Instance{"north": p.start("north", "group", "policy"), "south": p.start("south", "group", "policy")}
	l := &load{p: p}
	p.warmUp(l, people)

	window := pick(10*time.Second, 60*time.Second)
	quiet := p.withdraw(l, people, 0, revoked, window, nil)
	kill := func(ctx context.Context) error {
		name, err := db.taker(ctx, "north", "south")
		if err != nil {
			return err
		}
		t.Logf("killed %s, which took the signals", name)
		return instances[name].Kill()
	}
	var kills []act
	for i := range pick(2, 5) {
		at := window / time.Duration(pick(3, 6)) * time.Duration(i+1)
		kills = append(kills, act{at, kill})
	}
	wrecked := p.withdraw(l, people, revoked, revoked, window, kills)
	p.drained("group", 90*time.Second)
	p.closeAll(instances["north"], instances["south"])

	posts, said := p.sources(), p.said(consent.Consent, consent.Deny)
	for _, recipient := range recipients {
		outs := p.outputs(recipient)
		p.judgeOthers(recipient, outs, posts, func(person int) bool { _, is := said[person]; return !is })
		p.judgeWithdrawn(recipient+", undisturbed", outs, posts, said, quiet)
		p.judgeWithdrawn(recipient+", whoever takes signals killed", outs, posts, said, wrecked)
	}
}

// grant has everybody consent. Instances merge it before they take their first post.
func (p *place) grant(people int) {
	p.t.Helper()
	all := make([]int, people)
	for i := range all {
		all[i] = i
	}
	yes := consent.Signal{Kind: consent.Consent, Purpose: "study", Verdict: consent.Allow, At: time.Now().Add(-time.Minute).UnixMilli(), Source: "test"}
	if err := p.say(p.t.Context(), all, yes); err != nil {
		p.t.Fatal(err)
	}
}

// warmUp writes one post of everybody after their consents were merged, and waits until somebody's came out of every partition.
func (p *place) warmUp(l *load, people int) {
	p.t.Helper()
	began := time.Now()
	for person := range people {
		l.send(p.t.Context(), person, int32(person%partitions))
	}
	l.flush(p.t.Context())
	p.drained("group", 2*time.Minute)
	p.t.Logf("%d people came through after %v", people, time.Since(began).Round(100*time.Millisecond))
}

// withdraw has people withdraw at random moments of the window under load: half of it is theirs, so that there is always a post on its
// way. It gives who they were.
func (p *place) withdraw(l *load, people, first, n int, window time.Duration, kills []act) (who []int) {
	p.t.Helper()
	at := p.moments(n, 2*time.Second, window)
	for i, k := range kills { // some withdraw while it is being killed
		for j := range 3 {
			at[(3*i+j)%n] = k.at + time.Duration(p.random.IntN(2000)-500)*time.Millisecond
		}
	}
	slices.Sort(at)
	var acts []act
	for i := range n {
		person := first + i
		who = append(who, person)
		acts = append(acts, act{at[i], func(ctx context.Context) error {
			return p.say(ctx, []int{person}, consent.Signal{Kind: consent.Consent, Purpose: "study", Verdict: consent.Deny, At: time.Now().UnixMilli(), Source: "test"})
		}})
	}
	calm := []act{{window + promise + 3*time.Second, func(context.Context) error { return nil }}}
	l.during(1000, func() int {
		if l.next%2 == 0 {
			return first + int(l.next/2)%n
		}
		return 2*n + int(l.next/2)%(people-2*n)
	}, func(ctx context.Context) { p.perform(ctx, acts, kills, calm) })
	return who
}

// judgeWithdrawn wants nothing of people whose post came, or left, later than the promise after their withdrawal.
func (p *place) judgeWithdrawn(name string, outs []output, posts []source, said map[int]time.Time, who []int) {
	p.t.Helper()
	var lastCommit, lastPost []time.Duration
	before, leaked, late := 0, 0, 0
	commits, post := map[int]time.Duration{}, map[int]time.Duration{}
	for _, o := range outs {
		if o.number < 0 || !slices.Contains(who, posts[o.number].person) {
			continue
		}
		s := posts[o.number]
		after, written := o.committed.Sub(said[s.person]), s.appended.Sub(said[s.person])
		if written < 0 {
			before++
		}
		if written > promise {
			leaked++
		}
		if after > promise {
			late++
		}
		commits[s.person], post[s.person] = max(commits[s.person], after), max(post[s.person], written)
	}
	for _, person := range who {
		if said[person].IsZero() {
			p.t.Errorf("%s: the withdrawal of a person is not in the topic", name)
		}
		lastCommit, lastPost = append(lastCommit, commits[person]), append(lastPost, post[person])
	}
	p.t.Logf("%s: last commit after the withdrawal: %s; last post that left was written after it: %s; %d posts of before it left",
		name, spread(lastCommit), spread(lastPost), before)
	if leaked > 0 || late > 0 {
		p.t.Errorf("%s: want nothing %v after a withdrawal; %d posts that were written later left, %d posts were committed later", name, promise, leaked, late)
	}
	if before == 0 {
		p.t.Errorf("%s: nothing left of these people even before they withdrew: the test shows nothing", name)
	}
}

// judgeOthers wants every post of the people that are asked for exactly once, and no other twice; it tells of the longest silence.
func (p *place) judgeOthers(recipient string, outs []output, posts []source, others func(person int) bool) {
	p.t.Helper()
	lost, twice, kept := 0, 0, 0
	for number, n := range tally(outs, len(posts)) {
		if n > 1 {
			twice++
		}
		if !others(posts[number].person) {
			continue
		}
		if kept++; n == 0 {
			lost++
		}
	}
	var commits []time.Time
	for _, o := range outs {
		commits = append(commits, o.committed)
	}
	slices.SortFunc(commits, time.Time.Compare)
	silence := time.Duration(0)
	for i := 1; i < len(commits); i++ {
		silence = max(silence, commits[i].Sub(commits[i-1]))
	}
	p.t.Logf("%s: %d posts, %d of others, of which %d are lost; %d twice; longest silence %v", recipient, len(posts), kept, lost, twice, silence.Round(time.Millisecond))
	if lost+twice > 0 {
		p.t.Errorf("%s: want every post of others once, %d are lost, %d came twice", recipient, lost, twice)
	}
}
