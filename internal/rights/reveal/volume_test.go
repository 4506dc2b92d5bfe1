// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/subject"
)

// some gives an ask for n pseudonyms. Nobody needs to have them.
func (h *house) some(n int) reveal.Ask {
	var all []string
	for i := range n {
		all = append(all, h.pseudonym("analytics", 1, keyring.Secret{byte(i), byte(i >> 8), 1}))
	}
	return ask(all...)
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits reveal.Limits
		given  []int // asked by Ines
		others []int // by Ivan
		asked  int
		over   bool
	}{
		"requests":              {limits: reveal.Limits{Requests: 3}, given: []int{1, 1}, asked: 1},
		"too many requests":     {limits: reveal.Limits{Requests: 3}, given: []int{1, 1, 1}, asked: 1, over: true},
		"pseudonyms":            {limits: reveal.Limits{Pseudonyms: 20}, given: []int{15}, asked: 5},
		"too many pseudonyms":   {limits: reveal.Limits{Pseudonyms: 20}, given: []int{15}, asked: 6, over: true},
		"at once":               {limits: reveal.Limits{Pseudonyms: 20}, asked: 21, over: true},
		"another's count apart": {limits: reveal.Limits{Requests: 1, Pseudonyms: 5}, others: []int{5}, asked: 5},
		"all requests":          {limits: reveal.Limits{AllRequests: 2}, given: []int{1}, others: []int{1}, asked: 1, over: true},
		"all pseudonyms":        {limits: reveal.Limits{AllPseudonyms: 10}, others: []int{8}, asked: 3, over: true},
		"defaults":              {given: []int{900}, asked: 100},
		"default pseudonyms":    {given: []int{900}, asked: 101, over: true},
		"default requests":      {given: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, asked: 1, over: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(h *house) { h.limits = c.limits })
			for _, n := range c.given {
				h.request(h.some(n))
			}
			for _, n := range c.others {
				_, err := h.Request(t.Context(), ivan, h.some(n))
				must(t, err)
			}
			_, err := h.Request(t.Context(), ines, h.some(c.asked))
			if !c.over {
				must(t, err)
				return
			}
			wantError(t, "request", err, reveal.ErrRefused)
			if h.raised(reveal.AlarmLimit) != 1 || h.audit.count(audit.Deny, "request") != 1 {
				t.Error("nobody was told")
			}
			h.pass(24*time.Hour - time.Millisecond)
			_, err = h.Request(t.Context(), ines, h.some(c.asked))
			wantError(t, "a moment before 24 hours have passed", err, reveal.ErrRefused)
			h.pass(time.Millisecond)
			if _, err = h.Request(t.Context(), ines, h.some(min(c.asked, 5))); err != nil {
				t.Errorf("24 hours later: %v", err)
			}
		})
	}
}

// A name in capitals has the limits of the name.
func TestLimitsAreOfAPerson(t *testing.T) {
	h := newHouse(t, func(h *house) { h.limits = reveal.Limits{Requests: 1} })
	h.request(h.some(1))
	again := ines
	again.Name = "INES@example.org"
	_, err := h.Request(t.Context(), again, h.some(1))
	wantError(t, "request", err, reveal.ErrRefused)
}

func TestLimitHoldsInARace(t *testing.T) {
	h := newHouse(t, func(h *house) { h.limits = reveal.Limits{Requests: 3} })
	a := h.some(1)
	var wait sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 12 {
		wait.Go(func() {
			if _, err := h.Request(t.Context(), ines, a); err == nil {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if list, err := h.List(t.Context(), olga); err != nil || taken != 3 || len(list) != 3 {
		t.Errorf("%d were taken, %d are kept, %v", taken, len(list), err)
	}
}

func TestUnusualVolume(t *testing.T) {
	for name, c := range map[string]struct {
		before []int // pseudonyms a day, one request each, the last yesterday
		asked  []int
		alarms int
	}{
		"a beginner's few":               {asked: []int{5, 5}},
		"a beginner's many":              {asked: []int{11}, alarms: 1},
		"a beginner's many, bit by bit":  {asked: []int{5, 5, 1}, alarms: 1},
		"as ever":                        {before: []int{40, 40, 40}, asked: []int{40}},
		"thrice the mean":                {before: []int{20, 40, 30}, asked: []int{90}},
		"above thrice the mean":          {before: []int{20, 40, 30}, asked: []int{91}, alarms: 1},
		"days without requests are none": {before: []int{30, 0, 0, 0, 0, 30}, asked: []int{90}},
		"older than 30 days":             {before: append([]int{90}, make([]int, 30)...), asked: []int{100}, alarms: 1},
		"30 days ago":                    {before: append([]int{90}, make([]int, 29)...), asked: []int{100}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for _, n := range c.before {
				if n > 0 {
					h.request(h.some(n))
				}
				h.pass(24 * time.Hour)
			}
			already := h.raised(reveal.AlarmVolume)
			for _, n := range c.asked {
				h.request(h.some(n)) // it is taken all the same
			}
			if got := h.raised(reveal.AlarmVolume) - already; got != c.alarms {
				t.Errorf("%d alarms, want %d", got, c.alarms)
			}
		})
	}
}

func TestHoneytokens(t *testing.T) {
	h := newHouse(t)
	bait, real := h.account("bait"), h.account("42")
	key := h.keyOf("bait")
	for _, by := range []reveal.Actor{ines, audrey, opal, nobody} {
		wantError(t, "mark as "+by.Name, h.Mark(t.Context(), by, []subject.Key{key}, nil), reveal.ErrRefused)
		_, err := h.Honeytokens(t.Context(), by)
		wantError(t, "list as "+by.Name, err, reveal.ErrRefused)
	}
	must(t, h.Mark(t.Context(), olga, []subject.Key{key, h.keyOf("other"), key}, nil))
	must(t, h.Mark(t.Context(), olga, nil, []subject.Key{h.keyOf("other")}))
	if keys, err := h.Honeytokens(t.Context(), olga); err != nil || len(keys) != 1 || keys[0] != key {
		t.Errorf("%d honeytokens, %v", len(keys), err)
	}
	wantStates(t, h.revealed(ask(real)), reveal.Found)
	if h.raised(reveal.AlarmHoneytoken) != 0 {
		t.Error("an alarm for a real person")
	}
	wantStates(t, h.revealed(ask(real, bait)), reveal.Found, reveal.Found) // who opened it does not notice
	if h.raised(reveal.AlarmHoneytoken) != 1 {
		t.Fatal("no alarm")
	}
	a := h.alarms[len(h.alarms)-1]
	if a.Actor != ines.Name || a.Subject != hash(key) || a.Request == "" {
		t.Errorf("%+v", a)
	}
	must(t, h.Touched(t.Context(), opal, h.keyOf("42")))
	must(t, h.Touched(t.Context(), opal, h.keyOf("42"), key))
	if h.raised(reveal.AlarmHoneytoken) != 2 {
		t.Error("no alarm for access")
	}
	must(t, h.Mark(t.Context(), olga, nil, []subject.Key{key}))
	must(t, h.Touched(t.Context(), opal, key))
	if h.raised(reveal.AlarmHoneytoken) != 2 {
		t.Error("an alarm for what is none any more")
	}
}

// Where the alarm cannot be logged, its function is told and nothing is handed out.
func TestAlarmThatIsNotLogged(t *testing.T) {
	h := newHouse(t)
	id := h.approved(ask(h.account("bait")))
	must(t, h.Mark(t.Context(), olga, []subject.Key{h.keyOf("bait")}, nil))
	h.audit.refuse = func(e audit.Entry) error {
		if e.Act == audit.Alarm {
			return fmt.Errorf("disk full")
		}
		return nil
	}
	if r, err := h.Open(t.Context(), ines, id, h.key); err == nil || r != nil {
		t.Error("opened")
	}
	if len(h.alarms) != 1 {
		t.Errorf("%d alarms", len(h.alarms))
	}
}
