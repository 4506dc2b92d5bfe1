// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// mentions gives a post that mentions n people.
func mentions(n int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, `{"id":%d},`, i)
	}
	return `{"kind":"post","post":{"author":{"id":7},"mentions":[` + strings.TrimSuffix(list.String(), ",") + `]}}`
}

// TestLimits sends records that would cost more than they may. Each is quarantined with its reason, and what a recipient
// gets of the others is not held up.
func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits rewrite.Options
		record event.Record
		want   string
	}{
		{"a payload above the limit", rewrite.Options{MaxBytes: 100}, value(mentions(20)), "analysts: quarantined, too-large\npartner: quarantined, too-large"},
		{"a key above the limit", rewrite.Options{MaxBytes: 100}, event.Record{Key: make([]byte, 101), Value: []byte(`{}`)}, "analysts: quarantined, too-large\npartner: quarantined, too-large"},
		{"headers above the limit", rewrite.Options{MaxBytes: 100}, event.Record{Value: []byte(`{}`), Headers: []event.Header{{Key: make([]byte, 60), Value: make([]byte, 60)}}},
			"analysts: quarantined, too-large\npartner: quarantined, too-large"},
		{"more fields than the limit", rewrite.Options{MaxFields: 30}, value(mentions(20)), "analysts: quarantined, too-large\npartner: quarantined, too-large"},
		{"an output many times its input", rewrite.Options{MaxOutput: 500}, value(mentions(20)),
			"analysts: quarantined, output-too-large\npartner: {\"post\":{\"author\":{\"id\":\"ACC1\"},\"mentions\":20}}"},
		{"nested deeper than the limit", rewrite.Options{MaxDepth: 3}, value(`{"x":{"y":{"z":{}}}}`), "analysts: quarantined, too-deep\npartner: quarantined, too-deep"},
		{"nested 200 levels", rewrite.Options{}, value(`{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`), "analysts: quarantined, too-deep\npartner: quarantined, too-deep"},
		{"just within", rewrite.Options{MaxBytes: len(mentions(1)), MaxFields: 8, MaxOutput: 1000}, value(mentions(1)),
			"analysts: {\"kind\":\"post\",\"post\":{\"author\":{\"id\":\"ACC1\"},\"mentions\":[{\"id\":\"ACC2\"}]}} key=ACC1\n" +
				"partner: {\"post\":{\"author\":{\"id\":\"ACC3\"},\"mentions\":1}}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := load(t, "testdata/social-policy.yaml", Options{AssumeConsent: true, Limits: tt.limits})
			if got := plainly(strings.Join(decide(t, p, tt.record).lines, "\n")); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// BenchmarkFarOwner seals many leaves whose person stands behind them all: the cost of a leaf must not grow with their number.
func BenchmarkFarOwner(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := load(b, "testdata/far-policy.yaml", Options{})
			payload := []byte(`{"notes":[` + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + `],"author":"7"}`)
			worker := p.Worker()
			var sink discard
			for b.Loop() {
				if err := worker.Process([]event.Record{{Topic: "raw.far", Time: 1, Value: payload}}, &sink); err != nil {
					b.Fatal(err)
				}
			}
			if sink.forwarded == 0 {
				b.Fatal("nothing was forwarded")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/leaf")
		})
	}
}
