// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// askers are recipients as the policy of the test has them.
var askers = map[string]asker{
	"insights": {purpose: "insight", consent: true, minors: "with-parental-consent"},
	"partners": {purpose: "insight", consent: true, minors: "with-parental-consent", thirdParty: true},
	"buyers":   {purpose: "sales", sale: true, minors: "withhold", thirdParty: true},
	"adverts":  {purpose: "ads", consent: true, sharing: true, minors: "allow"},
	"doctors":  {purpose: "care", sensitive: true, minors: "allow"},
}

type asker struct {
	purpose, minors                               string
	consent, sale, sharing, thirdParty, sensitive bool
}

func standingsPolicy(unknown string) string {
	recipients := map[string]string{}
	for name, a := range askers {
		role, health := "processor", ""
		if a.thirdParty {
			role = "third-party"
		}
		if a.sensitive {
			health = ", health: {keep: {max: 80}, clear: Test}"
		}
		recipients[name] = fmt.Sprintf("role: %s\npurpose: %s\nminors: %s\nclasses: {account: pseudonym, plain: keep, name: {keep: {max: 80}, clear: Test}%s}", role, a.purpose, a.minors, health)
	}
	return policyOf(unknown, []string{
		insight, "sales: {basis: legitimate-interest, sale: true, description: Test}",
		"ads: {basis: consent, sharing: true, description: Test}", "care: {basis: vital-interest, description: Test}",
	}, recipients)
}

// said is all that is known of one person. Times are seconds from the beginning of the test's hour.
type said struct {
	signals []consent.Signal
	erased  int64 // 0: never
}

const crowd = 500

var someSignal = rapid.Custom(func(t *rapid.T) consent.Signal {
	s := consent.Signal{
		Kind:    rapid.SampledFrom([]consent.Kind{consent.Consent, consent.Consent, consent.Consent, consent.Parental, consent.ParentalThirdParty, consent.Age, consent.Age, consent.Sale, consent.Sharing, consent.Sensitive, consent.Objection, consent.Restriction}).Draw(t, "kind"),
		Verdict: rapid.SampledFrom([]consent.Verdict{consent.Allow, consent.Allow, consent.Deny}).Draw(t, "verdict"),
		At:      rapid.Int64Range(1, 8).Draw(t, "at"), Source: "test",
	}
	switch s.Kind {
	case consent.Consent, consent.Parental, consent.ParentalThirdParty, consent.Objection:
		s.Purpose = rapid.SampledFrom([]string{"", "insight", "insight", "sales", "ads", "care"}).Draw(t, "purpose")
	case consent.Restriction:
		s.Purpose = rapid.SampledFrom([]string{"", "court"}).Draw(t, "ground")
	}
	return s
})

var somebody = rapid.Custom(func(t *rapid.T) said {
	who := said{signals: rapid.SliceOfN(someSignal, 0, 6).Draw(t, "signals")}
	if rapid.IntRange(0, 9).Draw(t, "erased") == 0 {
		who.erased = rapid.Int64Range(1, 8).Draw(t, "erased at")
	}
	return who
})

// newest gives the times of the newest no and yes among signals that count.
func newest(all []consent.Signal, counts func(*consent.Signal) bool) (no, yes int64) {
	for i := range all {
		switch s := &all[i]; {
		case !counts(s):
		case s.Verdict == consent.Deny:
			no = max(no, s.At)
		default:
			yes = max(yes, s.At)
		}
	}
	return no, yes
}

// may is the rule of docs/POLICY.md, "People", for one person, recipient and event, as a person would check it by hand.
func (a *asker) may(who *said, unknownIsAdult bool, at int64) bool {
	signals := who.signals
	if who.erased > 0 {
		begin := int64(0) // of the new life: the first consent after the erasure
		signals = nil
		for _, s := range who.signals {
			consenting := s.Kind == consent.Consent || s.Kind == consent.Parental || s.Kind == consent.ParentalThirdParty
			if consenting && s.At <= who.erased {
				continue // ended with the old life
			}
			signals = append(signals, s)
		}
		for _, s := range signals {
			again := s.Verdict == consent.Allow && (s.Kind == consent.Consent || s.Kind == consent.Parental)
			if again && (begin == 0 || s.At < begin) {
				begin = s.At
			}
		}
		if begin == 0 || at < begin {
			return false
		}
	}
	said := func(kind consent.Kind, purpose string) (no, yes int64) {
		return newest(signals, func(s *consent.Signal) bool { return s.Kind == kind && s.Purpose == purpose })
	}
	refused := func(kind consent.Kind, purpose string) bool {
		no, yes := said(kind, purpose)
		return no > 0 && yes <= no
	}
	granted := func(kind consent.Kind) bool {
		concerns := func(s *consent.Signal) bool { return s.Kind == kind && (s.Purpose == "" || s.Purpose == a.purpose) }
		no, _ := newest(signals, concerns)
		return slices.ContainsFunc(signals, func(s consent.Signal) bool {
			return concerns(&s) && s.Verdict == consent.Allow && s.At > no && s.At <= at
		})
	}
	no, yes := said(consent.Age, "")
	minor := no > 0 && no >= yes || no == 0 && yes == 0 && !unknownIsAdult
	switch {
	case refused(consent.Objection, ""), refused(consent.Objection, a.purpose), refused(consent.Restriction, ""), refused(consent.Restriction, "court"),
		a.sale && refused(consent.Sale, ""), a.sharing && refused(consent.Sharing, ""), a.sensitive && refused(consent.Sensitive, ""),
		a.consent && !granted(consent.Consent), minor && a.minors == "withhold":
		return false
	case minor && a.minors == "with-parental-consent":
		return granted(consent.Parental) && (!a.thirdParty || granted(consent.ParentalThirdParty))
	}
	return true
}

// told brings what is said of somebody into the store.
func (h *house) told(base int64, id string, who *said) subject.Said {
	signals := slices.Clone(who.signals)
	for i := range signals {
		signals[i].At = base + 1000*signals[i].At
	}
	return subject.Said{Key: h.key(policy.Account, id), Signals: signals}
}

// Under random standings of 500 people, those of whom a recipient gets anything are those of whom the rules say so, and nothing that
// names anybody else is in what it gets.
func TestRandomStandings(t *testing.T) {
	keys := keysInMemory(t, slices.Collect(maps.Keys(askers))...)
	forwarded, barred := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		adult := rapid.Bool().Draw(rt, "unknown is adult")
		f, b := standings(t, rt, keys, adult, rapid.SliceOfN(somebody, crowd, crowd).Draw(rt, "people"), rapid.Uint64().Draw(rt, "events"))
		forwarded, barred = forwarded+f, barred+b
	})
	if forwarded < crowd || barred < crowd {
		t.Errorf("%d pairs are forwarded and %d barred: this shows nothing", forwarded, barred)
	}
}

func standings(t *testing.T, rt *rapid.T, keys *keyring.Keyring, adult bool, people []said, seed uint64) (forwarded, barred int) {
	ages := ""
	if adult {
		ages = adults
	}
	h := newHouse(t, keys, standingsPolicy(ages))
	base := start.UnixMilli() - 3600_000
	var all []subject.Said
	for p := range people {
		all = append(all, h.told(base, fmt.Sprint(7000+p), &people[p]))
	}
	_, err := h.directory.ApplyAll(t.Context(), all)
	must(t, err)
	for p := range people {
		if people[p].erased > 0 {
			_, err := h.directory.Erase(t.Context(), all[p].Key, base+1000*people[p].erased)
			must(t, err)
		}
	}
	var batch []event.Record
	want := map[string]bool{}
	again := map[string]bool{} // pairs with somebody erased: of a later life the store may remember less that allows, never less that denies
	for n := range crowd {
		by, to, cc := n, int(seed>>7+uint64(n)*31)%crowd, int(seed>>17+uint64(n)*17)%crowd
		at := int64(n%9) + 1
		r := payload(`{"by":%d,"name":"canary-%d-","to":%d,"toname":"canary-%d-","cc":[{"id":%d,"name":"canary-%d-"},{"id":%d,"name":"canary-%d-"}],"n":%d,"ill":"canary-%d-"}`,
			7000+by, 7000+by, 7000+to, 7000+to, 7000+cc, 7000+cc, 7000+to, 7000+to, n, 7000+by)
		r.Time = base + 1000*at
		batch = append(batch, r)
		for recipient, a := range askers {
			if !a.may(&people[by], adult, at) {
				continue
			}
			for _, p := range []int{by, to, cc} {
				want[pair(recipient, n, p)] = a.may(&people[p], adult, at)
				again[pair(recipient, n, p)] = people[by].erased+people[p].erased > 0
			}
		}
	}
	o := h.decide(h.pipeline, batch...)
	got := map[string]bool{}
	for _, s := range o.sent {
		for text := s.all(); ; {
			_, rest, more := strings.Cut(text, "canary-")
			if !more {
				break
			}
			id, rest, _ := strings.Cut(rest, "-")
			var p int
			_, err := fmt.Sscan(id, &p)
			must(t, err)
			got[pair(s.recipient, int(s.of), p-7000)] = true
			text = rest
		}
		if named, canaries := strings.Count(s.value, `"acc_`), strings.Count(s.value, "canary-"); named != canaries-strings.Count(s.value, `"ill"`) {
			rt.Errorf("%s: event %d names %d people, and has the names of %d", s.recipient, s.of, named, canaries)
		}
	}
	for who := range got {
		if !want[who] {
			rt.Errorf("%s: it leaves, and may not", who)
		}
	}
	for who, may := range want {
		if may && !got[who] && !again[who] {
			rt.Errorf("%s: it may leave, and does not", who)
		}
		if may {
			forwarded++
		} else {
			barred++
		}
	}
	return forwarded, barred
}

func pair(recipient string, n, p int) string {
	return fmt.Sprintf("%s, event %d, person %d", recipient, n, p)
}
