// SPDX-License-Identifier: Apache-2.0

package reveal

import "github.com/nymstream/nymstream/internal/subject"

// RequestKey gives where a request's row lies.
func RequestKey(id string) subject.Key { return rowKey(useRequest, id) }

// PseudonymsIn spells the pseudonyms of people in a text.
func PseudonymsIn(text []byte) (out []string) {
	for _, p := range pseudonymsIn(nil, text) {
		out = append(out, spell(p))
	}
	return out
}
