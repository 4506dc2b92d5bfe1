// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"encoding/binary"
	"strconv"
)

// labelMagic begins every label; its digit changes with the encoding.
const labelMagic = "nym1"

// AppendLabel appends an encoding of its parts that no other list of parts shares, whatever bytes may follow it:
// each part comes after its length. purpose keeps labels apart that serve different ends; one purpose always has
// the same number of parts.
func AppendLabel(dst []byte, purpose string, parts ...string) []byte {
	dst = append(dst, labelMagic...)
	dst = AppendLabelPart(dst, purpose)
	for _, p := range parts {
		dst = AppendLabelPart(dst, p)
	}
	return dst
}

// AppendLabelPart appends one more part to a label.
func AppendLabelPart(dst []byte, part string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(part)))
	return append(dst, part...)
}

// wrapLabel is the associated data of a wrapped keyset. place is an epoch's number, a quarantine day, or "".
func wrapLabel(tenant string, role Role, recipient, place string) []byte {
	return AppendLabel(nil, "wrap", tenant, string(role), recipient, place)
}

func epochPlace(epoch int) string { return strconv.Itoa(epoch) }
