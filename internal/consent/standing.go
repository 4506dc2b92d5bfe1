// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Standing is what all signals of a person came to: a mark for each kind and purpose they spoke of. It is immutable, and the zero
// Standing is that of a person of whom nothing is known. It holds no identifier.
type Standing struct {
	marks []mark // by kind, then by purpose, that of every purpose first
}

// Empty tells whether there was never a signal.
func (s Standing) Empty() bool { return len(s.marks) == 0 }

// Merge adds signals. It is idempotent in what it grants: out of order, repeated or replayed, signals never come to more than in the
// order of their times, and the newest allow and deny of each mark are the same whatever the order. Signals of unknown kinds, allows
// without a time, and allows that name a purpose where their kind has none, count for nothing.
// Changed tells whether the Standing is another one now, tightened whether an answer to any question may have become stricter.
func (s Standing) Merge(signals ...Signal) (merged Standing, changed, tightened bool) {
	if byTime := func(a, b Signal) int { return cmp.Compare(a.At, b.At) }; !slices.IsSortedFunc(signals, byTime) {
		signals = slices.Clone(signals)
		slices.SortStableFunc(signals, byTime)
	}
	m := merger{marks: s.marks}
	for i := range signals {
		if signals[i].counts() {
			m.merge(&signals[i])
		}
	}
	return Standing{m.marks}, m.changed, m.tightened
}

// merger changes a copy of a Standing's marks.
type merger struct {
	marks              []mark
	changed, tightened bool
}

// merge brings a signal to its mark. Where purposes share one history, a mark of a purpose holds what was said of every purpose too:
// it begins as a copy of that of every purpose, and gets what comes to that.
func (m *merger) merge(s *Signal) {
	before := mark{kind: s.Kind}
	if s.Kind.byPurpose() {
		before.purpose = PurposeOf(s.Purpose)
	}
	i, found := slices.BinarySearchFunc(m.marks, before, compareMarks)
	if found {
		before = m.marks[i]
	} else if s.Kind.oneHistory() {
		if every, ok := slices.BinarySearchFunc(m.marks, mark{kind: s.Kind}, compareMarks); ok {
			purpose := before.purpose
			before = m.marks[every]
			before.purpose = purpose
		}
	}
	m.put(i, found, before, before.with(s))
	if !s.Kind.oneHistory() || before.purpose != (Purpose{}) {
		return
	}
	for i, own := range m.marks {
		if own.kind == s.Kind && own.purpose != (Purpose{}) {
			m.put(i, true, own, own.with(s))
		}
	}
}

func (m *merger) put(i int, found bool, before, after mark) {
	if after == before {
		return
	}
	if !m.changed {
		m.marks, m.changed = slices.Clone(m.marks), true
	}
	m.tightened = m.tightened || tightens(before, after)
	if found {
		m.marks[i] = after
	} else {
		m.marks = slices.Insert(m.marks, i, after)
	}
}

// AfterErasure is what outlives an erasure at a time: denies that were then in force, and that every consent is withdrawn, so that
// older ones cannot come back by replay. Requests to erase are done with.
func (s Standing) AfterErasure(at int64) Standing {
	var kept Standing
	for _, m := range s.marks {
		if m.refused(at) && m.kind != Erasure && (m.denied > at || !m.kind.oneHistory()) {
			kept.marks = append(kept.marks, mark{kind: m.kind, purpose: m.purpose, denied: m.denied, refusal: m.refusal})
		}
	}
	for _, kind := range []Kind{Consent, Parental, ParentalThirdParty} {
		kept, _, _ = kept.Merge(Signal{Kind: kind, Verdict: Deny, At: at, Source: "erasure"})
	}
	return kept
}

// Refuses tells whether a deny of the kind is in force, for whatever purpose or ground: whether there is a Hold, a Restriction.
func (s Standing) Refuses(kind Kind, now int64) bool {
	return slices.ContainsFunc(s.marks, func(m mark) bool { return m.kind == kind && m.refused(now) })
}

// Mark is what signals of one kind and purpose came to, for people to read. Times are 0 where there is none.
type Mark struct {
	Kind    Kind
	Purpose string
	Allowed int64  // the newest allow
	Since   int64  // begin of the present unbroken allow; 0: the newest word is a deny
	Expires int64  // end of the newest allow
	Denied  int64  // the newest deny
	Source  string // of the newest allow
	Notice  string // of the newest allow
	Refusal string // source of the newest deny
}

// Marks lists them by kind, then by purpose.
func (s Standing) Marks() iter.Seq[Mark] {
	return func(yield func(Mark) bool) {
		for _, m := range s.marks {
			out := Mark{
				Kind: m.kind, Purpose: m.purpose.String(), Allowed: m.allowed, Since: m.since, Expires: m.expires, Denied: m.denied,
				Source: m.source.String(), Notice: m.notice.String(), Refusal: m.refusal.String(),
			}
			if !yield(out) {
				return
			}
		}
	}
}

// counts tells whether a signal can be merged. A deny always can, if its kind is known.
func (s *Signal) counts() bool {
	if s.Kind == 0 || s.Kind >= kinds || s.Verdict > Allow {
		return false
	}
	return s.Verdict == Deny || s.At > 0 && (s.Purpose == "" || s.Kind.byPurpose())
}

// tightens tells whether a changed mark may make an answer stricter: a newer deny does, a later beginning, and an end.
func tightens(before, after mark) bool {
	if after.denied != before.denied || before.since != 0 && after.since > before.since {
		return true
	}
	return after.expires != 0 && (after.allowed != before.allowed || after.expires != before.expires)
}

func compareMarks(a, b mark) int {
	if c := cmp.Compare(a.kind, b.kind); c != 0 || a.purpose == b.purpose {
		return c
	}
	return strings.Compare(a.purpose.String(), b.purpose.String())
}

// Mentions tells whether anything was ever said of a kind.
func (s *Standing) Mentions(kind Kind) bool {
	for i := range s.marks {
		if s.marks[i].kind == kind {
			return true
		}
	}
	return false
}
