// SPDX-License-Identifier: Apache-2.0

package consent

import "github.com/nymstream/nymstream/internal/event"

// MinorRule is what a recipient may have of minors. The zero rule is the strictest.
type MinorRule uint8

const (
	WithholdMinors MinorRule = iota
	WithParentalConsent
	AllowMinors
)

// ParseMinorRule reads a policy's `minors:`.
func ParseMinorRule(word string) (rule MinorRule, ok bool) {
	switch word {
	case "withhold":
		return WithholdMinors, true
	case "with-parental-consent":
		return WithParentalConsent, true
	case "allow":
		return AllowMinors, true
	}
	return WithholdMinors, false
}

// Question is what a recipient asks of a person for one event. Times are milliseconds since the Unix epoch.
type Question struct {
	Purpose           Purpose
	Basis             string // a policy's legal basis; "consent", and any that is not one of GDPR Art. 6, needs a consent
	Sale              bool   // the recipient buys
	Sharing           bool   // it is given for cross-context advertising
	ThirdParty        bool   // the recipient is neither the controller nor its processor
	Sensitive         bool   // the event has sensitive data
	Minors            MinorRule
	UnknownAgeIsAdult bool // else it counts as a minor's
	TrustEvents       bool // a consent told inside the event counts
	EventTime         int64
	Now               int64
}

// Ask gives event.None when the recipient may have the event, else the first reason against it: Erased (that was asked for, and a
// legal hold may still keep the data), Restricted, Objected, Minor, OptedOut, LimitedUse, then NoConsent, Withdrawn or Expired.
// It does not allocate.
//
// A consent must be granted now and must have begun by the event's time; consent to the purpose and consent to every purpose are one
// history. Of objections, that to the purpose and that to every purpose each count; of restrictions, any ground. An allow that has
// ended brings back the deny before it.
func (s *Standing) Ask(q *Question) event.Reason { return s.AskWith(q, nil) }

// AskWith is Ask for an event that itself tells signals, which hold for this event only. What they deny counts, whenever it was
// said. Of what they allow only consent counts, if the question trusts events, nothing else in the event denies it, and the person
// has not denied it since the event's time.
func (s *Standing) AskWith(q *Question, told []Signal) event.Reason {
	var h hearing
	for i := range s.marks {
		h.hear(&s.marks[i], q)
	}
	for i := range told {
		h.hearTold(&told[i], q)
	}
	return h.reason(q)
}

// hearing is what is known of a person as far as one question needs it.
type hearing struct {
	restricted, objected, optedOut, limited, erased bool
	minor, adult                                    bool
	grants                                          [ParentalThirdParty + 1]grant
}

func (h *hearing) hear(m *mark, q *Question) {
	switch m.kind {
	case Consent, Parental, ParentalThirdParty:
		if m.purpose == q.Purpose || m.purpose == (Purpose{}) {
			h.grants[m.kind].mark = m // that of the purpose comes later, and knows what was said of every purpose
		}
	case Age:
		h.minor, h.adult = m.refused(q.Now), m.granted(q.Now)
	default:
		if m.refused(q.Now) {
			h.refuse(m.kind, m.purpose == q.Purpose || m.purpose == Purpose{}, q)
		}
	}
}

func (h *hearing) hearTold(s *Signal, q *Question) {
	concerns := s.Purpose == "" || s.Purpose == q.Purpose.String()
	switch {
	case s.Verdict != Allow && s.Kind >= Consent && s.Kind <= ParentalThirdParty:
		h.grants[s.Kind].toldNo = h.grants[s.Kind].toldNo || concerns
	case s.Verdict != Allow && s.Kind == Age:
		h.minor = true
	case s.Verdict != Allow:
		h.refuse(s.Kind, concerns, q)
	case s.Kind == Consent && q.TrustEvents && concerns && !ended(s.Expires, q.Now):
		h.grants[Consent].toldYes = true
	}
}

// refuse takes down a deny in force. Concerns tells whether it is about the question's purpose.
func (h *hearing) refuse(kind Kind, concerns bool, q *Question) {
	switch kind {
	case Sale:
		h.optedOut = h.optedOut || q.Sale
	case Sharing:
		h.optedOut = h.optedOut || q.Sharing
	case Sensitive:
		h.limited = h.limited || q.Sensitive
	case Objection:
		h.objected = h.objected || concerns
	case Restriction:
		h.restricted = true
	case Erasure:
		h.erased = true
	}
}

func (h *hearing) reason(q *Question) event.Reason {
	switch {
	case h.erased:
		return event.Erased
	case h.restricted:
		return event.Restricted
	case h.objected:
		return event.Objected
	case h.tooYoung(q):
		return event.Minor
	case h.optedOut:
		return event.OptedOut
	case h.limited:
		return event.LimitedUse
	case q.Purpose == Purpose{}:
		return event.NoConsent
	case withoutConsent(q.Basis):
		return event.None
	}
	return h.grants[Consent].ask(q)
}

// tooYoung applies the recipient's rule on minors. Parents may consent to its having the data, and apart from that to third parties
// (16 CFR 312.5(a)(2)).
func (h *hearing) tooYoung(q *Question) bool {
	if minor := h.minor || !h.adult && !q.UnknownAgeIsAdult; !minor || q.Minors == AllowMinors {
		return false
	}
	if q.Minors != WithParentalConsent || h.grants[Parental].ask(q) != event.None {
		return true
	}
	return q.ThirdParty && h.grants[ParentalThirdParty].ask(q) != event.None
}

// withoutConsent tells whether a legal basis is one of GDPR Art. 6(1)(b) to (f).
func withoutConsent(basis string) bool {
	switch basis {
	case "contract", "legal-obligation", "vital-interest", "public-task", "legitimate-interest":
		return true
	}
	return false
}

// grant is what is known of one kind of consent.
type grant struct {
	mark            *mark // nil: nothing was said
	toldNo, toldYes bool  // inside the event
}

// unknown is what is said of somebody of whom nothing was said.
var unknown mark

func (g *grant) ask(q *Question) event.Reason {
	m := g.mark
	if m == nil {
		m = &unknown
	}
	switch {
	case g.toldNo:
		return event.Withdrawn
	case g.toldYes && m.denied < min(q.EventTime, q.Now):
		return event.None
	case m.allowed == 0 && m.denied == 0:
		return event.NoConsent
	case m.allowed <= m.denied:
		return event.Withdrawn
	case ended(m.expires, q.Now):
		return event.Expired
	case m.since > q.EventTime:
		return event.NoConsent
	}
	return event.None
}
