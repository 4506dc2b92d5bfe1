// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// faults collects the problems of one reading, each once.
type faults struct {
	problems Problems
	known    map[Problem]bool
	places   map[place]bool // where problems were found
	files    []string       // in the order in which they were read
}

func (f *faults) add(at place, what, fix string) {
	p := Problem{File: at.file, Line: at.line, Col: at.col, What: what, Fix: fix}
	if f.known[p] {
		return
	}
	if f.known == nil {
		f.known, f.places = map[Problem]bool{}, map[place]bool{}
	}
	f.known[p], f.places[at] = true, true
	f.problems = append(f.problems, p)
}

// once adds a problem where none was found yet: an expanded line can fail the same way in many events.
func (f *faults) once(at place, what, fix string) {
	if !f.places[at] {
		f.add(at, what, fix)
	}
}

// sorted gives the problems in the order of the files, then of the lines.
func (f *faults) sorted() Problems {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(slices.Index(f.files, a.File), slices.Index(f.files, b.File)),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
		)
	})
	return f.problems
}
