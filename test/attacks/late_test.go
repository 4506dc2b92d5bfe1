// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// asking gives three recipients with purposes of their own.
var asking = policyOf(adults, []string{insight, "ads: {basis: consent, description: Test}", "upkeep: {basis: contract, description: Test}"}, map[string]string{
	"insights": "role: processor\npurpose: insight\nclasses: {account: pseudonym}",
	"adverts":  "role: processor\npurpose: ads\nclasses: {account: pseudonym}",
	"upkeeps":  "role: processor\npurpose: upkeep\nclasses: {account: pseudonym}",
})

var asked = []string{"insights", "adverts", "upkeeps"}

// forwarded tells who gets an event of a time, as a process that has just started decides.
func (h *house) forwarded(id string, at int64) map[string]bool {
	h.t.Helper()
	h.directory.DropAll()
	r := payload(`{"by":%s}`, id)
	r.Time = at
	o := h.decide(h.pipeline, r)
	got := map[string]bool{}
	for _, s := range o.sent {
		got[s.recipient] = true
	}
	return got
}

// A revocation at 10 and a grant at 5 that comes late: revoked, for directories that knew them before and for those that start afterwards,
// however often both are repeated, in whatever order they come.
func TestLateGrantStaysRevoked(t *testing.T) {
	at := func(n int64) int64 { return start.UnixMilli() - 1000 + n }
	grant, revoke := signal(consent.Consent, "insight", consent.Allow, at(5)), signal(consent.Consent, "insight", consent.Deny, at(10))
	same := signal(consent.Consent, "insight", consent.Allow, at(10))
	every := signal(consent.Consent, "", consent.Allow, at(7))
	for name, c := range map[string]struct {
		said []consent.Signal
		want bool
	}{
		"granted":                        {[]consent.Signal{grant}, true},
		"in order":                       {[]consent.Signal{grant, revoke}, false},
		"late":                           {[]consent.Signal{revoke, grant}, false},
		"late, to every purpose":         {[]consent.Signal{revoke, every}, false},
		"replayed":                       {[]consent.Signal{grant, revoke, grant, revoke, grant}, false},
		"at once":                        {[]consent.Signal{revoke, same}, false},
		"at once, the other way round":   {[]consent.Signal{same, revoke}, false},
		"at once, replayed":              {[]consent.Signal{same, revoke, same, same}, false},
		"revoked for all":                {[]consent.Signal{signal(consent.Consent, "", consent.Deny, at(10)), grant}, false},
		"granted again":                  {[]consent.Signal{revoke, grant, signal(consent.Consent, "insight", consent.Allow, at(11))}, true},
		"objected, and a late allow":     {[]consent.Signal{same, signal(consent.Objection, "", consent.Deny, at(10)), signal(consent.Objection, "", consent.Allow, at(9))}, false},
		"restricted, and a late lifting": {[]consent.Signal{same, signal(consent.Restriction, "court", consent.Deny, at(10)), signal(consent.Restriction, "court", consent.Allow, at(10))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, split := range []bool{true, false} {
				h := newHouse(t, keysInMemory(t, asked...), asking)
				h.forwarded("1", start.UnixMilli()) // everybody knows that nothing was said
				if split {
					for _, s := range c.said {
						h.say(policy.Account, "1", s)
						h.forwarded("1", start.UnixMilli())
					}
				} else {
					h.say(policy.Account, "1", c.said...)
				}
				warm := len(h.decide(h.pipeline, payload(`{"by":1}`)).sent) > 0 && h.forwarded("1", start.UnixMilli())["insights"]
				h.directory = h.another()
				if cold := h.forwarded("1", start.UnixMilli())["insights"]; cold != c.want || warm != c.want {
					t.Errorf("forwarded %v, and by a directory that starts afterwards %v, want %v", warm, cold, c.want)
				}
			}
		})
	}
}

// A year of somebody's signals, in order, is what counts. Shuffled, doubled, in parts, and replayed whole, they never come to more.
func TestReplayOfAYear(t *testing.T) {
	keys := keysInMemory(t, asked...)
	random := rand.New(rand.NewPCG(5, 6))
	runs := 60
	if testing.Short() {
		runs = 10
	}
	passed := 0
	for run := range runs {
		year := yearOfSignals(random)
		ordered := newHouse(t, keys, asking)
		tell(t, ordered, year)
		disordered := newHouse(t, keys, asking)
		mixed := slices.Concat(year, year[:len(year)/3])
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		tell(t, disordered, mixed)
		replayed := newHouse(t, keys, asking)
		tell(t, replayed, slices.Concat(year, year[len(year)/2:], year))
		for range 40 {
			at := start.UnixMilli() - random.Int64N(366)*dayMs
			want := ordered.forwarded("1", at)
			passed += len(want)
			for how, h := range map[string]*house{"disordered": disordered, "replayed": replayed} {
				for recipient := range h.forwarded("1", at) {
					if !want[recipient] {
						t.Errorf("run %d, %s: %s gets an event of %d days ago", run, how, recipient, (start.UnixMilli()-at)/dayMs)
					}
				}
			}
			oracle := inForce(year, at)
			for recipient := range want {
				if !oracle[recipient] {
					t.Errorf("run %d: %s gets an event of %d days ago that nobody may have", run, recipient, (start.UnixMilli()-at)/dayMs)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if passed < runs {
		t.Errorf("only %d events passed: this shows nothing", passed)
	}
}

const dayMs = 24 * 60 * 60 * 1000

// yearOfSignals gives what somebody said in a year, in the order of its times. Many come at one instant.
func yearOfSignals(random *rand.Rand) (all []consent.Signal) {
	for range 30 {
		s := signal([]consent.Kind{consent.Consent, consent.Consent, consent.Consent, consent.Objection, consent.Restriction}[random.IntN(5)],
			[]string{"", "insight", "ads", "upkeep"}[random.IntN(4)], consent.Verdict(random.IntN(2)), start.UnixMilli()-random.Int64N(60)*6*dayMs-1)
		if s.Kind != consent.Consent && random.IntN(3) > 0 {
			s.Verdict = consent.Allow // else nothing would ever pass
		}
		s.ID = fmt.Sprint(random.Uint64())
		all = append(all, s)
	}
	if random.IntN(4) == 0 {
		all = append(all, signal(consent.Erasure, "", consent.Deny, start.UnixMilli()-random.Int64N(360)*dayMs-1))
	}
	slices.SortStableFunc(all, func(a, b consent.Signal) int { return int(min(1, max(-1, a.At-b.At))) })
	return all
}

// tell says signals one by one, and erases where they come to that.
func tell(t *testing.T, h *house, all []consent.Signal) {
	t.Helper()
	for i := range all {
		a, err := h.directory.Apply(t.Context(), h.key(policy.Account, "1"), all[i])
		must(t, err)
		if a.Erase {
			_, err := h.directory.Erase(t.Context(), a.Key, a.ErasedAs)
			must(t, err)
		}
		if i%5 == 0 {
			h.forwarded("1", start.UnixMilli())
		}
	}
}

// inForce is the rule, in few words: the newest word counts, at one instant the no, and a yes counts for what came after it.
func inForce(said []consent.Signal, at int64) map[string]bool {
	out := map[string]bool{}
	purposes := map[string]string{"insights": "insight", "adverts": "ads", "upkeeps": "upkeep"}
	for recipient, purpose := range purposes {
		ok := true
		marks := map[string][2]int64{} // newest no, newest yes
		yes := int64(0)                // the first after the newest no
		for _, s := range said {
			if s.Kind == consent.Erasure {
				ok = ok && at > s.At
				continue
			}
			if s.Purpose != "" && s.Purpose != purpose && s.Kind != consent.Restriction {
				continue
			}
			ground := fmt.Sprint(s.Kind)
			if s.Kind != consent.Consent {
				ground += s.Purpose
			}
			m := marks[ground]
			m[s.Verdict] = max(m[s.Verdict], s.At)
			marks[ground] = m
		}
		consents := fmt.Sprint(consent.Consent)
		for _, s := range said {
			if s.Kind == consent.Consent && s.Verdict == consent.Allow && (s.Purpose == "" || s.Purpose == purpose) && s.At > marks[consents][consent.Deny] && (yes == 0 || s.At < yes) {
				yes = s.At
			}
		}
		for ground, m := range marks {
			ok = ok && (ground == consents || m[consent.Deny] == 0 || m[consent.Allow] > m[consent.Deny])
		}
		out[recipient] = ok && (purpose == "upkeep" || yes != 0 && yes <= at)
	}
	return out
}

// What a directory remembers of somebody whose row changed at another process goes when that is announced, and not before it is loaded anew.
func TestEvictedDirectoriesForgetGrants(t *testing.T) {
	h := newHouse(t, keysInMemory(t, asked...), asking)
	h.say(policy.Account, "1", oldGrant(""))
	if len(h.decide(h.pipeline, payload(`{"by":1}`)).sent) != 3 {
		t.Fatal("nothing is forwarded to begin with")
	}
	_, err := h.another().Apply(t.Context(), h.key(policy.Account, "1"), signal(consent.Consent, "", consent.Deny, start.UnixMilli()-10))
	must(t, err)
	h.directory.Evict([]subject.Key{h.key(policy.Account, "1")})
	o := h.decide(h.pipeline, payload(`{"by":1}`))
	if len(o.sent) != 1 || o.withheld[place("adverts", 0)] != event.Withdrawn {
		t.Errorf("%d records are forwarded after the withdrawal", len(o.sent))
	}
}
