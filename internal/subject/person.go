// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"fmt"
	"io"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

// State is where a person's life in the store stands.
type State uint8

const (
	StateNone    State = iota // there is no row
	StateLive                 // with a secret, or without one until the first event that may be forwarded
	StateErased               // by a person's wish or an officer: a tombstone that stays for ever
	StateExpired              // inactive for longer than their data is kept: the next event begins a new generation

	states
)

// Person is what is known of one person. It is immutable once it can be found: it may be read for as long as it is held,
// also after an eviction. Times are milliseconds since the Unix epoch.
type Person struct {
	Key        Key
	Secret     keyring.Secret // S; all zero without one
	Standing   consent.Standing
	ErasedAt   int64  // of the newest erasure; 0: never erased
	NotBefore  int64  // begin of the life after an erasure: older events stay withheld for ever; 0: none
	Generation uint32 // grows with each erasure and expiry; 0: there is no row
	LastSeen   int32  // days since the Unix epoch, at most a week late
	State      State
	HasSecret  bool
	Erasing    bool // an erasure was asked for and is not done yet, or a legal hold is in its way: nothing may be forwarded

	version uint64 // of the row; 0: there is none
}

// Format hides the person, whatever the verb.
func (Person) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[person]") }

// Withholds gives event.Erased where nothing of an event of that time may be forwarded, whatever the person's standing, else event.None.
func (p *Person) Withholds(eventTime int64) event.Reason {
	if p.State == StateErased || p.Erasing || eventTime < p.NotBefore {
		return event.Erased
	}
	return event.None
}

// touchDays is how far LastSeen may lag behind.
const touchDays = 7

// Overdue tells whether Touch should be called for a person who was seen today, in days since the Unix epoch.
func (p *Person) Overdue(today int32) bool { return p.HasSecret && p.LastSeen+touchDays <= today }

const dayMs = 24 * 60 * 60 * 1000

// Day gives the day of a time in milliseconds since the Unix epoch.
func Day(ms int64) int32 { return int32(floorDiv(ms, dayMs)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
