// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// sealing gives two recipients pseudonyms and sealed values, of people who agreed.
var sealing = policyOf(adults, []string{insight}, map[string]string{
	"left":  "role: processor\npurpose: insight\n" + sealedRules,
	"right": "role: processor\npurpose: insight\n" + sealedRules,
})

const sealedRules = `classes: {account: pseudonym, email: pseudonym, plain: keep, name: seal, text: seal}`

var sealedFields = map[string]string{"name": "name", "toname": "name", "totext": "text"}

// issue has people act in each epoch, and keeps what recipients get.
func issue(t *testing.T, h *house, ids ...string) map[string]*loot {
	t.Helper()
	all := map[string]*loot{}
	for _, id := range ids {
		all[id] = &loot{account: id, mail: id + "@example.org"}
		h.say(policy.Account, id, oldGrant("insight"))
	}
	for _, ago := range []int{45, 25, 0} {
		h.now = start.Add(-day * time.Duration(ago))
		for _, id := range ids {
			o := h.decide(h.pipeline, payload(`{"by":%s,"mail":"%s@example.org","name":"Name of %s"}`, id, id, id))
			for _, s := range o.sent {
				all[id].keep(t, h.plan, s, sealedFields)
			}
		}
	}
	for _, l := range all {
		if len(l.issued) != 18 { // two recipients, three epochs; account, address and name
			t.Fatalf("%d values were issued", len(l.issued))
		}
	}
	return all
}

func revealKey(t testing.TB, dir string) *keyring.RevealKey {
	t.Helper()
	k, err := keyring.OpenReveal(filepath.Join(dir, "reveal.json"), nil)
	must(t, err)
	return k
}

// With all keys that are left, the store as it is left, and all that was ever issued to them, nothing leads to somebody erased.
func TestErasedPeopleAreLinkedByNothing(t *testing.T) {
	keys, dir := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	all := issue(t, h, "1001", "1002", "1003")
	h.erase("1001")
	_, err := h.directory.Erase(t.Context(), h.key(policy.Email, "1001@example.org"), h.now.UnixMilli())
	must(t, err)
	x := &thief{t: t, keys: keys, reveal: revealKey(t, dir), rows: h.rows()}
	for _, way := range x.links(all["1001"]) {
		t.Errorf("erased, and %s", way)
	}
	ways := x.links(all["1002"])
	for _, want := range []string{"sealed bytes of the store gives the acc", "gives the eml", "opens $.name of right", "the product's scan", "whose a row is"} {
		if !strings.Contains(strings.Join(ways, "\n"), want) {
			t.Errorf("not erased, and the attack does not find that %q: it shows nothing", want)
		}
	}
}

// A later life is somebody else: its secret and keys lead to nothing of the one before.
func TestANewLifeLeadsToNoOlderOne(t *testing.T) {
	keys, dir := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	before := issue(t, h, "1001")["1001"]
	h.erase("1001")
	_, err := h.directory.Erase(t.Context(), h.key(policy.Email, "1001@example.org"), h.now.UnixMilli())
	must(t, err)
	h.now = h.now.Add(1e9)
	grant := oldGrant("insight")
	grant.At = h.now.UnixMilli()
	h.say(policy.Account, "1001", grant)
	h.say(policy.Email, "1001@example.org", grant)
	h.now = h.now.Add(1e9)
	o := h.decide(h.pipeline, payload(`{"by":1001,"mail":"1001@example.org","name":"Name of 1001"}`))
	if len(o.sent) != 2 {
		t.Fatalf("the new life is not forwarded: %v", o.withheld)
	}
	after := &loot{account: "1001", mail: "1001@example.org"}
	for _, s := range o.sent {
		after.keep(t, h.plan, s, sealedFields)
	}
	x := &thief{t: t, keys: keys, reveal: revealKey(t, dir), rows: h.rows()}
	for _, way := range x.links(before) {
		if !strings.Contains(way, "whose a row is") { // that of the new life
			t.Errorf("a life that has ended, and %s", way)
		}
	}
	if len(x.links(after)) == 0 {
		t.Error("the new life is found by nothing: the attack shows nothing")
	}
	for _, a := range after.issued {
		if slices.ContainsFunc(before.issued, func(b issued) bool { return b.text == a.text }) {
			t.Errorf("a pseudonym of %s came back", a.recipient)
		}
	}
}

// Of two people in one message one is erased: the other's part still leaves and opens, the erased one's does neither.
func TestTwoPeopleInOneMessage(t *testing.T) {
	for _, erased := range []string{"1001", "1002"} {
		keys, _ := keysOnDisk(t, "left", "right")
		h := newHouse(t, keys, sealing)
		ids := []string{"1001", "1002"}
		for _, id := range ids {
			h.say(policy.Account, id, oldGrant("insight"))
		}
		message := func() event.Record {
			return payload(`{"by":1001,"name":"Canary One","to":1002,"toname":"Canary Two","totext":"Canary Three","cc":[{"id":1002,"name":"Canary Four"},{"id":1001,"name":"Canary Five"}]}`)
		}
		before := h.decide(h.pipeline, message())
		was := map[string]keyring.Secret{}
		for _, id := range ids {
			was[id] = h.person(policy.Account, id).Secret
		}
		h.erase(erased)
		after := h.decide(h.pipeline, message())
		for _, recipient := range []string{"left", "right"} {
			first, _ := before.to(recipient, 0)
			second, ok := after.to(recipient, 0)
			if erased == "1001" {
				if ok || after.withheld[place(recipient, 0)] != event.Erased {
					t.Errorf("the event of somebody erased: forwarded %v", ok)
				}
			} else if !ok || strings.Contains(second.value, `"to`) || strings.Count(second.value, "acc_") != 2 || strings.Count(second.value, "name") != 2 {
				t.Errorf("the event to somebody erased: %s", second.value)
			}
			for path, of := range map[string]string{"$.name": "1001", "$.toname": "1002"} {
				d, err := keys.EpochDomain(recipient, 3)
				must(t, err)
				id, err := transform.NewStoredIdentity(keys, instance, "acc", true)
				must(t, err)
				owner := transform.Owner{Known: true, Identity: id, Secret: h.person(policy.Account, of).Secret}
				text := member(first.value, strings.TrimPrefix(path, "$."))
				_, err = transform.OpenSeal(d, owner, "name", path, []byte(text))
				if opens := err == nil; opens != (of != erased) {
					t.Errorf("%s erased: what was sealed of %s opens: %v", erased, of, opens)
				}
				owner.Secret = was[of]
				if _, err := transform.OpenSeal(d, owner, "name", path, []byte(text)); err != nil {
					t.Errorf("what was sealed of %s did not even open before", of)
				}
			}
		}
	}
}

// member gives the text of a member of a flat part of an output.
func member(value, name string) string {
	_, rest, _ := strings.Cut(value, fmt.Sprintf("%q:\"", name))
	text, _, _ := strings.Cut(rest, `"`)
	return text
}
