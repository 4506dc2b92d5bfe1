// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// found renders findings of the kinds asked for as "kind text".
func found(t testing.TB, o Options, text string, m Markup, self ...Identity) (list []string) {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Scanner().FindWith([]byte(text), m, self) {
		list = append(list, fmt.Sprintf("%v %s", f.Kind, text[f.Start:f.End]))
	}
	return list
}

var netKinds = []span.Kind{span.Email, span.Card, span.IBAN, span.Bank, span.IP, span.MAC, span.URL, span.Handle, span.Crypto, span.Secret}

func TestKinds(t *testing.T) {
	tests := []struct{ text, want string }{
		{"write to jo.b+list@mail.example.org, ok", "email jo.b+list@mail.example.org"},
		{"JO@EXAMPLE.COM.", "email JO@EXAMPLE.COM"},
		{"jo@example.com.Then we left", "email jo@example.com"},
		{"邮箱jo@example.com发我", "email jo@example.com"},
		{"j\u043e@example.com", "email j\u043e@example.com"},
		{"jo＠example．com", "email jo＠example．com"},
		{"müller@bücher.example.de", "email müller@bücher.example.de"},
		{`"jo b"@example.com`, `email "jo b"@example.com`},
		{"jo@[192.0.2.7]", "email jo@[192.0.2.7]"},
		{"jo [at] example [dot] com", "email jo [at] example [dot] com"},
		{"jo(at)example.com", "email jo(at)example.com"},
		{"mail jo@localhost", ""},
		{"see @jo_b!", "handle @jo_b"},
		{".@jo.example.social said", "handle @jo.example.social"},
		{"cc @jo@social.example.org", "handle @jo@social.example.org"},
		{"RT@jo_b: nice", "handle @jo_b"},
		{"f@@k, 5 @ 3", ""},
		{"你好@小明同学 在吗", "handle @小明同学"},
		{"my skype is jo_b77", "handle jo_b77"},
		{"insta: jo.b", "handle jo.b"},
		{"skype is down again", ""},
		{"https://example.org/a?b=c, and", "url https://example.org/a?b=c"},
		{"(see http://example.org/a_(b))", "url http://example.org/a_(b)"},
		{"www.example.org", "url www.example.org"},
		{"example.org/x", "url example.org/x"},
		{"на пример.укр", ""},
		{"http://пример.укр/a", "url http://пример.укр/a"},
		{"https://u:p4ss@example.org:8443/x", "url https://u:p4ss@example.org:8443/x"},
		{"done.It was fun, e.g. main.rs or file.tar.bz2 v1.2.3", ""},
		{"card 4111 1111 1111 1111", "card 4111 1111 1111 1111"},
		{"4111-1111-1111-1111", "card 4111-1111-1111-1111"},
		{"3714 496353 98431", "card 3714 496353 98431"},
		{"４１１１１１１１１１１１１１１１", "card ４１１１１１１１１１１１１１１１"},
		{"4111 1111 1111 1112", ""},
		{"DE89 3704 0044 0532 0130 00 ok", "iban DE89 3704 0044 0532 0130 00"},
		{"gb82west12345698765432", "iban gb82west12345698765432"},
		{"DE88 3704 0044 0532 0130 00", ""},
		{"routing number 021000021", "bank 021000021"},
		{"BIC: DEUTDEFF500", "bank DEUTDEFF500"},
		{"from 203.0.113.77:8080", "ip 203.0.113.77"},
		{"203.0.113.0/24", "ip 203.0.113.0/24"},
		{"version 1.2.3.4", ""},
		{"256.1.1.1", ""},
		{"[2001:db8::1]:443", "ip 2001:db8::1"},
		{"::192.0.2.33, 1::, ::2:3:4:5:6:7:8", "ip ::192.0.2.33; ip 1::; ip ::2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:192.0.2.33 1:2:3:4:5:6:7:8", "ip 1:2:3:4:5:6:192.0.2.33; ip 1:2:3:4:5:6:7:8"},
		{"::ffff:0:192.0.2.33 64:ff9b::192.0.2.0/96 2001:db8::/32.", "ip ::ffff:0:192.0.2.33; ip 64:ff9b::192.0.2.0/96; ip 2001:db8::/32"},
		{"jo@2001:db8::7 '2001:db8::7' fe80::7%eth0.", "ip 2001:db8::7; ip 2001:db8::7; ip fe80::7%eth0"},
		{"abcd:ef01::2 ff02::1:ff00:42 ::ffff:c000:221 ::/0", "ip abcd:ef01::2; ip ff02::1:ff00:42; ip ::ffff:c000:221; ip ::/0"},
		{"192.0.2.7@eth0 192.0.2.7. (192.0.2.7) 192.0.2.7/32", "ip 192.0.2.7; ip 192.0.2.7; ip 192.0.2.7; ip 192.0.2.7/32"},
		{"at 12:34:56", ""},
		{"std::vector and a::b", ""},
		{"00:1b:44:11:3a:b7", "mac 00:1b:44:11:3a:b7"},
		{"001b.4411.3ab7", "mac 001b.4411.3ab7"},
		{"mac 001b44113ab7", "mac 001b44113ab7"},
		{"00:00:00:00:00:00", ""},
		{"0x52908400098527886e0f7030069857d2e4169ee7", "crypto 0x52908400098527886e0f7030069857d2e4169ee7"},
		{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "crypto 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
		{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", ""},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "crypto bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "crypto rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"},
		{"key AKIAIOSFODNN7EXAMPLE", "secret AKIAIOSFODNN7EXAMPLE"},
		{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "secret ghp_16C7e42F292c6912E7710c838347Ae178B4a"},
		{"api_key=9f8a7b6c5d4e3f2a1b0c", "secret 9f8a7b6c5d4e3f2a1b0c"},
		{"password: hunter2", "secret hunter2"},
		{"密码：abc12345", "secret abc12345"},
		{"my password is wrong", ""},
		{"my pin is 4711", "secret 4711"},
		{"pin: -33.8688", ""},
		{"my blog jane-roe.dev :)", "url jane-roe.dev"},
		{"insta: instagram.com/jane.roe_77", "url instagram.com/jane.roe_77"},
		{"skype: live:jane.roe", "handle live:jane.roe"},
		{"discord: jane_roe#4821", "handle jane_roe#4821"},
		{"my-long-article-about-keys-2024-edition", ""},
		{"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "secret -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{Kinds: netKinds}, tt.text, Plain), "; "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Where addresses are not asked for, what is personal in them still is.
func TestPartsOfURLs(t *testing.T) {
	tests := []struct{ text, want string }{
		{"https://joe_b:p4ss@git.example.org/x", "handle joe_b; secret p4ss"},
		{"https://example.org/users/joe_b?mail=jo@example.org", "handle joe_b; email jo@example.org"},
		{"https://social.example/@joe_b/1", "handle @joe_b"},
		{"https://example.org/reset?token=Zx8Kq2Lm9Np4Rt6Vw1Yb", "secret Zx8Kq2Lm9Np4Rt6Vw1Yb"},
		{"http://192.0.2.7/a", "ip 192.0.2.7"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{Kinds: []span.Kind{span.Handle, span.Email, span.Secret, span.IP}}, tt.text, Plain), "; "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// A bare value of a field needs no cue word.
func TestField(t *testing.T) {
	for text, want := range map[string]string{
		"001b44113ab7": "mac 001b44113ab7", "Zx8Kq2Lm9Np4Rt6Vw1Yb": "secret Zx8Kq2Lm9Np4Rt6Vw1Yb", "4222222222222": "card 4222222222222", "123456789012": "", "::1": "ip ::1",
	} {
		if got := strings.Join(found(t, Options{Kinds: netKinds, Field: true}, text, Plain), "; "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Where a number may be of several kinds, the one that keeps the rarer rule is told.
func TestRivals(t *testing.T) {
	tests := []struct {
		text, want string
		field      bool
	}{
		{"my id card number is 45504-4185771-3 ok", "national-id 45504-4185771-3", false},
		{"my card is 45504-4185771-3", "national-id 45504-4185771-3", false},
		{"notre SIRET est le 56693456873996", "national-id 56693456873996", false},
		{"my KRA PIN is A659452597B", "national-id A659452597B", false},
		{"NIMM730501MDFCDD09", "national-id NIMM730501MDFCDD09", true},
		{"5712115505088", "national-id 5712115505088", true},
		{"0171 1234567", "phone 0171 1234567", true},
		{"06 12345055", "phone 06 12345055", true},
		{"4111 1111 1111 1111", "card 4111 1111 1111 1111", true},
		{"please verify the TRN 99 L 999 99.", "national-id 99 L 999 99", false},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{Field: tt.field}, tt.text, Plain), "; "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSelf(t *testing.T) {
	tests := []struct{ self, text, want string }{
		{"Anna Müller", "hi ANNA, is anna muller in?", "person ANNA; person anna muller"},
		{"Anna Müller", "Anna's and A\u200bnna", "person Anna; person A\u200bnna"},
		{"Anna Müller", "Hannah and Annabel", ""},
		{"Anna Müller", "Frau Mueller #AnnaMüller", "person Mueller; hashtag #AnnaMüller"},
		{"Robert Will", "will Bob come? Will knows, Rob and robert too", "person Bob; person Will; person Rob; person robert"},
		{"Anna von der Au", "der Hund von Anna", "person Anna"},
		{"王小明", "我是王小明，叫我小明", "person 王小明; person 小明"},
		{"@anna_m", "ask @Anna_M or anna_m, not anna_mm", "handle @Anna_M; handle anna_m"},
		{"anna@example.org", "ANNA@example.org!", "email ANNA@example.org"},
		{"+49 151 2345 6789", "0151/23456789 or +49 (0)151-2345-6789", "phone 0151/23456789; phone +49 (0)151-2345-6789"},
		{"Anna Müller", "anna@example.net", "email anna@example.net"},
	}
	for _, tt := range tests {
		got := found(t, Options{Kinds: netKinds}, tt.text, Plain, Identity{[]byte(tt.self), 3})
		if got := strings.Join(got, "; "); got != tt.want {
			t.Errorf("%q in %q: got %q, want %q", tt.self, tt.text, got, tt.want)
		}
	}
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Scanner().FindWith([]byte("anna, anna@example.net"), Plain, []Identity{{[]byte("Anna"), 3}}) {
		if f.Ref != 3 || f.Reason&span.Self == 0 {
			t.Errorf("got %+v, want the reference", f)
		}
	}
}

func TestMarkup(t *testing.T) {
	anna := Identity{[]byte("Anna Berg"), 0}
	tests := []struct {
		m          Markup
		text, want string
	}{
		{HTML, "jo@<b>example</b>.org", "email jo@<b>example</b>.org"},
		{HTML, "jo&#64;example.org &amp; x", "email jo&#64;example.org"},
		{HTML, `<a href="mailto:jo@example.org">write</a>`, "email jo@example.org"},
		{HTML, `<p>An<i title="jo@example.org">na</i> Berg</p>`, "person An; email jo@example.org; person na</i> Berg"},
		{HTML, "a < b jo@example.org", "email jo@example.org"},
		{HTML, "<!-- jo@example.org -->", "email jo@example.org"},
		{HTML, `<a href="https://social.example/@jo">@<span>jo</span></a>`, "url https://social.example/@jo; handle @<span>jo"},
		{Markdown, `**An**na Berg, jo\_b@example.org`, `person An**na Berg; email jo\_b@example.org`},
		{Markdown, "[text](https://example.org/a) <https://example.org/b>", "url https://example.org/a; url https://example.org/b"},
		{Slack, "<@U024BE7LH|jo> see <mailto:jo@example.org|jo@example.org> <#C024BE7LR|general>", "handle @U024BE7LH|jo; email jo@example.org; email jo@example.org"},
		{Slack, "<https://example.org/x|Anna> &amp; co", "url https://example.org/x; person Anna"},
		{Discord, "<@80351110224678912> in <#41771983423143937>", "handle @80351110224678912"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{Kinds: netKinds}, tt.text, tt.m, anna), "; "); got != tt.want {
			t.Errorf("%v %q: got %q, want %q", tt.m, tt.text, got, tt.want)
		}
	}
}

func TestPieces(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, text := d.Scanner(), "<p>jo@<b>exam</b>ple.org</p>"
	var got []string
	for _, f := range s.Find([]byte(text), HTML) {
		for _, p := range s.Pieces(f) {
			got = append(got, text[p.Start:p.End])
		}
	}
	if want := []string{"jo@", "exam", "ple.org"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLists(t *testing.T) {
	o := Options{Kinds: netKinds, Allow: []string{"Help@Example.org"}, Deny: []Listed{{"Projekt Kranich", span.Person}}}
	got := found(t, o, "help@example.org, jo@example.org, PROJEKT-KRANICH", Plain)
	if want := []string{"email jo@example.org", "person PROJEKT-KRANICH"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, o := range []Options{
		{Allow: []string{"!"}}, {Deny: []Listed{{"x", span.Person}}}, {Deny: []Listed{{"xyz", 0}}}, {Kinds: []span.Kind{span.Kinds}}, {MinScore: 2},
		{Allow: []string{"abc"}, Deny: []Listed{{"ABC", span.Person}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: want an error", o)
		}
	}
}

func TestParseMarkup(t *testing.T) {
	for _, m := range []Markup{Plain, HTML, Markdown, Slack, Discord} {
		if got, err := ParseMarkup(m.String()); err != nil || got != m {
			t.Errorf("%v: got %v, %v", m, got, err)
		}
	}
	if _, err := ParseMarkup("rtf"); err == nil {
		t.Error("want an error")
	}
}

// check holds what is true of all findings.
func check(t interface{ Fatalf(string, ...any) }, s *Scanner, text []byte, m Markup, self []Identity) {
	first := slices.Clone(s.FindWith(text, m, self))
	last := 0
	for _, f := range first {
		if f.Start < last || f.End <= f.Start || f.End > len(text) {
			t.Fatalf("%v %q: %d to %d is out of order", m, text, f.Start, f.End)
		}
		if runeStart(text, f.Start) != f.Start || runeEnd(text, f.End) != f.End {
			t.Fatalf("%v %q: %d to %d parts a rune", m, text, f.Start, f.End)
		}
		last = f.End
		from := f.Start
		for _, p := range s.Pieces(f) {
			if p.Start < from || p.End <= p.Start || p.End > f.End {
				t.Fatalf("%v %q: piece %v of %d to %d", m, text, p, f.Start, f.End)
			}
			from = p.End
		}
	}
	if again := s.FindWith(text, m, self); !slices.Equal(again, first) {
		t.Fatalf("%v %q: got %v, then %v", m, text, first, again)
	}
}

// fragments are what random texts are made of.
var fragments = []string{"a", "Anna", " ", ".", "@", "1", "+49 151 2345678", "jo@example.org", "<b>", "</b>", "<a href=\"", "\">", "&amp;", "&#x41;", "*", "_", "\\", "<@U1|", ">",
	"|", "\u200b", "é", "王", "小明", "😀", "\xff", "\xc3", "４１１１", "a.", "::", "4111 1111 1111 1111", "https://example.org/", "#", "-----BEGIN PRIVATE KEY-----", "password: ", "а", "\n",
	"’", "&nbsp;", "<!--", "(at)", "skype ", "DE89", " on skype", "%", "e\u0301", "<", "\x00", "\u00ad"}

func TestProperties(t *testing.T) {
	d, err := New(Options{Deny: []Listed{{"小", span.Person}, {"a 1", span.Health}}})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Scanner()
	self := []Identity{{[]byte("Anna Bér"), 0}, {[]byte("王小明"), 1}, {[]byte("+49 151 2345678"), 2}, {[]byte("\xff\xfe"), 3}, {[]byte("é"), 4}}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 24).Draw(t, "parts")
		m := Markup(rapid.IntRange(0, int(Discord)).Draw(t, "markup"))
		check(t, s, []byte(strings.Join(parts, "")), m, self)
	})
}

func FuzzFind(f *testing.F) {
	for _, text := range slices.Concat(mixedTexts, richTexts, fragments) {
		f.Add([]byte(text), uint8(0))
		f.Add([]byte(text), uint8(1))
	}
	d, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	s := d.Scanner()
	f.Fuzz(func(t *testing.T, text []byte, m uint8) {
		check(t, s, text, Markup(m)%(Discord+1), []Identity{{[]byte("Anna Bér"), 0}, {text[:min(len(text), 20)], 1}})
	})
}

// Plain text in which nothing is to be made plain is scanned where it lies.
func TestViewIsOriginal(t *testing.T) {
	var v view
	for _, text := range []string{"plain", "schön 你好 😀"} {
		raw := []byte(text)
		if v.reset(raw, Plain); &v.bytes[0] != &raw[0] {
			t.Errorf("%q was copied", text)
		}
	}
}

func TestView(t *testing.T) {
	tests := []struct {
		m          Markup
		text, want string
	}{
		{Plain, "a\u00a0b\u200bc–d’e", "a bc-d'e"},
		{Plain, "１２٣४𝟓", "12345"},
		{Plain, "pаypаl да", "paypal да"},
		{HTML, "<p>a<br/>b</p>&eacute;&#233;&lt;&unknown;", "\na\nb\néé<&unknown;"},
		{HTML, "1 < 2 <3 <", "1 < 2 <3 <"},
		{HTML, `<i title='a>b'>c`, "c\n\x1f\na>b"},
		{Markdown, "**a** *b* 2*3 a_b _c_ \\* `d`", "a b 2*3 a_b c * d"},
		{Slack, "<!here> <https://a.example|b> 1 < 2 > 1", "  b 1 < 2 > 1\n\x1f\nhttps://a.example"},
	}
	var v view
	for _, tt := range tests {
		if v.reset([]byte(tt.text), tt.m); string(v.bytes) != tt.want {
			t.Errorf("%v %q: got %q, want %q", tt.m, tt.text, v.bytes, tt.want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Scanner()
	texts := [][]byte{[]byte(mixedTexts[0]), []byte("être là à 5 h – c’est &eacute;t\u200b 今天天气很好 <b>gut</b> 12 of 30 in 2024"), []byte("v1.2.3 main.rs foo-bar:baz a=b [at] 12:30")}
	for m := Plain; m <= Discord; m++ {
		for _, text := range texts {
			if got := s.Find(text, m); len(got) > 0 {
				t.Errorf("%q: found %v", text, got)
			}
			if n := testing.AllocsPerRun(20, func() { s.Find(text, m) }); n > 0 {
				t.Errorf("%v %q: got %.0f allocations, want none", m, text, n)
			}
		}
	}
}

// Ten times the text takes about ten times as long, whatever it repeats.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Scanner()
	self := []Identity{{[]byte("a b"), 0}, {[]byte("+1 11111111"), 1}}
	measure := func(unit string, m Markup, size int) time.Duration {
		text := []byte(strings.Repeat(unit, size/len(unit)))
		return cpuTime(func() { s.FindWith(text, m, self) })
	}
	units := []string{"1", "1 ", "@", "a@", "<b>", "<a \"", "<a '>\" ", "a.", "a-", "+1", "😀", "&", "&#", "(at)", "_a", "**", "://", "a://", "::", "=", "-----BEGIN ",
		"a b ", "password user ", "<@", "#A", "1.1.", "DE89", "王", "\xff", "e\u0301", "aа", "card 4111 1111 1111 1111 ", "call 555 0132 "}
	for _, unit := range units {
		for _, m := range []Markup{Plain, HTML, Markdown, Slack} {
			small, large := time.Hour, time.Hour
			for range 12 { // other processes disturb: the best of each counts
				small, large = min(small, measure(unit, m, 50_000)), min(large, measure(unit, m, 500_000))
				if large < 30*small {
					break
				}
			}
			if large >= 40*small {
				t.Errorf("%v %q: %v for 50 kB, %v for 500 kB", m, unit, small, large)
			}
		}
	}
}

// oneName finds one word as a name, quite surely.
type oneName string

func (n oneName) Find(dst []span.Found, t *span.Text) []span.Found {
	if i := strings.Index(string(t.Bytes), string(n)); i >= 0 {
		dst = append(dst, span.Found{Start: i, End: i + len(n), Kind: span.Person, Reason: span.Model, Score: .999})
	}
	return dst
}

func (n oneName) Given(word []byte) bool  { return string(word) == string(n) }
func (n oneName) Family(word []byte) bool { return string(word) == "Berg" }

func TestNames(t *testing.T) {
	tests := []struct{ text, want string }{
		{"hello Jo", "person Jo"},
		{"see https://example.org/Jo", "url https://example.org/Jo"},
		{"anna Jo", "person Jo"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{Names: oneName("Jo")}, tt.text, Plain), "; "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := found(t, Options{Names: oneName("Anna")}, "so proud #AnnaBerg", Plain); !slices.Equal(got, []string{"hashtag #AnnaBerg"}) {
		t.Errorf("got %q, want the hashtag", got)
	}
}

func TestRuneBounds(t *testing.T) {
	b := []byte("aé\xff王")
	for i := range len(b) + 1 {
		start, end := runeStart(b, i), runeEnd(b, i)
		if start > i || end < i || i < len(b) && utf8.RuneStart(b[i]) && (start != i || end != i) {
			t.Errorf("%d: got %d to %d", i, start, end)
		}
	}
}
