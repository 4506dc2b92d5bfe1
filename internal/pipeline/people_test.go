// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

const askingPolicy = `language: 1
controller: {name: Test, contact: privacy@example.org}
ages: {unknown: adult, reason: Made up}
purposes:
  insight: {basis: consent, description: Test, accepts: {categories: [insight]}}
  upkeep: {basis: legitimate-interest, sale: true, description: Test}
sources: {raw: {topics: [raw], pack: nested@1}}
recipients:
  asks:
    role: processor
    purpose: insight
    topic: asks
    retention: 30d
    from: {raw: {}}
    classes: {account: pseudonym, handle: pseudonym, object-id: pseudonym, email: pseudonym, plain: keep, url: pseudonym, name: presence}
  keeps:
    role: third-party
    purpose: upkeep
    topic: keeps
    retention: 30d
    minors: withhold
    from: {raw: {}}
    classes: {account: pseudonym, plain: keep}
`

const askingPack = `language: 1
pack: nested
version: 1
consents:
  $.consent: segment
events:
  gone:
    when: {$.kind: gone}
    signal: account-deleted
    subject: $.by
    fields:
      $.by: account
  both:
    when: {$.kind: both}
    subject: $.by[*]
    fields:
      $.by[*]: account
      $.n: {plain: integer}
  message:
    subject: $.by
    fields:
      $.by: account
      $.handle: {class: handle, alias: true, of: $.by}
      $.mail: email
      $.to: account
      $.toname: {class: name, of: $.to}
      $.tos[*]: account
      $.n: {plain: integer}
      $.profile: {class: url, template: ["https://x.example/{account}/{object-id}"]}
`

// house is a pipeline whose people are kept.
type house struct {
	*Pipeline
	t         testing.TB
	store     *storetest.InMemory
	directory *subject.Directory
	links     [][2]subject.Key
}

func (h *house) Find(name []byte) *subject.Person { return h.directory.Find(name) }
func (h *house) Load(ctx context.Context, names [][]byte) error {
	return h.directory.Load(ctx, names)
}
func (h *house) Create(ctx context.Context, all []subject.Newcomer) error {
	return h.directory.Create(ctx, all)
}
func (h *house) Touch(int32, []*subject.Person) {}
func (h *house) Link(handle, account subject.Key, _ int64) {
	h.links = append(h.links, [2]subject.Key{handle, account})
}

func newHouse(t testing.TB, cache int) *house {
	t.Helper()
	plan, err := policy.LoadBytes("policy.yaml", []byte(askingPolicy), fstest.MapFS{"nested.yaml": {Data: []byte(askingPack)}}, "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Ephemeral("test", []string{"asks", "keeps"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: storetest.Memory()}
	h.directory = subject.NewDirectory(subject.Options{Store: h.store, Keys: keys, Cache: cache})
	if h.Pipeline, err = New(plan, keys, Options{People: h, Signals: len(plan.Recipients)}); err != nil {
		t.Fatal(err)
	}
	return h
}

// key gives the lookup key of an account.
func (h *house) key(typ, id string) subject.Key {
	identity, err := transform.NewStoredIdentity(h.keys, "nested", typ, true)
	if err != nil {
		h.t.Fatal(err)
	}
	name, _ := identity.Name(nil, &transform.Value{Kind: transform.String, Text: []byte(id)})
	return h.directory.KeyOf(name)
}

func (h *house) say(id string, s consent.Signal) {
	h.t.Helper()
	if _, err := h.directory.Apply(context.Background(), h.key("acc", id), s); err != nil {
		h.t.Fatal(err)
	}
}

func ago(d time.Duration) int64 { return time.Now().Add(-d).UnixMilli() }

func (h *house) grants(ids ...string) {
	for _, id := range ids {
		h.say(id, consent.Signal{Kind: consent.Consent, Purpose: "insight", Verdict: consent.Allow, At: ago(time.Hour)})
	}
}

// secrets counts the people of whom the store keeps a secret.
func (h *house) secrets() (n int) {
	err := h.directory.Scan(context.Background(), func(v *subject.View) error {
		if v.Person.HasSecret {
			n++
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestPeopleAreAsked(t *testing.T) {
	for name, c := range map[string]struct {
		said    func(h *house)
		payload string
		want    []string
		secrets int
	}{
		"nobody has agreed": {nil, `{"by":1,"n":2}`, []string{`asks: withheld, no-consent`, `keeps: {"by":"ACC1","n":2} key=ACC1`}, 1},
		"agreed": {func(h *house) { h.grants("1") }, `{"by":1,"n":2}`,
			[]string{`asks: {"by":"ACC1","n":2} key=ACC1`, `keeps: {"by":"ACC2","n":2} key=ACC2`}, 1},
		"opted out of sale": {func(h *house) {
			h.say("1", consent.Signal{Kind: consent.Sale, Verdict: consent.Deny, At: ago(time.Minute)})
		}, `{"by":1,"n":2}`, []string{`asks: withheld, no-consent`, `keeps: withheld, opted-out`}, 0},
		"withdrawn": {func(h *house) {
			h.grants("1")
			h.say("1", consent.Signal{Kind: consent.Consent, Purpose: "insight", Verdict: consent.Deny, At: ago(time.Minute)})
		}, `{"by":1,"n":2}`, []string{`asks: withheld, withdrawn`, `keeps: {"by":"ACC1","n":2} key=ACC1`}, 1},
		"the other has not agreed": {func(h *house) { h.grants("1") }, `{"by":1,"to":2,"toname":"Bo","tos":[1,3],"n":4}`,
			[]string{`asks: {"by":"ACC1","tos":["ACC1"],"n":4} key=ACC1`, `keeps: {"by":"ACC2","to":"ACC3","tos":["ACC2","ACC4"],"n":4} key=ACC2`}, 3},
		"both have": {func(h *house) { h.grants("1", "2") }, `{"by":1,"to":2,"toname":"Bo"}`,
			[]string{`asks: {"by":"ACC1","to":"ACC2","toname":true} key=ACC1`, `keeps: {"by":"ACC3","to":"ACC4"} key=ACC3`}, 2},
		"a name of nobody": {func(h *house) { h.grants("1") }, `{"by":1,"toname":"Bo","n":1}`,
			[]string{`asks: {"by":"ACC1","n":1} key=ACC1`, `keeps: {"by":"ACC2","n":1} key=ACC2`}, 1},
		"handle and address go with the account": {func(h *house) { h.grants("1") }, `{"by":1,"handle":"@Ann","mail":"ann@example.org"}`,
			[]string{`asks: {"by":"ACC1","handle":"HDL2","mail":"EML3"} key=ACC1`, `keeps: {"by":"ACC4"} key=ACC4`}, 3},
		"all who act are asked": {func(h *house) { h.grants("1") }, `{"kind":"both","by":[1,2],"n":1}`,
			[]string{`asks: withheld, no-consent`, `keeps: {"by":["ACC1","ACC2"],"n":1} key=ACC1`}, 2},
		"a link names somebody who agreed": {func(h *house) { h.grants("1") }, `{"by":1,"profile":"https://x.example/1/p7"}`,
			[]string{`asks: {"by":"ACC1","profile":"https://x.example/ACC1/OBJ2"} key=ACC1`, `keeps: {"by":"ACC3"} key=ACC3`}, 1},
		"a link names somebody who did not": {func(h *house) { h.grants("1") }, `{"by":1,"profile":"https://x.example/2/p7"}`,
			[]string{`asks: {"by":"ACC1"} key=ACC1`, `keeps: {"by":"ACC2"} key=ACC2`}, 1},
		"agreed inside the event": {nil, `{"by":1,"n":2,"consent":{"insight":true}}`,
			[]string{`asks: {"by":"ACC1","n":2} key=ACC1`, `keeps: {"by":"ACC2","n":2} key=ACC2`}, 1},
		"refused inside the event": {func(h *house) { h.grants("1") }, `{"by":1,"n":2,"consent":{"insight":false}}`,
			[]string{`asks: withheld, withdrawn`, `keeps: {"by":"ACC1","n":2} key=ACC1`}, 1},
		"gone, and known": {func(h *house) {
			h.grants("1")
			decide(t, h.Pipeline, value(`{"by":1}`))
		}, `{"kind":"gone","by":1}`, []string{`asks: {"by":"ACC1"} key=ACC1`, `keeps: {"by":"ACC2"} key=ACC2`, `signals`}, 1},
		"gone, and never known": {nil, `{"kind":"gone","by":1}`, []string{`asks: {}`, `keeps: {}`, `signals`}, 0},
		"erased": {func(h *house) {
			h.grants("1")
			decide(t, h.Pipeline, value(`{"by":1}`))
			if _, err := h.directory.Erase(t.Context(), h.key("acc", "1"), ago(time.Second)); err != nil {
				t.Fatal(err)
			}
		}, `{"by":1,"n":2}`, []string{`asks: withheld, erased`, `keeps: withheld, erased`}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 0)
			if c.said != nil {
				c.said(h)
			}
			wantLines(t, decide(t, h.Pipeline, value(c.payload)), c.want...)
			if got := h.secrets(); got != c.secrets {
				t.Errorf("want %d people with a secret, got %d", c.secrets, got)
			}
		})
	}
}

// A batch of strangers comes out as the same batch does when everybody is at hand: each once, in order.
func TestStrangersAndAcquaintances(t *testing.T) {
	h := newHouse(t, 0)
	var batch []event.Record
	for i := range 400 {
		h.grants(fmt.Sprint(i % 7 * 2))
		batch = append(batch, value(fmt.Sprintf(`{"by":%d,"to":%d,"n":%d,"profile":"https://x.example/%d/p"}`, i%50, i%31, i, i%9)))
	}
	before := h.store.Calls(storetest.Load) + h.store.Calls(storetest.Swap)
	cold := decide(t, h.Pipeline, batch...)
	warm := decide(t, h.Pipeline, batch...)
	if len(cold.lines) != 2*len(batch) || !slices.Equal(cold.lines, warm.lines) {
		t.Errorf("want %d equal lines, got %d and %d", 2*len(batch), len(cold.lines), len(warm.lines))
	}
	if n := h.store.Calls(storetest.Load) + h.store.Calls(storetest.Swap) - before; n > 12 {
		t.Errorf("want few round trips for one batch, got %d", n)
	}
}

func TestStoreIsDown(t *testing.T) {
	h := newHouse(t, 0)
	for _, method := range []string{"load", "create"} {
		h.store.FailNext(1, errors.New("no route"))
		n := &note{pipeline: h.Pipeline, worker: h.Worker()}
		r := value(`{"by":1,"n":1}`)
		r.Topic, r.Time = "raw", time.Now().UnixMilli()
		err := n.worker.Process([]event.Record{r}, n)
		if !errors.Is(err, event.ErrTransient) || len(n.lines) > 0 {
			t.Errorf("%s: want nothing decided and an error that passes, got %v and %s", method, err, strings.Join(n.lines, "; "))
		}
	}
	wantLines(t, decide(t, h.Pipeline, value(`{"by":1,"n":1}`)), `asks: withheld, no-consent`, `keeps: {"by":"ACC1","n":1} key=ACC1`)
}

// One fault is one record in quarantine, whoever it is for.
func TestOneFaultIsQuarantinedOnce(t *testing.T) {
	h := newHouse(t, 0)
	if n := decide(t, h.Pipeline, value(`{"by":`)); len(n.sealed) != 1 {
		t.Errorf("want one sealed record for both recipients, got %d: %s", len(n.sealed), strings.Join(n.lines, "; "))
	}
}
