// SPDX-License-Identifier: Apache-2.0

package chaos

import "testing"

// The harness promises 1 % poison and keys that repeat; every other record bears its number where the policy keeps it.
func TestSamplesAreWhatTheRoundPromises(t *testing.T) {
	const total = 20_000
	poisoned := 0
	perSubject := map[string]int{}
	for n := range int64(total) {
		s := sampleAt(n)
		perSubject[s.subject]++
		if s.want[analytics] == Quarantine {
			poisoned++
		}
		if got := numberOf(s.value); s.want[analytics] == Forward && got != n {
			t.Fatalf("want number %d, got %d", n, got)
		}
	}
	if poisoned != total/100 {
		t.Errorf("want %d poison records, got %d", total/100, poisoned)
	}
	if len(perSubject) != subjects {
		t.Errorf("want %d subjects, got %d", subjects, len(perSubject))
	}
}
