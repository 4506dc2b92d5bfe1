// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAppendString(t *testing.T) {
	for _, c := range []change{
		{"", `""`},
		{"Ann", `"Ann"`},
		{`say "hi" \o/`, `"say \"hi\" \\o/"`},
		{"\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"\x00\x1f\x7f", `"\u0000\u001f` + "\x7f\""},
		{"grüße 😀 \u2028", "\"grüße 😀 \u2028\""},
		{"<a href='/'>&", `"<a href='/'>&"`},
		{"12345678\"", `"12345678\""`},
		{"éééé\\", `"éééé\\"`},
	} {
		if got := string(AppendString(nil, []byte(c.raw))); got != c.want {
			t.Errorf("of %q: got %s, want %s", c.raw, got, c.want)
		}
	}
}

func TestAppendUnescaped(t *testing.T) {
	for _, c := range []change{
		{``, ""},
		{`plain`, "plain"},
		{`\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t"},
		{`\u0065mail`, "email"},
		{`\u00E9\u20ac`, "é€"},
		{`\ud83d\ude00!`, "😀!"},
		{`\\u0041`, `\u0041`},
		{`a\u0000b`, "a\x00b"},
	} {
		if got := string(AppendUnescaped(nil, []byte(c.raw))); got != c.want {
			t.Errorf("of %s: got %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestAppendUnescapedOfInvalidStaysUTF8(t *testing.T) {
	for _, raw := range []string{`\ud83d`, `\ude00`, `\ud83d\ud83d\ude00`, `\ud83dx`, `\u12`, `\u`, `\uZZZZ`, `\x41`, `\`, `a\`} {
		if got := AppendUnescaped(nil, []byte(raw)); !utf8.Valid(got) {
			t.Errorf("of %s: got %q, which is not UTF-8", raw, got)
		}
	}
}

func TestStringsAreReadBackByEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		var got string
		if err := json.Unmarshal(AppendString(nil, []byte(want)), &got); err != nil || got != want {
			t.Fatalf("got %q and %v, want %q", got, err, want)
		}
	})
}

func TestStringsOfEncodingJSONAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendUnescaped(nil, raw[1:len(raw)-1])); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// The scan by words must find the first byte to escape at every distance, whatever stands before and after it.
func TestUnescapedPrefixAtEveryDistance(t *testing.T) {
	for c := range 256 {
		for _, around := range []string{"a", "é", "\x7f", "\xff", "!", "#", "[", "]", " "} {
			for n := range 20 {
				text := strings.Repeat(around, 20)[:n] + string([]byte{byte(c)}) + strings.Repeat(around, 9)
				want := len(text)
				for i := range len(text) {
					if text[i] < ' ' || text[i] == '"' || text[i] == '\\' {
						want = i
						break
					}
				}
				if got := unescapedPrefix([]byte(text)); got != want {
					t.Fatalf("of %q: got %d, want %d", text, got, want)
				}
			}
		}
	}
}
