// SPDX-License-Identifier: Apache-2.0

package consent

import "slices"

var kindNames = [kinds]string{
	Consent: "consent", Parental: "parental", ParentalThirdParty: "parental-third-party", Age: "age", Sale: "sale", Sharing: "sharing",
	Sensitive: "sensitive", Objection: "objection", Restriction: "restriction", Hold: "hold", Erasure: "erasure",
}

// String gives the word that signals use.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return "unknown"
	}
	return kindNames[k]
}

// ParseKind finds the kind of a word.
func ParseKind(word string) (Kind, bool) {
	if i := slices.Index(kindNames[:], word); i > 0 {
		return Kind(i), true
	}
	return 0, false
}

// kindValues are the words that signals of a kind use for its verdicts; the first is what is written.
var kindValues = [kinds]struct{ allow, deny []string }{
	Consent:            {[]string{"granted"}, []string{"denied", "withdrawn"}},
	Parental:           {[]string{"granted"}, []string{"denied", "withdrawn"}},
	ParentalThirdParty: {[]string{"granted"}, []string{"denied", "withdrawn"}},
	Age:                {[]string{"adult"}, []string{"minor"}},
	Sale:               {[]string{"opted-in"}, []string{"opted-out"}},
	Sharing:            {[]string{"opted-in"}, []string{"opted-out"}},
	Sensitive:          {[]string{"lifted"}, []string{"restricted"}},
	Objection:          {[]string{"lifted"}, []string{"set"}},
	Restriction:        {[]string{"lifted"}, []string{"restricted"}},
	Hold:               {[]string{"released"}, []string{"set"}},
	Erasure:            {nil, []string{"erase"}},
}

// Value gives the word of a verdict; "" where the kind has none.
func (k Kind) Value(v Verdict) string {
	if k >= kinds {
		return ""
	}
	words := kindValues[k].deny
	if v == Allow {
		words = kindValues[k].allow
	}
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// ParseVerdict finds the verdict of a kind's word.
func (k Kind) ParseVerdict(word string) (Verdict, bool) {
	if k >= kinds {
		return Deny, false
	}
	if slices.Contains(kindValues[k].allow, word) {
		return Allow, true
	}
	return Deny, slices.Contains(kindValues[k].deny, word)
}
