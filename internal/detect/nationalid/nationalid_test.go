// SPDX-License-Identifier: Apache-2.0

package nationalid

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/detect/span"
)

func TestFind(t *testing.T) {
	tests := []struct{ text, want string }{ // want: what is found, parted by |
		{"mi DNI es 12345678Z, gracias", "12345678Z"},
		{"NIE: Y-7654321-G", "Y-7654321-G"},
		{"soy 12345678Z", "12345678Z"},
		{"sarah1234k said hello", ""},
		{"my SSN is 212-34-5678 ok", "212-34-5678"},
		{"ssn 212345678", "212345678"},
		{"SSN=212-34-5678;", "212-34-5678"},
		{"ID#: A12345678", "A12345678"},
		{"My NI number is AB 12 34 56 C.", "AB 12 34 56 C"},
		{"AB123456C", "AB123456C"},
		{"BG123456C", ""},
		{"passport no. K1234567 issued 2021", "K1234567"},
		{"Reisepass: C01X0006H", "C01X0006H"},
		{"Reisepass ausgestellt am 01.01.2020", ""},
		{"Meine Steuer-ID lautet 65929970489", "65929970489"},
		{"USt-IdNr. DE189104138", "DE189104138"},
		{"numéro de sécu : 2 55 08 14 168 025 38", "2 55 08 14 168 025 38"},
		{"codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"},
		{"meu CPF é 529.982.247-25", "529.982.247-25"},
		{"529.982.247-25", "529.982.247-25"},
		{"529.982.247-26", ""},
		{"我的身份证号是11010519491231002X，别告诉别人", "11010519491231002X"},
		{"PESEL 82071543675", "82071543675"},
		{"Aadhaar 2345 6789 0124", "2345 6789 0124"},
		{"HKID A123456(3)", "A123456(3)"},
		{"BSN: 453477823", "453477823"},
		{"hetu 150782-417X kiitos", "150782-417X"},
		{"personnummer 811228-9874", "811228-9874"},
		{"Kennzeichen B-AB 1234", "B-AB 1234"},
		{"vehicle AB51 ABC was seen", "AB51 ABC"},
		{"GB VAT 193 5739 25", "193 5739 25"},
		{"CHE-795.379.575 MWST", "CHE-795.379.575 MWST"},
		{"two: 12345678Z and 87654321X", "12345678Z|87654321X"},

		{"call me +44 20 7946 0958 tonight", ""},
		{"my id is ready, call +1 212 555 0123", ""},
		{"born 12-03-1985, passport follows", ""},
		{"server id 192.168.10.254 is down", ""},
		{"it costs $12345678 in total", ""},
		{"tax of 1234567.89 paid", ""},
		{"order number 123456782", ""},
		{"tracking 123-45-6782-9912-0001", ""},
		{"card 4111 1111 1111 1111", ""},
		{"ssn 212-34-5678, phone 555-123-4567", "212-34-5678"},
		{"in 2024 and 2025", ""},
		{"see you at 10:30", ""},
		{"iPhone15 and covid19", ""},
		{"1234567893", ""},
		{"http://x.example/12345678Zed", ""},

		// the text to itself, by a rule that few numbers keep
		{"81052537843", "81052537843"},
		{"81052537844", ""},
		{"81577712480", "81577712480"},
		{"86376167551", "86376167551"},
		{"66698203752", "66698203752"},
		{"47207054387", "47207054387"},
		{"81052537843 views", ""},
		{"my TIN (BIR) 830 039 723 203", "830 039 723 203"},
		{"(212) 123-45-6789", ""},
		{"lotto numbers 8 51 33 31 43", ""},
		{"PPS number 3414135IX", "3414135IX"},
		{"P. IVA 04651518880 in fattura", "04651518880"},
		{"ondernemingsnummer 0935957057", "0935957057"},
		{"mon NAS est 151-495-223", "151-495-223"},
		{"M123-A4567", ""},
		{"tax year 2020-21", ""},
		{"C.I. 1737409357", "1737409357"},
	}
	var text span.Text
	for _, tt := range tests {
		var got []string
		for _, f := range findAll(&text, tt.text, false) {
			got = append(got, tt.text[f.Start:f.End])
			if f.Kind != span.NationalID || f.Subtype == "" && f.Score > .5 {
				t.Errorf("%q: got %+v", tt.text, f)
			}
		}
		want := map[string]bool{}
		for w := range strings.SplitSeq(tt.want, "|") {
			want[w] = tt.want != ""
		}
		for _, g := range got {
			if !want[g] {
				t.Errorf("%q: got %q, want %q", tt.text, g, tt.want)
			}
			delete(want, g)
		}
		for w, missed := range want {
			if missed {
				t.Errorf("%q: missed %q", tt.text, w)
			}
		}
	}
}

// In a field no words are needed, but dates and decimals remain what they are.
func TestField(t *testing.T) {
	tests := []struct {
		value string
		want  bool
	}{
		{"12345678Z", true},
		{"12345678z", true},
		{"1234567893", true},
		{"AB 12 34 56 C", true},
		{"ab 12 34 56 c", true},
		{"123-45-6789", true},
		{"193 5739 25", true},
		{"B-AB-1234", true},
		{"XYZ987654", true},
		{"  212-34-5678 ", true},
		{"2024", false},
		{"12-03-1985", false},
		{"2021-12-10", false},
		{"192.168.10.25", false},
		{"hello world", false},
	}
	var text span.Text
	for _, tt := range tests {
		if got := len(findAll(&text, tt.value, true)) > 0; got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.value, got, tt.want)
		}
	}
}

// What a field holds may be a telephone number as well: the score says how far the groups are an identifier's.
func TestFieldScore(t *testing.T) {
	tests := []struct {
		value       string
		least, most float32
	}{
		{"81052537843", .9, 1},    // kept, in one group
		{"529.982.247-25", .9, 1}, // kept, in its own groups
		{"0171 123 45 67", 0, .79},
		{"100-223-508", .82, .9}, // its own groups, no rule
		{"12345678901", .6, .9},
	}
	var text span.Text
	for _, tt := range tests {
		var best float32
		for _, f := range findAll(&text, tt.value, true) {
			best = max(best, f.Score)
		}
		if best < tt.least || best > tt.most {
			t.Errorf("%q: got %.2f, want %.2f to %.2f", tt.value, best, tt.least, tt.most)
		}
	}
}

// sample makes a value of a shape that keeps its rule; it gives up where none is found.
func sample(rng *rand.Rand, s *shape) (value, bool) {
	for range 20_000 {
		v := value{n: s.n}
		for i, set := range s.sets {
			for {
				if c := byte(rng.IntN(36)); set>>c&1 == 1 {
					v.sym[i] = c
					break
				}
			}
		}
		if s.fits(&v) {
			return v, true
		}
	}
	return value{}, false
}

// written spells a value out with the separators of its shape.
func (s *shape) written(v *value) string {
	var b strings.Builder
	for i, c := range v.sym[:v.n] {
		if s.sep[i] != 0 {
			b.WriteByte(s.sep[i])
		}
		b.WriteByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[c])
		if s.sep[i] == '(' {
			b.WriteByte(')')
		}
	}
	return b.String()
}

// Every shape of the table can be kept, and is found whole in a field, and with its cue words in a text.
func TestEveryShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var text span.Text
	for side := range rules().rest {
		for n := range rules().rest[side] {
			shapes := rules().rest[side][n].shapes
			for i := range shapes {
				s := &shapes[i]
				v, ok := sample(rng, s)
				if !ok {
					t.Errorf("%s of %d: no value keeps its rule", s.subtype, n)
					continue
				}
				written := s.written(&v)
				if found := findAll(&text, written, true); n > 4 && !covers(found, 0, len(written)) && !dateLike(s, &v) {
					t.Errorf("%s: %q in a field: got %v", s.subtype, written, found)
				}
				said := "my id card number: "
				if s.cue != "" {
					said = map[string]string{"id.plate": "passport for my license plate ", "id.tax": "passport for vat ", "id.sure": "passport ", "id.number": "passport number "}[s.cue]
				}
				if found := findAll(&text, said+written+" thanks", false); n > 5 && !covers(found, len(said), len(said)+len(written)) && !dateLike(s, &v) {
					t.Errorf("%s: %q in a text: got %v", s.subtype, said+written, found)
				}
			}
		}
	}
}

// covers reports whether one finding covers most of a span.
func covers(found []span.Found, start, end int) bool {
	for _, f := range found {
		if (min(end, f.End)-max(start, f.Start))*5 >= (end-start)*4 {
			return true
		}
	}
	return false
}

// dateLike reports a sample that is taken for a date.
func dateLike(s *shape, v *value) bool {
	var text span.Text
	text.Reset([]byte(s.written(v)), false)
	w := witness{x: rules(), t: &text, token: &token{}}
	w.token.read(text.Bytes, 0, true)
	return w.token.n > 0 && w.dateLike(w.token.n)
}

// A changed digit is noticed by the rules that promise it.
func TestChangedDigit(t *testing.T) {
	promise := []string{
		"es.dni", "es.nie", "fr.nir", "be.vat", "de.vat", "de.idnr", "hr.oib", "cn.ric", "in.aadhaar", "ng.nin", "au.abn", "au.tfn", "nl.bsn", "ca.sin",
		"at.tin", "cl.rut", "no.fnr", "gb.nhs", "ch.ahv", "il.id", "us.npi", "hu.taj", "za.id", "it.iva", "mt.vat", "pl.nip", "ch.uid",
	}
	rapid.Check(t, func(t *rapid.T) {
		subtype := rapid.SampledFrom(promise).Draw(t, "subtype")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for side := range rules().rest {
			for n := range rules().rest[side] {
				shapes := rules().rest[side][n].shapes
				for i := range shapes {
					s := &shapes[i]
					if s.subtype != subtype || s.check == nil {
						continue
					}

					v, ok := sample(rng, s)
					if !ok {
						t.Fatalf("%s: no sample", subtype)
					}
					at := rapid.IntRange(0, n-1).Draw(t, "at")
					if v.sym[at] > 9 {
						continue
					}
					v.sym[at] = (v.sym[at] + byte(rapid.IntRange(1, 9).Draw(t, "by"))) % 10
					if s.fits(&v) {
						t.Fatalf("%s: %q still fits after its digit %d changed", subtype, s.written(&v), at)
					}
				}
			}
		}
	})
}

// Published examples of the authorities and of encyclopedias.
func TestPublished(t *testing.T) {
	tests := []struct{ subtype, value string }{
		{"cn.ric", "11010519491231002X"}, // GB 11643-1999
		{"ch.ahv", "756.1234.5678.97"},   // ZAS
		{"se.pnr", "811228-9874"},        // Skatteverket
		{"fr.nir", "2 55 08 14 168 025 38"},
		{"tw.id", "A123456789"},
		{"hk.id", "A123456(3)"},
		{"us.npi", "1234567893"},
		{"jp.mynumber", "123456789018"},
		{"au.abn", "51 824 753 556"}, // ABR
		{"it.cf", "RSSMRA85T10A562S"},
		{"sg.nric", "S1234567D"},
		{"in.aadhaar", "2345 6789 0124"},
		{"dk.cpr", "070761-4285"}, // CPR-kontoret
		{"lu.vat", "LU 15027442"},
		{"pl.card", "ABA300000"},
	}
	for _, tt := range tests {
		var k token
		k.read([]byte(tt.value), 0, true)
		fits := false
		for _, side := range rules().rest {
			for i := range side[k.n].shapes {
				s := &side[k.n].shapes[i]
				fits = fits || s.subtype == tt.subtype && s.check != nil && side[k.n].masks[i].admits(k.letters) && s.fits(&k.value)
			}
		}
		if !fits {
			t.Errorf("%s: %q does not fit", tt.subtype, tt.value)
		}
	}
}

// Nothing is allocated, whatever the text.
func TestNoAllocation(t *testing.T) {
	var text span.Text
	dst := make([]span.Found, 0, 8)
	for _, raw := range []string{"no number here but 1234567 and 12 34 56", strings.Repeat("1234 ", 1000), strings.Repeat("A1-", 1000), "my id number is 12345678Z"} {
		text.Reset([]byte(raw), false)
		if n := testing.AllocsPerRun(5, func() { // the first run, which makes room, does not count
			for i := range text.Bytes {
				dst = Find(dst[:0], &text, i)
			}
		}); n > 0 {
			t.Errorf("%.20q: got %.0f allocations, want none", raw, n)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"mi DNI es 12345678Z", "+1 (212) 555-0123", "A123456(3", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5", "GB 1-2/3.4:5+6", "é12345678Zü", "\xff123456782\xc2"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	var text span.Text
	f.Fuzz(func(t *testing.T, raw []byte, field bool) {
		text.Reset(raw, field)
		for i := range raw {
			for _, found := range Find(nil, &text, i) {
				if found.Start < 0 || found.End > len(raw) || found.Start >= found.End || found.Start > i+16 || found.End < i {
					t.Fatalf("at %d of %q: got %+v", i, raw, found)
				}
				if found.Score < leastScore || found.Score > 1 {
					t.Fatalf("at %d of %q: got a score of %v", i, raw, found.Score)
				}
			}
		}
	})
}
