// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

func TestAddress(t *testing.T) {
	tests := []struct{ text, want string }{
		{"come to 221B Baker Street, London NW1 6XE, please", "221B Baker Street, London NW1 6XE"},
		{"we moved to 1600 Amphora Pkwy Suite 12, Springvale, CA 94043.", "1600 Amphora Pkwy Suite 12, Springvale, CA 94043"},
		{"Flat 3, 17 Orchard Close, Leeds LS6 2AB", "Flat 3, 17 Orchard Close, Leeds LS6 2AB"},
		{"45 West 184th Street Apt. 6B\nNew York, NY 10033\nthanks", "45 West 184th Street Apt. 6B\nNew York, NY 10033"},
		{"write to P.O. Box 4410, Dover, DE 19901", "P.O. Box 4410, Dover, DE 19901"},
		{"PSC 4021, Box 17\nAPO AE 09128", "PSC 4021, Box 17\nAPO AE 09128"},
		{"USS Halfway\nFPO AP 96601", "USS Halfway\nFPO AP 96601"},
		{"see you at the corner of Elm Street and 5th Avenue!", "the corner of Elm Street and 5th Avenue"},
		{"Bran lives at 12 Tannery Reach, Corkstown", "12 Tannery Reach, Corkstown"},
		{"Bran lives at 12 tannery lane, corkstown", "12 tannery lane, corkstown"},
		{"postcode EC1A 1BB", "EC1A 1BB"},
		{"vivo en Calle Mayor 5, 3º B, 28013 Madrid desde ayer", "Calle Mayor 5, 3º B, 28013 Madrid"},
		{"Mi dirección: Avda. de los Olivos nº 14, Sevilla, 41004", "Avda. de los Olivos nº 14, Sevilla, 41004"},
		{"envíalo a Carrera 13 # 6-20 Sur, Bogotá", "Carrera 13 # 6-20 Sur, Bogotá"},
		{"Ich wohne in der Hauptstraße 12a, 10115 Berlin und du?", "Hauptstraße 12a, 10115 Berlin"},
		{"Anschrift: Karl-Lenz-Allee 6-8\n59255 Neustadt an der Aller", "Karl-Lenz-Allee 6-8\n59255 Neustadt an der Aller"},
		{"Lieferung an Lindenweg 3, A-4020 Linz", "Lindenweg 3, A-4020 Linz"},
		{"j'habite 12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris"},
		{"venez au 4 bis, avenue du Général Leroux, 69003 Lyon ce soir", "4 bis, avenue du Général Leroux, 69003 Lyon"},
		{"mon adresse : boulevard Voltige\n33000 Bordeaux\nmerci", "boulevard Voltige\n33000 Bordeaux"},
		{"moro na Rua das Acácias, 120, 4200-135 Porto", "Rua das Acácias, 120, 4200-135 Porto"},
		{"entregar na Av. Paulina 900, apto 12, São Bento, 01310-100", "Av. Paulina 900, apto 12, São Bento, 01310-100"},
		{"abito in Via Roma, 10 Scala B, 00184, Ancona (AN) da un anno", "Via Roma, 10 Scala B, 00184, Ancona (AN)"},
		{"ik woon op Prinsengracht 263, 1016 GV Amsterdam", "Prinsengracht 263, 1016 GV Amsterdam"},
		{"ik woon op Grote Baan 12, 3000 Leuven", "Grote Baan 12, 3000 Leuven"},
		{"我住在北京市朝阳区建国路12号楼3单元502室，欢迎", "北京市朝阳区建国路12号楼3单元502室"},
		{"地址：台北市信義區松仁路100號5樓", "台北市信義區松仁路100號5樓"},
		{"住所は東京都千代田区丸の内1-1です", "東京都千代田区丸の内1-1"},
		{"〒530-0001 大阪府大阪市北区梅田3丁目1番3号 大阪タワー203", "〒530-0001 大阪府大阪市北区梅田3丁目1番3号 大阪タワー203"},
		{"ul. Cicha 86, 31-002 Kraków", "ul. Cicha 86, 31-002 Kraków"},
		{"Rákóczi út 13, 7621 Pécs", "Rákóczi út 13, 7621 Pécs"},
		{"bor på Storgatan 5, 111 22 Stockholm", "Storgatan 5, 111 22 Stockholm"},
		{"PLZ 80331", "80331"},
		// none
		{"5 minutes from the street", ""},
		{"I walked 12 miles down the road", ""},
		{"back in 2011 Wall Street was fine", "2011 Wall Street"},
		{"In 2011, Wall Street was fine", ""},
		{"Windows 95 both ways", ""},
		{"iPhone 15 Pro Max, 2023 edition", ""},
		{"version 3.14 of Main", ""},
		{"on 3 May 2021 in Paris", ""},
		{"25 % of users at 10:30", ""},
		{"Lakers 98 Celtics 102", ""},
		{"Figure 3 of 14", ""},
		{"c/ Calle de Toledo 45, 2º izq, 28014 Madrid", "Calle de Toledo 45, 2º izq, 28014 Madrid"},
		{"tonight gate 8 closes", ""},
		{"上海的路很长，走了12公里", ""},
	}
	for _, tt := range tests {
		check(t, tt.text, span.Address, false, tt.want)
	}
}

// check compares the findings of one kind, joined by " | ", with what is wanted.
func check(t *testing.T, text string, k span.Kind, field bool, want string) {
	t.Helper()
	var view span.Text
	view.Reset([]byte(text), field)
	var got []string
	for _, f := range findAll(&view) {
		if f.Kind == k {
			got = append(got, text[f.Start:f.End])
		}
	}
	if s := strings.Join(got, " | "); s != want {
		t.Errorf("%q: got %q, want %q", text, s, want)
	}
}

func TestBirth(t *testing.T) {
	tests := []struct{ text, want string }{
		{"born 1990-02-03 in Ghent", "1990-02-03"},
		{"DOB: 02/03/90", "02/03/90"},
		{"my d.o.b. is 4 June 1976", "4 June 1976"},
		{"date of birth 22-nov-1972", "22-nov-1972"},
		{"born on February 3rd, 1990!", "February 3rd, 1990"},
		{"my birthday is March 3", "March 3"},
		{"born in 1984", "1984"},
		{"born in May 1984", "May 1984"},
		{"nací el 17 de septiembre de 2000", "17 de septiembre de 2000"},
		{"geboren am 3.2.1990", "3.2.1990"},
		{"Geburtsdatum: 3. Februar 1990", "3. Februar 1990"},
		{"née le 1er août 1985 à Lyon", "1er août 1985"},
		{"nasci em 23/04/1976", "23/04/1976"},
		{"sono nato il 22 agosto 2003", "22 agosto 2003"},
		{"geboren op 5 maart 1999", "5 maart 1999"},
		{"出生日期：1990年2月3日", "1990年2月3日"},
		{"我1990年出生", "1990年"},
		{"生年月日は平成2年2月3日です", "平成2年2月3日"},
		{"1990年2月3日生まれ", "1990年2月3日"},
		{"born Feb 3, '90", "Feb 3, '90"},
		{"né en 1984 à Lyon", "1984"},
		{"ich wurde 1984 geboren", "1984"},
		{"我生于1984年", "1984年"},
		{"(* 3.2.1990 in Ulm)", "3.2.1990"},
		{"pas avant 1984", ""},
		{"the release is on 1990-02-03", ""},
		{"born to run, 11 songs", ""},
		{"DOB 45/45/1990", ""},
		{"born 1750-02-03", ""},
	}
	for _, tt := range tests {
		check(t, tt.text, span.Birth, false, tt.want)
	}
	for _, text := range []string{"1990-02-03", "3.2.1990", "03/02/1990", "19900203", "3 Feb 1990", "February 3, 1990", "1990年2月3日", "昭和60年1月2日"} {
		check(t, text, span.Birth, true, text)
	}
	for _, text := range []string{"1990", "12", "99999999", "3/4"} {
		check(t, text, span.Birth, true, "")
	}
}

func TestAge(t *testing.T) {
	tests := []struct{ text, want string }{
		{"she is 34 years old", "34"},
		{"a 45-year-old man", "45"},
		{"i'm 23 y/o.", "23"},
		{"Age: 51", "51"},
		{"just turned 47", "47"},
		{"retired at the age of 61", "61"},
		{"I turned 21 yesterday", "21"},
		{"I'm 34, from Ohio", "34"},
		{"(34F) need advice", "34"},
		{"tengo 34 años", "34"},
		{"ich bin 34 Jahre alt", "34"},
		{"ich bin 34", "34"},
		{"j'ai 34 ans", "34"},
		{"tenho 34 anos", "34"},
		{"ho 34 anni", "34"},
		{"ik ben 34 jaar oud", "34"},
		{"我今年34岁", "34"},
		{"34歳です", "34"},
		{"I'm 5 minutes away", ""},
		{"I'm 100% sure", ""},
		{"hace 34 años", ""},
		{"depuis 34 ans", ""},
		{"page 34", ""},
		{"turned 47 degrees", ""},
		{"it is 34F outside", ""},
		{"300 years old", ""},
	}
	for _, tt := range tests {
		check(t, tt.text, span.Age, false, tt.want)
	}
}

func TestGeo(t *testing.T) {
	tests := []struct{ text, want string }{
		{"at 40.7128, -74.0060 now", "40.7128, -74.0060"},
		{"at (-7.94778,-43.35926)", "-7.94778,-43.35926"},
		{"64.0352° N, 36.7773° E", "64.0352° N, 36.7773° E"},
		{`40°26'46"N 79°58'56"W`, `40°26'46"N 79°58'56"W`},
		{"11° 0′ 0.005″ S, 180° 0′ 0″ E", "11° 0′ 0.005″ S, 180° 0′ 0″ E"},
		{"40° 26.767' N, 79° 58.933' W", "40° 26.767' N, 79° 58.933' W"},
		{"lat: 48.8566, lon: 2.3522", "48.8566, lon: 2.3522"},
		{"latitude 48.8566", "48.8566"},
		{"我在51.8877,114.1387，等你", "51.8877,114.1387"},
		{"1.250, 2.300 people", ""},
		{"costs 12.50, 13.75", ""},
		{"91.2345, 10.1234", ""},
		{"10.1234, 181.1234", ""},
		{"1.2.3456, 7.1234", ""},
		{"pi is 3.14159", ""},
		{"30° C, 20° C", ""},
	}
	for _, tt := range tests {
		check(t, tt.text, span.Geo, false, tt.want)
	}
}

func TestHealthAndFinance(t *testing.T) {
	tests := []struct {
		text    string
		kind    span.Kind
		want    string
		atLeast float32
	}{
		{"was diagnosed with type 2 diabetes", span.Health, "type 2 diabetes", .9},
		{"the doctor says it is depression", span.Health, "depression", .7},
		{"the great depression of 1929", span.Health, "", 0},
		{"bei ihr wurde Brustkrebs diagnostiziert", span.Health, "Brustkrebs", .9},
		{"padece esclerosis múltiple", span.Health, "esclerosis múltiple", .9},
		{"il souffre d'un cancer du sein", span.Health, "cancer du sein", .9},
		{"foi diagnosticado com câncer de mama", span.Health, "câncer de mama", .9},
		{"soffre di diabete di tipo 2", span.Health, "diabete di tipo 2", .9},
		{"kreeg de diagnose borstkanker", span.Health, "borstkanker", .9},
		{"他上周被诊断出抑郁症", span.Health, "抑郁症", .9},
		{"うつ病と診断された", span.Health, "うつ病", .9},
		{"I earn $4,500 a month", span.Finance, "$4,500", .6},
		{"meine Schulden: 12.000 €", span.Finance, "Schulden | 12.000 €", .6},
		{"the shoes cost $45", span.Finance, "", 0},
		{"she filed for bankruptcy", span.Finance, "filed for bankruptcy", .6},
	}
	for _, tt := range tests {
		check(t, tt.text, tt.kind, false, tt.want)
		var view span.Text
		view.Reset([]byte(tt.text), false)
		for _, f := range findAll(&view) {
			if f.Kind == tt.kind && f.Score < tt.atLeast {
				t.Errorf("%q: got score %.2f, want at least %.2f", tt.text, f.Score, tt.atLeast)
			}
		}
	}
}

// All nine languages have terms of health and money, and what is read backwards is found by its last word.
func TestLexicon(t *testing.T) {
	l := words()
	for _, word := range []string{"epilepsy", "epilepsia", "epilepsie", "epilessia", "brustkrebs", "borstkanker"} {
		if len(l.phrases[hash(word)]) == 0 {
			t.Errorf("%q is missing", word)
		}
	}
	for _, word := range []string{"癫痫", "癲癇", "てんかん"} {
		r, _ := utf8.DecodeRuneInString(word)
		if !slices.ContainsFunc(l.dense[r], func(e idiom) bool { return e.rest == word }) {
			t.Errorf("%q is missing", word)
		}
	}
	if err := (&lexicon{}).parse("no such class: word"); err == nil {
		t.Error("got no error for an unknown class")
	}
}

var samples = []string{
	"vivo en Calle Mayor 5, 3º B, 28013 Madrid desde ayer", "lat 40.7128, -74.0060 and 40°26'46\"N 79°58'56\"W", "I'm 34, born on February 3rd, 1990",
	"我住在北京市朝阳区建国路12号楼3单元502室，確診糖尿病", "〒530-0001 大阪府大阪市北区梅田3丁目1番3号 大阪タワー203", "the corner of Elm Street and 5th Avenue, EC1A 1BB",
	"PSC 4021, Box 17\nAPO AE 09128\nUSS X\nFPO AP 96601", "envíalo a Carrera 8ª # 6Y-20 Sur, S/N, Apt. 5, 2823-075 Silves / PT", "meine Schulden: 12.000 €, diagnosed with type 2 diabetes",
}

func FuzzFind(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	var view span.Text
	var found []span.Found
	f.Fuzz(func(t *testing.T, b []byte, field bool) {
		view.Reset(b, field)
		for at := range b {
			found = Word(Numeric(found[:0], &view, at), &view, at)
			for _, x := range found {
				if x.Start < 0 || x.Start >= x.End || x.End > len(b) || utf8.Valid(b) && !(utf8.Valid(b[:x.Start]) && utf8.Valid(b[:x.End])) {
					t.Fatalf("%q at %d: got [%d:%d]", b, at, x.Start, x.End)
				}
			}
		}
	})
}

// Texts are read without allocating.
func TestFindAllocatesNothing(t *testing.T) {
	var view span.Text
	found := make([]span.Found, 0, 64)
	for _, s := range samples {
		b := []byte(s)
		if n := testing.AllocsPerRun(20, func() {
			view.Reset(b, false)
			for at := range b {
				found = Word(Numeric(found[:0], &view, at), &view, at)
			}
		}); n > 0 {
			t.Errorf("%q: got %.0f allocations, want none", s, n)
		}
	}
}

// A text ten times as long takes about ten times as long.
func TestLinear(t *testing.T) {
	for _, unit := range []string{"1", "1 ", "A ", "Street 1, ", "一", "一1", "一 1", "1-", "市路1号", "the corner of ", "12 rue ", "de la ", "Apt. 1\n"} {
		took := func(n int) time.Duration {
			b := []byte(strings.Repeat(unit, n/len(unit)))
			var view span.Text
			best := time.Hour
			for range 8 {
				best = min(best, cpuTime(func() {
					view.Reset(b, false)
					walk(&view)
				}))
			}
			return best
		}
		ratio := time.Duration(1000)
		for try := 0; try < 10 && ratio > 50; try++ { // other work on the machine disturbs; a quadratic reading takes 100 times as long
			ratio = min(ratio, took(20_000)/took(2_000))
		}
		if ratio > 50 {
			t.Errorf("%q: 10 times the text takes %d times as long", unit, ratio)
		}
	}
}

// walk calls the leaf at each word and number, as the engine does, and gives how many findings there were.
func walk(t *span.Text) (n int) {
	var room [16]span.Found
	b := t.Bytes
	for i := 0; i < len(b); {
		switch {
		case digit(b[i]):
			n += len(Numeric(room[:0], t, i))
			for i < len(b) && digit(b[i]) {
				i++
			}
		case letters[b[i]] != 0 || b[i] >= utf8.RuneSelf:
			n += len(Word(room[:0], t, i))
			for i < len(b) && (letters[b[i]] != 0 || b[i] >= utf8.RuneSelf) {
				i++
			}
		default:
			i++
		}
	}
	return n
}

func benchmark(b *testing.B, text string) {
	var view span.Text
	raw := []byte(text)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		view.Reset(raw, false)
		walk(&view)
	}
}

func BenchmarkPlain(b *testing.B) {
	benchmark(b, strings.Repeat("what a lovely day, we went to the sea and had ice cream; ", 5)[:200])
}

func BenchmarkNumbers(b *testing.B) {
	benchmark(b, strings.Repeat("in 2011 we sold 48213 units at 10:30, 3 times as many as the 12 before; ", 5)[:200])
}

func BenchmarkAddress(b *testing.B) {
	benchmark(b, "vivo en Calle Mayor 5, 28013 Madrid desde ayer")
}

func BenchmarkHan(b *testing.B) {
	benchmark(b, strings.Repeat("今天天气很好我们去海边玩了很久晚上一起吃饭", 4)[:198])
}

func BenchmarkWord(b *testing.B) {
	var view span.Text
	var room [4]span.Found
	view.Reset([]byte("something else"), false)
	for b.Loop() {
		Word(room[:0], &view, 0)
	}
}
