// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/test/rig"
)

// Two instances that meet the same new people at the same moment make one secret of each: everybody has one pseudonym, whoever forwarded
// the post.
func TestTwoInstancesOneSecret(t *testing.T) {
	db := newDatabase(t)
	p := newPlace(t, rig.CurrentCluster(t), "legitimate-interest", db)
	const people = 5000
	instances := []*rig.Instance{p.start("north", "group", "policy"), p.start("south", "group", "policy")}
	p.until("a group of two", time.Minute, func() bool {
		groups, err := p.admin.DescribeGroups(t.Context(), p.topic("group"))
		g := groups[p.topic("group")]
		return err == nil && g.State == "Stable" && len(g.Members) == 2
	})
	l := &load{p: p}
	for person := range people {
		for partition := range int32(partitions) {
			l.send(t.Context(), person, partition)
		}
	}
	l.flush(t.Context())
	p.drained("group", 90*time.Second)
	producers := p.producers("group", "north", "south")
	p.closeAll(instances...)

	posts := p.sources()
	for _, r := range recipients {
		outs := p.outputs(r)
		p.judgeOthers(r, outs, posts, func(int) bool { return true })
		met := map[int]map[string]time.Time{} // when each instance forwarded somebody first
		for _, o := range outs {
			person, by := posts[o.number].person, producers[o.producer]
			if by == "" {
				t.Fatalf("%s: a record is of a producer that is none of the instances'", r)
			}
			if met[person] == nil {
				met[person] = map[string]time.Time{}
			}
			if first, seen := met[person][by]; !seen || o.appended.Before(first) {
				met[person][by] = o.appended
			}
		}
		both, together := 0, 0
		for _, by := range met {
			if len(by) < 2 {
				continue
			}
			both++
			if by["north"].Sub(by["south"]).Abs() < time.Second {
				together++
			}
		}
		several := 0
		pseudonyms := pseudonymsOf(outs, posts, accountOf)
		owner := map[string]int{}
		for person, all := range pseudonyms {
			if len(all) != 1 {
				several++
			}
			owner[all[0]] = person
		}
		t.Logf("%s: %d people, %d were met by both instances, %d of them by both within a second; %d have several pseudonyms", r, len(pseudonyms), both, together, several)
		if len(pseudonyms) != people || len(owner) != people || several > 0 {
			t.Errorf("%s: want %d people with one pseudonym each; got %d people, %d with several, %d pseudonyms", r, people, len(pseudonyms), several, len(owner))
		}
		if together == 0 {
			t.Errorf("%s: the instances met nobody at the same time: the test shows nothing", r)
		}
	}
	if n := db.people(); n != 2*people {
		t.Errorf("want a row of each of %d accounts and handles, got %d", people, n)
	}
}

// producers gives the instance of each producer id of a group.
func (p *place) producers(group string, instances ...string) map[int64]string {
	p.t.Helper()
	listed, err := p.admin.ListTransactions(context.Background(), nil, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	all := map[int64]string{}
	for _, l := range listed {
		for _, name := range instances {
			if strings.HasPrefix(l.TxnID, p.topic(group)+"-"+name+"-") {
				all[l.ProducerID] = name
			}
		}
	}
	return all
}
