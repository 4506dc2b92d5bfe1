// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	for text, want := range map[string]format{
		"jane@example.org":                             email,
		"mailto:jane@example.org":                      email,
		"+49 30 1234567":                               phone,
		"(555) 123-4567":                               phone,
		"192.0.2.7":                                    address,
		"2001:db8::1":                                  address,
		"192.0.2.7:443":                                address,
		"550e8400-e29b-41d4-a716-446655440000":         uuid,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":                   ulid,
		"https://example.org/@jane":                    link,
		"at://did:plc:abc/app.bsky.feed.post/3k":       atURI,
		"did:plc:z72i7hdynmk6r22z27h6tvur":             did,
		"acct:jane@example.org":                        acct,
		"@jane:example.org":                            acct,
		"2024-01-02T03:04:05.678Z":                     moment,
		"Mon Jan 02 15:04:05 -0700 2006":               rubyDate,
		"Mon, 02 Jan 2006 15:04:05 GMT":                webDate,
		"2024-01-02":                                   day,
		"1700000000":                                   epoch,
		"1700000000123":                                epoch,
		"1700000000123456789":                          longID, // nanoseconds, or an id: the name decides
		"3_1136048009270239232":                        token,
		"1355517523.000005":                            moment,
		"123456789123456789":                           longID,
		"d41d8cd98f00b204e9800998ecf8427e":             hexHash,
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefg": jwt,
		"Bearer abcdefghijklmnop":                      key,
		"-----BEGIN PUBLIC KEY-----\nMII":              key,
		"4111111111111111":                             card,
		"4111 1111 1111 1111":                          card,
		"4111111111111112":                             longID,
		"DE89370400440532013000":                       iban,
		"52.5200,13.4050":                              pair,
		"Mozilla/5.0 (X11; Linux x86_64)":              agent,
		"pt-BR":                                        localeID,
		"DE":                                           country,
		"Europe/Berlin":                                zone,
		"image/png":                                    mime,
		"1.2.3":                                        version,
		"#ff8800":                                      color,
		"status.created":                               word,
		"MessageCreate":                                word,
		"hello there":                                  words,
		"<p>hello</p>":                                 markup,
		`{"a":1}`:                                      inner,
		"12.5":                                         fraction,
		"aGVsbG8gd29ybGQgdGhpcyBpcyBsb25nMTIz":         random,
	} {
		if got := formatOf(text); got != want {
			t.Errorf("%q: want %s, got %s", text, formatNames[want], formatNames[got])
		}
	}
}

func TestNamesThatAreData(t *testing.T) {
	for _, name := range []string{"123", "jane@example.org", "2024-01-02", "550e8400-e29b-41d4-a716-446655440000", "did:plc:abc", "Lisbon, Portugal", "U02ABC3DEF9", "+49301234567", "https://example.org/x", strings.Repeat("x", 90)} {
		if !dataName(name) {
			t.Errorf("%q: want data, got a word of the format", name)
		}
	}
	for _, name := range []string{"id", "first name", "@context", "$set", "oa:created", "address1", "sha256", "image_1024", "zh-Hans", "_body", "X-Request-Id", "prénom"} {
		if dataName(name) {
			t.Errorf("%q: want a word of the format, got data", name)
		}
	}
}

func TestTokens(t *testing.T) {
	for name, want := range map[string]string{
		"inReplyToUserID": "in reply to user id", "first_name": "first name", "CUSTOMERNAME": "customer name", "useragent": "user agent", "IPAddress": "ip address", "address1": "address 1",
		"Straße": "strasse", "prénom": "prenom", "phone-number": "phone number", "memberid": "member id", "oa:created": "oa created",
	} {
		if got := strings.Join(tokens(name), " "); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
}

func TestSketchesEstimate(t *testing.T) {
	var all, half sketch
	for i := range 100_000 {
		h := hash(fmt.Sprint("value ", i))
		all.add(h)
		if i%2 == 0 {
			half.add(h)
		}
	}
	if got := all.size(); math.Abs(got-100_000) > 40_000 {
		t.Errorf("want about 100,000 values, got %.0f", got)
	}
	if got, _ := half.overlap(&all); got < 0.99 {
		t.Errorf("half's values are all in the whole: want 1, got %.2f", got)
	}
	if got, _ := all.overlap(&half); math.Abs(got-0.5) > 0.25 {
		t.Errorf("half of the whole's values are in half: want about 0.5, got %.2f", got)
	}
}
