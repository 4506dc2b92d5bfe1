// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// Problem is one fault of a policy or pack, at the place where it stands, with its mend.
type Problem struct {
	File      string
	Line, Col int
	What      string // what is wrong
	Fix       string // what to write instead
}

func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.What)
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// Problems are all faults found in one reading, in the order of the files.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
