// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/s2"
)

// snappyPiece is how much text is compressed at a time. Snappy's own encoder looks back no further either, so batches
// are as small as other producers'. BenchmarkSnappyPieces: a fourth cheaper than a whole batch at once, for a fiftieth of
// its size; smaller pieces are a little cheaper still, and cost real events a tenth of theirs.
const snappyPiece = 64 << 10

// appendSnappyPiece appends the elements of one piece, at most snappyPiece long, to dst. A block is the length of the
// whole text as a varint and then the elements of all its pieces: they refer to what is before them by distance, so
// a piece does not depend on its place. dst must hold a few bytes already.
func appendSnappyPiece(dst, src []byte) []byte {
	// The encoder begins with the length of the piece: over the last bytes of dst, which are put back.
	var before [binary.MaxVarintLen32]byte
	n := uvarintSize(uint64(len(src)))
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(src)))
	from := len(dst) - n
	copy(before[:n], dst[from:])
	packed := s2.EncodeSnappy(dst[from:from+s2.MaxEncodedLen(len(src))], src)
	copy(dst[from:], before[:n])
	return dst[:from+len(packed)]
}
