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

func TestWave(t *testing.T) {
	db := newDatabase(t)
	p := newPlace(t, rig.CurrentCluster(t), "legitimate-interest", db)
	people, erased := 5000, 300
	i := []*rig.Instance{p.start("north", "group", "policy"), p.start("south", "group", "policy")}
	l := &load{p: p}
	p.createAll(l, people)
	chest := openChest(p, db, people)
	chest.remember(erased)
	var who []int
	for n := range erased {
		who = append(who, n)
	}
	l.during(1000, func() int { return int(l.next) % people }, func(ctx context.Context) {
		time.Sleep(5 * time.Second)
		_ = p.say(ctx, who, consent.Signal{Kind: consent.Erasure, Verdict: consent.Deny, At: time.Now().UnixMilli(), Source: "test"})
		time.Sleep(60 * time.Second)
	})
	p.drained("group", 3*time.Minute)
	p.closeAll(i...)
	done, said := p.acknowledged(chest), p.said(consent.Erasure, consent.Deny)
	var took []time.Duration
	for n, at := range done {
		took = append(took, at.Sub(said[n]))
	}
	t.Logf("signal to ledger %s", spread(took))
	outs, posts := p.outputs("analytics"), p.sources()
	p.judgeOthers("analytics", outs, posts, func(n int) bool { return n >= erased })
	var gap, last time.Time
	slices.SortFunc(outs, func(a, b output) int { return a.committed.Compare(b.committed) })
	for _, o := range outs {
		if !last.IsZero() && o.committed.Sub(last) > 2*time.Second {
			t.Logf("silence %v, beginning %v after the wave", o.committed.Sub(last), last.Sub(said[0]))
		}
		last = o.committed
	}
	_ = gap
}
