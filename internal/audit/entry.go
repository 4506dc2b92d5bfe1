// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// version is the format of the entries this package writes.
const version = 1

// Act is what was done. The list is closed.
type Act string

const (
	Start          Act = "start"
	Stop           Act = "stop"
	PolicyChange   Act = "policy-change"
	KeyMake        Act = "key-make"
	KeyRotate      Act = "key-rotate"
	KeyDestroy     Act = "key-destroy"
	KeyEpoch       Act = "key-epoch"
	Erase          Act = "erase"
	Restrict       Act = "restrict"
	Rectify        Act = "rectify"
	Access         Act = "access"
	RevealRequest  Act = "reveal-request"
	RevealApprove  Act = "reveal-approve"
	RevealOpen     Act = "reveal-open"
	Deny           Act = "deny"
	QuarantineOpen Act = "quarantine-open"
	Replay         Act = "replay"
	Backup         Act = "backup"
	Restore        Act = "restore"
	Rewrap         Act = "rewrap"
	Upgrade        Act = "upgrade"
	Signals        Act = "signals"
	CountsAct      Act = "counts"
	Alarm          Act = "alarm"
)

// Acts lists every act.
func Acts() []Act {
	return []Act{
		Start, Stop, PolicyChange, KeyMake, KeyRotate, KeyDestroy, KeyEpoch, Erase, Restrict, Rectify, Access,
		RevealRequest, RevealApprove, RevealOpen, Deny, QuarantineOpen, Replay, Backup, Restore, Rewrap, Upgrade, Signals, CountsAct, Alarm,
	}
}

// ErrRefused marks an entry that cannot be logged as it is. What the entry was to record must not happen.
var ErrRefused = errors.New("audit entry refused")

// Entry is one line of the log. Version, time and instance are the log's to set.
type Entry struct {
	Version  int
	At       time.Time // UTC, whole milliseconds
	Instance string
	Actor    string // who acts: an operator's or a service's name, at most 128 characters
	Role     string // in which role; "" for the service itself
	Act      Act
	Subject  string // Log.Subject of the person it is about, or ""
	// Recipient and Purpose are the policy's names, or "".
	Recipient string
	Purpose   string
	// Reason is the caller's text: one line of at most 200 characters, no personal value.
	Reason  string
	Details map[string]string // keys of DetailKeys only
	Numbers map[string]uint64 // keys of lower-case words, digits, dots and hyphens
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// wire is an entry as it is stored: members in this order, maps ordered by key, no spaces.
type wire struct {
	Version   int               `json:"v"`
	At        string            `json:"at"`
	Instance  string            `json:"instance"`
	Actor     string            `json:"actor"`
	Role      string            `json:"role"`
	Act       Act               `json:"act"`
	Subject   string            `json:"subject"`
	Recipient string            `json:"recipient"`
	Purpose   string            `json:"purpose"`
	Reason    string            `json:"reason"`
	Details   map[string]string `json:"details,omitempty"`
	Numbers   map[string]uint64 `json:"numbers,omitempty"`
}

// MarshalJSON gives the canonical form, which is what the log stores and hashes.
func (e Entry) MarshalJSON() ([]byte, error) {
	return canonical(wire{
		e.Version, e.At.UTC().Format(timeFormat), e.Instance, e.Actor, e.Role, e.Act, e.Subject, e.Recipient, e.Purpose, e.Reason, e.Details, e.Numbers,
	})
}

// canonical is JSON without spaces, and without escapes that JSON does not ask for.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// parseEntry reads an entry in the canonical form. It does not hold it against the rules, which another release may have had otherwise.
func parseEntry(raw []byte) (Entry, error) {
	var w wire
	if err := strict(raw, &w); err != nil {
		return Entry{}, err
	}
	if w.Version != version {
		return Entry{}, fmt.Errorf("its version is %d; this release reads %d", w.Version, version)
	}
	at, err := time.Parse(timeFormat, w.At)
	if err != nil {
		return Entry{}, errors.New("its time is no RFC 3339 time in UTC with milliseconds")
	}
	e := Entry{w.Version, at, w.Instance, w.Actor, w.Role, w.Act, w.Subject, w.Recipient, w.Purpose, w.Reason, w.Details, w.Numbers}
	if again, err := e.MarshalJSON(); err != nil || !bytes.Equal(again, raw) {
		return Entry{}, errors.New("it is not in the canonical form")
	}
	return e, nil
}

// strict decodes one JSON document that has no members v lacks. Its errors hold nothing of the document.
func strict(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(v) != nil || dec.InputOffset() != int64(len(raw)) {
		return errors.New("it is no JSON object of this format")
	}
	return nil
}

// check holds an entry against the rules. Its errors name a member, never a value.
func (e Entry) check() error {
	if !slices.Contains(Acts(), e.Act) {
		return errors.New("act: not in the list of acts")
	}
	for _, m := range []struct {
		member, value string
		rule          func(string) error
	}{
		{"instance", e.Instance, checkName}, {"actor", e.Actor, checkActor}, {"role", e.Role, optional(checkName)},
		{"subject", e.Subject, optional(checkHash)}, {"recipient", e.Recipient, optional(checkName)},
		{"purpose", e.Purpose, optional(checkName)}, {"reason", e.Reason, optional(checkReason)},
	} {
		if err := m.rule(m.value); err != nil {
			return fmt.Errorf("%s: %w", m.member, err)
		}
	}
	if err := checkDetails(e.Details); err != nil {
		return err
	}
	return checkNumbers(e.Numbers)
}
