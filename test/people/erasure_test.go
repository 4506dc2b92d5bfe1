// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/test/rig"
)

// Whoever is erased stays erased: for the stream within five seconds, for replays, and for a thief of the database's files once the
// store epoch is destroyed; although instances and the database are killed meanwhile. Nobody else notices.
func TestErasureHolds(t *testing.T) {
	db := newDatabase(t)
	p := newPlace(t, rig.CurrentCluster(t), "legitimate-interest", db)
	people, erased := pick(5000, 100_000), pick(50, 1000)
	instances := []*rig.Instance{p.start("north", "group", "policy"), p.start("south", "group", "policy")}
	l := &load{p: p}
	p.createAll(l, people)
	earlier, handles := map[string]map[int][]string{}, map[string]map[int][]string{}
	posts := p.sources()
	for _, r := range recipients {
		outs := p.outputs(r)
		earlier[r], handles[r] = pseudonymsOf(outs, posts, accountOf), pseudonymsOf(outs, posts, handleOf)
	}
	chest := openChest(p, db, people)
	chest.remember(erased)
	chest.awaitLinks(erased)

	p.eraseUnderLoad(l, db, instances, people, erased, pick(26*time.Second, 100*time.Second))
	p.drained("group", 2*time.Minute)
	done := p.acknowledged(chest)
	p.awaitDeletions(erased, earlier, handles)
	p.closeAll(instances...)

	posts = p.sources()
	said := p.said(consent.Erasure, consent.Deny)
	var took []time.Duration
	for person := range erased {
		if done[person].IsZero() {
			t.Errorf("the ledger lacks one of %d who were to be erased", erased)
			continue
		}
		if at, signaled := said[person]; signaled {
			took = append(took, done[person].Sub(at))
		}
	}
	t.Logf("from a signal to its entry in the ledger: %s; %d commands had to be repeated", spread(took), p.again.Load())
	gone := func(person int) bool { return person < erased }
	for _, r := range recipients {
		outs := p.outputs(r)
		p.judgeOthers(r, outs, posts, func(person int) bool { return !gone(person) })
		p.judgeErased(r, outs, posts, done, said)
		p.judgeDeletions(r, outs, posts, done)
		p.judgePseudonyms(r, earlier[r], pseudonymsOf(outs, posts, accountOf), erased)
		p.judgePseudonyms(r+", handles", handles[r], pseudonymsOf(outs, posts, handleOf), 0)
	}
	p.replay(l, posts, earlier, erased)
	chest.judgeTombstones(erased)
	chest.judgeThief(db)
}

// createAll writes a post of everybody and waits until all are decided.
func (p *place) createAll(l *load, people int) {
	p.t.Helper()
	began := time.Now()
	for person := range people {
		l.send(p.t.Context(), person, int32(person%partitions))
	}
	l.flush(p.t.Context())
	p.drained("group", 4*time.Minute)
	p.t.Logf("%d people were created within %v", people, time.Since(began).Round(100*time.Millisecond))
}

// eraseUnderLoad has the first people erased at random moments, a fifth of them by signals and the others by commands, while instances and
// the database are killed in turn.
func (p *place) eraseUnderLoad(l *load, db *database, instances []*rig.Instance, people, erased int, window time.Duration) {
	p.t.Helper()
	at := p.moments(erased/5, time.Second, window)
	slices.Sort(at)
	var signals []act
	for person, at := range at {
		signals = append(signals, act{at, func(ctx context.Context) error {
			return p.say(ctx, []int{person}, consent.Signal{Kind: consent.Erasure, Verdict: consent.Deny, At: time.Now().UnixMilli(), Source: "test"})
		}})
	}
	lanes := make([][]act, 4) // commands at one time
	size := pick(5, 20)
	for n, first := 0, len(at); first < erased; n, first = n+1, first+size {
		who := [2]int{first, min(first+size, erased)}
		moment := time.Second + time.Duration(float64(window-time.Second)*float64(first-len(at))/float64(erased-len(at)))
		lanes[n%len(lanes)] = append(lanes[n%len(lanes)], act{moment, func(ctx context.Context) error {
			return p.erase(ctx, instances[n%len(instances)].Name, who[0], who[1])
		}})
	}
	var kills []act
	for i, share := range []float64{0.1, 0.45, 0.85} {
		victim := instances[i%len(instances)]
		kills = append(kills, act{time.Duration(share * float64(window)), func(context.Context) error {
			p.t.Logf("killed %s", victim.Name)
			return victim.Kill()
		}})
	}
	var crashes []act
	for _, share := range []float64{0.25, 0.6} {
		crashes = append(crashes, act{time.Duration(share * float64(window)), func(ctx context.Context) error {
			if err := db.Kill(); err != nil {
				return err
			}
			began := time.Now()
			err := db.Start(context.WithoutCancel(ctx))
			p.t.Logf("killed PostgreSQL; it served again after %v", time.Since(began).Round(100*time.Millisecond))
			return err
		}})
	}
	calm := []act{{window + promise + 5*time.Second, func(context.Context) error { return nil }}}
	l.during(1000, func() int {
		if l.next%2 == 0 {
			return int(l.next/2) % erased
		}
		return erased + int(l.next/2)%(people-erased)
	}, func(ctx context.Context) {
		p.perform(ctx, slices.Concat(lanes, [][]act{signals, kills, crashes, calm})...)
	})
}

// erase sends the command to an instance, again until it succeeds: the instance, or the database, may be away.
func (p *place) erase(ctx context.Context, instance string, first, end int) error {
	var who bytes.Buffer
	for person := first; person < end; person++ {
		fmt.Fprintf(&who, `{"instance":"mastodon","type":"account","id":%q}`+"\n", accountID(person))
	}
	certificate := filepath.Join(p.dir, fmt.Sprintf("certificate-%d.json", first))
	var said []byte
	for range 60 {
		cmd := exec.CommandContext(ctx, executable(p.t), "subject", "erase", "-c", p.configFile(instance, "group"), "--token", filepath.Join(p.dir, "token"),
			"-i", "-", "--reason", "test", "--yes", "--no-wait", "--certificate", certificate)
		cmd.Stdin = bytes.NewReader(who.Bytes())
		var err error
		if said, err = cmd.CombinedOutput(); err == nil || ctx.Err() != nil {
			return nil
		}
		p.again.Add(1)
		time.Sleep(500 * time.Millisecond)
	}
	return fmt.Errorf("subject erase does not succeed: %s", said)
}

// acknowledged reads when the ledger had each person first.
func (p *place) acknowledged(c *chest) map[int]time.Time {
	p.t.Helper()
	persons := map[subject.Key]int{}
	for person, s := range c.remembered {
		persons[s.key] = person
	}
	all := map[int]time.Time{}
	err := p.read("ledger", func(r *kgo.Record, _ time.Time) error {
		if person, ours := persons[subject.Key(r.Key)]; ours && all[person].IsZero() {
			all[person] = r.Timestamp
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// awaitDeletions waits until every recipient was told of every erased person's pseudonyms; judgeDeletions tells which are missing.
func (p *place) awaitDeletions(erased int, known ...map[string]map[int][]string) {
	p.t.Helper()
	began := time.Now()
	for _, r := range recipients {
		for end := began.Add(time.Minute); !p.toldOfAll(r, erased, known) && time.Now().Before(end); {
			time.Sleep(time.Second)
		}
	}
	p.t.Logf("deletion events were waited for %v after the load", time.Since(began).Round(100*time.Millisecond))
}

func (p *place) toldOfAll(recipient string, erased int, known []map[string]map[int][]string) bool {
	told := deletions(p.outputs(recipient))
	for person := range erased {
		for _, of := range known {
			if slices.ContainsFunc(of[recipient][person], func(pseudonym string) bool { return len(told[pseudonym]) == 0 }) {
				return false
			}
		}
	}
	return true
}

// deletions gives when the events about each pseudonym were appended.
func deletions(outs []output) map[string][]time.Time {
	all := map[string][]time.Time{}
	for _, o := range outs {
		if o.number < 0 {
			all[o.pseudonym] = append(all[o.pseudonym], o.appended)
		}
	}
	return all
}

// judgeErased wants nothing of the erased later than the promise after the ledger had it, under whatever pseudonym.
func (p *place) judgeErased(recipient string, outs []output, posts []source, done, said map[int]time.Time) {
	p.t.Helper()
	late, written := 0, 0
	last, sinceSaid := map[int]time.Duration{}, map[int]time.Duration{}
	for _, o := range outs {
		if o.number < 0 || done[posts[o.number].person].IsZero() {
			continue
		}
		s := posts[o.number]
		if o.committed.Sub(done[s.person]) > promise {
			late++
		}
		if s.appended.Sub(done[s.person]) > promise {
			written++
		}
		last[s.person] = max(last[s.person], o.committed.Sub(done[s.person]))
		if at, signaled := said[s.person]; signaled {
			sinceSaid[s.person] = max(sinceSaid[s.person], o.committed.Sub(at))
		}
	}
	p.t.Logf("%s: last commit of an erased person after the ledger had it: %s; after the signal: %s", recipient,
		spread(slices.Collect(maps.Values(last))), spread(slices.Collect(maps.Values(sinceSaid))))
	if late+written > 0 {
		p.t.Errorf("%s: want nothing of erased people %v after their erasure, %d posts were committed later, %d of them or others were written later",
			recipient, promise, late, written)
	}
	if len(last) != len(done) {
		p.t.Errorf("%s: nothing ever left of %d of the erased people: the test shows nothing of them", recipient, len(done)-len(last))
	}
}

// judgeDeletions wants a deletion event for each pseudonym of the erased, after the erasure and after the last record that bears it, and
// none for anybody else.
func (p *place) judgeDeletions(recipient string, outs []output, posts []source, done map[int]time.Time) {
	p.t.Helper()
	told := deletions(outs)
	early, behind, others, events := 0, 0, 0, 0
	missing := map[string]int{} // by identity type
	for _, of := range []func(*output) string{accountOf, handleOf} {
		for person, pseudonyms := range pseudonymsOf(outs, posts, of) {
			for _, pseudonym := range pseudonyms {
				switch {
				case done[person].IsZero():
					others += len(told[pseudonym])
				case len(told[pseudonym]) == 0:
					missing[pseudonym[:3]]++
				case slices.MinFunc(told[pseudonym], time.Time.Compare).Before(done[person]):
					early++
				}
			}
		}
	}
	for _, times := range told {
		events += len(times)
	}
	for _, o := range outs {
		for _, pseudonym := range []string{o.pseudonym, o.handle} {
			if times := told[pseudonym]; o.number >= 0 && len(times) > 0 && o.committed.After(slices.MinFunc(times, time.Time.Compare)) {
				behind++
			}
		}
	}
	p.t.Logf("%s: %d deletion events of %d pseudonyms", recipient, events, len(told))
	if early+behind+others+len(missing) > 0 {
		p.t.Errorf("%s: deletion events: pseudonyms of the erased that have none, by type: %v; %d have one from before the erasure, %d are of others; %d records came after their pseudonym's",
			recipient, missing, early, others, behind)
	}
}

// judgePseudonyms wants one pseudonym for each person, before and after, and none for two.
func (p *place) judgePseudonyms(recipient string, before, after map[int][]string, erased int) {
	p.t.Helper()
	changed, shared := 0, 0
	owner := map[string]int{}
	for person, pseudonyms := range after {
		if len(pseudonyms) != 1 || len(before[person]) != 1 || before[person][0] != pseudonyms[0] {
			changed++
		}
		for _, pseudonym := range pseudonyms {
			if other, known := owner[pseudonym]; known && other != person {
				shared++
			}
			owner[pseudonym] = person
		}
	}
	p.t.Logf("%s: %d people have the pseudonym they had, %d another or several; %d pseudonyms are of two", recipient, len(after)-changed, changed, shared)
	if changed+shared > 0 || len(after) < len(before) || len(before) < erased {
		p.t.Errorf("%s: pseudonyms before and after differ", recipient)
	}
}

// replay has another group decide everything again, into topics of its own: nothing of the erased, everything of the others as it was.
func (p *place) replay(l *load, posts []source, earlier map[string]map[int][]string, erased int) {
	p.t.Helper()
	p.writePolicy("again", "legitimate-interest", p.prefix+".again")
	began := time.Now()
	again := p.start("again", "backfill", "again")
	p.drained("backfill", 4*time.Minute)
	p.closeAll(again)
	p.t.Logf("%d posts were replayed within %v", l.next, time.Since(began).Round(100*time.Millisecond))
	for _, r := range recipients {
		outs := p.outputs("again." + r)
		leaked := 0
		for _, o := range outs {
			if o.number < 0 || posts[o.number].person < erased {
				leaked++
			}
		}
		if leaked > 0 {
			p.t.Errorf("again.%s: %d records of the erased were replayed, want none", r, leaked)
		}
		p.judgeOthers("again."+r, outs, posts, func(person int) bool { return person >= erased })
		others := maps.Clone(earlier[r])
		maps.DeleteFunc(others, func(person int, _ []string) bool { return person < erased })
		p.judgePseudonyms("again."+r, others, pseudonymsOf(outs, posts, accountOf), 0)
	}
}
