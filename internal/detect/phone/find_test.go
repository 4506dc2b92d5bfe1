// SPDX-License-Identifier: Apache-2.0

package phone

import (
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// found gives what findAll takes for numbers, as text.
func found(t *span.Text, text string) (numbers []string) {
	runes := []rune(text)
	for _, e := range findAll(t, text) {
		numbers = append(numbers, string(runes[e.start:e.end]))
	}
	return numbers
}

func TestFind(t *testing.T) {
	tests := []struct{ text, want string }{
		{"ours: +49 30 901820, fax", "+49 30 901820"},
		{"ours: +49 (0) 30 901820", "+49 (0) 30 901820"},
		{"ours: +49(0)30 901820.", "+49(0)30 901820"},
		{"from abroad 0049 30 901820", "0049 30 901820"},
		{"from abroad 011 49 30 901820", "011 49 30 901820"},
		{"from abroad 001-415-555-2671", "001-415-555-2671"},
		{"(+44) 20 7946 0958", "(+44) 20 7946 0958"},
		{"+44 020 7946 0958", "+44 020 7946 0958"},
		{"Tel+442079460958", "+442079460958"},
		{"电话+8613812345678。", "+8613812345678"},
		{"+1 415 555 2671 24/7", "+1 415 555 2671"},
		{"+1 415 555 2671 ext. 104 or write", "+1 415 555 2671 ext. 104"},
		{"+1-415-555-2671x104", "+1-415-555-2671x104"},
		{"+7 495 123-45-67 доб. 12", "+7 495 123-45-67 доб. 12"},
		{"+41 44 668 18 00;ext=12", "+41 44 668 18 00;ext=12"},
		{"(415) 555-2671 is new", "(415) 555-2671"},
		{"(415)555-2671", "(415)555-2671"},
		{"1 (415) 555-2671", "1 (415) 555-2671"},
		{"415-555-2671 or 415.555.2672", "415-555-2671|415.555.2672"},
		{"apt 5 415-555-2671", "415-555-2671"},
		{"office (020) 7946 0958", "(020) 7946 0958"},
		{"020 7946 0958 please", "020 7946 0958"},
		{"call (06 1) 234 5678", "(06 1) 234 5678"},
		{"call (0-312) 34567", "(0-312) 34567"},
		{"01 42 68 53 00", "01 42 68 53 00"},
		{"fax 030 901820 / 030 901821", "030 901820|030 901821"},
		{"phone:4155552671,4155552672", "4155552671"},
		{"phone=+14155552671&x", "+14155552671"},
		{"order 12, call 4155552671", "4155552671"},
		{"Order no.\n415-555-2671", "415-555-2671"},
		{"Tel 030 1234567 12.03.1985", "030 1234567"},
		{"Tel 030 123456 12.03.85", "030 123456"},
		{"0171-1234567 2 Kinder", "0171-1234567"},
		{"call 020 7946 0958 24/7", "020 7946 0958"},
		{"8 (912) 345-67-89", "8 (912) 345-67-89"},
		{"call me 4155552671", "4155552671"},
		{"call me on 9469 9966 ok", "9469 9966"},
		{"4155552671 seen", ""},
		{"text me 22 12 34", "22 12 34"},
		{"mein Handy: 0171/1234567", "0171/1234567"},
		{"我的手机13812345678", "13812345678"},
		{"携帯 090-1234-5678 です", "090-1234-5678"},
		{"Позвони 8 912 345 67 89", "8 912 345 67 89"},
		{"reach me at 730.347.5681x8340-Office", "730.347.5681x8340"},

		{"call on 03/27/2011 or 2014-04-12 04:04 PM", ""},
		{"call 27.03.2011 12:30", ""},
		{"call from 192.168.100.200", ""},
		{"call 10:30-11:30", ""},
		{"calls 2019-2020", ""},
		{"calls cost $1.200.000 or 1.200.000", ""},
		{"calls 12345678 €", ""},
		{"calls 100000000%", ""},
		{"phone 3.1415926", ""},
		{"phone v1.22.333.4444", ""},
		{"order number 123456789", ""},
		{"order 415-555-2671", ""},
		{"my ssn 078-05-1120 call", ""},
		{"call 4111 1111 1111 1111", ""},
		{"phone @4155552671 #4155552671", ""},
		{"call 20141112T101112Z", ""},
		{"phone 4155552671abc", ""},
		{"call 550e8400-e29b-41d4-a716-446655440000", ""},
		{"650+253+1234", ""},
		{"1 200 000 reasons to call", ""},
		{"phone cost 150000", ""},
		{"called 2019 2020 2021", ""},
		{"scores 21-19 18-21 21-15 call", ""},
		{"call 09 00 - 18 00", ""},
		{"phone IMEI 490154203237518", ""},
		{"+5 points, +100000 views, +2000000 more", ""},
		{"phone 52.520008, 13.404954", ""},
		{"12345678901234567890 call", ""},

		{"Tel: 380.1806", "380.1806"},
		{"ring me on 30.019.712 tomorrow", "30.019.712"},
		{"call 1.200.000 people", ""},
		{"the value was 380.1806 then, call", ""},
		{"just saw (523) 42", ""},
		{"385-468", ""},
		{"το τηλέφωνό μου είναι 6912347510", "6912347510"},
		{"הטלפון שלי 0502343431", "0502343431"},
		{"số của tôi là 0912 348 841", "0912 348 841"},
		{"meu whats é 11961234980", "11961234980"},
		{"puh. 0412345142", "0412345142"},
	}
	var text span.Text
	for _, tt := range tests {
		if got := strings.Join(found(&text, tt.text), "|"); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// A bare value of a field needs no word beside it.
func TestField(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"4155552671", true}, {"2123 4567", true}, {"0171 1234567", true}, {"4917112345678", true}, {"12-34", false}, {"2020-01-31", false}, {"12", false},
	}
	var text span.Text
	for _, tt := range tests {
		text.Reset([]byte(tt.text), true)
		f := Find(nil, &text, 0)
		if got := len(f) == 1 && f[0].Score >= .5 && f[0].End == len(tt.text); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

// The example numbers of all regions and types, as libphonenumber prints them.
func TestRegions(t *testing.T) {
	formats := []struct {
		name   string
		format phonenumbers.PhoneNumberFormat
		want   float64 // share; short national numbers of small regions are left to other words
	}{
		{"E164", phonenumbers.E164, .995}, {"INTERNATIONAL", phonenumbers.INTERNATIONAL, .995}, {"NATIONAL", phonenumbers.NATIONAL, .97},
	}
	var text span.Text
	for _, f := range formats {
		all, hit := 0, 0
		for region := range phonenumbers.GetSupportedRegions() {
			for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
				example := phonenumbers.GetExampleNumberForType(region, kind)
				if example == nil {
					continue
				}
				printed := phonenumbers.Format(example, f.format)
				all++
				if got := found(&text, "you can call "+printed+" from nine on"); len(got) == 1 && got[0] == printed {
					hit++
				} else {
					t.Logf("%s: got %q, want %q", region, got, printed)
				}
			}
		}
		share := float64(hit) / float64(all)
		t.Logf("%s: %d of %d", f.name, hit, all)
		if share < f.want {
			t.Errorf("%s: got %.3f, want %.3f", f.name, share, f.want)
		}
	}
}

// The automaton of international numbers says what libphonenumber's port says.
func TestPlanAgrees(t *testing.T) {
	p := numbering()
	checked := 0
	for code := range phonenumbers.GetSupportedCallingCodes() {
		region := phonenumbers.GetRegionCodeForCountryCode(code)
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
				example = phonenumbers.GetExampleNumberForNonGeoEntity(code)
			}
			if example == nil {
				continue
			}
			for _, number := range variants(phonenumbers.Format(example, phonenumbers.E164)) {
				parsed, err := phonenumbers.Parse(number, "")
				if err != nil || phonenumbers.Format(parsed, phonenumbers.E164) != number { // a prefix was taken off
					continue
				}
				state := p.world
				for _, d := range []byte(number[1:]) {
					state = p.next[state][d-'0']
				}
				checked++
				if got, want := p.ends[state]&valid != 0, phonenumbers.IsValidNumber(parsed); got != want {
					t.Errorf("%s: got %v, want %v", number, got, want)
				}
			}
		}
	}
	t.Logf("%d numbers", checked)
}

// variants gives numbers that differ from one in a digit, or in their length by one.
func variants(number string) []string {
	all := []string{number, number + "0", number[:len(number)-1]}
	for i := 2; i < len(number); i++ {
		for d := '0'; d <= '9'; d++ {
			all = append(all, number[:i]+string(d)+number[i+1:])
		}
	}
	return all
}

func TestFindAllocatesNothing(t *testing.T) {
	var text span.Text
	raw, room := []byte("call +49 30 901820 or (415) 555-2671 or 020 7946 0958 or 12345678"), make([]span.Found, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		text.Reset(raw, false)
		for i := range raw {
			if digit(raw[i]) || raw[i] == '+' || raw[i] == '(' {
				room = Find(room[:0], &text, i)
			}
		}
	}); n > 0 {
		t.Errorf("got %.0f allocations, want none", n)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"+49 (0) 30 901820 ext. 12", "(415)555-2671x1", "0 (532) 123 45 67", "(((+1-2.3/4", "1 (", "(1 (2", "(1-)", "+", "00", "(0)", "5 - 5 / 5"} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, field bool) {
		var text span.Text
		text.Reset([]byte(s), field)
		for i := range len(s) {
			if !digit(s[i]) && s[i] != '+' && s[i] != '(' {
				continue
			}
			for _, got := range Find(nil, &text, i) {
				if got.Start != i || got.End <= i || got.End > len(s) || got.End > i+80 || got.Score <= 0 || got.Score > 1 {
					t.Errorf("%q at %d: got %+v", s, i, got)
				}
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for _, bb := range []struct{ name, text, number string }{
		{"none", "we sold 12345 tickets in all", "12345"},
		{"long", "we sold 123456789012345678 tickets", "1234"},
		{"date", "seen on 2014-04-12 in all", "2014"},
		{"bare", "we sold 1234567 of them", "1234567"},
		{"international", "my new one is +49 30 901820 now", "+49"},
		{"national", "my new one is (415) 555-2671 now", "(415"},
		{"cue", "you can call me on 9469 9966 now", "9469"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var text span.Text
			text.Reset([]byte(bb.text), false)
			at, room := strings.Index(bb.text, bb.number), make([]span.Found, 0, 1)
			for b.Loop() {
				room = Find(room[:0], &text, at)
			}
		})
	}
}
