// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	_, k := makeKeyring(t)
	list := k.List(now)
	var got []string
	for _, e := range list {
		got = append(got, strings.TrimSpace(string(e.Role)+" "+e.Recipient+e.Day+" "+string(e.Status)))
		if len(e.KeyIDs) != 1 || e.KeyIDs[0] == 0 || e.Created.IsZero() {
			t.Errorf("%s: %d keys, made %s", e.Role, len(e.KeyIDs), e.Created)
		}
	}
	want := []string{
		"stateless  current", "lookup  current", "control  current", "certificate  current", "audit  current", "reveal  current",
		"store  current",
		"domain analytics current", "field analytics current", "seal analytics current",
		"domain analytics upcoming", "field analytics upcoming", "seal analytics upcoming",
		"domain partner current", "field partner current", "seal partner current",
		"quarantine 2026-11-23 current", "quarantine 2026-11-24 upcoming",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e := k.List(now.AddDate(1, 0, 0))[7]; e.Status != Ended {
		t.Errorf("a year later: got %s, want ended", e.Status)
	}
	out, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"keyset", "kek", "value"} {
		if bytes.Contains(out, []byte(`"`+field+`"`)) {
			t.Errorf("the list has %s: %s", field, out)
		}
	}
}
