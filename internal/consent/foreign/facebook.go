// SPDX-License-Identifier: Apache-2.0

package foreign

import "slices"

// Facebook reads a webhook of pages, people, permissions or Messenger: what was removed or hidden, and which permissions
// a person took back. The signature X-Hub-Signature-256 is the receiver's to check.
func Facebook(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	var all []Told
	for _, entry := range root.at("entry").each() {
		for _, change := range entry.at("changes").each() {
			read := from.pageChange
			if entry.at("uid").present() {
				read = from.permission
			}
			if all, err = read(all, entry, change); err != nil {
				return nil, err
			}
		}
		for _, message := range slices.Concat(entry.at("messaging").each(), entry.at("standby").each()) {
			if all, err = from.messenger(all, message); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// pageChange reads what a page tells of a post, comment or reaction.
func (f From) pageChange(all []Told, entry, change node) ([]Told, error) {
	value := change.at("value")
	var told Told
	var fate Fate
	switch value.at("verb").text() {
	case "remove", "delete":
		told.What, fate = "facebook:removed", Deleted
	case "hide":
		told.What, fate = "facebook:hidden", Withheld
	case "unhide":
		told.What, fate = "facebook:shown-again", Restored
	default:
		return all, nil
	}
	if author := first(value.at("reviewer_id"), value.at("from", "id"), value.at("sender_id")); author.present() {
		id, err := author.decimal()
		if err != nil {
			return nil, err
		}
		if page, _ := entry.at("id").id(); id != page { // what a page does, nobody in person did
			told.Subject = f.account(id)
		}
	}
	if item := value.at("item").text(); item == "like" || item == "reaction" {
		told.What = "facebook:reaction-removed" // the post it names is another's, and stays
		return append(all, told), nil
	}
	id, err := first(value.at("comment_id"), value.at("photo_id"), value.at("video_id"), value.at("post_id")).id()
	if err != nil {
		return nil, err
	}
	told.Object = object(id, fate)
	return append(all, told), nil
}

// permission reads what a person lets the application do. Whatever they take back, nothing they gave is relied on any more.
func (f From) permission(all []Told, entry, change node) ([]Told, error) {
	if change.at("verb").text() != "revoked" && change.at("value", "verb").text() != "revoked" {
		return all, nil
	}
	id, err := entry.at("uid").decimal()
	if err != nil {
		return nil, err
	}
	t, err := entry.at("time").unix()
	if err != nil {
		return nil, err
	}
	told, err := f.withdrawn("facebook:permission-revoked", "facebook:permission-revoked", id, t)
	return append(all, told), err
}

func (f From) messenger(all []Told, message node) ([]Told, error) {
	deleted, unlinked := message.at("message", "is_deleted").isTrue(), message.at("account_linking", "status").text() == "unlinked"
	if !deleted && !unlinked {
		return all, nil
	}
	id, err := message.at("sender", "id").decimal()
	if err != nil {
		return nil, err
	}
	if deleted {
		mid, err := message.at("message", "mid").id()
		return append(all, Told{What: "facebook:message-deleted", Subject: f.account(id), Object: object(mid, Deleted)}), err
	}
	t, err := message.at("timestamp").unix()
	if err != nil {
		return nil, err
	}
	told, err := f.withdrawn("facebook:unlinked", "facebook:unlinked", id, t)
	return append(all, told), err
}
