// SPDX-License-Identifier: Apache-2.0

package policy

// The techniques' names as a policy writes them.
const (
	Keep        = "keep"
	Drop        = "drop"
	Pseudonym   = "pseudonym"
	Seal        = "seal"
	FPE         = "fpe"
	Mask        = "mask"
	Truncate    = "truncate"
	Round       = "round"
	Bucket      = "bucket"
	Time        = "time"
	EmailDomain = "email_domain"
	Host        = "host"
	Count       = "count"
	InText      = "text"
	Presence    = "presence"
	Replace     = "replace"
	Blank       = "blank"
)

// What an output key can be made of.
const (
	KeySubject = "subject"
	KeyEvent   = "event"
	KeySource  = "source"
	KeyNone    = "none"
)

// BasisConsent is the legal basis that asks people first (GDPR Art. 6(1)(a)).
const BasisConsent = "consent"
