// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// suggest is the mend for an unknown word: the nearest known one, else all of them, if they are few.
func suggest(got string, known []string) string {
	switch hint := nearest(got, known); {
	case hint != "":
		return hint
	case len(known) == 0:
		return ""
	case len(known) > 16:
		return "docs/POLICY.md lists what there is"
	case len(known) == 1:
		return "only " + known[0] + " is known"
	}
	return "one of " + strings.Join(known, ", ")
}

// nearest asks whether the known word nearest to got was meant; "" where none is near.
func nearest(got string, known []string) string {
	if word := near(got, known); word != "" {
		return fmt.Sprintf("did you mean %q?", word)
	}
	return ""
}

// near gives the known word nearest to got, or "".
func near(got string, known []string) string {
	best, distance := "", reach(got)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(got), strings.ToLower(k)); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// reach is how many edits away a word may be to be meant: a third of its letters, one of very short words, four at most.
func reach(got string) int {
	if len(got) < 4 {
		return 1
	}
	return min(max(len(got)/3, 2), 4)
}

// editDistance counts insertions, deletions, substitutions and swaps of neighboring bytes.
func editDistance(a, b string) int {
	if n := len(a) - len(b); max(n, -n) > reach(a) {
		return max(len(a), len(b)) // too far to matter
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
