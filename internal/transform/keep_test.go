// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestKeepInteger(t *testing.T) {
	check(t, must(t)(NewKeep(Type{Kind: TypeInteger})), []change{
		{`42`, `42`},
		{`-7`, `-7`},
		{`-0`, `-0`},
		{`9007199254740993`, `9007199254740993`},
		{`123456789012345678901234567890`, `123456789012345678901234567890`},
		{`1.0`, misfit},
		{`1e3`, misfit},
		{`1E3`, misfit},
		{`"42"`, misfit},
		{`true`, misfit},
		{`null`, misfit},
	})
}

func TestKeepNumberAndBoolean(t *testing.T) {
	check(t, must(t)(NewKeep(Type{Kind: TypeNumber})), []change{
		{`1.10`, `1.10`}, {`1E+3`, `1E+3`}, {`0`, `0`}, {`"1"`, misfit}, {`false`, misfit}, {`null`, misfit},
	})
	check(t, must(t)(NewKeep(Type{Kind: TypeBoolean})), []change{
		{`true`, `true`}, {`false`, `false`}, {`"true"`, misfit}, {`1`, misfit}, {`null`, misfit},
	})
}

func TestKeepEnum(t *testing.T) {
	check(t, must(t)(NewKeep(Type{Kind: TypeEnum, Enum: []string{"public", "grüße", ""}})), []change{
		{`"public"`, `"public"`},
		{`"\u0070ublic"`, `"public"`},
		{`"grüße"`, `"grüße"`},
		{`""`, `""`},
		{`"Public"`, misfit},
		{`"public "`, misfit},
		{`"private"`, misfit},
		{`null`, misfit},
	})
}

func TestKeepString(t *testing.T) {
	check(t, must(t)(NewKeep(Type{Kind: TypeString, Max: 5})), []change{
		{`"grüße"`, `"grüße"`},
		{`"😀😀😀😀😀"`, `"😀😀😀😀😀"`},
		{`"😀😀😀😀😀😀"`, misfit},
		{`"\u0061\"\/\n"`, `"a\"/\n"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"abcdef"`, misfit},
		{`12345`, misfit},
	})
	check(t, must(t)(NewKeep(Type{Kind: TypeString, Pattern: `^[a-z]{2,3}$`})), []change{
		{`"en"`, `"en"`},
		{`"\u0065n"`, `"en"`},
		{`"e"`, misfit},
		{`"engl"`, misfit},
		{`"EN"`, misfit},
		{`"en\n"`, misfit},
		{`"ann@example.org en"`, misfit},
	})
	check(t, must(t)(NewKeep(Type{Kind: TypeString, Pattern: `en|[a-z]+`, Max: 4})), []change{
		{`"en"`, `"en"`}, {`"engl"`, `"engl"`}, {`"english"`, misfit}, {`"en us"`, misfit},
	})
}

// Values that stand in no payload, such as headers, have no token.
func TestKeepWithoutToken(t *testing.T) {
	tech := must(t)(NewKeep(Type{Kind: TypeString, Max: 20}))
	got, verdict := tech.Append(nil, &Value{Kind: String, Text: []byte(`say "hi"`)}, nil)
	if want := `"say \"hi\""`; verdict != Done || string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeepExceptionsAndNull(t *testing.T) {
	check(t, must(t)(NewKeep(Type{Kind: TypeInteger, Or: []Literal{{String, "100+"}, {Number, "1.0"}, {Kind: True}}})), []change{
		{`"100+"`, `"100+"`}, {`"101+"`, misfit}, {`1.0`, `1.0`}, {`1.00`, misfit}, {`true`, `true`}, {`false`, misfit}, {`null`, misfit},
	})
	check(t, must(t)(NewKeep(Type{Kind: TypeInteger, Nullable: true})), []change{{`null`, `null`}, {`"null"`, misfit}, {`1`, `1`}})
}

func TestKeepRefusesTypes(t *testing.T) {
	for _, typ := range []Type{
		{},
		{Kind: TypeString + 1},
		{Kind: TypeString},
		{Kind: TypeString, Max: -1},
		{Kind: TypeString, Pattern: "("},
		{Kind: TypeString, Pattern: "a)(b"},
		{Kind: TypeString, Pattern: `(?<=a)b`},
		{Kind: TypeEnum},
		{Kind: TypeInteger, Max: 3},
		{Kind: TypeInteger, Enum: []string{"1"}},
		{Kind: TypeInteger, Or: []Literal{{Number, "01"}}},
	} {
		if _, err := NewKeep(typ); err == nil {
			t.Errorf("%+v was taken", typ)
		}
	}
}

// texts draws what patterns are likely to take and nearly to take.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9_.+-]{0,12}`),
		rapid.StringMatching(`[a-z]{2,3}([-_][A-Z]{2})?\n?`),
		rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){1,3}`),
		rapid.StringOfN(rapid.RuneFrom([]rune("aAbBkKßſ\u212aéÉ界😀 \n-_019")), 0, 10, -1),
		rapid.String())
}

// Expressions that policies have, and such as are hard for the table.
var expressions = []string{
	`^[a-z]{2,3}$`, `^[A-Z]{2}$`, `[a-z]{2}(-[A-Z]{2})?`, `^\d+(\.\d+){0,3}$`, `^v?\d{1,3}$`, `(?i)public|private`, `(?i)[k-s]+`, `\pL+`, `[^a-z]*`, `.*`, `(?s).*`, `.`,
	``, `^$`, `a|ab|abc`, `(a|b)*abb`, `(?:a*)*`, `(a?){20}a{20}`, `\x{1F600}+`, `[\x{80}-\x{10FFFF}]`, `^en$|^de$`, `(^a|b$)`, `a^b`, `a$b`, `$^`, `\Aa\z`, `\Qa.b`, `\Qa.b\E+`, `(?i:K)elvin`,
	`(?i)ß`, `[[:alpha:]_]\w*`, `\w+@\w+`, `[a-z]{1,64}`, `\p{Greek}|\p{Han}`,
	`\bword\b`, `(?m)^line$`, `(?m)a$`, `\B`, `[ab]*a[ab]{12}`, // these stay with regexp
}

func TestPatternsAgreeWithRegexp(t *testing.T) {
	for _, expr := range expressions {
		p, err := newPattern(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		whole := regexp.MustCompile(`\A(?:` + regexp.MustCompile(expr).String() + closing(expr))
		like := rapid.StringMatching(strings.NewReplacer(`\b`, ``, `\B`, ``, `(?m)`, ``).Replace(expr))
		if strings.ContainsAny(strings.Trim(expr, "^$"), "^$") || strings.Contains(expr, `\A`) || strings.Contains(expr, `\pL`) {
			like = texts()
		}
		rapid.Check(t, func(rt *rapid.T) {
			text := rapid.OneOf(texts(), like).Draw(rt, "text")
			if got, want := p.matches([]byte(text)), whole.MatchString(text); got != want {
				rt.Fatalf("%s on %q: got %t, want %t", expr, text, got, want)
			}
		})
	}
}

// closing ends a quotation that an expression leaves open.
func closing(expr string) string {
	if strings.Contains(expr, `\Q`) && !strings.Contains(expr, `\E`) {
		return `\E)\z`
	}
	return `)\z`
}

func TestRandomPatternsAgreeWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := rapid.StringMatching(`([ab.^$é]|\[[^]a-d]{0,2}[b-c]\]|[ab]\*|\(a\|b\)[+?]?|a\{1,3\}|\(\?i:[kß]\)){1,8}`).Draw(t, "expr")
		whole, err := regexp.Compile(`\A(?:` + expr + `)\z`)
		if err != nil {
			t.Skip("no expression")
		}
		p, err := newPattern(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		for range 10 {
			text := rapid.StringMatching(`[abckKéÉßſ\n]{0,8}`).Draw(t, "text")
			if got, want := p.matches([]byte(text)), whole.MatchString(text); got != want {
				t.Fatalf("%s on %q: got %t, want %t", expr, text, got, want)
			}
		}
	})
}

func TestPatternsThatStayWithRegexp(t *testing.T) {
	for expr, slow := range map[string]bool{
		`[a-z]{2,3}`: false, `[a-z]{1,64}`: false, `\pL{1,40}`: false, `(?i)[a-z0-9_]{1,15}`: false,
		`\bword\b`: true, `(?m)^line$`: true, `[ab]*a[ab]{16}`: true, `(a?b?){900}`: true, `(?:\pL?\pN?\d?\w?){200}`: true,
	} {
		p, err := newPattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.slow != nil; got != slow {
			t.Errorf("%s: with regexp is %t, want %t", expr, got, slow)
		}
	}
}

func TestKeptTextIsTheSameText(t *testing.T) {
	tech := must(t)(NewKeep(Type{Kind: TypeString, Max: 20}))
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String().Draw(rt, "text")
		want := quoted(text)
		if utf8.RuneCountInString(text) > 20 {
			want = misfit
		}
		if got := apply(t, tech, quoted(text)); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
	})
}
