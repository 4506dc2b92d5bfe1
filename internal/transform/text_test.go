// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// textOf makes a text technique that treats everything alike, but what others say.
func textOf(t testing.TB, f *fixture, m detect.Markup, all Treatment, others map[span.Kind]Treatment) Technique {
	t.Helper()
	d, err := detect.New(detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := TextOptions{Detector: d, Markup: m, Account: f.identity(t, "acc", true)}
	for k := range o.Treat {
		o.Treat[k] = all
	}
	for k, treat := range others {
		o.Treat[k] = treat
	}
	o.Identities[span.Handle] = f.identity(t, "hdl", true)
	o.Identities[span.Email] = f.identityOf(t, "", "eml", true)
	o.Identities[span.Phone] = f.identityOf(t, "", "phn", true)
	return NewText(o)
}

// rewritten gives what the technique makes of a text, pseudonyms as <hdl>.
func rewritten(t testing.TB, tech Technique, s *Scope, text string) string {
	t.Helper()
	s.NewEvent()
	dst, verdict := tech.Append(nil, scalar(t, quoted(text)), s)
	if verdict != Done {
		t.Fatalf("%q: verdict %d", text, verdict)
	}
	var out string
	if err := json.Unmarshal(dst, &out); err != nil {
		t.Fatalf("%q: %q is no JSON: %v", text, dst, err)
	}
	return pseudonymPattern.ReplaceAllString(out, "<$1>")
}

var pseudonymPattern = regexp.MustCompile(`([a-z]{3})_[0-9]+_[0-9a-v]{26}`)

func TestText(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		text                       string
		tag, mask, pseudo, replace string
	}{
		{"nothing to see", "nothing to see", "nothing to see", "nothing to see", "nothing to see"},
		{"mail ann@example.org \"now\"", `mail [EMAIL] "now"`, `mail ***@*******.*** "now"`, `mail <eml> "now"`, `mail someone@example.invalid "now"`},
		{"thx @ann_b!", "thx [HANDLE]!", "thx @***_*!", "thx @<hdl>!", "thx @someone!"},
		{"see https://example.org/u/7", "see [URL]", "see *****://*******.***/*/*", "see [URL]", "see https://example.invalid/"},
		{"from 203.0.113.77 \\o/", `from [IP_ADDRESS] \o/`, `from ***.*.***.** \o/`, `from [IP_ADDRESS] \o/`, `from 192.0.2.0 \o/`},
	} {
		for i, want := range []string{c.tag, c.mask, c.pseudo, c.replace} {
			if got := rewritten(t, textOf(t, f, detect.Plain, Treatment(i), nil), f.scope, c.text); got != want {
				t.Errorf("treatment %d of %q: got %q, want %q", i, c.text, got, want)
			}
		}
	}
}

func TestTextKeepsAndHosts(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, map[span.Kind]Treatment{span.URL: AsHost, span.Handle: AsIs})
	for text, want := range map[string]string{
		"@ann: https://Ann:pw@Example.org:81/x?y": "@ann: example.org",
		"@ann: www.example.org/ann and a@b.org":   "@ann: www.example.org and [EMAIL]",
		"http://203.0.113.77/ann":                 "[URL]", // an address is no host that may stay
	} {
		if got := rewritten(t, tech, f.scope, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A mention has the pseudonym that the handle has elsewhere, with or without its sign.
func TestMentionsAreConsistent(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsPseudonym, nil)
	f.scope.NewEvent()
	want, _ := NewPseudonym(f.identity(t, "hdl", true)).Append(nil, scalar(t, `"@Ann_B"`), f.scope)
	dst, _ := tech.Append(nil, scalar(t, `"hi @ann_b"`), f.scope)
	if got := strings.TrimPrefix(string(dst), `"hi @`); got != string(want[1:]) {
		t.Errorf("got %s, want %s", dst, want)
	}
}

// The event's own names are replaced by the pseudonym of whom they name, also where nothing else would tell them for names.
func TestTextOfItsOwnPeople(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsPseudonym, nil)
	names := []string{"Zorblax Quuxley", "zorb_q"}
	for text, want := range map[string]string{
		"I am Zorblax, Zorblax Quuxley!": "I am <acc>, <acc>!",
		"ZORBLAX'S cat follows zorb_q":   "<acc>'S cat follows <acc>",
		"zórblax says hi":                "<acc> says hi",
	} {
		f.scope.NewEvent()
		person := f.scope.People.Add(f.identity(t, "acc", true), scalar(t, `"4711"`))
		f.scope.Self.Person = func(int) int { return person }
		for i, n := range names {
			f.scope.Self.Names = append(f.scope.Self.Names, detect.Identity{Text: []byte(n), Ref: i})
		}
		dst, verdict := tech.Append(nil, scalar(t, quoted(text)), f.scope)
		if got := pseudonymPattern.ReplaceAllString(string(dst), "<$1>"); verdict != Done || got != quoted(want) {
			t.Errorf("%q: got %s (%d), want %q", text, got, verdict, want)
		}
	}
}

// In HTML tags stay as they are, and text is found through them.
func TestTextInMarkup(t *testing.T) {
	f := newFixture(t)
	html := textOf(t, f, detect.HTML, AsTag, nil)
	for text, want := range map[string]string{
		`<p>mail <b>ann</b>@example.org</p>`:     `<p>mail <b>[EMAIL]</b></p>`,
		`<p>ann&#64;example.org &amp; co</p>`:    `<p>[EMAIL] &amp; co</p>`,
		`<p>1 &lt; 2 <br>call</p>`:               `<p>1 &lt; 2 <br>call</p>`,
		`<a href="mailto:ann@example.org">x</a>`: `<a href="mailto:[EMAIL]">x</a>`,
	} {
		if got := rewritten(t, html, f.scope, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	discord := textOf(t, f, detect.Discord, AsTag, nil)
	for text, want := range map[string]string{
		"<@ann*_b*c> x":  "<[HANDLE]> x",
		"<:ann_b:1> ann": "<:ann_b:1> ann",
	} {
		if got := rewritten(t, discord, f.scope, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	slack := textOf(t, f, detect.Slack, AsPseudonym, nil)
	if got := rewritten(t, slack, f.scope, "hi <@U123ABC> and <@U9|ann>"); got != "hi <@<acc>> and <@<acc>>" {
		t.Errorf("got %q", got)
	}
}

// Whoever writes another one's pseudonym into a text does not bring it before a recipient.
func TestTextWithAPseudonym(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, nil)
	pseudonym, _ := NewPseudonym(f.identity(t, "acc", true)).Append(nil, scalar(t, `"4711"`), f.scope)
	p := strings.Trim(string(pseudonym), `"`)
	for _, text := range []string{p, "as " + p + " said", "@" + strings.ToUpper(p), "x_" + p, "ann" + p} {
		f.scope.NewEvent()
		if dst, verdict := tech.Append(nil, scalar(t, quoted(text)), f.scope); verdict != Shaped || len(dst) > 0 {
			t.Errorf("%q: verdict %d, %q", text, verdict, dst)
		}
	}
	if got := rewritten(t, tech, f.scope, "a_b_c snake_case_1_2 "+p[:len(p)-1]); !strings.HasPrefix(got, "a_b_c snake_case_1_2") {
		t.Errorf("got %q", got)
	}
}

// Two recipients who ask about one text have it searched once, and get their own pseudonyms.
func TestTextIsSearchedOnce(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsPseudonym, nil)
	v := scalar(t, `"mail ann@example.org"`)
	f.scope.NewEvent()
	first, _ := tech.Append(nil, v, f.scope)
	f.scope.Domain = f.domain(t, "partner")
	second, _ := tech.Append(nil, v, f.scope)
	if len(f.scope.prose.known) != 1 || string(first) == string(second) {
		t.Errorf("searched %d times: %s, %s", len(f.scope.prose.known), first, second)
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	f := newFixture(t)
	dst := make([]byte, 0, 1024)
	for _, treat := range []Treatment{AsTag, AsMask, AsPseudonym, AsSurrogate} {
		tech := textOf(t, f, detect.Plain, treat, nil)
		for _, text := range []string{"nothing here but words", "mail ann@example.org or @ann, https://example.org/x"} {
			v := scalar(t, quoted(text))
			if n := testing.AllocsPerRun(100, func() { f.scope.NewEvent(); tech.Append(dst, v, f.scope) }); n > 0 {
				t.Errorf("treatment %d of %q: %.0f allocations", treat, text, n)
			}
		}
	}
}

// Once labels stand for what was found, nothing more is: texts as people write them, and evasions.
func TestReplacingTwice(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, nil)
	for _, text := range []string{
		"mail ann@example.org or call +1 605 555 0134", "card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00", "@ann see https://example.org/u/7",
		"born 3 Feb 1990, 221B Baker Street, London NW1 6XE", "４１１１ 1111 1111 1111", "call five five five 0 1 3 4 0 1", "ann [at] example [dot] org",
	} {
		once, _ := replaceOnce(t, tech, f.scope, text)
		if twice, _ := replaceOnce(t, tech, f.scope, once); twice != once {
			t.Errorf("%q became %q, and that %q", text, once, twice)
		}
	}
}

// FuzzText: whatever the text, the output is one JSON string of valid UTF-8.
func FuzzText(f *testing.F) {
	for _, s := range []string{"mail ann@example.org", "<p>x <a href='tel:+4930123456'>@b</a>", "<@U1|x> &amp;", "４１１１ 1111 1111 1111", "\u200bann\u200b@example.org", "a@b.c" + strings.Repeat("<b>", 9)} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(1))
	}
	x := newFixture(f)
	var techs []Technique
	for m := detect.Plain; m <= detect.Discord; m++ {
		for treat := AsTag; treat <= AsSurrogate; treat++ {
			techs = append(techs, textOf(f, x, m, treat, nil))
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		if !utf8.ValidString(text) {
			t.Skip()
		}
		n := int(which) % len(techs)
		replaceOnce(t, techs[n], x.scope, text)
	})
}

func replaceOnce(t *testing.T, tech Technique, s *Scope, text string) (string, bool) {
	t.Helper()
	s.NewEvent()
	dst, verdict := tech.Append(nil, scalar(t, quoted(text)), s)
	var out string
	switch {
	case verdict == Shaped:
		return "", false
	case verdict != Done:
		t.Fatalf("verdict %d", verdict)
	case json.Unmarshal(dst, &out) != nil || !utf8.Valid(dst):
		t.Fatalf("%q is no JSON string", string(dst))
	}
	return out, true
}
