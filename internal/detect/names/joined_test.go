// SPDX-License-Identifier: Apache-2.0

package names

import "testing"

func TestJoin(t *testing.T) {
	raw, err := BuildLexicon([]Word{{Text: "jane", Given: 3, Common: 1}, {Text: "miller", Family: 2}, {Text: "data", Common: 3}, {Text: "janet", Given: 2}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ReadLexicon(raw)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text string
		want uint8 // of the last word
	}{
		{"JaneMiller", 1<<7 | 3<<4 | 1<<2 | 2},
		{"JaneBMiller", 1<<7 | 3<<4 | 1<<2}, // B is of the last part
		{"JaneVanMiller", 1<<7 | 1<<6 | 3<<4 | 1<<2 | 2},
		{"DataWorks", 1<<7 | 3<<2},
		{"eBAY", 1 << 7},
		{"USAToday", 1 << 7},
		{"call @ janemiller", 3<<4 | 1<<2 | 2},
		{"call @ janetmiller", 2<<4 | 2},
		{"call @ jan", 0},
		{"call @ jane", 0}, // known as a whole
		{"call janemiller", 0},
		{"Millers", 0},
	}
	for _, tt := range tests {
		s := NewSentence(l)
		s.Read([]byte(tt.text))
		if got := s.Tokens[len(s.Tokens)-1].parts; got != tt.want {
			t.Errorf("%q: got %#b, want %#b", tt.text, got, tt.want)
		}
	}
}
