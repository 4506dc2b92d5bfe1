// SPDX-License-Identifier: Apache-2.0

package foreign

import "github.com/nymstream/nymstream/internal/consent"

// Slack reads an event of the Events API in its envelope, or of the real-time API without one. Its signature is the receiver's to check.
func Slack(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	event := root
	if inner := root.at("event"); inner.present() {
		event = inner
	}
	t, err := first(root.at("event_time"), event.at("event_ts")).unix()
	if err != nil {
		return nil, err
	}
	switch event.at("type").text() {
	case "tokens_revoked":
		return from.slackRevoked(event, t)
	case "app_uninstalled", "app_deleted":
		return from.slackUninstalled(root, t)
	case "user_change", "user_profile_changed":
		return from.slackUser(event.at("user"), t)
	case "message":
		return from.slackMessage(event)
	}
	return nil, nil
}

// slackRevoked reads whose tokens ended. The tokens under `bot` are those of programs.
func (f From) slackRevoked(event node, t moment) ([]Told, error) {
	all := []Told{}
	for _, n := range event.at("tokens", "oauth").each() {
		id, err := n.id()
		if err != nil {
			return nil, err
		}
		told, err := f.withdrawn("slack:tokens-revoked", "slack:tokens-revoked", id, t)
		if err != nil {
			return nil, err
		}
		all = append(all, told)
	}
	if len(all) == 0 {
		all = append(all, Told{What: "slack:bot-tokens-revoked"})
	}
	return all, nil
}

// slackUninstalled reads that a workspace threw the application out. The people who had installed it withdraw; for all others
// it is the operator who closes the source, since the event names nobody else.
func (f From) slackUninstalled(root node, t moment) ([]Told, error) {
	all := []Told{{What: "slack:app-uninstalled"}}
	if id, err := root.at("team_id").id(); err == nil {
		all[0].Subject = consent.Subject{Instance: f.Instance, Type: "group", ID: id}
	}
	for _, n := range root.at("authorizations").each() {
		user := n.at("user_id")
		if n.at("is_bot").isTrue() || user.text() == "" {
			continue
		}
		id, err := user.id()
		if err != nil {
			return nil, err
		}
		told, err := f.withdrawn("slack:app-uninstalled", "slack:app-uninstalled", id, t)
		if err != nil {
			return nil, err
		}
		all = append(all, told)
	}
	return all, nil
}

// slackUser reads whether a member's account is still there.
func (f From) slackUser(user node, t moment) ([]Told, error) {
	told := Told{What: "slack:user-deactivated"}
	v := consent.Deny
	switch deleted := user.at("deleted"); {
	case !deleted.present():
		return nil, nil
	case deleted.isFalse():
		told.What, v = "slack:user-active", consent.Allow
	case !deleted.isTrue():
		return nil, &FieldError{deleted.path, "true or false"}
	}
	id, err := user.at("id").id()
	if err != nil {
		return nil, err
	}
	told.Subject = f.account(id)
	s, err := f.signal(consent.Restriction, v, "slack:deactivated", told.What, t)
	if err != nil {
		return nil, err
	}
	told.Signals = []consent.Signal{s}
	return []Told{told}, nil
}

// slackMessage reads that a message is gone, or that only the answers to it are left.
func (f From) slackMessage(event node) ([]Told, error) {
	gone := event.at("deleted_ts")
	switch event.at("subtype").text() {
	case "message_deleted":
	case "message_changed":
		if event.at("message", "subtype").text() != "tombstone" {
			return nil, nil
		}
		gone = event.at("message", "ts")
	default:
		return nil, nil
	}
	id, err := gone.id()
	if err != nil {
		return nil, err
	}
	told := Told{What: "slack:message-deleted", Object: object(id, Deleted)}
	if author, err := event.at("previous_message", "user").id(); err == nil {
		told.Subject = f.account(author)
	}
	return []Told{told}, nil
}
