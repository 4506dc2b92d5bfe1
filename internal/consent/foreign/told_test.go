// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
)

const arrived = 1_795_000_000_000 // ms, in 2026: later than every message here

var from = From{Instance: "here", At: arrived}

// corpus finds a folder of the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "shared", "corpus", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return dir
}

// lines gives the JSON lines of a file of the corpus.
func lines[T any](t testing.TB, folder, file string) (all []T) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(corpus(t, folder), file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// render writes out what a Told holds, with everything but the sources of signals, one effect after the other.
func render(told Told) string {
	s := told.What
	if told.Subject != (consent.Subject{}) {
		s += fmt.Sprintf(" %s/%s/%s", told.Subject.Instance, told.Subject.Type, told.Subject.ID)
	}
	kinds := map[consent.Kind]string{
		consent.Consent: "consent", consent.Erasure: "erasure", consent.Restriction: "restriction", consent.Sale: "sale", consent.Sharing: "sharing",
	}
	for _, signal := range told.Signals {
		verdict := map[consent.Verdict]string{consent.Allow: "allow", consent.Deny: "deny"}[signal.Verdict]
		s += fmt.Sprintf(" [%s %s %q @%d]", kinds[signal.Kind], verdict, signal.Purpose, signal.At)
	}
	if o := told.Object; o != nil {
		fate := map[Fate]string{Deleted: "deleted", Withheld: "withheld", Restored: "restored"}[o.Fate]
		s += fmt.Sprintf(" {%s %s %s %v}", o.Type, o.ID, fate, o.Countries)
	}
	if told.Scrub != nil {
		s += fmt.Sprintf(" scrub geo=%t up to %s", told.Scrub.Geo, told.Scrub.UpTo)
	}
	if told.Hidden != nil {
		s += fmt.Sprintf(" hidden in %v", told.Hidden)
	}
	return s
}

func renderAll(all []Told, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	parts := make([]string, len(all))
	for i, told := range all {
		parts[i] = render(told)
	}
	return strings.Join(parts, "; ")
}

// effect is the shape of a Told: its What and what kind of thing it holds.
func effect(told Told) string {
	switch {
	case len(told.Signals) > 0:
		s := told.Signals[0]
		word := map[consent.Kind]string{consent.Consent: "consent", consent.Erasure: "erasure", consent.Restriction: "restriction"}[s.Kind]
		if s.Verdict == consent.Allow {
			word += " lifted"
		}
		return told.What + ": " + word
	case told.Object != nil:
		return told.What + ": " + []string{"", "deleted", "withheld", "restored"}[told.Object.Fate]
	case told.Scrub != nil:
		return told.What + ": scrub"
	}
	return told.What + ": nothing"
}

// mapping says what each signal of erasure_signals/signals.jsonl becomes. Where the corpus has blanked the identifiers,
// the right result is an error that names the field.
var mapping = map[string][]string{
	"slack/consent_withdrawn": {
		"slack:app-uninstalled: nothing", // names nobody, or blanked
		"slack:tokens-revoked: consent",
		"error $.event.tokens.oauth[0]: want an identifier: text without spaces around it, or a whole number",
		"error $.tokens.oauth[0]: want an identifier: text without spaces around it, or a whole number",
	},
	"slack/content_deleted":                           {"slack:message-deleted: deleted"},
	"facebook/content_hidden":                         {"facebook:hidden: withheld"},
	"facebook/content_deleted":                        {"facebook:removed: deleted", "facebook:reaction-removed: nothing"}, // the post is another's
	"twitter_compliance/x_compliance:delete":          {"x:delete: deleted"},
	"twitter_compliance/x_compliance:status_withheld": {"x:status_withheld: withheld"},
	"twitter_compliance/x_compliance:undrop":          {"x:undrop: restored"},
	"twitter_compliance/x_compliance:scrub_geo":       {"x:scrub_geo: scrub"},
	"twitter_compliance/x_compliance:user_delete":     {"x:user_delete: restriction"},
	"twitter_compliance/x_compliance:user_undelete":   {"x:user_undelete: restriction lifted"},
	"twitter_compliance/x_compliance:user_protect":    {"x:user_protect: restriction"},
	"twitter_compliance/x_compliance:user_unsuspend":  {"x:user_unsuspend: restriction lifted"},
	"activitypub/ap_undo":                             {"activitypub:undo: deleted"},
	"activitypub/ap_remove":                           {"activitypub:remove: nothing"},
	"activitypub/content_deleted":                     {"activitypub:delete: deleted"},
	"activitystreams/content_deleted":                 {"activitypub:delete: deleted"},
	"activitystreams/ap_move":                         {"activitypub:move: nothing"},
	"activitystreams/ap_tombstone":                    {"activitypub:tombstone: nothing"}, // has no id
	"activitystreams/ap_remove":                       {"activitypub:remove: nothing"},
	"activitystreams/ap_undo":                         {"activitypub:undo: nothing"}, // the offer has no id
	"bluesky/account_deactivated":                     {"atproto:deactivated: restriction"},
	"bluesky/account_active":                          {"atproto:active: restriction lifted"},
	"discord/consent_withdrawn":                       {"error $.event.data.user.id: want a decimal number above 0"}, // blanked
	"github/ref_deleted":                              {"github:ref-deleted: deleted"},
	"github/consent_withdrawn":                        {"github:authorization-revoked: consent"},
	"github/block":                                    {"github:blocked: nothing", "github:unblocked: nothing"},
}

func TestErasureSignals(t *testing.T) {
	type line struct {
		Platform, Signal string
		Payload          json.RawMessage
	}
	seen := map[string]bool{}
	all := lines[line](t, "erasure_signals", "signals.jsonl")
	for i, l := range all {
		read, ok := ReaderOf(l.Platform)
		if !ok {
			t.Fatalf("line %d: no reader for %s", i+1, l.Platform)
		}
		told, err := read(from, l.Payload)
		got := "error " + fmt.Sprint(err)
		if err == nil {
			if len(told) != 1 {
				t.Fatalf("line %d (%s): %d things were told, want 1", i+1, l.Platform, len(told))
			}
			got = effect(told[0])
		}
		key := l.Platform + "/" + l.Signal
		if !slices.Contains(mapping[key], got) {
			t.Errorf("line %d (%s): got %s, want one of %q", i+1, key, got, mapping[key])
		}
		seen[key+" "+got] = true
	}
	for key, wants := range mapping {
		for _, want := range wants {
			if !seen[key+" "+want] {
				t.Errorf("no line of %s became %s", key, want)
			}
		}
	}
	if len(all) != 51 {
		t.Errorf("%d lines, want 51", len(all))
	}
}

func TestReaders(t *testing.T) {
	for _, tt := range readerTests {
		read, ok := ReaderOf(tt.pack)
		if !ok {
			t.Fatalf("no reader for %s", tt.pack)
		}
		if got := renderAll(read(from, []byte(tt.payload))); got != tt.want {
			t.Errorf("%s %s\n got %s\nwant %s", tt.pack, tt.payload, got, tt.want)
		}
	}
	if _, ok := ReaderOf("telegram"); ok {
		t.Error("a reader for a sender that says nothing")
	}
}

// What a signal is worth must not depend on a sender's clock that runs ahead, nor on a caller who forgot the time.
func TestTimes(t *testing.T) {
	at := func(message string, ms int64) []byte {
		return fmt.Appendf(nil, `{%q:{"id":7,"timestamp_ms":"%d"}}`, message, ms)
	}
	tests := []struct {
		name    string
		payload []byte
		want    int64 // 0: refused
	}{
		{"a denial now", at("user_protect", arrived), arrived},
		{"a denial within the skew", at("user_protect", arrived+maxSkew), arrived + maxSkew},
		{"a denial from the future counts from now", at("user_protect", arrived+maxSkew+1), arrived},
		{"a denial from far away", at("user_protect", 99_999_999_999_999), arrived},
		{"a permission within the skew", at("user_unprotect", arrived+maxSkew), arrived + maxSkew},
		{"a permission from the future", at("user_unprotect", arrived+maxSkew+1), 0},
		{"a time at its default", at("user_protect", 0), arrived},
		{"no time", []byte(`{"user_protect":{"id":7}}`), arrived},
		{"an unreadable time", []byte(`{"user_protect":{"id":7,"timestamp_ms":"yesterday"}}`), 0},
		{"a time of the wrong kind", []byte(`{"user_protect":{"id":7,"timestamp_ms":[1]}}`), 0},
		{"a negative time", []byte(`{"user_protect":{"id":7,"timestamp_ms":-1}}`), 0},
		{"a huge time", []byte(`{"user_protect":{"id":7,"timestamp_ms":1e30}}`), 0},
	}
	for _, tt := range tests {
		told, err := X(from, tt.payload)
		if tt.want == 0 {
			if err == nil {
				t.Errorf("%s: accepted at %d", tt.name, told[0].Signals[0].At)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := told[0].Signals[0].At; got != tt.want {
			t.Errorf("%s: holds since %d, want %d", tt.name, got, tt.want)
		}
	}
	if _, err := X(From{Instance: "here"}, at("user_protect", arrived)); err == nil {
		t.Error("a message that came at no time was read")
	}
	if _, err := (From{}).signal(consent.Erasure, consent.Deny, "", "x", moment{}); err == nil {
		t.Error("a signal that came at no time was made")
	}
}

func TestTimeFormats(t *testing.T) {
	tests := []struct {
		value any
		iso   bool
		want  int64
	}{
		{json.Number("1700000000"), false, 1_700_000_000_000},
		{json.Number("1700000000123"), false, 1_700_000_000_123},
		{json.Number("1700000000123456"), false, 1_700_000_000_123},
		{"1700000000", false, 1_700_000_000_000},
		{"1700000000.279278", false, 1_700_000_000_000},
		{"2023-11-14T22:13:20Z", true, 1_700_000_000_000},
		{"2023-11-14T22:13:20.123Z", true, 1_700_000_000_123},
		{"2023-11-15T00:13:20+02:00", true, 1_700_000_000_000},
		{"2023-11-14T22:13:20.123456", true, 1_700_000_000_123},
	}
	for _, tt := range tests {
		n := node{"$.t", tt.value}
		read := n.unix
		if tt.iso {
			read = n.iso
		}
		if got, err := read(); err != nil || got.ms != tt.want || !got.known {
			t.Errorf("%v is %d, %v; want %d", tt.value, got.ms, err, tt.want)
		}
	}
}

// Documents that two parsers can read differently, or that cost too much, are refused before anything is looked up in them.
func TestStrictJSON(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":              ``,
		"no object":            `[]`,
		"null":                 `null`,
		"two documents":        `{"user_delete":{"id":7}} {}`,
		"a member named twice": `{"user_delete":{"id":7,"id":8}}`,
		"twice, once escaped":  `{"user_delete":{"id":7,"\u0069d":8}}`,
		"another case":         `{"User_Delete":{"id":7}}`,
		"another case inside":  `{"user_delete":{"ID":7}}`,
		"no UTF-8":             "{\"user_delete\":{\"id\":\"7\xff\"}}",
		"half a surrogate":     `{"user_delete":{"id_str":"7\ud800"}}`,
		"a fraction":           `{"user_delete":{"id":7.0}}`,
		"an exponent":          `{"user_delete":{"id":7e3}}`,
		"a negative number":    `{"user_delete":{"id":-7}}`,
		"nobody":               `{"user_delete":{"id":0}}`,
		"an empty id":          `{"user_delete":{"id_str":""}}`,
		"two messages":         `{"user_delete":{"id":7},"user_undelete":{"id":7}}`,
		"an unknown message":   `{"user_vanish":{"id":7}}`,
		"too long":             `{"user_delete":{"id":7,"x":"` + strings.Repeat("x", maxPayload) + `"}}`,
	} {
		if told, err := X(from, []byte(payload)); err == nil {
			t.Errorf("%s: accepted as %s", name, renderAll(told, nil))
		} else if field, ok := errors.AsType[*FieldError](err); !ok || field.Path == "" || field.Want == "" {
			t.Errorf("%s: %v names no field", name, err)
		}
	}
}

// Two identifiers that end in different halves of a surrogate pair must not become one.
func TestBrokenIdentifiers(t *testing.T) {
	for name, id := range map[string]string{
		"half a surrogate": `U1\ud800`, "a replacement character": "U1\uFFFD", "a control character": `U1\u0000`,
		"a space behind": `U1 `, "too long": strings.Repeat("U", maxID+1),
	} {
		payload := `{"event":{"type":"tokens_revoked","tokens":{"oauth":["` + id + `"]}}}`
		if told, err := Slack(from, []byte(payload)); err == nil {
			t.Errorf("%s: accepted as %s", name, renderAll(told, nil))
		}
	}
}

func TestDepth(t *testing.T) {
	nested := func(levels int) []byte {
		return []byte(`{"user_delete":{"id":7,"x":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + `}}`)
	}
	if _, err := X(from, nested(maxDepth)); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if _, err := X(from, nested(maxDepth+1)); err == nil {
		t.Errorf("%d levels were read", maxDepth+1)
	}
}

func TestIDsKeepTheirDigits(t *testing.T) {
	told, err := X(from, []byte(`{"user_delete":{"id":9007199254740993}}`))
	if err != nil || told[0].Subject.ID != "9007199254740993" {
		t.Errorf("2⁵³+1 became another number: %v", err)
	}
}

func TestNothingPrintsItself(t *testing.T) {
	const secret = "Zq7-who-it-is"
	told := Told{
		What: "x:delete", Subject: consent.Subject{Type: "account", ID: secret}, Object: object(secret, Deleted),
		Scrub: &Scrub{UpTo: secret}, Signals: []consent.Signal{{ID: secret}},
	}
	request := DSR{ID: secret, Type: "erasure", Identities: []DSRIdentity{{Value: secret}}, Callbacks: []string{secret}}
	for _, v := range []any{
		told, &told, []Told{told}, told.Object, *told.Object, told.Scrub, request, request.Identities, DSRReceipt{Encoded: []byte(secret)},
		DRP{Email: DRPClaim{Value: secret}}, DRPClaim{Value: secret},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
				t.Errorf("%T prints itself with %s", v, verb)
			}
		}
	}
}
