// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/workload"
)

// sanitizedByHand is what a peer makes of the workload's event.
func sanitizedByHand(t *testing.T) string {
	t.Helper()
	e := checker(t)
	block, err := aes.NewCipher([]byte(peerKey))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(clear string) string {
		nonce := []byte("abcdefghijkl")
		return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(clear), nil))
	}
	in, err := leaves(workload.Event())
	if err != nil {
		t.Fatal(err)
	}
	mac := func(path string) string { return e.exact(in[path].value) }
	return `{"type":"Create","published":"2026-07-14T09:00:00Z","actor":{"id":"` + mac("actor.id") + `","handle":"` + mac("actor.handle") +
		`","email":"` + seal(in["actor.email"].value) + `","age":"25-34","verified":false,"followers":18231},"object":{"type":"Note","text":"` +
		seal(in["object.text"].value) + `","lang":"en","in_reply_to_user_id":"` + mac("object.in_reply_to_user_id") +
		`","possibly_sensitive":false,"metrics":{"likes":4102,"reposts":311,"replies":58,"views":912331},"entities":{"mentions":[{"id":"` +
		mac("object.entities.mentions[0].id") + `"}],"hashtags":["water","people"]}},"context":{"ip":"203.0.113.0","device":{"id":"` +
		mac("context.device.id") + `","os":"iOS"},"session_id":"` + mac("context.session_id") + `","geo":{"lat":52.559999999999995,"lon":13.41,"country":"DE"}}}`
}

func checker(t *testing.T) *Equivalence {
	t.Helper()
	e, err := OfPeer(false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEquivalentOutputPasses(t *testing.T) {
	e := checker(t)
	if err := e.Check(workload.Event(), []byte(sanitizedByHand(t))); err != nil {
		t.Fatal(err)
	}
	if e.Checked() != 1 {
		t.Errorf("want 1 event checked, got %d", e.Checked())
	}
}

func TestWhatIsNotEquivalentIsFound(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"a missing leaf":           {`"verified":false,`, ``, "actor.verified is missing"},
		"a missing element":        {`"water","people"`, `"water"`, "object.entities.hashtags[1] is missing"},
		"an extra leaf":            {`"lang":"en"`, `"lang":"en","source":"ios"`, "object.source should not be there"},
		"a leaf that occurs twice": {`"lang":"en"`, `"lang":"en","lang":"en"`, "object.lang occurs twice"},
		"another bucket":           {`"25-34"`, `"30-39"`, `actor.age: want "25-34"`},
		"another hour":             {`T09:00`, `T10:00`, "published: want"},
		"another network":          {`203.0.113.0`, `203.0.113.77`, "context.ip: want"},
		"another kept value":       {`4102`, `4103`, "object.metrics.likes: want 4102"},
		"another type":             {`18231`, `"18231"`, "actor.followers: want"},
		"an ungridded place":       {`13.41`, `13.40`, "context.geo.lon: want the multiple"},
		"the wrong grid point":     {`13.41`, `13.5`, "context.geo.lon: want the multiple"},
		"a clear identifier":       {`"session_id":"`, `"session_id":"0123456789abcdef0123456789abcdef`, "context.session_id:"},
		"a foreign pseudonym":      {`"session_id":"`, `"session_id":"00`, "context.session_id: want the pseudonym"},
		"a seal of another key":    {`"email":"YWJj`, `"email":"YWJk`, "actor.email:"},
		"no JSON":                  {`{"type"`, `{{"type"`, "output:"},
	} {
		t.Run(name, func(t *testing.T) {
			good := sanitizedByHand(t)
			bad := strings.Replace(good, c.from, c.to, 1)
			if bad == good {
				t.Fatalf("nothing was changed: no %s", c.from)
			}
			err := checker(t).Check(workload.Event(), []byte(bad))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with `%s`, got %v", c.want, err)
			}
		})
	}
}

// The product's pseudonyms are unknown here: what can be checked is that they are one for each identifier and class.
func TestPseudonymsAreABijection(t *testing.T) {
	e := OfProduct()
	const one, two = "acc_1_aaaaaaaaaaaaaaaa", "acc_1_bbbbbbbbbbbbbbbb"
	for _, c := range []struct {
		class, clear, pseudonym, want string
	}{
		{"account", "u_1", one, ""},
		{"account", "u_1", one, ""},
		{"account", "u_1", two, "two pseudonyms"},
		{"account", "u_2", one, "have one pseudonym"},
		{"device", "u_2", one, ""},
		{"account", "u_3", "acc_1_u_3aaaaaaaaaaa", "is no pseudonym"},
	} {
		err := e.pseudonym(c.class, c.clear, c.pseudonym)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s %s: want `%s`, got %v", c.pseudonym, c.class, c.clear, c.want, err)
		}
	}
}

func TestProductsSealsHaveTheirLength(t *testing.T) {
	sealed := base64.RawURLEncoding.EncodeToString(make([]byte, 33+160))
	e := OfProduct()
	if err := e.seals(strings.Repeat("x", 130), sealed); err != nil {
		t.Error(err)
	}
	if err := e.seals(strings.Repeat("x", 158), sealed); err == nil {
		t.Error("want an error, got none")
	}
}

// A module of its own cannot share the package with the others.
func TestCopiesOfTheProtocolAreEqual(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("contender", "contender.go"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("peers", "redpanda", "contender", "contender.go"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("bench/peers/redpanda/contender is not a copy of bench/contender any more")
	}
}
