// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
)

// publish puts a record about people into a recipient's topic.
func (h *house) publish(at time.Time, recipient, plan string, pseudonyms ...string) {
	value, err := json.Marshal(map[string]any{"people": pseudonyms, "id": "obj" + pseudonyms[0][3:], "note": "acc_1_short"})
	must(h.t, err)
	h.topics["clean."+recipient] = append(h.topics["clean."+recipient], reveal.Message{
		Topic: "clean." + recipient, Key: []byte(pseudonyms[0]), Value: value, Time: at.UnixMilli(),
		Headers: []event.Header{{Key: []byte("nym-plan"), Value: []byte(plan)}, {Key: []byte("ce_subject"), Value: []byte(pseudonyms[0])}},
	})
}

func TestIncident(t *testing.T) {
	h := newHouse(t)
	must(t, h.keys.NewEpoch("analytics", start.Add(-time.Hour), start.Add(-2*time.Hour)))
	ann, bob, eve := h.create("1"), h.create("2"), h.create("3")
	now := func(p keyring.Secret) string { return h.pseudonym("analytics", 2, p) }
	h.publish(start.Add(-3*time.Hour), "analytics", "old plan", h.pseudonym("analytics", 1, ann.Secret))
	h.publish(start.Add(-2*time.Hour), "analytics", "plan", h.pseudonym("analytics", 1, ann.Secret), h.pseudonym("analytics", 1, bob.Secret))
	h.publish(start.Add(-time.Hour), "analytics", "plan", now(ann.Secret), now(ann.Secret))
	h.publish(start, "analytics", "plan", now(eve.Secret))
	h.publish(start.Add(-time.Hour), "ads", "other", h.pseudonym("ads", 1, eve.Secret))
	leak := reveal.Leak{Recipient: "analytics", Span: &reveal.Span{From: start.Add(-90 * time.Minute), To: start}}
	r, err := h.Incident(t.Context(), olga, leak)
	must(t, err)
	// The record of two hours ago may have been written an hour later: record times are truncated.
	if r.Records != 2 || r.People.AtMost != 3 || r.People.AtLeast != 2 || r.People.ByType["acc"] != 3 || len(r.People.ByType) != 1 {
		t.Errorf("%d records, people %+v", r.Records, r.People)
	}
	if got := fmt.Sprint(r.Epochs); got != "[{1 ended 2} {2 current 1}]" {
		t.Errorf("epochs %s", got)
	}
	if got := fmt.Sprint(r.Classes); got != "[{account [pseudonym] [forum] true false false} {email [seal] [forum] true false false} "+
		"{object-id [pseudonym] [forum] false false false} {timestamp [time] [forum] false false false}]" {
		t.Errorf("classes %s", got)
	}
	if !slices.Equal(r.Plans, []string{"plan"}) || !r.PlanChanged || r.Topic != "clean.analytics" {
		t.Errorf("plans %v, changed %v", r.Plans, r.PlanChanged)
	}
	var keys []string
	for _, k := range r.Keys {
		keys = append(keys, fmt.Sprintf("%s %d: %.5s, %d", k.Role, k.Epoch, k.Do, len(k.KeyIDs)))
	}
	if got := strings.Join(keys, "; "); got != "domain 1: destr, 1; field 1: destr, 1; domain 2: begin, 1; field 2: begin, 1" {
		t.Errorf("keys: %s", got)
	}
	if out, err := json.Marshal(r); err != nil || strings.Contains(string(out), "acc_") {
		t.Error("the report has pseudonyms")
	}
}

func TestIncidentOfAFile(t *testing.T) {
	h := newHouse(t)
	r, err := h.Incident(t.Context(), audrey, reveal.Leak{Recipient: "ads", Pseudonyms: []string{
		h.pseudonym("ads", 1, keyring.Secret{1}), h.pseudonym("ads", 1, keyring.Secret{1}), h.pseudonymOf("ads", "eml", 1, keyring.Secret{2}),
	}})
	must(t, err)
	if r.People.AtMost != 2 || r.People.AtLeast != 1 || len(r.Keys) != 1 {
		t.Errorf("%+v", r)
	}
	if c := r.Classes[1]; c.Class != "health" || !c.Clear || !c.Sensitive {
		t.Errorf("%+v", c)
	}
}

func TestIncidentRefuses(t *testing.T) {
	h := newHouse(t)
	p := h.pseudonym("ads", 1, keyring.Secret{1})
	span := &reveal.Span{From: start.Add(-time.Hour), To: start}
	for _, by := range []reveal.Actor{ines, opal, nobody} {
		_, err := h.Incident(t.Context(), by, reveal.Leak{Recipient: "ads", Span: span})
		wantError(t, by.Name, err, reveal.ErrRefused)
	}
	for name, leak := range map[string]reveal.Leak{
		"nothing":      {Recipient: "ads"},
		"both":         {Recipient: "ads", Span: span, Pseudonyms: []string{p}},
		"no recipient": {Recipient: "press", Span: span},
		"backwards":    {Recipient: "ads", Span: &reveal.Span{From: start, To: start.Add(-time.Hour)}},
		"no begin":     {Recipient: "ads", Span: &reveal.Span{To: start}},
		"to come":      {Recipient: "ads", Span: &reveal.Span{From: start, To: start.Add(time.Hour)}},
		"no pseudonym": {Recipient: "ads", Pseudonyms: []string{p, "x"}},
		"a post":       {Recipient: "ads", Pseudonyms: []string{"obj" + p[3:]}},
	} {
		_, err := h.Incident(t.Context(), olga, leak)
		wantError(t, name, err, reveal.ErrInput)
	}
}

// After an approval the people of a span are named; of those that came since, nobody is.
func TestNotify(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.create("1"), h.create("2")
	h.publish(start.Add(-2*time.Hour), "analytics", "plan", h.pseudonym("analytics", 1, ann.Secret), h.pseudonym("analytics", 1, bob.Secret))
	h.publish(start.Add(-2*time.Hour), "analytics", "plan", h.pseudonym("analytics", 1, keyring.Secret{7}), "acc_9"+h.pseudonym("analytics", 1, keyring.Secret{8})[5:])
	a := reveal.Ask{Recipient: "analytics", Reason: reveal.Incident, Case: "INC-7", Span: &reveal.Span{From: start.Add(-3 * time.Hour), To: start}}
	r := h.revealed(a)
	var ids []string
	for _, who := range r.People() {
		ids = append(ids, who.ID)
	}
	slices.Sort(ids)
	if len(r.Items) != 4 || !slices.Equal(ids, []string{"1", "2"}) {
		t.Errorf("%d items, %d people", len(r.Items), len(ids))
	}
	id := h.approved(a)
	h.publish(start.Add(-time.Hour), "analytics", "plan", h.account("3"))
	_, err := h.Open(t.Context(), ines, id, h.key)
	wantError(t, "more people than were approved", err, reveal.ErrRefused)
	_, err = h.Open(t.Context(), ines, h.request(a), h.key)
	wantError(t, "without approval", err, reveal.ErrRefused)
}

func TestLargeSpanRaisesAnAlarm(t *testing.T) {
	h := newHouse(t, func(h *house) { h.limits = reveal.Limits{Pseudonyms: 2} })
	h.publish(start.Add(-time.Hour), "ads", "plan", h.pseudonym("ads", 1, keyring.Secret{1}), h.pseudonym("ads", 1, keyring.Secret{2}), h.pseudonym("ads", 1, keyring.Secret{3}))
	a := reveal.Ask{Recipient: "ads", Reason: reveal.Incident, Case: "INC-7", Span: &reveal.Span{From: start.Add(-time.Hour), To: start}}
	h.request(a)
	if h.raised(reveal.AlarmVolume) != 1 {
		t.Error("no alarm")
	}
	h.request(ask(h.pseudonym("analytics", 1, keyring.Secret{1}))) // the span took nothing of the limit
}

// Pseudonyms are found wherever they stand, and nothing else is.
func TestPseudonymsInText(t *testing.T) {
	const p = "acc_3_2cah4o9grvpibq69hrc7hr64g0"
	for text, want := range map[string]int{
		"": 0, p: 1, `{"id":"` + p + `"}`: 1, "at://" + p + "/post/obj_3_2cah4o9grvpibq69hrc7hr64g0": 1, p + p: 2, "grp_3_" + p[6:] + "_" + p: 1,
		"\x00\x1c" + p + "\x02": 1, p[:len(p)-1]: 0, p[1:]: 0, strings.ToUpper(p): 0, "obj" + p[3:]: 0, "xyz" + p[3:]: 0, "acc_0_" + p[6:]: 0,
		"acc_03_" + p[6:]: 0, "acc__" + p[6:]: 0, "acc_1234567890_" + p[6:]: 0, "acc_123456789_" + p[6:]: 1, p[:len(p)-1] + "1": 0,
	} {
		if got := len(reveal.PseudonymsIn([]byte(text))); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	h := newHouse(t)
	rapid.Check(t, func(t *rapid.T) {
		var want []string
		text := rapid.StringMatching(`[a-z_0-9 "]{0,40}[ "]`).Draw(t, "before")
		noise := len(reveal.PseudonymsIn([]byte(text)))
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			secret := keyring.Secret(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
			want = append(want, h.pseudonymOf("ads", rapid.SampledFrom([]string{"acc", "hdl", "eml"}).Draw(t, "type"), 1, secret))
			text += want[len(want)-1] + rapid.StringMatching(`[ "/][a-z_0-9 "]{0,40}[ "]`).Draw(t, "between")
		}
		if got := reveal.PseudonymsIn([]byte(text))[noise:]; !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
