// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/transform"
)

// sealPlace is all that a sealed value is bound to.
type sealPlace struct {
	recipient   string
	epoch       int
	owner       string
	class, path string
}

// A sealed value opens in its place alone: not as another field or class, of another person, for another recipient, in another epoch.
func TestSealsOpenInTheirPlaceAlone(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	owners := map[string]transform.Owner{}
	for _, typ := range []string{"acc", "eml"} {
		id, err := transform.NewStoredIdentity(keys, instance, typ, true)
		must(t, err)
		for person := range byte(2) {
			owners[fmt.Sprint(typ, person)] = transform.Owner{Known: true, Identity: id, Secret: keyring.Secret{1: person, 31: 7}}
		}
	}
	var places []sealPlace
	for _, recipient := range []string{"left", "right"} {
		for epoch := range 2 {
			for owner := range owners {
				for _, class := range []string{"name", "text"} {
					for _, path := range []string{"$.name", "$.toname", "$.name.x"} {
						places = append(places, sealPlace{recipient, epoch + 1, owner, class, path})
					}
				}
			}
		}
	}
	sealed := map[sealPlace]string{}
	for _, p := range places {
		d, err := keys.EpochDomain(p.recipient, p.epoch)
		must(t, err)
		s := &transform.Scope{Domain: d, Owner: owners[p.owner]}
		text, verdict := transform.NewSeal(p.class, p.path).Append(nil, &transform.Value{Kind: transform.String, Text: []byte("Ann"), Raw: []byte(`"Ann"`)}, s)
		if verdict != transform.Done {
			t.Fatal("not sealed")
		}
		sealed[p] = strings.Trim(string(text), `"`)
	}
	opens := func(as sealPlace, text string) bool {
		d, err := keys.EpochDomain(as.recipient, as.epoch)
		must(t, err)
		v, err := transform.OpenSeal(d, owners[as.owner], as.class, as.path, []byte(text))
		return err == nil && string(v.Text) == "Ann"
	}
	for from, text := range sealed {
		for _, to := range places {
			if opens(to, text) != (from == to) {
				t.Fatalf("sealed at %+v, it opens at %+v: %v", from, to, from != to)
			}
		}
	}
	at := places[0]
	wire, err := base64.RawURLEncoding.DecodeString(sealed[at])
	must(t, err)
	for i := range wire {
		for bit := range 8 {
			wire[i] ^= 1 << bit
			if opens(at, base64.RawURLEncoding.EncodeToString(wire)) {
				t.Errorf("it opens with bit %d of byte %d turned", bit, i)
			}
			wire[i] ^= 1 << bit
		}
		if opens(at, base64.RawURLEncoding.EncodeToString(wire[:i])) {
			t.Errorf("it opens with %d bytes", i)
		}
	}
	for _, other := range []string{sealed[at] + "=", sealed[at] + "AAAA", strings.ToUpper(sealed[at])} {
		if opens(at, other) {
			t.Errorf("it opens in another spelling")
		}
	}
}
