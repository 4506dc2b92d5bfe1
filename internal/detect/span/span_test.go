// SPDX-License-Identifier: Apache-2.0

package span

import (
	"strings"
	"testing"
)

func TestNear(t *testing.T) {
	phone := Cues().Must("phone")
	secret := Cues().Must("secret")
	tests := []struct {
		text string
		cue  Cue
		want bool
	}{
		{"call 555", phone, true},
		{"CALL: 555", phone, true},
		{"recall 555", phone, false},
		{"text me at 555", phone, true},
		{"ring me 555", phone, true},
		{"ring him 555", phone, false},
		{"ring-me 555", phone, true},
		{"cáll 555", phone, true},
		{"password= 555", secret, true},
		{"pass 555", secret, false},
		{strings.Repeat("x", 100) + " 555 " + strings.Repeat("y", 60) + " call", phone, false},
		{"555 is my number", phone, true},
		{"ΤΗΛΈΦΩΝΟ 555", phone, true},
		{"SỐ CỦA TÔI 555", phone, true},
		{"mon. numero 555", phone, false},
		{"my. number 555", phone, true},
	}
	var text Text
	for _, tt := range tests {
		text.Reset([]byte(tt.text), false)
		at := strings.Index(tt.text, "555")
		if got := text.Near(tt.cue, at, at+3, 40); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

// A text is read for cue words without allocating, once the room has grown.
func TestReadAllocatesNothing(t *testing.T) {
	var text Text
	raw, phone := []byte(strings.Repeat("call me über 手机 né привет x ", 20)), Cues().Must("phone")
	if n := testing.AllocsPerRun(100, func() {
		text.Reset(raw, false)
		text.Near(phone, 0, 0, 10)
	}); n > 0 {
		t.Errorf("got %.0f allocations, want none", n)
	}
}

func BenchmarkCues(b *testing.B) {
	var text Text
	raw, phone := []byte(strings.Repeat("what a day, could you give me a ring? ", 6)[:200]), Cues().Must("phone")
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		text.Reset(raw, false)
		text.Near(phone, 0, 0, 10)
	}
}
