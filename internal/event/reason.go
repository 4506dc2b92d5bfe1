// SPDX-License-Identifier: Apache-2.0

package event

// Reason says why a record was withheld or quarantined. The set is closed: reasons are metric labels.
type Reason uint8

const (
	None Reason = iota

	// Withheld: the record is well-formed and this recipient may not have it.
	UnknownType // no event of the pack matches
	NoSubject   // nobody whose consent could be asked
	NoConsent   // no valid consent for the recipient's purpose
	NotSelected // the recipient's from: or only: does not name this event
	EpochEnded  // older than the last epoch that still serves late records
	Tombstone   // a null value the recipient's key cannot carry
	Withdrawn   // the newest word on the purpose is a no
	Expired     // the consent has ended
	Objected    // the person objects to the purpose
	Restricted  // processing of the person's data is restricted
	Minor       // the recipient may not have it of minors, or of those whose age is unknown
	OptedOut    // opted out of sale or sharing, and the recipient buys or shares
	LimitedUse  // use of sensitive data is limited, and the event has some
	Erased      // the person was erased

	// Quarantined: the record must be looked at.
	Malformed       // not RFC 8259 JSON
	InvalidUTF8     // bytes or escapes that are no Unicode text
	DuplicateKey    // a key the plan names occurs twice in one object
	TooDeep         // nested deeper than the limit
	TooLarge        // the payload is above the limit
	NotObject       // the root is no object
	IDsDisagree     // two spellings of one id differ
	PseudonymShaped // an identifier that looks like one of our pseudonyms
	FutureTime      // the broker timestamp is in the future
	OutputTooLarge  // the sanitized record is above the topic's max.message.bytes
	CorruptBatch    // the record batch fails its checksum or cannot be decoded
	Bomb            // decompresses beyond the limit
	UnknownSchema   // the registry knows no schema of the record's id
	Undecodable     // bytes that the source's format, or their schema, does not allow
	Unencodable     // the sanitized record does not fit the recipient's schema

	reasons
)

var reasonNames = [reasons]string{
	None: "none", UnknownType: "unknown-type", NoSubject: "no-subject", NoConsent: "no-consent", NotSelected: "not-selected",
	EpochEnded: "epoch-ended", Tombstone: "tombstone",
	Withdrawn: "withdrawn", Expired: "consent-expired", Objected: "objected", Restricted: "restricted", Minor: "minor",
	OptedOut: "opted-out", LimitedUse: "limited-use", Erased: "erased",
	Malformed: "malformed", InvalidUTF8: "invalid-utf8", DuplicateKey: "duplicate-key", TooDeep: "too-deep", TooLarge: "too-large",
	NotObject: "not-object", IDsDisagree: "ids-disagree", PseudonymShaped: "pseudonym-shaped", FutureTime: "future-time",
	OutputTooLarge: "output-too-large", CorruptBatch: "corrupt-batch", Bomb: "decompression-bomb",
	UnknownSchema: "unknown-schema", Undecodable: "undecodable", Unencodable: "unencodable",
}

// String gives the word that metrics, headers and reports use.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Quarantines tells whether records with this reason go to quarantine; the others are withheld.
func (r Reason) Quarantines() bool { return r >= Malformed && r < reasons }

// Reasons lists every reason but None, withheld ones first.
func Reasons() []Reason {
	all := make([]Reason, 0, reasons-1)
	for r := UnknownType; r < reasons; r++ {
		all = append(all, r)
	}
	return all
}

// ParseReason finds the reason of a name.
func ParseReason(name string) (Reason, bool) {
	for r, n := range reasonNames {
		if n == name {
			return Reason(r), true
		}
	}
	return None, false
}
