// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"slices"

	"github.com/nymstream/nymstream/internal/consent"
)

// X reads a message of X's compliance streams: version 1, {"user_delete":{…}}, or version 2, {"data":{"user_delete":{…}}}.
// A deleted account can come back for 30 days, so it is restricted rather than erased.
// https://developer.x.com/en/docs/x-api/compliance/streams/integrate/compliance-data-objects
func X(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	if data := root.at("data"); data.present() {
		root = data
	}
	members, _ := root.value.(map[string]any)
	if len(members) != 1 {
		return nil, &FieldError{root.path, "one message"}
	}
	for _, name := range xMessages() {
		if message := root.at(name); message.present() {
			told, err := from.x(name, message)
			if err != nil {
				return nil, err
			}
			if told.What == "" {
				told.What = "x:" + name
			}
			return []Told{told}, nil
		}
	}
	return nil, &FieldError{root.path, "a message of the compliance streams"}
}

// xMessages are the names that X gives its messages, in both versions.
func xMessages() []string {
	return []string{
		"delete", "status_withheld", "withheld", "drop", "undrop", "tweet_edit", "scrub_geo", "user_withheld", "user_profile_modification",
		"user_delete", "user_undelete", "user_protect", "user_unprotect", "user_suspend", "user_unsuspend",
	}
}

func (f From) x(name string, message node) (Told, error) {
	switch name {
	case "delete":
		if message.at("favorite").present() { // a like: the post it names is another person's, and stays
			told, err := f.xAuthor(message.at("favorite"))
			told.What = "x:unlike"
			return told, err
		}
		return f.xPost(message, Deleted)
	case "status_withheld", "withheld", "drop":
		return f.xPost(message, Withheld)
	case "undrop":
		return f.xPost(message, Restored)
	case "tweet_edit", "user_profile_modification":
		return Told{}, nil
	case "scrub_geo":
		return f.xScrub(message)
	case "user_withheld":
		return f.xUserWithheld(message)
	case "user_delete":
		return f.xPerson(name, "x:delete", consent.Deny, message)
	case "user_undelete":
		return f.xPerson(name, "x:delete", consent.Allow, message)
	case "user_protect":
		return f.xPerson(name, "x:protect", consent.Deny, message)
	case "user_unprotect":
		return f.xPerson(name, "x:protect", consent.Allow, message)
	case "user_suspend":
		return f.xPerson(name, "x:suspend", consent.Deny, message)
	default:
		return f.xPerson(name, "x:suspend", consent.Allow, message)
	}
}

// xPerson restricts a person on a ground, or lifts what was restricted on that ground.
func (f From) xPerson(name, ground string, v consent.Verdict, message node) (Told, error) {
	id, err := xUser(message)
	if err != nil {
		return Told{}, err
	}
	t, err := xTime(message)
	if err != nil {
		return Told{}, err
	}
	s, err := f.signal(consent.Restriction, v, ground, "x-compliance:"+name, t)
	return Told{Subject: f.account(id), Signals: []consent.Signal{s}}, err
}

// xUserWithheld restricts a person who is withheld everywhere. X has no message that takes it back; an officer can.
func (f From) xUserWithheld(message node) (Told, error) {
	countries, err := xCountries(message)
	if err != nil {
		return Told{}, err
	}
	if slices.Contains(countries, "XX") {
		return f.xPerson("user_withheld", "x:withheld", consent.Deny, message)
	}
	id, err := xUser(message)
	return Told{Subject: f.account(id), Hidden: countries}, err
}

func (f From) xScrub(message node) (Told, error) {
	id, err := first(message.at("user_id_str"), message.at("user_id"), message.at("user", "id")).decimal()
	if err != nil {
		return Told{}, err
	}
	upTo, err := first(message.at("up_to_status_id_str"), message.at("up_to_status_id"), message.at("up_to_tweet_id")).decimal()
	return Told{Subject: f.account(id), Scrub: &Scrub{Geo: true, UpTo: upTo}}, err
}

func (f From) xPost(message node, fate Fate) (Told, error) {
	post := first(message.at("status"), message.at("tweet"))
	id, err := first(post.at("id_str"), post.at("id")).decimal()
	if err != nil {
		return Told{}, err
	}
	told, err := f.xAuthor(post)
	if err != nil {
		return Told{}, err
	}
	told.Object = object(id, fate)
	if fate == Withheld {
		told.Object.Countries, err = xCountries(message)
	}
	return told, err
}

// xAuthor names whose post or like it is; version 2 does not always say.
func (f From) xAuthor(post node) (Told, error) {
	author := first(post.at("user_id_str"), post.at("user_id"), post.at("author_id"))
	if !author.present() {
		return Told{}, nil
	}
	id, err := author.decimal()
	return Told{Subject: f.account(id)}, err
}

// xUser gives the person's id. Numbers may have been rounded on their way, so the text beside them counts.
func xUser(message node) (string, error) {
	user := message.at("user")
	return first(message.at("id_str"), message.at("id"), user.at("id_str"), user.at("id")).decimal()
}

func xTime(message node) (moment, error) {
	if t := message.at("event_at"); t.present() {
		return t.iso()
	}
	return message.at("timestamp_ms").unix()
}

// xCountries gives ISO 3166-1 codes; XX means everywhere, XY a claim of copyright.
func xCountries(message node) ([]string, error) {
	var countries []string
	for _, n := range message.at("withheld_in_countries").each() {
		code := n.text()
		if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
			return nil, &FieldError{n.path, "the two capital letters of a country"}
		}
		countries = append(countries, code)
	}
	return countries, nil
}
