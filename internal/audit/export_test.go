// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"
)

func TestShowFilters(t *testing.T) {
	dir := t.TempDir()
	o := testOptions()
	now := time.UnixMilli(1_770_000_000_000)
	o.Now = func() time.Time { return now }
	l := openTest(t, dir, o)
	person := l.Subject([16]byte{9})
	for _, e := range []Entry{
		{Actor: "alice", Act: Erase, Subject: person},
		{Actor: "bob", Act: Erase, Subject: l.Subject([16]byte{8})},
		{Actor: "alice", Act: Access, Subject: person},
	} {
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	first := time.UnixMilli(1_770_000_000_000)
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "012"}, {Filter{Subject: person}, "02"}, {Filter{Act: Erase}, "01"}, {Filter{Actor: "bob"}, "1"},
		{Filter{From: first.Add(time.Hour)}, "12"}, {Filter{To: first.Add(time.Hour)}, "0"}, {Filter{Subject: person, Act: Deny}, ""},
	} {
		var got strings.Builder
		for item, err := range Show(t.Context(), dir, c.filter) {
			if err != nil {
				t.Fatal(err)
			}
			got.WriteByte('0' + byte(item.Index))
		}
		if got.String() != c.want {
			t.Errorf("%+v shows %q, want %q", c.filter, got.String(), c.want)
		}
	}
}

func TestExport(t *testing.T) {
	dir, _ := smallLog(t, testOrigin)
	keys := []ed25519.PublicKey{signerOf("first").Public()}
	var plain, proven bytes.Buffer
	if err := Export(t.Context(), &plain, dir, Filter{}, false); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(plain.Bytes(), []byte("\n")); n != 300 || !bytes.HasPrefix(plain.Bytes(), []byte(`{"index":0,"entry":{"v":1,`)) {
		t.Errorf("%d lines, the first begins %.40s", n, plain.Bytes())
	}
	if err := Export(t.Context(), &proven, dir, Filter{}, true); err != nil {
		t.Fatal(err)
	}
	if origin, n, err := CheckExport(bytes.NewReader(proven.Bytes()), keys); err != nil || n != 300 || origin != testOrigin {
		t.Fatalf("%s, %d entries, %v", origin, n, err)
	}
	if _, _, err := CheckExport(bytes.NewReader(plain.Bytes()), keys); err == nil {
		t.Error("an export without proofs passes")
	}
	if _, _, err := CheckExport(bytes.NewReader(proven.Bytes()), []ed25519.PublicKey{signerOf("other").Public()}); err == nil {
		t.Error("an export passes with another's key")
	}
	for name, change := range map[string][2]string{
		"an entry": {`"alice"`, `"carol"`}, "an index": {`{"index":7,`, `{"index":8,`}, "a proof": {`"proof":["`, `"proof":["AAAA`},
		"a size": {`\n300\n`, `\n301\n`},
	} {
		forged := bytes.Replace(proven.Bytes(), []byte(change[0]), []byte(change[1]), 1)
		if _, _, err := CheckExport(bytes.NewReader(forged), keys); err == nil || bytes.Equal(forged, proven.Bytes()) {
			t.Errorf("%s was changed, and the export passes", name)
		}
	}
}
