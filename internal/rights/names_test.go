// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestFind(t *testing.T) {
	w := newWorld(t)
	d := w.service().Directory
	mine, other := w.create(account("1")), w.create(account("2"))
	first, second, given := w.create(handle("first")), w.create(handle("second")), w.create(handle("given"))
	for _, l := range []struct {
		handle, account subject.Key
		at              time.Duration
	}{{first, mine, -9}, {second, mine, -5}, {given, mine, -8}, {given, other, -2}} {
		must(t, d.Link(t.Context(), l.handle, l.account, at(l.at*time.Hour)))
	}
	for name, c := range map[string]struct {
		who  consent.Subject
		want []subject.Key
	}{
		"an account with the handles it has":          {account("1"), []subject.Key{first, second, mine}},
		"a handle with its account and its handles":   {handle("@First"), []subject.Key{second, mine, first}},
		"a handle by its letters":                     {consent.Subject{Instance: "mastodon", Type: "hdl", ID: "second"}, []subject.Key{first, mine, second}},
		"who has the handle now":                      {handle("given"), []subject.Key{other, given}},
		"an account that took a handle over":          {account("2"), []subject.Key{given, other}},
		"somebody unknown":                            {account("99"), []subject.Key{w.key(account("99"))}},
		"an account of another instance is another":   {consent.Subject{Instance: "github", Type: "account", ID: "1"}, []subject.Key{w.key(consent.Subject{Instance: "github", Type: "account", ID: "1"})}},
		"an address is the same, whatever instance":   {consent.Subject{Instance: "anywhere", Type: "email", ID: " Ada@Example.org"}, []subject.Key{w.key(consent.Subject{Type: "email", ID: "ada@example.org"})}},
		"an account, leading zeros or not, is itself": {account("007"), []subject.Key{w.key(account("7"))}},
	} {
		got, err := w.service().Find(t.Context(), c.who)
		must(t, err)
		if !slices.Equal(sorted(got[:len(got)-1]), sorted(c.want[:len(c.want)-1])) || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%s: %d keys, want %d, or in another order", name, len(got), len(c.want))
		}
	}
	_, err := w.service().Find(t.Context(), consent.Subject{Type: "account", ID: "1"})
	wantErr(t, err, ErrInput)
	if !strings.Contains(err.Error(), "github, mastodon") {
		t.Errorf("error %q does not name the instances", err)
	}
	_, err = w.service().Find(t.Context(), consent.Subject{Type: "text", ID: "1"})
	wantErr(t, err, ErrInput)
	if !strings.Contains(err.Error(), "account, handle, email") {
		t.Errorf("error %q does not name the types", err)
	}
}

func sorted(keys []subject.Key) []subject.Key {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b subject.Key) int { return slices.Compare(a[:], b[:]) })
	return keys
}

// What others had under a handle is not handed out, nor erased with who had it before.
func TestHandleThatWasAnothers(t *testing.T) {
	w := newWorld(t)
	d := w.service().Directory
	before, after, h := w.create(account("1")), w.create(account("2")), w.create(handle("given"))
	must(t, d.Link(t.Context(), h, before, at(-2*time.Hour)))
	must(t, d.Link(t.Context(), h, after, at(-time.Hour)))
	for _, who := range []consent.Subject{account("1"), account("2"), handle("given")} {
		all, err := w.service().Pseudonyms(t.Context(), officer, who, "test")
		must(t, err)
		if slices.ContainsFunc(all, func(p Pseudonym) bool {
			return p.Type == "hdl" && strings.HasPrefix(p.Text, "hdl_") && p.Text == w.handleOf(h, p)
		}) {
			t.Errorf("%v is handed the handle's records, which were two accounts'", who)
		}
	}
	c, err := w.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("1")}, Reason: OnRequest, By: officer})
	must(t, err)
	if w.person(h).State != subject.StateLive || w.person(after).State != subject.StateLive || w.person(before).State != subject.StateErased {
		t.Error("erasing who had the handle before erased who has it now")
	}
	if !strings.Contains(fmt.Sprintf("%+v", c.Remains), "1 handles that are another account's now") {
		t.Errorf("%+v", c.Remains)
	}
}

// handleOf gives the pseudonym of a handle's row in the domain of another.
func (w *world) handleOf(h subject.Key, of Pseudonym) string {
	issued, err := w.service().issued(w.person(h), handleTypes)
	must(w.t, err)
	for _, p := range issued {
		if p.Recipient == of.Recipient && p.Epoch == of.Epoch {
			return p.Text
		}
	}
	return ""
}

func TestMentions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pseudonym := rapid.StringMatching(`(acc|hdl)_[1-9][0-9]{0,3}_[0-9a-v]{26}`).Draw(t, "pseudonym")
		other := rapid.StringMatching(`(acc|hdl)_[1-9][0-9]{0,3}_[0-9a-v]{26}`).Draw(t, "other")
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{pseudonym, other, "_", "acc_", "acc_1_", "1", "a", `"`, pseudonym[:20], pseudonym[5:], "é", "\x00"}), 0, 8).Draw(t, "pieces")
		text := strings.Join(pieces, "")
		if got, want := mentions([]byte(text), map[string]struct{}{pseudonym: {}}), strings.Contains(text, pseudonym); got != want {
			t.Fatalf("mentions %v, want %v: %q", got, want, text)
		}
	})
}

func TestNothingPrints(t *testing.T) {
	p := Pseudonym{"analytics", 3, "acc", "acc_3_2cah4o9grvpibq69hrc7hr64g0"}
	m := Message{Topic: "signals", Key: []byte("ada"), Value: []byte("ada")}
	r := Request{Type: Access, State: Received, Subjects: []consent.Subject{account("ada")}}
	for _, v := range []any{p, &p, []Pseudonym{p}, m, &m, []Message{m}, r, &r, []Request{r}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "ada") || strings.Contains(text, "2cah") || strings.Contains(text, "616461") || strings.Contains(text, "97") {
				t.Errorf("%T with %s prints %q", v, verb, text)
			}
		}
	}
}
