// SPDX-License-Identifier: Apache-2.0

// Package app wires the rooms of the house together: it is the one place that knows them all.
package app

import "strings"

// list joins names for a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
