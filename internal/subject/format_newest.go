// SPDX-License-Identifier: Apache-2.0

//go:build !nextformat

package subject

// NewestFormat is the newest format of rows that this build reads.
const NewestFormat = 1

// added is what formats after the first add to a row: nothing.
type added struct{}

func (added) append(dst []byte, _ byte, _ *body) []byte { return dst }

func (*added) parse(byte, *reader) {}
