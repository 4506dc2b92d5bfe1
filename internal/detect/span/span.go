// SPDX-License-Identifier: Apache-2.0

// Package span holds what recognizers of personal data share: the kinds, what is found, and a text with its cue words.
package span

import "strings"

// Kind is what a finding is.
type Kind uint8

// Kinds of personal data in text.
const (
	Email Kind = iota + 1
	Phone
	Card // payment card number, ISO/IEC 7812
	IBAN // ISO 13616
	Bank // other account and routing numbers
	NationalID
	IP
	MAC
	URL
	Handle  // @name
	Hashtag // #name: only where it is a name or a handle
	Birth   // date of birth
	Age
	Geo // coordinates
	Address
	Person
	Crypto // wallet address
	Secret // API key, token, private key, password
	Health // special category, GDPR Art. 9
	Finance
	Kinds // how many there are, with the zero
)

var kinds = [Kinds]struct{ name, label string }{
	Email: {"email", "EMAIL"}, Phone: {"phone", "PHONE"}, Card: {"card", "CREDIT_CARD"}, IBAN: {"iban", "IBAN"}, Bank: {"bank", "BANK_ACCT"},
	NationalID: {"national-id", "NATIONAL_ID"}, IP: {"ip", "IP_ADDRESS"}, MAC: {"mac", "MAC_ADDRESS"}, URL: {"url", "URL"},
	Handle: {"handle", "HANDLE"}, Hashtag: {"hashtag", "HASHTAG"}, Birth: {"birth", "DATE_OF_BIRTH"}, Age: {"age", "AGE"}, Geo: {"geo", "GEO"},
	Address: {"address", "ADDRESS"}, Person: {"person", "PERSON"}, Crypto: {"crypto", "CRYPTO"}, Secret: {"secret", "SECRET"},
	Health: {"health", "HEALTH"}, Finance: {"finance", "FINANCE"},
}

// String is the kind's name in a policy.
func (k Kind) String() string { return kinds[min(k, Kinds-1)].name }

// Label is the kind's name in labeled corpora and in tags.
func (k Kind) Label() string { return kinds[min(k, Kinds-1)].label }

// Named gives the kind of a policy's name.
func Named(name string) (Kind, bool) {
	for k := Email; k < Kinds; k++ {
		if kinds[k].name == name {
			return k, true
		}
	}
	return 0, false
}

// Reason says why something was found: bits.
type Reason uint8

// Reasons.
const (
	Pattern   Reason = 1 << iota // its shape
	Validator                    // a checksum or a numbering plan
	Context                      // a cue word beside it
	Model                        // the model of names
	Listed                       // a list of the policy, or a gazetteer
	Self                         // an identity of the event itself
)

// String lists the reasons in words.
func (r Reason) String() string {
	var words []string
	for i, word := range []string{"pattern", "validator", "context", "model", "listed", "self"} {
		if r>>i&1 != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// Found is a span of a text.
type Found struct {
	Start, End int // bytes
	Kind       Kind
	Reason     Reason
	Score      float32 // 0 to 1: how sure; comparable within a kind
	Subtype    string  // a constant: a region, a type of identifier; may be empty
}
