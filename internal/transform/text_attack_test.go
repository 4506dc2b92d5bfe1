// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/detect/span"
	"github.com/nymstream/nymstream/internal/keyring"
	"pgregory.net/rapid"
)

// known makes a person whom the names of a text name.
func known(t testing.TB, f *fixture, names ...string) {
	t.Helper()
	f.scope.NewEvent()
	person := f.scope.People.Add(f.identity(t, "acc", true), scalar(t, `"4711"`))
	f.scope.Self.Person = func(int) int { return person }
	for i, n := range names {
		f.scope.Self.Names = append(f.scope.Self.Names, detect.Identity{Text: []byte(n), Ref: i})
	}
}

// said gives what the technique makes of a text about people who are known, pseudonyms as <hdl>.
func said(t testing.TB, tech Technique, s *Scope, text string) string {
	t.Helper()
	dst, verdict := tech.Append(nil, scalar(t, quoted(text)), s)
	var out string
	if verdict != Done || json.Unmarshal(dst, &out) != nil {
		t.Fatalf("%q: verdict %d, %s", text, verdict, dst)
	}
	return pseudonymPattern.ReplaceAllString(out, "<$1>")
}

// A mention that stays does not keep what else stands between its brackets.
func TestMentionThatStaysKeepsNoName(t *testing.T) {
	f := newFixture(t)
	for treat, want := range map[Treatment]string{AsIs: "hi <@U123ABC>", AsTag: "hi <[HANDLE]>", AsPseudonym: "hi <@<acc>>"} {
		known(t, f, "Zorblax Quuxley")
		tech := textOf(t, f, detect.Slack, AsTag, map[span.Kind]Treatment{span.Handle: treat})
		if got := said(t, tech, f.scope, "hi <@U123ABC|Zorblax Quuxley>"); got != want {
			t.Errorf("treatment %d: got %q, want %q", treat, got, want)
		}
	}
}

// A host stays only where it tells nothing of the event's people, and no name and password.
func TestHostsOfPeople(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, map[span.Kind]Treatment{span.URL: AsHost})
	for text, want := range map[string]string{
		"https://zorb-quux.example.org/x":     "[URL]",
		"https://quuxley.blog.example.org/":   "[URL]",
		"http://www.example.org/zorb-quux":    "www.example.org",
		"https://example.org/?who=Quuxley":    "example.org",
		"http://a.smith:pw@www.example.org/x": "www.example.org",
	} {
		known(t, f, "zorb-quux", "Zed Quuxley")
		if got := said(t, tech, f.scope, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, url := range []string{"ann.smith:pw@example.org/x", "ann.smith@example.org", "http&#58;//ann&commat;example.org", "mailto:ann.b@example.org", "tg://resolve?domain=a.bc"} {
		if out, ok := appendHostOf(nil, []byte(url)); ok && strings.Contains(string(out), "ann") {
			t.Errorf("%q: %q stays", url, out)
		}
	}
}

// Nothing of a secret stays in a mask or a surrogate, and nothing that nobody sees of anything.
func TestMasksTellNothing(t *testing.T) {
	for _, c := range []struct {
		kind            span.Kind
		text            string
		mask, surrogate string
	}{
		{span.Secret, `p@$$-!"\`, "********", "secret"},
		{span.Phone, "+1 (605) ５５⑤", "+* (***) ***", "+0 (000) 000"},
		{span.Person, "A\u200bn\U000e0041\U000e006e\U000e006en 😀", "*** *", "Someone"},
		{span.Health, "H\u00adIV\u2063+", "***+", "XXX+"},
	} {
		if got := string(appendMasked(nil, c.kind, []byte(c.text))); got != c.mask {
			t.Errorf("mask of %q: %q", c.text, got)
		}
		if got := string(appendSurrogate(nil, c.kind, []byte(c.text))); got != c.surrogate {
			t.Errorf("surrogate of %q: %q", c.text, got)
		}
	}
}

// However an identifier is spelled in a text, its pseudonym is the one that it has in a field of its own.
func TestPseudonymsOfSpellings(t *testing.T) {
	f := newFixture(t)
	field := func(typ, instance, raw string) string {
		return f.pseudonymOf(t, f.identityOf(t, instance, typ, true), raw)
	}
	email, handle := field("eml", "", `"ann@example.org"`), field("hdl", "mastodon", `"ann_b"`)
	for _, c := range []struct {
		markup     detect.Markup
		text, want string
	}{
		{detect.Plain, "mail ann@example.org", "mail " + email},
		{detect.Plain, "mail an\u200bn@example.org", "mail " + email},
		{detect.HTML, "mail <b>ann</b>@example.org", "mail <b>" + email + "</b>"},
		{detect.HTML, "mail ann&#64;example.org", "mail " + email},
		{detect.HTML, "mail <i>Ann</i>&#x40;<b>example</b>.org!", "mail <i>" + email + "</i><b></b>!"},
		{detect.Plain, "thx @ann_b", "thx @" + handle},
		{detect.Plain, "thx u/ann_b", "thx u/" + handle},
		{detect.Plain, "thx /u/ann_b", "thx /u/" + handle},
	} {
		f.scope.NewEvent()
		dst, _ := textOf(t, f, c.markup, AsPseudonym, nil).Append(nil, scalar(t, quoted(c.text)), f.scope)
		if got := strings.Trim(string(dst), `"`); strings.ReplaceAll(got, `\"`, `"`) != c.want {
			t.Errorf("%q: got %s, want %s", c.text, got, c.want)
		}
	}
	mask := textOf(t, f, detect.HTML, AsMask, nil)
	if got := rewritten(t, mask, f.scope, "mail <b>ann</b>@example.org"); got != "mail <b>***@*******.***</b>" {
		t.Errorf("got %q", got)
	}
}

// What readers take for a pseudonym is taken for one.
func TestDisguisedPseudonyms(t *testing.T) {
	f := newFixture(t)
	const p = "acc_1_0123456789abcdefghijklmnop"
	wide := strings.Map(func(r rune) rune { return r - '!' + '！' }, p)
	for _, c := range []struct {
		markup detect.Markup
		text   string
		shaped bool
	}{
		{detect.Plain, "as " + p[:9] + "\u200b" + p[9:], true},
		{detect.Plain, "as " + strings.Join(strings.Split(p, ""), "\u2060"), true},
		{detect.Plain, "as " + wide + ".", true},
		{detect.Plain, p[:4] + "\ufe0f" + strings.ToUpper(p[4:]), true},
		{detect.HTML, "as <b>" + p[:9] + "</b>" + p[9:], true},
		{detect.HTML, "as acc&#95;1&lowbar;" + p[6:], true},
		{detect.HTML, "as acc&#x5f;1_" + p[6:12] + "<wbr>" + p[12:], true},
		{detect.Plain, "as acc&#95;1_" + p[6:], false},
		{detect.HTML, "1 < 2 & snake_case_name", false},
		{detect.Plain, "größer als snake_case_name_1_2", false},
		{detect.Plain, "als " + p[:9] + " ü " + p[9:], false},
	} {
		f.scope.NewEvent()
		_, verdict := textOf(t, f, c.markup, AsTag, nil).Append(nil, scalar(t, quoted(c.text)), f.scope)
		if (verdict == Shaped) != c.shaped {
			t.Errorf("%q: verdict %d", c.text, verdict)
		}
	}
}

// strangers misses everybody, and counts.
type strangers struct{ asked []string }

func (s *strangers) Secret(_ *keyring.Secret, _ int, _ *Identity, name []byte) Verdict {
	s.asked = append(s.asked, string(name))
	return Missed
}

// All whom a text names are asked for at once.
func TestAllAreMissedAtOnce(t *testing.T) {
	f := newFixture(t)
	handle, err := NewStoredIdentity(f.keys, "mastodon", "hdl", true)
	if err != nil {
		t.Fatal(err)
	}
	tech := textOf(t, f, detect.Plain, AsPseudonym, nil)
	tech.(*text).Identities[span.Handle] = handle
	asked := &strangers{}
	f.scope.Secrets = asked
	f.scope.NewEvent()
	dst, verdict := tech.Append([]byte("["), scalar(t, `"@ann_b and @bob_c, @cat_d"`), f.scope)
	if verdict != Missed || string(dst) != "[" || len(asked.asked) != 3 {
		t.Errorf("verdict %d, %s, asked %d times", verdict, dst, len(asked.asked))
	}
}

// A text that was searched is not known by another that comes to lie in its place.
func TestManyFindingsAreGivenUp(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, nil)
	v := scalar(t, quoted(strings.Repeat("@ann_b ", mostFindings/2)))
	f.scope.NewEvent()
	for i := range 8 {
		again := *v
		again.Raw = []byte(string(v.Raw))
		first, _ := tech.Append(nil, &again, f.scope)
		second, _ := tech.Append(nil, &again, f.scope)
		if strings.Contains(string(first)+string(second), "ann") {
			t.Fatalf("text %d: %.40s %.40s", i, first, second)
		}
	}
	if n := len(f.scope.prose.findings); n > 2*mostFindings {
		t.Errorf("%d findings are kept", n)
	}
	f.scope.NewEvent()
	f.scope.Trim()
	if cap(f.scope.prose.findings) > mostFindings || f.scope.prose.scanners != nil {
		t.Error("what they took is not given back")
	}
}

// Whatever stands around an address and between its characters: where one is found, no part of it stays.
func TestNothingOfAnAddressStays(t *testing.T) {
	f := newFixture(t)
	const address = "zorblax.quux@example.org"
	techs := map[string]Technique{}
	for m := detect.Plain; m <= detect.Discord; m++ {
		for _, treat := range []Treatment{AsTag, AsMask, AsPseudonym, AsSurrogate} {
			techs[fmt.Sprint(m, " ", treat)] = textOf(t, f, m, treat, nil)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(techs))).Draw(t, "technique")
		unseen := []string{"", "", "", "", "\u200b", "\u00ad", "\ufe0f"}
		if strings.HasPrefix(name, "html") {
			unseen = append(unseen, "<b>", "</i>", "<wbr>")
		}
		between := rapid.SampledFrom(unseen)
		around := rapid.SampledFrom([]string{"", " ", "\"", "\\", "\u2028", "\x00", "😀", "é", "<p>", "<a title='x'>", "(", "&lt;", "mail ", "@b_c ", "\n"})
		var text strings.Builder
		for range rapid.IntRange(0, 3).Draw(t, "before") {
			text.WriteString(around.Draw(t, "sign"))
		}
		for _, r := range address {
			text.WriteString(between.Draw(t, "between"))
			text.WriteRune(r)
		}
		for range rapid.IntRange(0, 3).Draw(t, "after") {
			text.WriteString(around.Draw(t, "sign"))
		}
		f.scope.NewEvent()
		v := &Value{Kind: String, Text: []byte(text.String()), Raw: []byte(quoted(text.String()))}
		dst, verdict := techs[name].Append(nil, v, f.scope)
		var out string
		if verdict != Done || json.Unmarshal(dst, &out) != nil {
			t.Fatalf("%q: verdict %d, %s", text.String(), verdict, dst)
		}
		found := false
		for _, x := range f.scope.Findings(v.Raw) {
			found = found || x.Kind == span.Email && x.End-x.Start >= len(address)
		}
		for i := 0; found && i+5 <= len("zorblax.quux"); i++ {
			if strings.Contains(out, address[i:i+5]) {
				t.Fatalf("%q became %q", text.String(), out)
			}
		}
	})
}

// A text that is longer than any that people write does not leave: what may be found in it takes many times its memory.
func TestLongTexts(t *testing.T) {
	f := newFixture(t)
	tech := textOf(t, f, detect.Plain, AsTag, nil)
	for length, want := range map[int]Verdict{longestText: Done, longestText + 1: Misfit} {
		f.scope.NewEvent()
		v := scalar(t, quoted(strings.Repeat("a", length)))
		if dst, verdict := tech.Append(nil, v, f.scope); verdict != want || verdict == Misfit && len(dst) > 0 {
			t.Errorf("%d bytes: verdict %d", length, verdict)
		}
	}
}

// What is written to make the search slow does not: a mebibyte takes about eight times as long as an eighth of it.
func TestTextTakesLinearTime(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		markup detect.Markup
		text   string
	}{
		{detect.Slack, "<@a "}, {detect.Discord, "<@1"}, {detect.HTML, "<_&"}, {detect.HTML, "&lt;_"}, {detect.Plain, "_1_"}, {detect.Plain, "é_1"}, {detect.Plain, "@a_"},
	} {
		tech := textOf(t, f, c.markup, AsPseudonym, nil)
		took := func(size int) time.Duration {
			f.scope.NewEvent()
			v := scalar(t, quoted(strings.Repeat(c.text, size/len(c.text))))
			start := time.Now()
			tech.Append(nil, v, f.scope)
			return time.Since(start)
		}
		took(longestText / 8) // the first of a kind makes tables and room
		few, many := time.Hour, time.Hour
		for try := 0; try < 8 && many > 25*few || try == 0; try++ { // other work on the machine disturbs; a quadratic search takes 64 times as long
			few, many = min(few, took(longestText/8)), min(many, took(longestText))
		}
		if many > 40*few {
			t.Errorf("%s %q: %s for an eighth, %s for all", c.markup, c.text, few, many)
		}
	}
}

func BenchmarkText(b *testing.B) {
	f := newFixture(b)
	tech := textOf(b, f, detect.Plain, AsPseudonym, nil)
	dst := make([]byte, 0, 1024)
	for name, text := range map[string]string{"nothing": strings.Repeat("nothing here but words ", 9), "mention": strings.Repeat("nothing here but words ", 8) + "thx @ann_b"} {
		v := scalar(b, quoted(text))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.scope.NewEvent()
				tech.Append(dst, v, f.scope)
			}
		})
	}
}
