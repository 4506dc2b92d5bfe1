// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func valid() Entry {
	return Entry{
		Version: version, At: time.UnixMilli(1_770_000_000_123).UTC(), Instance: "eu-1", Actor: "alice@operator.example", Role: "privacy-officer",
		Act: RevealOpen, Subject: strings.Repeat("0a", 16), Recipient: "analytics", Purpose: "abuse-handling", Reason: "court order 12/26 <A & B>",
		Details: map[string]string{"request": "r-17", "approver": "bob"}, Numbers: map[string]uint64{"opened": 1},
	}
}

func TestEntryForm(t *testing.T) {
	want := `{"v":1,"at":"2026-02-02T02:40:00.123Z","instance":"eu-1","actor":"alice@operator.example","role":"privacy-officer","act":"reveal-open",` +
		`"subject":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","recipient":"analytics","purpose":"abuse-handling","reason":"court order 12/26 <A & B>",` +
		`"details":{"approver":"bob","request":"r-17"},"numbers":{"opened":1}}`
	got, err := valid().MarshalJSON()
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if _, err := parseEntry([]byte(want)); err != nil {
		t.Error(err)
	}
}

func TestParseEntryRefusesOtherSpellings(t *testing.T) {
	raw, err := valid().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"a space":         strings.Replace(string(raw), `,"act"`, `, "act"`, 1),
		"an escape":       strings.Replace(string(raw), `bob`, `\u0062ob`, 1),
		"another member":  strings.Replace(string(raw), `{"v":1`, `{"v":1,"x":2`, 1),
		"a member twice":  strings.Replace(string(raw), `{"v":1`, `{"v":1,"v":1`, 1),
		"another case":    strings.Replace(string(raw), `"act"`, `"Act"`, 1),
		"another version": strings.Replace(string(raw), `{"v":1`, `{"v":2`, 1),
		"a document more": string(raw) + `{}`,
		"no document":     "",
		"another time":    strings.Replace(string(raw), `.123Z`, `Z`, 1),
	} {
		if _, err := parseEntry([]byte(other)); err == nil || other == string(raw) {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestReason(t *testing.T) {
	for reason, ok := range map[string]bool{
		"": true,
		"request of 2026-11-23, case CASE-0012345":                              true,
		"at 2026-11-23T10:00:00Z by letter":                                     true,
		"UUID 12345678-1234-1234-1234-123456789012":                             true,
		"12 posts, 345678 views":                                                true,
		"Article 17(1)(b) GDPR":                                                 true,
		"plan 3f2a99b1c0d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e": true,
		"called +49 30 1234567":                                                 false,
		"tel (030) 123-4567":                                                    false,
		"tel_0301234567":                                                        false,
		"account 12345678901":                                                   false,
		"phone ٠٣٠١٢٣٤٥٦٧":                                                      false,
		"phone ０３０１２３４５６７":                                                      false,
		"written by eve@example.com":                                            false,
		"written by eve＠example.com":                                            false,
		"it is @eve":                                                            false,
		"acc_3_2cah4o9grvpibq69hrc7hr64g0":                                      false,
		"see (ACC_3_2CAH4O9GRVPIBQ69HRC7HR64G0)":                                false,
		"two\nlines":                                                            false,
		"\x00":                                                                  false,
		"\xff":                                                                  false,
		strings.Repeat("é", 200):                                                true,
		strings.Repeat("é", 201):                                                false,
	} {
		e := valid()
		e.Reason = reason
		err := e.check()
		if (err == nil) != ok {
			t.Errorf("%q: %v", reason, err)
		}
		if err != nil && len(reason) > 4 && strings.Contains(err.Error(), reason[len(reason)-4:]) {
			t.Errorf("the error %q holds what was refused", err)
		}
	}
}

func TestEntryRules(t *testing.T) {
	for name, spoil := range map[string]func(*Entry){
		"no actor":           func(e *Entry) { e.Actor = "" },
		"a pseudonym actor":  func(e *Entry) { e.Actor = "acc_3_2cah4o9grvpibq69hrc7hr64g0" },
		"an unknown detail":  func(e *Entry) { e.Details = map[string]string{"accomplice": "bob"} },
		"a clear subject":    func(e *Entry) { e.Subject = "eve" },
		"a recipient's mail": func(e *Entry) { e.Recipient = "eve@example.com" },
		"a detail's mail":    func(e *Entry) { e.Details = map[string]string{"request": "eve@example.com"} },
		"a detail's phone":   func(e *Entry) { e.Details = map[string]string{"key": "0301234567"} },
		"a path with a mail": func(e *Entry) { e.Details = map[string]string{"path": "$.eve@example.com"} },
		"a number's phone":   func(e *Entry) { e.Numbers = map[string]uint64{"n.0301234567": 1} },
		"a spaced number":    func(e *Entry) { e.Numbers = map[string]uint64{"two words": 1} },
		"an act of its own":  func(e *Entry) { e.Act = "look" },
		"many numbers": func(e *Entry) {
			for i := range maxPairs + 1 {
				e.Numbers["n"+strings.Repeat("x", i)] = 1
			}
		},
	} {
		e := valid()
		spoil(&e)
		if e.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	e := valid()
	e.Details = map[string]string{"path": "$['@type'].actor", "file": "backup-20261123T1404Z.tar"}
	if err := e.check(); err != nil {
		t.Error(err)
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := valid()
		e.At = time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "at")).UTC()
		e.Act = rapid.SampledFrom(Acts()).Draw(t, "act")
		e.Actor = rapid.String().Draw(t, "actor")
		e.Reason = rapid.String().Draw(t, "reason")
		e.Details = rapid.MapOf(rapid.SampledFrom(DetailKeys()), rapid.StringMatching(`[a-z]{1,9}`)).Draw(t, "details")
		e.Numbers = rapid.MapOf(rapid.StringMatching(`[a-z]{1,9}`), rapid.Uint64()).Draw(t, "numbers")
		if e.check() != nil {
			t.Skip("refused")
		}
		raw, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseEntry(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if raw2, err := json.Marshal(again); err != nil || !json.Valid(raw2) {
			t.Fatal(err)
		}
		if raw2, err := again.MarshalJSON(); err != nil || !bytes.Equal(raw, raw2) {
			t.Fatalf("%s became %s", raw, raw2)
		}
	})
}
