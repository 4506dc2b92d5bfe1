// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"testing"

	"github.com/nymstream/nymstream/bench"
	"github.com/nymstream/nymstream/internal/workload"
)

// The rules of the check are the policy's, written a second time: a change of either shows here, before anybody measures.
func TestProductDoesWhatIsMeasured(t *testing.T) {
	for _, size := range []workload.Size{workload.Size1K, workload.Size3K, workload.Size10K} {
		t.Run(string(size), func(t *testing.T) {
			sanitize, err := transform()
			if err != nil {
				t.Fatal(err)
			}
			g, err := workload.NewSized(size, 1, 20)
			if err != nil {
				t.Fatal(err)
			}
			check := bench.OfProduct()
			for n := range 200 {
				_, event := g.Event(n)
				sanitized, err := sanitize(event)
				if err == nil {
					err = check.Check(event, sanitized)
				}
				if err != nil {
					t.Fatalf("event %d: %v\n%s\n%s", n, err, event, sanitized)
				}
			}
		})
	}
}
