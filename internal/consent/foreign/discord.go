// SPDX-License-Identifier: Apache-2.0

package foreign

// Discord reads a webhook event ({"event":{"type":…,"data":…}}) or a dispatch of the gateway ({"t":…,"d":…}).
// A webhook's Ed25519 signature is the receiver's to check.
func Discord(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	event, data := root.at("event"), root.at("d")
	switch event.at("type").text() {
	case "APPLICATION_DEAUTHORIZED":
		t, err := event.at("timestamp").iso()
		if err != nil {
			return nil, err
		}
		id, err := event.at("data", "user", "id").decimal()
		if err != nil {
			return nil, err
		}
		told, err := from.withdrawn("discord:deauthorized", "discord:deauthorized", id, t)
		if err != nil {
			return nil, err
		}
		return []Told{told}, nil
	case "LOBBY_MESSAGE_DELETE", "GAME_DIRECT_MESSAGE_DELETE":
		return discordDeleted(event.at("data", "id"))
	}
	switch root.at("t").text() {
	case "MESSAGE_DELETE":
		return discordDeleted(data.at("id"))
	case "MESSAGE_DELETE_BULK":
		return discordDeleted(data.at("ids").each()...)
	}
	return nil, nil
}

// discordDeleted reads which messages are gone; Discord does not say whose they were.
func discordDeleted(messages ...node) ([]Told, error) {
	all := make([]Told, 0, len(messages))
	for _, n := range messages {
		id, err := n.decimal()
		if err != nil {
			return nil, err
		}
		all = append(all, Told{What: "discord:message-deleted", Object: object(id, Deleted)})
	}
	return all, nil
}
