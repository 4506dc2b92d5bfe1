// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"slices"

	"github.com/nymstream/nymstream/internal/consent"
)

// ActivityPub reads an activity, whose HTTP signature the receiver has checked to be its actor's.
// An account is erased by its own word only: an account's deletion that another actor passes on has to be fetched from its server.
// Source: W3C Activity Vocabulary, ActivityPub section 7.
func ActivityPub(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	if hasType(root, "Announce") {
		if passed := root.at("object"); hasType(passed, "Delete") || hasType(passed, "Undo") {
			return from.activity(passed, true)
		}
		return nil, nil
	}
	return from.activity(root, false)
}

// activity reads one activity; passedOn says that somebody other than its actor sent it.
func (f From) activity(activity node, passedOn bool) ([]Told, error) {
	switch {
	case hasType(activity, "Delete"):
		return f.apDelete(activity, passedOn)
	case hasType(activity, "Undo"):
		return f.apUndo(activity)
	case hasType(activity, "Remove"): // from a collection; what was in it stays
		return f.apNothing("activitypub:remove", activity)
	case hasType(activity, "Move"): // to another account, or from list to list: no wish about what is held
		return f.apNothing("activitypub:move", activity)
	case hasType(activity, "Tombstone"):
		return f.apTombstone(activity)
	}
	return nil, nil
}

func (f From) apNothing(what string, activity node) ([]Told, error) {
	actors, err := references(activity.at("actor"))
	return []Told{{What: what, Subject: f.account(only(actors))}}, err
}

func (f From) apDelete(activity node, passedOn bool) ([]Told, error) {
	actors, err := references(activity.at("actor"))
	if err != nil {
		return nil, err
	}
	t, err := activity.at("published").iso()
	if err != nil {
		return nil, err
	}
	var all []Told
	for _, deleted := range activity.at("object").each() {
		id, err := reference(deleted)
		if err != nil {
			return nil, err
		}
		told := Told{What: "activitypub:delete", Subject: f.account(only(actors)), Object: object(id, Deleted)}
		switch self := slices.Contains(actors, id); {
		case self && len(actors) == 1 && !passedOn: // one signature proves one actor
			told = Told{What: "activitypub:delete-account", Subject: f.account(id), Signals: make([]consent.Signal, 1)}
			if told.Signals[0], err = f.signal(consent.Erasure, consent.Deny, "", "activitypub:delete", t); err != nil {
				return nil, err
			}
		case self, isActor(deleted):
			told = Told{What: "activitypub:delete-account-unproven", Subject: f.account(id)}
		}
		all = append(all, told)
	}
	if len(all) == 0 {
		return nil, &FieldError{activity.at("object").path, "what is deleted"}
	}
	return all, nil
}

// apUndo takes back an activity. To take back a deletion shows its object again, but makes no erased account.
func (f From) apUndo(activity node) ([]Told, error) {
	actors, err := references(activity.at("actor"))
	if err != nil {
		return nil, err
	}
	var all []Told
	for _, undone := range activity.at("object").each() {
		told := Told{What: "activitypub:undo", Subject: f.account(only(actors))}
		fate, what := Deleted, undone
		if hasType(undone, "Delete") {
			told.What, fate, what = "activitypub:undo-delete", Restored, undone.at("object")
		}
		id, err := reference(what)
		switch {
		case err != nil && fate == Restored:
			return nil, err
		case err == nil && !slices.Contains(actors, id) && !isActor(what): // many an activity has no id of its own
			told.Object = object(id, fate)
		}
		all = append(all, told)
	}
	if len(all) == 0 {
		return nil, &FieldError{activity.at("object").path, "what is undone"}
	}
	return all, nil
}

// apTombstone reads what stands where something was. A person's tombstone restricts: it says no more than that they cannot be found.
func (f From) apTombstone(stone node) ([]Told, error) {
	if !stone.at("id").present() {
		return []Told{{What: "activitypub:tombstone"}}, nil
	}
	id, err := stone.at("id").id()
	if err != nil {
		return nil, err
	}
	t, err := stone.at("deleted").iso()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(stone.at("formerType").each(), isActorType) {
		s, err := f.signal(consent.Restriction, consent.Deny, "activitypub:tombstone", "activitypub:tombstone", t)
		return []Told{{What: "activitypub:tombstone-account", Subject: f.account(id), Signals: []consent.Signal{s}}}, err
	}
	return []Told{{What: "activitypub:tombstone", Object: object(id, Deleted)}}, nil
}

// references gives the ids of the actors that have one.
func references(n node) (ids []string, err error) {
	for _, actor := range n.each() {
		if _, embedded := actor.value.(map[string]any); embedded && !actor.at("id").present() {
			continue
		}
		id, err := reference(actor)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// reference gives the id of what is there by id or as a whole.
func reference(n node) (string, error) {
	if _, embedded := n.value.(map[string]any); embedded {
		n = n.at("id")
	}
	if _, text := n.value.(string); !text {
		return "", &FieldError{n.path, "the URL of an object"}
	}
	return n.id()
}

// only gives the actor, where there is exactly one to blame.
func only(ids []string) string {
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}

func hasType(n node, kind string) bool {
	return slices.ContainsFunc(n.at("type").each(), func(t node) bool { return t.text() == kind })
}

func isActor(n node) bool { return slices.ContainsFunc(n.at("type").each(), isActorType) }

func isActorType(t node) bool {
	return slices.Contains([]string{"Person", "Service", "Application", "Group", "Organization"}, t.text())
}
