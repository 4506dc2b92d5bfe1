// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"encoding/json"
	"strings"
	"testing"
)

// A corrected record goes with the pseudonyms that it holds, to the recipient whose record it is, and never beside another: that would tell
// that both are one person's.
func TestCorrectedRecords(t *testing.T) {
	f := newFamily(t)
	for _, key := range append(f.rows, f.other) {
		f.settled[key] = true // corrections wait for nobody
	}
	newest := map[string]Pseudonym{}
	for _, p := range f.told {
		if p.Type == "acc" && p.Epoch >= newest[p.Recipient].Epoch {
			newest[p.Recipient] = p
		}
	}
	record := json.RawMessage(`{"user":"` + newest["analytics"].Text + `","born":1990}`)
	told, err := f.service().Correct(t.Context(), officer, account("42"), Correction{Classes: []string{"birth"}, Records: map[string]json.RawMessage{"analytics": record}})
	must(t, err)
	if told.Records != 1 || told.Events != len(f.told) {
		t.Errorf("%+v, want 1 record in %d events", told, len(f.told))
	}
	for topic, partitions := range f.topics {
		for _, messages := range partitions {
			for _, m := range messages {
				var n notice
				must(t, json.Unmarshal(m.Value, &n))
				want := topic == "out.analytics" && n.Pseudonym == newest["analytics"].Text
				if got := strings.Contains(string(m.Value), "1990"); got != want || n.Nymstream != "correction" {
					t.Errorf("%s: a correction has the record: %v, want %v", topic, got, want)
				}
			}
		}
	}
	_, err = f.service().Correct(t.Context(), officer, account("43"), Correction{Records: map[string]json.RawMessage{"analytics": record}})
	wantErr(t, err, ErrInput)
}
