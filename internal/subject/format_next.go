// SPDX-License-Identifier: Apache-2.0

//go:build nextformat

package subject

import (
	"encoding/binary"
	"math"
)

// NewestFormat is the newest format of rows that this build reads. No release has it: tests of upgrades are built with it.
const NewestFormat = 2

// added is what format 2 adds to a row before the standing: a day since the Unix epoch, a uvarint.
type added struct {
	known int32 // since when the person has had a secret, as far as is known; 0: there is none
}

func (a added) append(dst []byte, format byte, b *body) []byte {
	switch {
	case format < 2:
		return dst
	case len(b.secret) == 0:
		a.known = 0
	case a.known == 0:
		a.known = b.lastSeen
	}
	return binary.AppendUvarint(dst, uint64(a.known))
}

func (a *added) parse(format byte, r *reader) {
	if format >= 2 {
		a.known = int32(r.uvarint(math.MaxInt32))
	}
}
