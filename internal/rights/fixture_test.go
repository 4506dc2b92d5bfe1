// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"cmp"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
)

var update = flag.Bool("update", false, "rewrite what an export is compared with")

var (
	exportedPseudonym = regexp.MustCompile(`[a-z]{3}_[0-9]+_[0-9a-v]{26}`)
	exportedBytes     = regexp.MustCompile(`"record_base64":"([^"]*)"`)
)

// TestExportEqualsItsFixture holds what is handed out of a person to a file that a person has read. Pseudonyms differ from run to
// run: each has the number of its first place.
func TestExportEqualsItsFixture(t *testing.T) {
	f := newFamily(t)
	for _, told := range [][]Pseudonym{f.told, f.othersTold} { // the order in which they are made says nothing, on purpose
		slices.SortFunc(told, func(a, b Pseudonym) int {
			return cmp.Or(cmp.Compare(a.Recipient, b.Recipient), cmp.Compare(a.Text[:3], b.Text[:3]), cmp.Compare(len(a.Text), len(b.Text)))
		})
	}
	f.history()
	_, err := f.service().Take(t.Context(), send(t, account("42"), consents("insight", consent.Allow, at(-1))))
	must(t, err)
	verified(t, f.service(), ask(Portable, account("42")))
	out := &file{w: f.world}
	_, err = f.service().Export(t.Context(), "r1", officer, out, nil)
	must(t, err)

	readable := exportedBytes.ReplaceAllStringFunc(string(out.synced), func(s string) string {
		raw, err := base64.StdEncoding.DecodeString(exportedBytes.FindStringSubmatch(s)[1])
		must(t, err)
		return fmt.Sprintf(`"record_base64 of":%q`, raw)
	})
	numbers := map[string]string{}
	got := exportedPseudonym.ReplaceAllStringFunc(readable, func(p string) string {
		if numbers[p] == "" {
			numbers[p] = fmt.Sprintf("<%s %d>", p[:3], len(numbers)+1)
		}
		return numbers[p]
	})
	const fixture = "testdata/export.jsonl"
	if *update {
		must(t, os.WriteFile(fixture, []byte(got), 0o600))
	}
	want, err := os.ReadFile(fixture)
	must(t, err)
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
