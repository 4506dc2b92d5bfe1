// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
)

// said is a whole history, kept as it came. It answers questions slowly and from the definitions alone: what a Standing, which
// keeps little, is held against.
type said []Signal

// allowance is an allow in force from at until expires (0: for ever) or the next one.
type allowance struct{ at, expires int64 }

// of gives the allows of a kind and purpose in the order of time, one for each time, and the newest deny. Consents to every purpose
// are consents to each.
func (h said) of(kind Kind, purpose string) (allows []allowance, denied int64) {
	ends := map[int64]int64{}
	for _, s := range h {
		everyPurpose := s.Purpose == "" && (kind == Consent || kind == Parental || kind == ParentalThirdParty)
		if s.Kind != kind || s.Purpose != purpose && !everyPurpose {
			continue
		}
		if s.Verdict == Deny {
			denied = max(denied, s.At)
			continue
		}
		end, again := ends[s.At]
		if !again || end == 0 || s.Expires != 0 && s.Expires < end {
			end = s.Expires
		}
		ends[s.At] = end
	}
	for at, end := range ends {
		allows = append(allows, allowance{at, end})
	}
	slices.SortFunc(allows, func(a, b allowance) int { return cmp.Compare(a.at, b.at) })
	return allows, denied
}

// chain walks back from the newest allow for as long as each reached the next, and none was denied.
func chain(allows []allowance, denied int64) (since int64) {
	for i := len(allows) - 1; i >= 0 && allows[i].at > denied; i-- {
		if since != 0 && allows[i].expires != 0 && allows[i].expires < allows[i+1].at {
			break
		}
		since = allows[i].at
	}
	return since
}

func (h said) refused(kind Kind, purpose string, now int64) bool {
	allows, denied := h.of(kind, purpose)
	if denied == 0 || len(allows) == 0 {
		return denied != 0
	}
	last := allows[len(allows)-1]
	return last.at <= denied || last.expires != 0 && last.expires <= now
}

func (h said) granted(kind Kind, q *Question) bool {
	allows, denied := h.of(kind, q.Purpose.String())
	if len(allows) == 0 {
		return false
	}
	last := allows[len(allows)-1]
	return last.at > denied && (last.expires == 0 || last.expires > q.Now) && chain(allows, denied) <= q.EventTime
}

func (h said) may(q *Question) bool {
	purpose := q.Purpose.String()
	for _, s := range h {
		if s.Kind == Restriction && h.refused(Restriction, s.Purpose, q.Now) {
			return false
		}
	}
	if h.refused(Erasure, "", q.Now) || h.refused(Objection, purpose, q.Now) || h.refused(Objection, "", q.Now) {
		return false
	}
	if q.Sale && h.refused(Sale, "", q.Now) || q.Sharing && h.refused(Sharing, "", q.Now) || q.Sensitive && h.refused(Sensitive, "", q.Now) {
		return false
	}
	if q.Minors != AllowMinors && h.child(q) {
		if q.Minors == WithholdMinors || !h.granted(Parental, q) || q.ThirdParty && !h.granted(ParentalThirdParty, q) {
			return false
		}
	}
	return q.Basis != "consent" || h.granted(Consent, q)
}

func (h said) child(q *Question) bool {
	allows, denied := h.of(Age, "")
	if h.refused(Age, "", q.Now) {
		return true
	}
	adult := len(allows) > 0 && allows[len(allows)-1].at > denied
	if adult && allows[len(allows)-1].expires != 0 && allows[len(allows)-1].expires <= q.Now {
		adult = false
	}
	return !adult && !q.UnknownAgeIsAdult
}

var purposes = []string{"ads", "research", ""}

// drawSignal keeps times and words few, so that signals meet.
func drawSignal(t *rapid.T) Signal {
	s := Signal{
		Kind: Kind(rapid.IntRange(int(Consent), int(kinds)-1).Draw(t, "kind")), Verdict: rapid.SampledFrom([]Verdict{Deny, Allow}).Draw(t, "verdict"),
		At: rapid.Int64Range(1, 12).Draw(t, "at"), Source: rapid.SampledFrom([]string{"", "cmp", "tcf"}).Draw(t, "source"),
	}
	if rapid.IntRange(0, 2).Draw(t, "often") > 0 {
		s.Kind = Consent
	}
	if s.Kind.byPurpose() {
		s.Purpose = rapid.SampledFrom(purposes).Draw(t, "purpose")
	}
	if s.Verdict == Allow {
		s.Notice = rapid.SampledFrom([]string{"", "v1"}).Draw(t, "notice")
		if rapid.Bool().Draw(t, "ends") {
			s.Expires = rapid.Int64Range(1, 16).Draw(t, "expires")
		}
	}
	return s
}

func drawHistory(t *rapid.T) said {
	return rapid.SliceOfN(rapid.Custom(drawSignal), 0, 10).Draw(t, "history")
}

func drawQuestion(t *rapid.T) *Question {
	flag := rapid.Bool()
	return &Question{
		Purpose: PurposeOf(rapid.SampledFrom(purposes[:2]).Draw(t, "asked")), Basis: rapid.SampledFrom([]string{"consent", "contract"}).Draw(t, "basis"),
		Sale: flag.Draw(t, "sale"), Sharing: flag.Draw(t, "sharing"), ThirdParty: flag.Draw(t, "third"), Sensitive: flag.Draw(t, "sensitive"),
		Minors:            MinorRule(rapid.IntRange(0, 2).Draw(t, "minors")),
		UnknownAgeIsAdult: flag.Draw(t, "unknown"), TrustEvents: flag.Draw(t, "trust"),
		EventTime: rapid.Int64Range(0, 18).Draw(t, "event time"), Now: rapid.Int64Range(0, 18).Draw(t, "now"),
	}
}

func merged(signals ...Signal) Standing {
	s, _, _ := Standing{}.Merge(signals...)
	return s
}

func may(s Standing, q *Question) bool { return s.Ask(q) == event.None }
