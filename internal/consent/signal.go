// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"fmt"
	"io"
)

// Kind is what a signal is about.
type Kind uint8

const (
	Consent            Kind = iota + 1 // to a purpose
	Parental                           // a parent's consent to a purpose
	ParentalThirdParty                 // a parent's consent to third parties having it (16 CFR 312.5)
	Age                                // allow: of age; deny: a minor
	Sale                               // deny: opted out of sale (Cal. Civ. Code 1798.120)
	Sharing                            // deny: opted out of sharing for cross-context advertising
	Sensitive                          // deny: use of sensitive data is limited (1798.121)
	Objection                          // deny: the person objects to a purpose, or to all (GDPR Art. 21)
	Restriction                        // deny: processing is restricted (GDPR Art. 18)
	Hold                               // deny: a legal hold forbids erasing
	Erasure                            // deny: erase the person

	kinds
)

// Verdict is the direction of a signal. Deny always protects the person more, except for Hold, which keeps their data.
type Verdict uint8

const (
	Deny Verdict = iota
	Allow
)

// Signal is one thing a person, a parent, a platform or an officer said. Times are milliseconds since the Unix epoch.
type Signal struct {
	ID      string // of the sender's making, for the audit log; "" is allowed
	Kind    Kind
	Purpose string // of Consent, Parental, ParentalThirdParty and Objection: "" means every purpose; of Restriction: its ground
	Verdict Verdict
	At      int64  // since when it holds
	Expires int64  // when an Allow ends; 0: never
	Source  string // who says so: "cmp:onetrust", "tcf", "x-compliance", "officer"
	Notice  string // version of the notice that was shown
}

// Subject names a person as the sender knows them: clear, so it stands in the signals topic and nowhere else.
type Subject struct {
	Instance string `json:"instance,omitempty"` // platform instance, as the policy's source names it; "" for identifiers without one
	Type     string `json:"type"`               // account, handle, email, phone, device, cookie …: a class of the packs that has a person
	ID       string `json:"id"`
}

// A Subject is clear personal data: printing one, by whatever verb, prints only its type.
func (s Subject) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Type+" [clear]") }

// byPurpose tells whether signals of the kind are about one purpose or ground.
func (k Kind) byPurpose() bool {
	switch k {
	case Consent, Parental, ParentalThirdParty, Objection, Restriction:
		return true
	}
	return false
}

// oneHistory tells whether what is said of one purpose and of every purpose is one history, whose newest word counts. Of the other
// kinds the stricter counts.
func (k Kind) oneHistory() bool { return k == Consent || k == Parental || k == ParentalThirdParty }
