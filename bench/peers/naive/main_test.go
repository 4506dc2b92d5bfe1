// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"testing"

	"github.com/nymstream/nymstream/bench"
	"github.com/nymstream/nymstream/internal/workload"
)

func TestNaiveProgramDoesWhatIsMeasured(t *testing.T) {
	sanitize, err := newSanitizer()
	if err != nil {
		t.Fatal(err)
	}
	g, err := workload.NewSized(workload.Size3K, 1, 20)
	if err != nil {
		t.Fatal(err)
	}
	check, err := bench.OfPeer(false)
	if err != nil {
		t.Fatal(err)
	}
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
}
