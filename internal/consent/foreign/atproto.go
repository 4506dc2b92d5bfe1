// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
)

// ATProto reads what a relay or Jetstream says about an account, in any of the forms in which it comes: a frame of the firehose as
// {header, body}, a Jetstream event, a record with $type, or what com.atproto.sync.getRepoStatus answers. All other messages say nothing.
// Listen to a relay, not to one server: the old server of a person who moved away calls their account deleted there.
// Source: lexicons com.atproto.sync.subscribeRepos and getRepoStatus.
func ATProto(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	account, gone := atprotoAccount(root)
	if !account.present() {
		return nil, nil
	}
	did, err := atprotoDID(root, account)
	if err != nil {
		return nil, err
	}
	t, err := atprotoTime(root, account)
	if err != nil {
		return nil, err
	}
	told, err := from.atproto(account, gone, t)
	if err != nil {
		return nil, err
	}
	told.Subject = from.account(did)
	return []Told{told}, nil
}

// atprotoAccount finds the account event; gone says that it is of the old kind that only tells deletions.
func atprotoAccount(root node) (account node, gone bool) {
	none := node{path: root.path}
	if header := root.at("header"); header.present() {
		switch header.at("t").text() {
		case "#account":
			return root.at("body"), false
		case "#tombstone":
			return root.at("body"), true
		}
		return none, false
	}
	if root.at("kind").present() {
		if root.at("kind").text() == "account" {
			return root.at("account"), false
		}
		return none, false
	}
	if kind := root.at("$type"); kind.present() {
		switch kind.text() {
		case "com.atproto.sync.subscribeRepos#account":
			return root, false
		case "com.atproto.sync.subscribeRepos#tombstone":
			return root, true
		}
		return none, false
	}
	if root.at("did").present() && root.at("active").present() {
		return root, false
	}
	return none, false
}

func (f From) atproto(account node, gone bool, t moment) (Told, error) {
	active, status := account.at("active"), account.at("status")
	statuses := []string{"takendown", "suspended", "deactivated", "desynchronized", "throttled"}
	switch {
	case gone, active.isFalse() && status.text() == "deleted":
		s, err := f.signal(consent.Erasure, consent.Deny, "", "atproto:deleted", t)
		return Told{What: "atproto:deleted", Signals: []consent.Signal{s}}, err
	case active.isFalse():
		name := "inactive" // nobody said why, or for a reason that is newer than this program
		if slices.Contains(statuses, status.text()) {
			name = status.text()
		}
		s, err := f.signal(consent.Restriction, consent.Deny, "atproto:"+name, "atproto:"+name, t)
		return Told{What: "atproto:" + name, Signals: []consent.Signal{s}}, err
	case !active.isTrue():
		return Told{}, &FieldError{active.path, "true or false"}
	case status.present() && status.text() != "desynchronized" && status.text() != "throttled":
		return Told{}, &FieldError{status.path, "no status that contradicts active"}
	}
	told := Told{What: "atproto:active"}
	for _, name := range append(statuses, "inactive") {
		s, err := f.signal(consent.Restriction, consent.Allow, "atproto:"+name, "atproto:active", t)
		if err != nil {
			return Told{}, err
		}
		told.Signals = append(told.Signals, s)
	}
	return told, nil
}

// atprotoDID gives the account; Jetstream names it twice, and both must agree.
func atprotoDID(root, account node) (string, error) {
	did, err := first(account.at("did"), root.at("did")).id()
	if err != nil {
		return "", err
	}
	method, name, _ := strings.Cut(strings.TrimPrefix(did, "did:"), ":")
	if !strings.HasPrefix(did, "did:") || method == "" || name == "" {
		return "", &FieldError{account.at("did").path, "a DID"}
	}
	if outer := root.at("did"); outer.present() && outer.text() != did {
		return "", &FieldError{outer.path, "the account that the event is about"}
	}
	return did, nil
}

func atprotoTime(root, account node) (moment, error) {
	if t := account.at("time"); t.present() {
		return t.iso()
	}
	return root.at("time_us").unix()
}
