// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
)

func allow(at int64, purpose string) Signal {
	return Signal{Kind: Consent, Purpose: purpose, Verdict: Allow, At: at}
}

func deny(at int64, purpose string) Signal { return Signal{Kind: Consent, Purpose: purpose, At: at} }

func until(s Signal, expires int64) Signal {
	s.Expires = expires
	return s
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name    string
		signals []Signal // one after the other
		event   int64
		now     int64
		want    event.Reason
	}{
		{"nobody was asked", nil, 20, 20, event.NoConsent},
		{"granted", []Signal{allow(5, "ads")}, 20, 20, event.None},
		{"granted from its time on", []Signal{allow(5, "ads")}, 5, 20, event.None},
		{"granted after the event", []Signal{allow(5, "ads")}, 4, 20, event.NoConsent},
		{"granted for another purpose", []Signal{allow(5, "research")}, 20, 20, event.NoConsent},
		{"granted for every purpose", []Signal{allow(5, "")}, 20, 20, event.None},
		{"denied", []Signal{deny(5, "ads")}, 20, 20, event.Withdrawn},
		{"revoked, then a late grant of an earlier time", []Signal{deny(10, "ads"), allow(5, "ads")}, 20, 20, event.Withdrawn},
		{"revoked, then granted anew", []Signal{allow(5, "ads"), deny(10, "ads"), allow(15, "ads")}, 20, 20, event.None},
		{"granted anew counts from then", []Signal{allow(5, "ads"), deny(10, "ads"), allow(15, "ads")}, 12, 20, event.NoConsent},
		{"a replayed revocation takes nothing back", []Signal{allow(5, "ads"), deny(10, "ads"), allow(15, "ads"), deny(10, "ads")}, 15, 20, event.None},
		{"a late revocation between two grants", []Signal{allow(5, "ads"), allow(15, "ads"), deny(10, "ads")}, 15, 20, event.None},
		{"a late revocation between two grants ends the first", []Signal{allow(5, "ads"), allow(15, "ads"), deny(10, "ads")}, 14, 20, event.NoConsent},
		{"the same time denies", []Signal{allow(5, "ads"), deny(5, "ads")}, 20, 20, event.Withdrawn},
		{"the same time denies, the other way around", []Signal{deny(5, "ads"), allow(5, "ads")}, 20, 20, event.Withdrawn},
		{"granted for all, denied for one", []Signal{allow(5, ""), deny(7, "ads")}, 20, 20, event.Withdrawn},
		{"denied for all, granted for one later", []Signal{deny(5, ""), allow(7, "ads")}, 20, 20, event.None},
		{"denied for all after it was granted for one", []Signal{allow(7, "ads"), deny(9, "")}, 20, 20, event.Withdrawn},
		{"a late grant for all", []Signal{deny(7, "ads"), allow(5, "")}, 20, 20, event.Withdrawn},
		{"not yet ended", []Signal{until(allow(5, "ads"), 21)}, 20, 20, event.None},
		{"ended", []Signal{until(allow(5, "ads"), 20)}, 20, 20, event.Expired},
		{"renewed before it ended", []Signal{until(allow(5, "ads"), 10), allow(9, "ads")}, 6, 20, event.None},
		{"renewed after it ended", []Signal{until(allow(5, "ads"), 10), allow(11, "ads")}, 6, 20, event.NoConsent},
		{"renewed after it ended, the wrong way around", []Signal{allow(11, "ads"), until(allow(5, "ads"), 10)}, 6, 20, event.NoConsent},
		{"the newest grant ends", []Signal{allow(5, "ads"), until(allow(9, "ads"), 12)}, 20, 20, event.Expired},
		{"the newest grant ends, that of all does not", []Signal{allow(5, ""), until(allow(9, "ads"), 12)}, 20, 20, event.Expired},
		{"for all from early on, for one later", []Signal{allow(5, ""), allow(9, "ads")}, 6, 20, event.None},
		{"for all until before the other began", []Signal{until(allow(5, ""), 7), allow(9, "ads")}, 6, 20, event.NoConsent},
		{"an allow without a time", []Signal{allow(0, "ads"), allow(-1, "ads")}, 20, 20, event.NoConsent},
		{"a deny without a time", []Signal{allow(1, "ads"), deny(-1, "ads")}, 20, 20, event.Withdrawn},
		{"an end before all time", []Signal{until(allow(5, "ads"), -1)}, 20, 20, event.Expired},
		{"unknown kinds", []Signal{{Kind: 0, Verdict: Allow, At: 5}, {Kind: kinds, At: 5}, {Kind: Consent, Verdict: 2, At: 5}}, 20, 20, event.NoConsent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s Standing
			for _, signal := range test.signals {
				s, _, _ = s.Merge(signal)
			}
			q := &Question{Purpose: PurposeOf("ads"), Basis: "consent", Minors: AllowMinors, EventTime: test.event, Now: test.now}
			if got := s.Ask(q); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}

// TestMergeInOrder: in the order of time a Standing answers as the whole history does.
func TestMergeInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		slices.SortStableFunc(h, func(a, b Signal) int { return int(a.At - b.At) })
		var s Standing
		for _, signal := range h {
			s, _, _ = s.Merge(signal)
		}
		for range 20 {
			q := drawQuestion(t)
			if got, want := may(s, q), h.may(q); got != want {
				t.Fatalf("want %v, got %v (%v) of %+v", want, got, s.Ask(q), q)
			}
		}
	})
}

// TestMergeOutOfOrder: whatever the order, the repetitions and the batches, nothing is answered more permissively than the history
// in the order of time allows, and the newest allows and denies are the same.
func TestMergeOutOfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		arrivals := slices.Clone(h)
		for range rapid.IntRange(0, 6).Draw(t, "repetitions") {
			if len(h) > 0 {
				arrivals = append(arrivals, rapid.SampledFrom(h).Draw(t, "again"))
			}
		}
		arrivals = rapid.Permutation(arrivals).Draw(t, "arrivals")
		var s Standing
		for rest := arrivals; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 3).Draw(t, "batch"))
			before := s
			s, _, _ = s.Merge(rest[:n]...)
			for _, m := range s.marks {
				if !m.sound() {
					t.Fatalf("%+v after %+v", m, before.marks)
				}
			}
			rest = rest[n:]
		}
		sameEnds(t, s, merged(h...))
		for range 30 {
			if q := drawQuestion(t); may(s, q) && !h.may(q) {
				t.Fatalf("more than in the order of time: %+v of %+v", q, s.marks)
			}
		}
	})
}

// sameEnds compares newest allows and denies, and who said so, for each purpose.
func sameEnds(t *rapid.T, got, want Standing) {
	for kind := Consent; kind < kinds; kind++ {
		for _, purpose := range purposes {
			g, w := effective(got, kind, purpose), effective(want, kind, purpose)
			g.since, g.lapsed, w.since, w.lapsed = 0, 0, 0, 0
			if g != w {
				t.Fatalf("want %+v, got %+v", w, g)
			}
		}
	}
}

// effective is the mark that counts for a purpose.
func effective(s Standing, kind Kind, purpose string) (found mark) {
	for _, m := range s.marks {
		if m.kind == kind && (m.purpose == PurposeOf(purpose) || m.purpose == (Purpose{}) && kind.oneHistory()) {
			found = m
		}
	}
	found.purpose = Purpose{}
	return found
}

// TestMergeRepeated: a replay in the order of time changes nothing, unless consents ended before they were renewed; then it may take
// away, but never give.
func TestMergeRepeated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		once := merged(h...)
		twice, changed, _ := once.Merge(h...)
		if same := slices.Equal(once.marks, twice.marks); same == changed {
			t.Fatalf("changed is %v, the same is %v", changed, same)
		}
		ends := slices.ContainsFunc(h, func(s Signal) bool { return s.Expires != 0 })
		if changed && !ends {
			t.Fatalf("%+v became %+v", once.marks, twice.marks)
		}
		for range 20 {
			if q := drawQuestion(t); may(twice, q) && !may(once, q) {
				t.Fatalf("repeating gave %+v", q)
			}
		}
	})
}

// TestMergeTells: nothing changes without changed, nothing becomes stricter without tightened, and the Standing merged into stays.
func TestMergeTells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, told := merged(drawHistory(t)...), drawHistory(t)
		kept := slices.Clone(s.marks)
		next, changed, tightened := s.Merge(drawHistory(t)...)
		if !slices.Equal(s.marks, kept) {
			t.Fatal("the old Standing changed")
		}
		if changed == slices.Equal(s.marks, next.marks) {
			t.Fatalf("changed is %v", changed)
		}
		for range 30 {
			q := drawQuestion(t)
			stricter := may(s, q) && !may(next, q) || s.AskWith(q, told) == event.None && next.AskWith(q, told) != event.None
			if stricter && !tightened {
				t.Fatalf("stricter for %+v: %+v became %+v", q, s.marks, next.marks)
			}
		}
	})
}

func TestMergeLeavesItsArgument(t *testing.T) {
	signals := []Signal{deny(10, "ads"), allow(5, "ads")}
	Standing{}.Merge(signals...)
	if signals[0] != deny(10, "ads") {
		t.Error("the signals were sorted in place")
	}
}

func TestMergeLoosens(t *testing.T) {
	s, changed, tightened := Standing{}.Merge(allow(5, "ads"))
	if !changed || tightened {
		t.Errorf("a first grant: changed %v, tightened %v", changed, tightened)
	}
	if _, changed, tightened = s.Merge(allow(5, "ads")); changed || tightened {
		t.Errorf("the same grant: changed %v, tightened %v", changed, tightened)
	}
	if _, changed, tightened = s.Merge(allow(7, "ads")); !changed || tightened {
		t.Errorf("a newer grant: changed %v, tightened %v", changed, tightened)
	}
	if _, changed, tightened = s.Merge(deny(7, "ads")); !changed || !tightened {
		t.Errorf("a revocation: changed %v, tightened %v", changed, tightened)
	}
}

func TestMarks(t *testing.T) {
	s := merged(
		Signal{Kind: Consent, Purpose: "ads", Verdict: Allow, At: 5, Expires: 90, Source: "cmp", Notice: "v2"},
		Signal{Kind: Sale, At: 3, Source: "gpc"},
		Signal{Kind: Sale, At: 3, Source: "a"},
	)
	want := []Mark{
		{Kind: Consent, Purpose: "ads", Allowed: 5, Since: 5, Expires: 90, Source: "cmp", Notice: "v2"},
		{Kind: Sale, Denied: 3, Refusal: "a"},
	}
	if got := slices.Collect(s.Marks()); !slices.Equal(got, want) {
		t.Errorf("want %+v, got %+v", want, got)
	}
	for range s.Marks() {
		break
	}
	if s.Empty() || !(Standing{}).Empty() {
		t.Error("Empty is wrong")
	}
}

func TestAfterErasure(t *testing.T) {
	s := merged(
		allow(5, "ads"), allow(5, ""), deny(6, "research"),
		Signal{Kind: Hold, At: 2}, Signal{Kind: Hold, Verdict: Allow, At: 3},
		Signal{Kind: Sale, At: 3, Source: "gpc"},
		Signal{Kind: Sharing, At: 3}, Signal{Kind: Sharing, Verdict: Allow, At: 4},
		Signal{Kind: Age, Verdict: Allow, At: 4, Source: "cmp"},
		Signal{Kind: Erasure, At: 8},
	)
	got := slices.Collect(s.AfterErasure(9).Marks())
	want := []Mark{
		{Kind: Consent, Denied: 9, Refusal: "erasure"},
		{Kind: Parental, Denied: 9, Refusal: "erasure"},
		{Kind: ParentalThirdParty, Denied: 9, Refusal: "erasure"},
		{Kind: Sale, Denied: 3, Refusal: "gpc"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("want %+v,\n got %+v", want, got)
	}
	q := &Question{Purpose: PurposeOf("ads"), Basis: "consent", Minors: AllowMinors, EventTime: 20, Now: 20}
	again, _, _ := s.AfterErasure(9).Merge(allow(5, "ads"), allow(9, ""))
	if got := again.Ask(q); got != event.Withdrawn {
		t.Errorf("replayed grants after the erasure: %v", got)
	}
	if again, _, _ = again.Merge(allow(10, "ads")); again.Ask(q) != event.None {
		t.Errorf("a new grant: %v", again.Ask(q))
	}
}

// TestAfterErasureGrantsNothing: no question is answered more permissively than before, and erasing twice is erasing once.
func TestAfterErasureGrantsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := merged(drawHistory(t)...)
		at := rapid.Int64Range(1, 14).Draw(t, "at")
		after := s.AfterErasure(at)
		if twice := after.AfterErasure(at); !slices.Equal(twice.marks, after.marks) {
			t.Fatalf("%+v became %+v", after.marks, twice.marks)
		}
		if s.Refuses(Hold, at) != after.Refuses(Hold, at) {
			t.Fatal("the hold changed")
		}
		for range 20 {
			q := drawQuestion(t)
			q.Basis, q.Now = "consent", at
			if after.Ask(q) == event.None && !slices.ContainsFunc(s.marks, func(m mark) bool { return m.kind == Consent && m.allowed > at }) {
				t.Fatalf("%+v is granted of %+v", q, after.marks)
			}
		}
	})
}
