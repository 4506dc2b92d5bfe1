// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
)

func TestCertificate(t *testing.T) {
	f := newFamily(t)
	c, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, Ground: "Art. 17(1)(b)", By: officer})
	must(t, err)
	keys := f.keys.PublicKeys(keyring.RoleCertificate)
	read, err := VerifyCertificate(c.Signed, keys)
	must(t, err)
	a, _ := json.Marshal(c)
	b, _ := json.Marshal(read)
	if !bytes.Equal(a, b) {
		t.Errorf("read %s\nissued %s", b, a)
	}
	for _, clear := range []string{"anna", `"42"`, "_1_", "mastodon"} {
		if bytes.Contains(c.Signed, []byte(clear)) {
			t.Errorf("the certificate says %q", clear)
		}
	}
	for _, p := range f.told {
		if bytes.Contains(c.Signed, []byte(p.Text)) {
			t.Fatal("the certificate has a pseudonym")
		}
	}
	for i := range c.Signed {
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(c.Signed)
			changed[i] ^= flip
			if _, err := VerifyCertificate(changed, keys); err == nil {
				t.Fatalf("byte %d changed, and it verifies", i)
			}
		}
	}
	if _, err := VerifyCertificate(append(bytes.Clone(c.Signed), '\n'), keys); err == nil {
		t.Error("with another byte it verifies")
	}
	if _, err := VerifyCertificate(c.Signed, freshKeys(t).PublicKeys(keyring.RoleCertificate)); err == nil {
		t.Error("another's key verifies it")
	}
}

// What remains is said, by what and until when.
func TestCertificateRemains(t *testing.T) {
	f := newFamily(t)
	c, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	got := map[string]int{}
	for _, r := range c.Remains {
		got[r.Recipient]++
		if r.Recipient == "analytics" && r.Until == "" {
			t.Errorf("%+v has no end", r)
		}
	}
	// A store epoch; of analytics three epochs and the records; of partner an endless epoch and the records.
	if got[""] != 1 || got["analytics"] != 4 || got["partner"] != 2 {
		t.Errorf("%+v", c.Remains)
	}
}
