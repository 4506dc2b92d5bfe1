// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Choices are a person's answers by category or key. One that is absent is a no.
type Choices map[string]bool

// all reports whether every name is allowed, and there is one.
func (c Choices) all(names []string) bool {
	for _, name := range names {
		if !c[name] {
			return false
		}
	}
	return len(names) > 0
}

var (
	errNotBool   = errors.New("has a category that is neither true nor false")
	errNotText   = errors.New("has a list of ids that is not of texts, or an id twice")
	errNoAllowed = errors.New("has no allowedConsentIds")
	errGranted   = errors.New("has a key that is neither granted nor denied")
	errNoKey     = errors.New("has none of the consent mode's keys")
	errGCS       = errors.New(`google: the text is not "G1" and two of 0 and 1; gcd is not documented and says nothing here`)
	errCookie    = errors.New("onetrust: the cookie is not of the form groups=C0001:1,C0002:0 with isGpcEnabled of 0 or 1")
)

// ParseSegment reads the consent object of Segment: {"categoryPreferences": {"Advertising": true}}, or the inner object alone.
func ParseSegment(object string) (Choices, error) { return parseSegment([]byte(object)) }

func parseSegment(object []byte) (Choices, error) {
	inner := object
	err := fields(object, func(key string, value []byte) error {
		if key == "categoryPreferences" {
			inner = value
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("segment: the object %w", err)
	}
	choices := Choices{}
	err = members(inner, func(category string, value []byte) error {
		allowed, err := boolean(value)
		choices[category] = allowed
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("segment: the object %w", err)
	}
	return choices, nil
}

func boolean(value []byte) (bool, error) {
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNotBool
}

// ParseRudderStack reads the object consentManagement of RudderStack. An id that is both allowed and denied is denied.
func ParseRudderStack(object string) (Choices, error) { return parseRudderStack([]byte(object)) }

func parseRudderStack(object []byte) (Choices, error) {
	var allowed, denied []string
	hasAllowed := false
	err := fields(object, func(key string, value []byte) (err error) {
		switch key {
		case "allowedConsentIds":
			hasAllowed = true
			allowed, err = texts(value)
		case "deniedConsentIds":
			denied, err = texts(value)
		}
		return err
	})
	if err == nil && !hasAllowed {
		err = errNoAllowed
	}
	if err != nil {
		return nil, fmt.Errorf("rudderstack: the object %w", err)
	}
	choices := make(Choices, len(allowed)+len(denied))
	for _, id := range allowed {
		choices[id] = true
	}
	for _, id := range denied {
		choices[id] = false
	}
	return choices, nil
}

// texts reads a list of different texts.
func texts(list []byte) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	err := items(list, func(item []byte) error {
		text, err := unquote(item)
		if err != nil || seen[text] {
			return errNotText
		}
		seen[text] = true
		all = append(all, text)
		return nil
	})
	return all, err
}

// googleKeys are the keys of Google's consent mode.
var googleKeys = []string{
	"ad_storage", "analytics_storage", "ad_user_data", "ad_personalization",
	"functionality_storage", "personalization_storage", "security_storage",
}

// ParseGoogle reads the state of Google's consent mode: an object of keys that are granted or denied, in small letters as gtag
// writes them or in capitals as the Measurement Protocol does; or the text of the parameter gcs, G1 and a digit each for ad_storage
// and analytics_storage. The parameter gcd is refused: Google documents no meaning for it.
func ParseGoogle(value string) (Choices, error) { return parseGoogle([]byte(value)) }

func parseGoogle(value []byte) (Choices, error) {
	if len(value) == 0 || value[0] == 'G' || value[0] >= '0' && value[0] <= '9' {
		return parseGCS(value)
	}
	choices := Choices{}
	err := fields(value, func(key string, value []byte) error {
		if !slices.Contains(googleKeys, key) {
			return nil
		}
		switch string(value) {
		case `"granted"`, `"GRANTED"`:
			choices[key] = true
		case `"denied"`, `"DENIED"`:
			choices[key] = false
		default:
			return errGranted
		}
		return nil
	})
	if err == nil && len(choices) == 0 {
		err = errNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("google: the object %w", err)
	}
	return choices, nil
}

func parseGCS(s []byte) (Choices, error) {
	if len(s) != 4 || s[0] != 'G' || s[1] != '1' || s[2]|1 != '1' || s[3]|1 != '1' {
		return nil, errGCS
	}
	return Choices{"ad_storage": s[2] == '1', "analytics_storage": s[3] == '1'}, nil
}

// ParseOneTrust reads the value of the cookie OptanonConsent: the groups allowed, and whether the browser sent GPC.
func ParseOneTrust(cookie string) (groups Choices, gpc bool, err error) {
	return parseOneTrust([]byte(cookie))
}

func parseOneTrust(cookie []byte) (Choices, bool, error) {
	if len(cookie) > longest {
		return nil, false, errCookie
	}
	values, err := url.ParseQuery(string(cookie))
	if err != nil || len(values["groups"]) != 1 || len(values["isGpcEnabled"]) > 1 {
		return nil, false, errCookie
	}
	gpc := values.Get("isGpcEnabled")
	if values.Has("isGpcEnabled") && gpc != "0" && gpc != "1" {
		return nil, false, errCookie
	}
	choices := Choices{}
	for group := range strings.SplitSeq(values.Get("groups"), ",") {
		name, state, found := strings.Cut(group, ":")
		_, twice := choices[name]
		if !found || name == "" || twice || state != "0" && state != "1" {
			return nil, false, errCookie
		}
		choices[name] = state == "1"
	}
	return choices, gpc == "1", nil
}
