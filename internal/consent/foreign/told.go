// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"errors"
	"fmt"
	"io"

	"github.com/nymstream/nymstream/internal/consent"
)

// ErrSignature says that a message is not by whom it claims: refuse it, whatever it says.
var ErrSignature = errors.New("the signature does not verify")

// FieldError says which field of a message is not as its sender's specification promises. It holds no value.
type FieldError struct {
	Path string // of the field, as in `$.user_delete.id`
	Want string // what has to stand there
}

func (e *FieldError) Error() string { return e.Path + ": want " + e.Want }

// From says where a message came from.
type From struct {
	Instance string // platform instance, as the policy's source names it
	At       int64  // when it reached us: a time that a replay gives again, such as the broker's timestamp
}

// Told is one thing that a message said. A Told without signals, object, scrub and countries says nothing about anybody's
// wishes: What then names what was understood and left alone.
type Told struct {
	What    string          // the message in words of ours, as in "x:user_delete": safe to print, never taken from a payload
	Subject consent.Subject // whom it is about, or who did it to Object; zero where the message names nobody
	Signals []consent.Signal
	Object  *Object
	Scrub   *Scrub
	Hidden  []string // countries (ISO 3166-1) in which the person's posts are no longer shown
}

// Object is a post, comment or activity rather than a person.
type Object struct {
	Type      string   // a class of the packs: object-id
	ID        string   // as the sender writes it
	Fate      Fate     // what became of it
	Countries []string // of Withheld: only there; none means everywhere
}

// Fate is what became of an object.
type Fate uint8

const (
	Deleted  Fate = iota + 1
	Withheld      // out of sight, perhaps for a time
	Restored      // in sight again
)

// Scrub tells recipients to forget a part of what they have.
type Scrub struct {
	Geo  bool   // places
	UpTo string // of all posts up to this one, by its id
}

// Format gives the kind of message and nobody's identifiers, whatever the verb.
func (t Told) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[told "+t.What+"]") }

// Format hides the object's id, whatever the verb.
func (Object) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// Format hides the post's id, whatever the verb.
func (Scrub) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

const hidden = "[clear]"

// Reader reads one message of a sender. None and no error means that the message is of a kind that says nothing about
// anybody's wishes, as most are where a sender's other events come the same way.
type Reader func(From, []byte) ([]Told, error)

// ReaderOf gives the reader for the events of a pack.
func ReaderOf(pack string) (Reader, bool) {
	switch pack {
	case "twitter_compliance", "twitter_v2":
		return X, true
	case "bluesky":
		return ATProto, true
	case "activitypub", "activitystreams":
		return ActivityPub, true
	case "facebook":
		return Facebook, true
	case "slack":
		return Slack, true
	case "discord":
		return Discord, true
	case "github":
		return GitHub, true
	}
	return nil, false
}

// check refuses a From without a time: its signals would come before all others.
func (f From) check() error {
	if f.At < earliest {
		return &FieldError{"at", "the time at which the message came, in ms since 1970"}
	}
	return nil
}

func (f From) account(id string) consent.Subject {
	if id == "" {
		return consent.Subject{}
	}
	return consent.Subject{Instance: f.Instance, Type: "account", ID: id}
}

func object(id string, fate Fate) *Object { return &Object{Type: "object-id", ID: id, Fate: fate} }

// signal states what holds since t, or since the message came when t is unknown. A clock that runs ahead must neither
// lose a denial nor let a permission outrank what is said later: the denial counts from now, the permission is refused.
func (f From) signal(kind consent.Kind, v consent.Verdict, purpose, source string, t moment) (consent.Signal, error) {
	if err := f.check(); err != nil {
		return consent.Signal{}, err
	}
	at := f.At
	if t.known {
		at = t.ms
	}
	if at > f.At+maxSkew {
		if v == consent.Allow {
			return consent.Signal{}, &FieldError{t.path, "a time that is not in the future, since the message permits something"}
		}
		at = f.At
	}
	return consent.Signal{Kind: kind, Purpose: purpose, Verdict: v, At: at, Source: source}, nil
}

// withdrawn says that a person takes back every consent they gave through the sender.
func (f From) withdrawn(what, source, id string, t moment) (Told, error) {
	s, err := f.signal(consent.Consent, consent.Deny, "", source, t)
	return Told{What: what, Subject: f.account(id), Signals: []consent.Signal{s}}, err
}
