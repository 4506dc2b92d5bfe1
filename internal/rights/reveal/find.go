// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"bytes"
	"encoding/base32"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

const (
	typeLength   = 3  // letters
	digestLength = 26 // characters of base32hex
	mostDigits   = 9  // of an epoch
)

// pseudonymsIn appends the pseudonyms of people that stand anywhere in bytes, whatever their format. Parts of composite values are
// among them.
func pseudonymsIn(dst []transform.Pseudonym, text []byte) []transform.Pseudonym {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '_')
		if i < 0 {
			return dst
		}
		at := from + i - typeLength
		from += i + 1
		digits := 0
		for from+digits < len(text) && digits <= mostDigits && '0' <= text[from+digits] && text[from+digits] <= '9' {
			digits++
		}
		end := from + digits + 1 + digestLength
		if at < 0 || digits == 0 || end > len(text) || text[from+digits] != '_' {
			continue
		}
		if p, ok := transform.ParsePseudonym(text[at:end]); ok && policy.ClassOfType(p.Type).OfSubject() {
			dst = append(dst, p)
		}
	}
}

// spell writes a pseudonym as it was.
func spell(p transform.Pseudonym) string {
	return p.Type + "_" + strconv.Itoa(p.Epoch) + "_" + strings.ToLower(digits32.EncodeToString(p.Digest[:]))
}

var digits32 = base32.HexEncoding.WithPadding(base32.NoPadding)
