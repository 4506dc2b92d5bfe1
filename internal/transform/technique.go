// SPDX-License-Identifier: Apache-2.0

// Package transform holds the techniques: what is done to one leaf before a recipient may have it.
package transform

import "github.com/nymstream/nymstream/internal/keyring"

// Kind is the JSON type of a scalar.
type Kind uint8

const (
	String Kind = iota
	Number
	True
	False
	Null
)

// Value is one JSON scalar of a payload that was already validated. It is clear personal data:
// techniques never put it into an error.
type Value struct {
	Kind Kind
	Text []byte // strings: decoded, valid UTF-8; others: the token
	Raw  []byte // the token as it stands in the payload, quotes and escapes included
	// Subject is the number of the person that the value names among the scope's People, plus one.
	// 0: it is not among them.
	Subject int32
}

// Verdict says what became of a leaf.
type Verdict uint8

const (
	Done   Verdict = iota // one JSON value was appended
	Misfit                // the value is not what its class says: nothing was appended, the leaf is dropped and counted
	Shaped                // an identifier that looks like one of our pseudonyms: the record goes to quarantine
	Barred                // the recipient may not know of the person: nothing was appended, the leaf is dropped
	Missed                // the person's secret is not at hand yet: the record is decided again once it is
)

// Technique turns one leaf into what a recipient may have. It is immutable and safe for concurrent use;
// what changes from record to record is in the Scope.
type Technique interface {
	// Append appends exactly one JSON value for v to dst, without allocating when dst has room.
	// With any verdict but Done it returns dst as it was.
	Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict)
}

// Scope is what one worker lends its techniques for one record and recipient. Not safe for concurrent use.
type Scope struct {
	Domain  *keyring.Domain // keys of the recipient in the record's epoch
	Owner   Owner           // whose leaf this is; sealed leaves are bound to it
	People  Subjects        // whom the record names
	Secrets Registry        // where people's secrets are kept; nil: they are derived from the identifier
	Self    Self            // the event's own names, for its texts

	workspace // what a call needs while it lasts, and the keys worth keeping; see scope.go
}

// Registry knows people's secrets where they are kept in a store. It is asked anew for every recipient, because one may know of
// a person and another may not.
type Registry interface {
	// Secret sets out to the secret of person n of the scope's People, or, with n below 0, of somebody who is not among them.
	// The name is the identity's label and the canonical identifier, clear. The verdict is Done, Barred or Missed.
	Secret(out *keyring.Secret, n int, id *Identity, name []byte) Verdict
}

// Owner is the person a leaf belongs to.
type Owner struct {
	Known    bool
	Identity *Identity
	Secret   keyring.Secret
}
