// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestUSPVectors(t *testing.T) {
	for _, v := range vectors[struct {
		USP     string `json:"usp"`
		Invalid bool   `json:"invalid"`
		Notice  string `json:"notice"`
		OptOut  string `json:"optOutSale"`
		Covered string `json:"lspa"`
	}](t, "usp", "usp_vectors.jsonl") {
		usp, err := ParseUSP(v.USP)
		if (err != nil) != v.Invalid {
			t.Errorf("%s: %v", v.USP, err)
		}
		if err != nil {
			continue
		}
		if got, want := uspText(usp.Notice)+uspText(usp.OptOut)+uspText(usp.Covered), v.Notice+v.OptOut+v.Covered; got != want {
			t.Errorf("%s: got %s, want %s", v.USP, got, want)
		}
	}
}

func TestGPCVectors(t *testing.T) {
	for _, v := range vectors[struct {
		Value  *string `json:"value"`
		OptOut bool    `json:"opt_out"`
	}](t, "gpc", "gpc_vectors.jsonl") {
		value := ""
		if v.Value != nil {
			value = *v.Value
		}
		if got := GPC(value); got != v.OptOut {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestConsentInEvents(t *testing.T) {
	for _, v := range vectors[struct {
		Vendor string `json:"vendor"`
		Event  struct {
			Context struct {
				Consent json.RawMessage `json:"consent"`
			} `json:"context"`
			Consent        json.RawMessage `json:"consent"`
			OptanonConsent string          `json:"OptanonConsent"`
		} `json:"event"`
		Purposes Choices `json:"purposes"`
	}](t, "consent_objects", "consent_in_event.jsonl") {
		var got Choices
		var err error
		switch v.Vendor {
		case "segment", "segment-preference-updated":
			got, err = ParseSegment(string(v.Event.Context.Consent))
		case "google-consent-mode-v2":
			got, err = ParseGoogle(string(v.Event.Consent))
		case "onetrust-cookie":
			var gpc bool
			if got, gpc, err = ParseOneTrust(v.Event.OptanonConsent); !gpc {
				t.Errorf("%s: no GPC", v.Vendor)
			}
		default:
			t.Errorf("%s: no reader", v.Vendor)
		}
		if err != nil || !maps.Equal(got, v.Purposes) {
			t.Errorf("%s: got %v, %v; want %v", v.Vendor, got, err, v.Purposes)
		}
	}
}

func TestObjects(t *testing.T) {
	oneTrust := func(cookie string) (Choices, error) {
		choices, _, err := ParseOneTrust(cookie)
		return choices, err
	}
	for _, c := range []struct {
		name  string
		parse func(string) (Choices, error)
		value string
		want  Choices // nil: refused
	}{
		{"segment, inner object", ParseSegment, `{"a":true,"b":false}`, Choices{"a": true, "b": false}},
		{"segment, whole object", ParseSegment, `{"x":1,"categoryPreferences":{"a":true}}`, Choices{"a": true}},
		{"segment, empty", ParseSegment, `{}`, Choices{}},
		{"segment, no boolean", ParseSegment, `{"a":"true"}`, nil},
		{"segment, a number", ParseSegment, `{"a":1}`, nil},
		{"segment, null", ParseSegment, `{"categoryPreferences":null}`, nil},
		{"segment, a key twice", ParseSegment, `{"a":false,"a":true}`, nil},
		{"segment, a key twice by escape", ParseSegment, `{"a":false,"\u0061":true}`, nil},
		{"segment, the object twice", ParseSegment, `{"categoryPreferences":{"a":false},"categoryPreferences":{"a":true}}`, nil},
		{"segment, letter case", ParseSegment, `{"CategoryPreferences":{"a":true}}`, nil},
		{"segment, more text", ParseSegment, `{"a":true}{}`, nil},
		{"segment, cut", ParseSegment, `{"a":true`, nil},
		{"segment, a list", ParseSegment, `["a"]`, nil},
		{"segment, no UTF-8", ParseSegment, "{\"a\xff\":true}", nil},
		{"segment, nothing", ParseSegment, "", nil},
		{
			"rudderstack", ParseRudderStack,
			`{"allowedConsentIds":["a","b"],"deniedConsentIds":["b","c"],"provider":"custom","resolutionStrategy":"or"}`,
			Choices{"a": true, "b": false, "c": false},
		},
		{"rudderstack, none denied", ParseRudderStack, `{"allowedConsentIds":["a"]}`, Choices{"a": true}},
		{"rudderstack, none allowed", ParseRudderStack, `{"deniedConsentIds":["a"]}`, nil},
		{"rudderstack, null", ParseRudderStack, `{"allowedConsentIds":null}`, nil},
		{"rudderstack, no list", ParseRudderStack, `{"allowedConsentIds":"a"}`, nil},
		{"rudderstack, no texts", ParseRudderStack, `{"allowedConsentIds":[1]}`, nil},
		{"rudderstack, an id twice", ParseRudderStack, `{"allowedConsentIds":["a","a"]}`, nil},
		{"rudderstack, denied is no list", ParseRudderStack, `{"allowedConsentIds":["a"],"deniedConsentIds":{}}`, nil},
		{
			"google, gtag", ParseGoogle, `{"ad_storage":"granted","ad_user_data":"denied","wait_for_update":500,"region":["DE"]}`,
			Choices{"ad_storage": true, "ad_user_data": false},
		},
		{"google, Measurement Protocol", ParseGoogle, `{"ad_user_data":"GRANTED"}`, Choices{"ad_user_data": true}},
		{"google, mixed case", ParseGoogle, `{"ad_user_data":"Granted"}`, nil},
		{"google, true", ParseGoogle, `{"ad_user_data":true}`, nil},
		{"google, no key", ParseGoogle, `{"region":["DE"]}`, nil},
		{"google, gcs", ParseGoogle, "G110", Choices{"ad_storage": true, "analytics_storage": false}},
		{"google, gcs, other digits", ParseGoogle, "G101", Choices{"ad_storage": false, "analytics_storage": true}},
		{"google, gcs unset", ParseGoogle, "G1--", nil},
		{"google, gcs of another version", ParseGoogle, "G211", nil},
		{"google, gcs longer", ParseGoogle, "G1111", nil},
		{"google, gcd", ParseGoogle, "11t1t1t1t5", nil},
		{"onetrust", oneTrust, "groups=C1:1,C2:0", Choices{"C1": true, "C2": false}},
		{"onetrust, escaped", oneTrust, "isGpcEnabled=0&datestamp=Mon+Nov+23&groups=C1%3A1%2CC2%3A0", Choices{"C1": true, "C2": false}},
		{"onetrust, a group twice", oneTrust, "groups=C1:0,C1:1", nil},
		{"onetrust, groups twice", oneTrust, "groups=C1:0&groups=C1:1", nil},
		{"onetrust, no state", oneTrust, "groups=C1:1,C2", nil},
		{"onetrust, another state", oneTrust, "groups=C1:2", nil},
		{"onetrust, no groups", oneTrust, "isGpcEnabled=1", nil},
		{"onetrust, another GPC", oneTrust, "groups=C1:1&isGpcEnabled=", nil},
		{"onetrust, a semicolon", oneTrust, "groups=C1:1;x=1", nil},
	} {
		got, err := c.parse(c.value)
		if (err == nil) != (c.want != nil) || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}
