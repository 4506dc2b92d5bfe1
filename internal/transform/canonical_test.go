// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// identityTypes are those of the policy language; each finds its rule.
var identityTypes = []string{"acc", "hdl", "obj", "grp", "app", "nam", "eml", "phn", "ipa", "dev", "cke", "plc", "hsh", "gov", "url", "med", "ava"}

func canonical(identityType string, v *Value) string {
	out, ok := appendCanonical([]byte("kept"), canonicalRules(identityType), v)
	if !bytes.HasPrefix(out, []byte("kept")) {
		return "what stood before was changed"
	}
	if !ok {
		return misfit
	}
	return string(out[4:])
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ typ, raw, want string }{
		// Accounts: one spelling for a number, however it is written.
		{"acc", `123`, "123"},
		{"acc", `"123"`, "123"},
		{"acc", `"000123"`, "123"},
		{"acc", `0`, "0"},
		{"acc", `"0000"`, "0"},
		{"acc", `-17`, "-17"},
		{"acc", `"-017"`, "-17"},
		{"acc", `-0`, "0"},
		{"acc", `9007199254740993`, "9007199254740993"}, // 2⁵³+1
		{"acc", `"9007199254740993"`, "9007199254740993"},
		{"acc", `123456789012345678901234567890`, "123456789012345678901234567890"},
		{"acc", `1.0`, misfit},
		{"acc", `1e3`, misfit},
		{"acc", `12E0`, misfit},
		{"acc", `"1.0"`, "1.0"}, // text like any other
		{"acc", `"+1"`, "+1"},
		{"acc", `"-"`, "-"},
		{"acc", `" 1"`, " 1"},
		{"acc", `""`, misfit},
		{"acc", `true`, misfit},
		{"acc", `false`, misfit},
		{"acc", `null`, misfit},
		{"acc", `"did:plc:Z72i7hdynmk6r22z27h6tvur"`, "did:plc:Z72i7hdynmk6r22z27h6tvur"},
		{"acc", `"cafe\u0301"`, "café"},
		{"acc", `"CAFÉ"`, "CAFÉ"},
		{"obj", `"https://example.com/A"`, "https://example.com/A"},

		{"hdl", `"@Alice"`, "alice"},
		{"hdl", `"  @Alice \n"`, "alice"},
		{"hdl", `"@@ alice"`, "alice"},
		{"hdl", `"Alice@Example.com"`, "alice@example.com"},
		{"hdl", `"STRASSE"`, "strasse"},
		{"hdl", `"Straße"`, "strasse"},
		{"hdl", `"\u212Aelvin"`, "kelvin"}, // the Kelvin sign
		{"hdl", `"@ÉVE"`, "éve"},
		{"hdl", `"\u00a0@bob\u3000"`, "bob"},
		{"hdl", `"007"`, "007"},
		{"hdl", `42`, "42"},
		{"hdl", `"@"`, misfit},
		{"hdl", `" "`, misfit},

		{"eml", `"Alice.Wonder+tag@Example.COM"`, "alice.wonder+tag@example.com"},
		{"eml", `" alice@example.com\n"`, "alice@example.com"},
		{"eml", `"alice@BÜCHER.example"`, "alice@xn--bcher-kva.example"},
		{"eml", `"alice@bu\u0308cher.example"`, "alice@xn--bcher-kva.example"},
		{"eml", `"alice@xn--bcher-kva.example"`, "alice@xn--bcher-kva.example"},
		{"eml", `"ÄNNE@example.com"`, "änne@example.com"},
		{"eml", `"a\u0308nne@example.com"`, "änne@example.com"},
		{"eml", `"alice@straße.example"`, "alice@xn--strae-oqa.example"}, // non-transitional
		{"eml", `"用户@例子。中国"`, "用户@xn--fsqu00a.xn--fiqs8s"},
		{"eml", `"alice"`, misfit},
		{"eml", `"@example.com"`, misfit},
		{"eml", `"alice@"`, misfit},
		{"eml", `"Alice <alice@example.com>"`, misfit},
		{"eml", `"a@example.com,b@example.com"`, misfit},
		{"eml", `"a b@example.com"`, misfit},
		{"eml", `"ä b@example.com"`, misfit},
		{"eml", `"alice@b\u00fc cher.example"`, misfit},
		{"eml", `"a\u037eb@example.com"`, misfit}, // composes to a semicolon
		{"eml", `17`, misfit},

		{"phn", `"+49 30 123456"`, "+4930123456"},
		{"phn", `"0049 30 123456"`, "+4930123456"},
		{"phn", `"+49 (0)30/12 34-56"`, "+4930123456"},
		{"phn", `"0049 (0)30 123456"`, "+4930123456"},
		{"phn", `"(+49) 30 123456"`, "+4930123456"},
		{"phn", `"tel:+1-201-555-0123"`, "+12015550123"},
		{"phn", `"\u202a+1\u00a0650\u2011555\u20111234\u202c"`, "+16505551234"},
		{"phn", `"030 123456"`, "030123456"},
		{"phn", `"16505551234"`, "16505551234"}, // no guess at a country
		{"phn", `16505551234`, "16505551234"},
		{"phn", `"110"`, "110"},
		{"phn", `"11"`, misfit},
		{"phn", `"+1234567890123456"`, misfit},
		{"phn", `"+0301234567"`, misfit},
		{"phn", `"+12"`, misfit},
		{"phn", `"+"`, misfit},
		{"phn", `"1+2345678"`, misfit},
		{"phn", `"++12345678"`, misfit},
		{"phn", `"call me"`, misfit},
		{"phn", `"030 123456 ext. 5"`, misfit},

		{"ipa", `"192.0.2.1"`, "192.0.2.1"},
		{"ipa", `" 192.0.2.1 "`, "192.0.2.1"},
		{"ipa", `"::ffff:192.0.2.1"`, "192.0.2.1"},
		{"ipa", `"::ffff:c000:201"`, "192.0.2.1"},
		{"ipa", `"2001:DB8:0:0::1"`, "2001:db8::1"},
		{"ipa", `"fe80::1%eth0"`, "fe80::1"},
		{"ipa", `"192.0.02.1"`, misfit},
		{"ipa", `"192.0.2"`, misfit},
		{"ipa", `"192.0.2.256"`, misfit},
		{"ipa", `"192.0.2.1.1"`, misfit},
		{"ipa", `"192.0.2."`, misfit},
		{"ipa", `"192..2.1"`, misfit},
		{"ipa", `"192.0.2.1:80"`, misfit},
		{"ipa", `"192.0.2.0/24"`, misfit},
		{"ipa", `3221225985`, misfit},

		{"dev", `"AEBE52E7-03EE-455A-B3C4-E57283966239"`, "aebe52e7-03ee-455a-b3c4-e57283966239"},
		{"dev", `" aebe52e7-03ee-455a-b3c4-e57283966239 "`, "aebe52e7-03ee-455a-b3c4-e57283966239"},
		{"dev", `"AEBE52E7-03EE-455A-B3C4-E5728396623G"`, "AEBE52E7-03EE-455A-B3C4-E5728396623G"},
		{"dev", `"9774D56D682E549C"`, "9774d56d682e549c"},
		{"dev", `"9774D56D682E549"`, "9774D56D682E549"},
		{"cke", `"GA1.2.1234.ABC"`, "GA1.2.1234.ABC"},
		{"hsh", `"D41D8CD98F00B204E9800998ECF8427E"`, "d41d8cd98f00b204e9800998ecf8427e"},
		{"hsh", `"  "`, misfit},

		{"nam", `"Ada Lovelace"`, "Ada Lovelace"},
		{"nam", `"  "`, "  "},
		{"gov", `"00123"`, "00123"},
		{"url", `"HTTPS://Example.com/"`, "HTTPS://Example.com/"},
	} {
		if got := canonical(c.typ, scalar(t, c.raw)); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.typ, c.raw, got, c.want)
		}
	}
}

// A canonical form is its own canonical form, and it is never empty: else one person would have two pseudonyms.
func FuzzCanonical(f *testing.F) {
	for _, text := range []string{
		"", "0", "-0", "007", "@@ Alice", "alice@bücher.example", "\u00a0@ ÄNNE@example.com", "+49 (0)30 123", "0049 30 1234567", "::ffff:1.2.3.4", "1.2.3.4",
		"AEBE52E7-03EE-455A-B3C4-E57283966239", "9774D56D682E549C", "\u0345\u0301", "ᾳ\u0345", "ǰ\u0323", "\u1fb3\u0345@x.example", "İ@İ.example", "K", "＠ｂｏｂ", "a@ß.de", "1+1@a",
		"ΐ", "\u03b9\u0308\u0301", "ẞ", "ﬃ", "tel:+1 650 555 0123",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip()
		}
		for _, typ := range identityTypes {
			first := canonical(typ, &Value{Kind: String, Text: []byte(text)})
			if first == misfit {
				continue
			}
			if first == "" || !utf8.ValidString(first) {
				t.Fatalf("%s %q: got %q", typ, text, first)
			}
			if again := canonical(typ, &Value{Kind: String, Text: []byte(first)}); again != first {
				t.Fatalf("%s %q: got %q, then %q", typ, text, first, again)
			}
		}
	})
}

// Both cases of every letter are one handle, alone and under the one mark that folds into a letter.
func TestHandlesFoldEveryLetter(t *testing.T) {
	for r := rune(0x80); r <= 0x1ffff; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		for _, text := range []string{string(r), string(r) + "\u0345", "α\u0345" + string(r)} {
			first := canonical("hdl", &Value{Kind: String, Text: []byte(text)})
			if again := canonical("hdl", &Value{Kind: String, Text: []byte(first)}); first != misfit && again != first {
				t.Errorf("%+q: got %+q, then %+q", text, first, again)
			}
		}
		if other := unicode.SimpleFold(r); other != r {
			a, b := canonical("hdl", &Value{Kind: String, Text: []byte(string(r))}), canonical("hdl", &Value{Kind: String, Text: []byte(string(other))})
			if a != b {
				t.Errorf("%+q and %+q: got %+q and %+q", r, other, a, b)
			}
		}
	}
}

// Numbers and strings of the same digits are the same identifier, whatever type it has.
func TestNumbersAreTheirDigits(t *testing.T) {
	for _, typ := range identityTypes {
		for _, digits := range []string{"1", "16505551234", "9007199254740993", "-5"} {
			number := canonical(typ, &Value{Kind: Number, Text: []byte(digits)})
			text := canonical(typ, &Value{Kind: String, Text: []byte(digits)})
			if number != text {
				t.Errorf("%s %s: got %q as a number, %q as a string", typ, digits, number, text)
			}
		}
	}
}

func TestCanonicalASCIIAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 256)
	for typ, text := range map[string]string{
		"acc": "1234567890123456789", "hdl": "@Alice.Wonder", "eml": "Alice.Wonder@Example.com", "phn": "+49 (0)30 123456", "ipa": "192.0.2.1",
		"dev": "AEBE52E7-03EE-455A-B3C4-E57283966239", "nam": "Ada Lovelace", "url": "https://example.com/" + strings.Repeat("a", 100),
	} {
		rule, v := canonicalRules(typ), &Value{Kind: String, Text: []byte(text)}
		if n := testing.AllocsPerRun(100, func() {
			if _, ok := appendCanonical(buf, rule, v); !ok {
				t.Fatal(misfit)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", typ, n)
		}
	}
}

// The root of the DNS may be written or not: one address, one pseudonym.
func TestFinalDotOfEmailDomain(t *testing.T) {
	for text, want := range map[string]string{
		"a@example.com.": "a@example.com", "A@Example.com..": "a@example.com", "ä@bücher.example.": "ä@xn--bcher-kva.example",
		"a@bücher.example。": "a@xn--bcher-kva.example", "a@.": "", "a@..": "", "ä@.": "", ".@a": ".@a", "a.": "",
	} {
		got, ok := canonicalEmail([]byte("kept "), []byte(text))
		if string(got) != "kept "+want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", text, got, ok, want)
		}
	}
}
