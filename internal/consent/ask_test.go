// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
)

func said1(kind Kind, verdict Verdict, purpose string) Signal {
	return Signal{Kind: kind, Verdict: verdict, Purpose: purpose, At: 5}
}

// TestAsk asks of one standing what a strict recipient does, changed by each case: all of them are at time 20.
func TestAsk(t *testing.T) {
	adult, yes := said1(Age, Allow, ""), said1(Consent, Allow, "ads")
	minor, parents := said1(Age, Deny, ""), said1(Parental, Allow, "ads")
	withParents := func(q *Question) { q.Minors = WithParentalConsent }
	tests := []struct {
		name    string
		signals []Signal
		change  func(*Question)
		want    event.Reason
	}{
		{"a grown-up who consented", []Signal{adult, yes}, nil, event.None},
		{"a purpose that is none", []Signal{adult, said1(Consent, Allow, "")}, func(q *Question) { q.Purpose = Purpose{} }, event.NoConsent},

		{"another basis", []Signal{adult}, func(q *Question) { q.Basis = "legitimate-interest" }, event.None},
		{"another basis, consent denied", []Signal{adult, said1(Consent, Deny, "ads")}, func(q *Question) { q.Basis = "contract" }, event.None},
		{"an unknown basis", []Signal{adult}, func(q *Question) { q.Basis = "because" }, event.NoConsent},
		{"no basis", []Signal{adult}, func(q *Question) { q.Basis = "" }, event.NoConsent},

		{"restricted", []Signal{adult, yes, said1(Restriction, Deny, "")}, nil, event.Restricted},
		{"restricted on a ground", []Signal{adult, yes, said1(Restriction, Deny, "x:suspend")}, nil, event.Restricted},
		{"restricted on another ground than was lifted", []Signal{adult, yes, said1(Restriction, Deny, "x:suspend"), {Kind: Restriction, Verdict: Allow, Purpose: "x:protect", At: 9}}, nil, event.Restricted},
		{"restricted on a ground, lifted without", []Signal{adult, yes, said1(Restriction, Deny, "x:suspend"), {Kind: Restriction, Verdict: Allow, At: 9}}, nil, event.Restricted},
		{"no longer restricted", []Signal{adult, yes, said1(Restriction, Deny, "x:suspend"), {Kind: Restriction, Verdict: Allow, Purpose: "x:suspend", At: 9}}, nil, event.None},
		{"restricted, whatever the basis", []Signal{adult, said1(Restriction, Deny, "")}, func(q *Question) { q.Basis = "legal-obligation" }, event.Restricted},

		{"objected", []Signal{adult, yes, said1(Objection, Deny, "ads")}, nil, event.Objected},
		{"objected to all", []Signal{adult, yes, said1(Objection, Deny, "")}, nil, event.Objected},
		{"objected to another purpose", []Signal{adult, yes, said1(Objection, Deny, "research")}, nil, event.None},
		{"objected to all, lifted for one", []Signal{adult, yes, said1(Objection, Deny, ""), {Kind: Objection, Verdict: Allow, Purpose: "ads", At: 9}}, nil, event.Objected},
		{"objected, whatever the basis", []Signal{adult, said1(Objection, Deny, "ads")}, func(q *Question) { q.Basis = "legitimate-interest" }, event.Objected},
		{"objected, lifted for a time", []Signal{adult, yes, said1(Objection, Deny, "ads"), {Kind: Objection, Verdict: Allow, Purpose: "ads", At: 9, Expires: 19}}, nil, event.Objected},

		{"unknown age", []Signal{yes}, nil, event.Minor},
		{"unknown age that is an adult's", []Signal{yes}, func(q *Question) { q.UnknownAgeIsAdult = true }, event.None},
		{"a minor where the unknown are adults", []Signal{yes, minor}, func(q *Question) { q.UnknownAgeIsAdult = true }, event.Minor},
		{"a minor", []Signal{yes, minor}, nil, event.Minor},
		{"a minor who grew up", []Signal{yes, minor, {Kind: Age, Verdict: Allow, At: 9}}, nil, event.None},
		{"a minor, allowed", []Signal{yes, minor}, func(q *Question) { q.Minors = AllowMinors }, event.None},
		{"an unknown rule", []Signal{yes, minor}, func(q *Question) { q.Minors = 9 }, event.Minor},
		{"a minor whose parents were not asked", []Signal{yes, minor}, withParents, event.Minor},
		{"a minor whose parents consent", []Signal{yes, minor, parents}, withParents, event.None},
		{"unknown age, parents consent", []Signal{yes, parents}, withParents, event.None},
		{"parents consent, the rule withholds", []Signal{yes, minor, parents}, nil, event.Minor},
		{"parents consented after the event", []Signal{yes, minor, parents}, func(q *Question) { q.Minors, q.EventTime = WithParentalConsent, 4 }, event.Minor},
		{"parents consent for another purpose", []Signal{yes, minor, said1(Parental, Allow, "research")}, withParents, event.Minor},
		{"parents consent, not for third parties", []Signal{yes, minor, parents}, func(q *Question) { q.Minors, q.ThirdParty = WithParentalConsent, true }, event.Minor},
		{"parents consent for third parties too", []Signal{yes, minor, parents, said1(ParentalThirdParty, Allow, "ads")}, func(q *Question) { q.Minors, q.ThirdParty = WithParentalConsent, true }, event.None},
		{"parents consent for third parties only", []Signal{yes, minor, said1(ParentalThirdParty, Allow, "ads")}, func(q *Question) { q.Minors, q.ThirdParty = WithParentalConsent, true }, event.Minor},
		{"a minor, on another basis", []Signal{minor}, func(q *Question) { q.Basis = "contract" }, event.Minor},

		{"opted out of sale", []Signal{adult, yes, said1(Sale, Deny, "")}, func(q *Question) { q.Sale = true }, event.OptedOut},
		{"opted out of sale, not sold", []Signal{adult, yes, said1(Sale, Deny, "")}, func(q *Question) { q.Sharing, q.Sensitive, q.ThirdParty = true, true, true }, event.None},
		{"opted in again", []Signal{adult, yes, said1(Sale, Deny, ""), {Kind: Sale, Verdict: Allow, At: 9}}, func(q *Question) { q.Sale = true }, event.None},
		{"opted in for a purpose, which sale does not have", []Signal{adult, yes, said1(Sale, Deny, ""), {Kind: Sale, Verdict: Allow, Purpose: "ads", At: 9}}, func(q *Question) { q.Sale = true }, event.OptedOut},
		{"opted out for a purpose, which sale does not have", []Signal{adult, yes, said1(Sale, Deny, "research")}, func(q *Question) { q.Sale = true }, event.OptedOut},
		{"opted out of sharing", []Signal{adult, yes, said1(Sharing, Deny, "")}, func(q *Question) { q.Sharing = true }, event.OptedOut},
		{"limited", []Signal{adult, yes, said1(Sensitive, Deny, "")}, func(q *Question) { q.Sensitive = true }, event.LimitedUse},
		{"limited, nothing sensitive", []Signal{adult, yes, said1(Sensitive, Deny, "")}, func(q *Question) { q.Sale, q.Sharing = true, true }, event.None},
		{"a hold keeps, it does not stop", []Signal{adult, yes, said1(Hold, Deny, "")}, nil, event.None},
		{"to be erased, and held", []Signal{adult, yes, said1(Hold, Deny, ""), said1(Erasure, Deny, "")}, nil, event.Erased},

		{"reasons in order: restricted first", []Signal{minor, said1(Restriction, Deny, ""), said1(Objection, Deny, ""), said1(Sale, Deny, "")}, func(q *Question) { q.Sale = true }, event.Restricted},
		{"reasons in order: then objected", []Signal{minor, said1(Objection, Deny, ""), said1(Sale, Deny, "")}, func(q *Question) { q.Sale = true }, event.Objected},
		{"reasons in order: then minor", []Signal{minor, said1(Sale, Deny, "")}, func(q *Question) { q.Sale = true }, event.Minor},
		{"reasons in order: then opted out", []Signal{adult, said1(Sale, Deny, ""), said1(Sensitive, Deny, "")}, func(q *Question) { q.Sale, q.Sensitive = true, true }, event.OptedOut},
		{"reasons in order: then limited", []Signal{adult, said1(Sensitive, Deny, "")}, func(q *Question) { q.Sensitive = true }, event.LimitedUse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := &Question{Purpose: PurposeOf("ads"), Basis: "consent", EventTime: 20, Now: 20}
			if test.change != nil {
				test.change(q)
			}
			s := merged(test.signals...)
			if got := s.Ask(q); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}

func TestAskWith(t *testing.T) {
	adult := said1(Age, Allow, "")
	trust := func(q *Question) { q.TrustEvents = true }
	yes := said1(Consent, Allow, "ads")
	tests := []struct {
		name    string
		signals []Signal
		told    []Signal
		change  func(*Question)
		want    event.Reason
	}{
		{"nothing told", []Signal{adult, yes}, nil, nil, event.None},
		{"a consent that is not trusted", []Signal{adult}, []Signal{yes}, nil, event.NoConsent},
		{"a consent", []Signal{adult}, []Signal{yes}, trust, event.None},
		{"a consent to all", []Signal{adult}, []Signal{said1(Consent, Allow, "")}, trust, event.None},
		{"a consent to another purpose", []Signal{adult}, []Signal{said1(Consent, Allow, "research")}, trust, event.NoConsent},
		{"a consent that has ended", []Signal{adult}, []Signal{{Kind: Consent, Verdict: Allow, Purpose: "ads", At: 5, Expires: 20}}, trust, event.NoConsent},
		{"a consent, denied before the event", []Signal{adult, {Kind: Consent, At: 9}}, []Signal{yes}, trust, event.None},
		{"a consent, denied with the event", []Signal{adult, {Kind: Consent, At: 15}}, []Signal{yes}, trust, event.Withdrawn},
		{"a consent, denied since", []Signal{adult, {Kind: Consent, Purpose: "ads", At: 16}}, []Signal{yes}, trust, event.Withdrawn},
		{"a consent, denied since, granted before", []Signal{adult, yes, {Kind: Consent, Purpose: "ads", At: 16}}, []Signal{yes}, trust, event.Withdrawn},
		{"a consent in an event of the future, denied now", []Signal{adult, {Kind: Consent, At: 20}}, []Signal{yes}, func(q *Question) { q.TrustEvents, q.EventTime = true, 99 }, event.Withdrawn},
		{"a consent in an event without a time", []Signal{adult}, []Signal{yes}, func(q *Question) { q.TrustEvents, q.EventTime = true, 0 }, event.NoConsent},
		{"a consent where the standing's has ended", []Signal{adult, {Kind: Consent, Verdict: Allow, At: 5, Expires: 9}}, []Signal{yes}, trust, event.None},
		{"a consent and a denial", []Signal{adult}, []Signal{yes, said1(Consent, Deny, "")}, trust, event.Withdrawn},
		{"a denial where the standing grants", []Signal{adult, {Kind: Consent, Verdict: Allow, At: 10}}, []Signal{said1(Consent, Deny, "ads")}, nil, event.Withdrawn},
		{"a denial of another purpose", []Signal{adult, yes}, []Signal{said1(Consent, Deny, "research")}, nil, event.None},
		{"a denial on another basis", []Signal{adult}, []Signal{said1(Consent, Deny, "ads")}, func(q *Question) { q.Basis = "contract" }, event.None},
		{"a minor", []Signal{adult, yes}, []Signal{said1(Age, Deny, "")}, nil, event.Minor},
		{"an adult", []Signal{yes}, []Signal{said1(Age, Allow, "")}, trust, event.Minor},
		{"an adult whom we know for a minor", []Signal{yes, said1(Age, Deny, "")}, []Signal{said1(Age, Allow, "")}, trust, event.Minor},
		{"parents who consent", []Signal{yes}, []Signal{said1(Parental, Allow, "ads")}, func(q *Question) { q.TrustEvents, q.Minors = true, WithParentalConsent }, event.Minor},
		{"parents who deny", []Signal{yes, said1(Parental, Allow, "ads")}, []Signal{said1(Parental, Deny, "")}, func(q *Question) { q.Minors = WithParentalConsent }, event.Minor},
		{"opted out of sale", []Signal{adult, yes}, []Signal{said1(Sale, Deny, "")}, func(q *Question) { q.Sale = true }, event.OptedOut},
		{"opted out of sharing, not shared", []Signal{adult, yes}, []Signal{said1(Sharing, Deny, "")}, func(q *Question) { q.Sale = true }, event.None},
		{"opted in", []Signal{adult, yes, said1(Sale, Deny, "")}, []Signal{{Kind: Sale, Verdict: Allow, At: 19}}, func(q *Question) { q.Sale, q.TrustEvents = true, true }, event.OptedOut},
		{"limited", []Signal{adult, yes}, []Signal{said1(Sensitive, Deny, "")}, func(q *Question) { q.Sensitive = true }, event.LimitedUse},
		{"objected", []Signal{adult, yes}, []Signal{said1(Objection, Deny, "ads")}, nil, event.Objected},
		{"objected to another purpose", []Signal{adult, yes}, []Signal{said1(Objection, Deny, "research")}, nil, event.None},
		{"restricted", []Signal{adult, yes}, []Signal{said1(Restriction, Deny, "x:protect")}, nil, event.Restricted},
		{"to be erased", []Signal{adult, yes}, []Signal{said1(Erasure, Deny, "")}, nil, event.Erased},
		{"a hold", []Signal{adult, yes}, []Signal{said1(Hold, Deny, "")}, nil, event.None},
		{"unknown kinds", []Signal{adult, yes}, []Signal{{Kind: 0}, {Kind: kinds}, {Kind: 255}}, nil, event.None},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := &Question{Purpose: PurposeOf("ads"), Basis: "consent", EventTime: 15, Now: 20}
			if test.change != nil {
				test.change(q)
			}
			s := merged(test.signals...)
			if got := s.AskWith(q, test.told); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}

// TestAskWithTightens: unless events are trusted, what they tell never adds to what may be had; trusted, it adds consent only.
func TestAskWithTightens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, told, q := merged(drawHistory(t)...), drawHistory(t), drawQuestion(t)
		if s.AskWith(q, told) != event.None || may(s, q) {
			return
		}
		withoutAsking := *q
		withoutAsking.Basis = "contract"
		if !q.TrustEvents || !may(s, &withoutAsking) {
			t.Fatalf("%v became none by %+v", s.Ask(q), told)
		}
	})
}

func TestParseMinorRule(t *testing.T) {
	for word, want := range map[string]MinorRule{"withhold": WithholdMinors, "with-parental-consent": WithParentalConsent, "allow": AllowMinors} {
		if got, ok := ParseMinorRule(word); !ok || got != want {
			t.Errorf("%s: want %v, got %v", word, want, got)
		}
	}
	if got, ok := ParseMinorRule("Allow"); ok || got != WithholdMinors {
		t.Errorf("an unknown word: got %v, %v", got, ok)
	}
}

func TestAskDoesNotAllocate(t *testing.T) {
	s, q, told := typical(), asked(), []Signal{said1(Sale, Deny, ""), said1(Consent, Allow, "ads")}
	if n := testing.AllocsPerRun(100, func() { s.AskWith(q, told) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// typical is a person with six marks, asked for a consent among them.
func typical() Standing {
	return merged(
		Signal{Kind: Age, Verdict: Allow, At: 1700000000000, Source: "cmp:onetrust"},
		Signal{Kind: Consent, Purpose: "ads", Verdict: Allow, At: 1700000000000, Expires: 1900000000000, Source: "cmp:onetrust", Notice: "2026-01"},
		Signal{Kind: Consent, Purpose: "analytics", Verdict: Allow, At: 1700000000000, Expires: 1900000000000, Source: "cmp:onetrust", Notice: "2026-01"},
		Signal{Kind: Consent, Purpose: "research", At: 1700000000000, Source: "cmp:onetrust"},
		Signal{Kind: Sale, At: 1700000000000, Source: "gpc"},
		Signal{Kind: Sharing, At: 1700000000000, Source: "gpc"},
	)
}

func asked() *Question {
	return &Question{Purpose: PurposeOf("ads"), Basis: "consent", EventTime: 1800000000000, Now: 1800000000000}
}

func BenchmarkAsk(b *testing.B) {
	for name, s := range map[string]Standing{"marks=0": {}, "marks=6": typical()} {
		b.Run(name, func(b *testing.B) {
			q := asked()
			q.Minors = AllowMinors
			b.ReportAllocs()
			for b.Loop() {
				s.Ask(q)
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	s := typical()
	b.ReportAllocs()
	for b.Loop() {
		s.Merge(Signal{Kind: Consent, Purpose: "ads", At: 1800000000000, Source: "cmp:onetrust"})
	}
}
