// SPDX-License-Identifier: Apache-2.0

package nationalid

import (
	"testing"

	"github.com/nymstream/nymstream/internal/detect/span"
)

func BenchmarkFind(b *testing.B) {
	tests := []struct{ name, text string }{
		{"year", "2024 was a year like no other"},
		{"hour", "10:30 in the morning"},
		{"word", "covid19 is not over"},
		{"phone", "555-123-4567 is what I use"},
		{"digits", "5551234567 is what I use"},
		{"dni", "12345678Z es mi documento"},
		{"named", "219486610 is my id number"},
		{"long", "3f2a9c81d04be77f3f2a9c81d04be77f"},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			var text span.Text
			var dst []span.Found
			text.Reset([]byte(tt.text), false)
			b.ReportAllocs()
			for b.Loop() {
				dst = Find(dst[:0], &text, 0)
			}
		})
	}
}
