// SPDX-License-Identifier: Apache-2.0

package names

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

func load(t testing.TB) *Tagger {
	t.Helper()
	n, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// found gives the texts of what was found, in brackets.
func found(n *Tagger, text string, field bool) string {
	var t span.Text
	t.Reset([]byte(text), field)
	var out strings.Builder
	for _, f := range n.Find(nil, &t) {
		out.WriteString("[" + text[f.Start:f.End] + "]")
	}
	return out.String()
}

func TestFind(t *testing.T) {
	n := load(t)
	tests := []struct{ text, want string }{
		{"Yesterday Angela Whitcombe told me everything", "[Angela Whitcombe]"},
		{"Dear Mr. Okonkwo, your parcel has arrived", "[Mr. Okonkwo]"},
		{"Has anybody seen Jessica's keys?", "[Jessica]"},
		{"I met Patrick O'Leary and Sinead in Dublin", "[Patrick O'Leary][Sinead]"},
		{"mail jane.doe@example.com or see https://example.com/Jane_Doe", ""},
		{"thanks @MichaelJones for the #TaylorSwift tickets", ""},
		{"The weather is lovely and the train is late", ""},
		{"Order 4711 was shipped to the store on Monday", ""},
		{"hola, soy Rodrigo Menéndez y no puedo entrar", "[Rodrigo Menéndez]"},
		{"el servidor no funciona desde el lunes", ""},
		{"Sehr geehrte Frau Annegret Holzapfel, vielen Dank", "[Annegret Holzapfel]"},
		{"Der Hund läuft durch den Garten und sucht den Ball", ""},
		{"bonjour, je m'appelle Solène Marchand", "[Solène Marchand]"},
		{"le colis est arrivé ce matin", ""},
		{"meu nome é Thiago Albuquerque", "[Thiago Albuquerque]"},
		{"mi chiamo Ludovica Sartori e vivo qui", "[Ludovica Sartori]"},
		{"ik heet Marieke van den Broek", "[Marieke van den Broek]"},
		{"我叫王建国，请多关照", "[王建国]"},
		{"今天很高兴，方法也很简单", ""},
		{"鈴木一郎さんに電話してください", "[鈴木一郎]"},
		{"今日は天気がいいですね", ""},
	}
	for _, tt := range tests {
		if got := found(n, tt.text, false); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestField(t *testing.T) {
	n := load(t)
	for text, want := range map[string]string{
		"Annegret Holzapfel": "[Annegret Holzapfel]", "kowalski, agnieszka": "[kowalski, agnieszka]", "blue": "", "12": "", "the quick fox": "",
	} {
		if got := found(n, text, true); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestListed(t *testing.T) {
	n := load(t)
	tests := []struct {
		word          string
		given, family bool
	}{
		{"Annegret", true, false}, {"JÜRGEN", true, false}, {"holzapfel", false, true}, {"between", false, false}, {"", false, false},
		{"Anna Maria", false, false}, {"\xff", false, false},
	}
	for _, tt := range tests {
		if got := n.Given([]byte(tt.word)); got != tt.given {
			t.Errorf("given %q: got %v, want %v", tt.word, got, tt.given)
		}
		if got := n.Family([]byte(tt.word)); got != tt.family {
			t.Errorf("family %q: got %v, want %v", tt.word, got, tt.family)
		}
	}
}

// More is found the higher the bias, and what is found scores a half at least.
func TestWithRecall(t *testing.T) {
	n := load(t)
	var text span.Text
	text.Reset([]byte("saw joe and mia at the gig, ask Tamsin or the Hendersons about Florence and Chase"), false)
	last := -1
	for _, bias := range []float32{-4, 0, 2, 6} {
		hits := n.WithRecall(bias).Find(nil, &text)
		if len(hits) < last {
			t.Errorf("bias %v: got %d names, want %d at least", bias, len(hits), last)
		}
		for _, f := range hits {
			if f.Score < .5 || f.Score > 1 || f.Kind != span.Person {
				t.Errorf("bias %v: got %+v, want a person with a score from 0.5 to 1", bias, f)
			}
		}
		last = len(hits)
	}
	if last < 3 {
		t.Errorf("got %d names with the highest bias, want 3 at least", last)
	}
}

const post = "RT @someone: can't believe Angela Whitcombe and her brother Tom are really moving to Bristol next week, " +
	"please call them before Friday because the house is empty https://example.com/x #moving 2026 :("

func TestFindAllocatesNothing(t *testing.T) {
	n := load(t)
	var text span.Text
	var dst []span.Found
	raw := []byte(post + " 我叫王建国，请多关照 Ünal Ærø")
	if got := testing.AllocsPerRun(200, func() {
		text.Reset(raw, false)
		dst = n.Find(dst[:0], &text)
	}); got > 0 {
		t.Errorf("got %.1f allocations, want none", got)
	}
	if len(dst) == 0 {
		t.Error("found nothing")
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{post, "Dr. O'", "我叫王建国", "a@b.c", "J.-P. d'", "\xff\xfe@", "don't", "鈴木さん", "ǅ ﬀ İ", "- - -"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	n := load(f).WithRecall(3)
	f.Fuzz(func(t *testing.T, s string, field bool) {
		var text span.Text
		text.Reset([]byte(s), field)
		last := 0
		for _, hit := range n.Find(nil, &text) {
			if hit.Start < 0 || hit.End > len(s) || hit.Start >= hit.End {
				t.Fatalf("%+v lies outside of %d bytes", hit, len(s))
			}
			if utf8.ValidString(s) && !utf8.ValidString(s[hit.Start:hit.End]) {
				t.Fatalf("%+v cuts a character", hit)
			}
			if hit.Reason == span.Model {
				if hit.Start < last {
					t.Fatalf("%+v overlaps the one before, which ends at %d", hit, last)
				}
				last = hit.End
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	n := load(b)
	for name, raw := range map[string]string{
		"names": post,
		"none":  strings.Repeat("just another quiet day at work, nothing to report and nobody to meet, so we had some tea ", 3)[:200],
		"zh":    strings.Repeat("今天天气不错，大家都很高兴，我叫王建国。", 4)[:198],
	} {
		b.Run(name, func(b *testing.B) {
			var text span.Text
			var dst []span.Found
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				text.Reset([]byte(raw), false)
				dst = n.Find(dst[:0], &text)
			}
		})
	}
}
