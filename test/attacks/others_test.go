// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

const wide = "classes: {account: pseudonym, handle: pseudonym, email: pseudonym, device: pseudonym, cookie: pseudonym, plain: keep}"

// lawful gets events without consent, until somebody objects.
func lawful(extra string) string {
	return policyOf(adults, []string{"upkeep: {basis: legitimate-interest, sale: true, description: Test}", insight}, map[string]string{
		"lawful": "role: processor\npurpose: upkeep\nkey: source\nminors: withhold\n" + wide + extra,
		"asks":   "role: processor\npurpose: insight\nminors: with-parental-consent\n" + wide,
	})
}

// refusals are ways in which somebody may not be known of, whatever the basis.
func refusals(h *house, class policy.Class, id string) map[string]func() {
	deny := func(kind consent.Kind) func() {
		return func() { h.say(class, id, signal(kind, "", consent.Deny, h.now.UnixMilli()-5000)) }
	}
	return map[string]func(){
		"objected": deny(consent.Objection), "restricted": deny(consent.Restriction), "opted out": deny(consent.Sale),
		"minor": deny(consent.Age), "to be erased": deny(consent.Erasure),
		"erased": func() {
			_, err := h.directory.Erase(h.t.Context(), h.key(class, id), h.now.UnixMilli()-5000)
			must(h.t, err)
		},
	}
}

// Whoever may not be known of is not known of by an address, a device or a handle either that the pack says is theirs.
func TestOtherNamesOfSomebodyRefused(t *testing.T) {
	for name := range refusals(nil, "", "") {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful(""))
			refusals(h, policy.Account, "2")[name]()
			for field, value := range map[string]string{"tomail": "bo@example.org", "todevice": "38400000-8cf0-11bd-b23e-10b96e40000d", "tohandle": "@bo"} {
				o := h.decide(h.pipeline, payload(`{"by":1,"to":2,%q:%q,"n":4}`, field, value))
				s, ok := o.to("lawful", 0)
				if !ok {
					t.Fatalf("%s: the event of somebody who may be known of was withheld", field)
				}
				if strings.Contains(s.value, `"to":`) {
					t.Errorf("%s: the account leaves: %s", field, s.value)
				}
				if strings.Contains(s.value, field) {
					t.Errorf("%s leaves of somebody who is %s: %s", field, name, s.value)
				}
			}
		})
	}
}

// What somebody refuses under one of their names, this name does not pass, whatever was said under the other.
func TestRefusalUnderAnotherName(t *testing.T) {
	names := []string{"parents withdrew"}
	for name := range refusals(nil, "", "") {
		names = append(names, name)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful(""))
			h.say(policy.Account, "1", oldGrant("insight"))
			if name == "parents withdrew" {
				h.say(policy.Account, "1", signal(consent.Age, "", consent.Deny, oldGrant("").At), signal(consent.Parental, "", consent.Allow, oldGrant("").At))
				h.say(policy.Email, "ann@example.org", signal(consent.Age, "", consent.Deny, oldGrant("").At), signal(consent.Parental, "", consent.Deny, h.now.UnixMilli()-5000))
			} else {
				refusals(h, policy.Email, "ann@example.org")[name]()
			}
			o := h.decide(h.pipeline, payload(`{"by":1,"mail":"ann@example.org","n":4}`))
			for _, recipient := range []string{"lawful", "asks"} {
				if name == "opted out" && recipient == "asks" {
					continue // which buys nothing
				}
				if s, ok := o.to(recipient, 0); ok && strings.Contains(s.value, "mail") {
					t.Errorf("%s: the address leaves of somebody of whom it says %s: %s", recipient, name, s.value)
				}
			}
		})
	}
}

// Headers and keys are fields like others: what names somebody who is barred does not leave in them.
func TestHeadersOfSomebodyRefused(t *testing.T) {
	for technique, rule := range map[string]string{
		"keep": "{keep: {max: 20}, clear: Test}", "mask": "{mask: {keep: 3}}", "deterministic seal": "{seal: {deterministic: true}}", "fpe": "{fpe: digits}",
		"pseudonym": "pseudonym",
	} {
		t.Run(technique, func(t *testing.T) {
			h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful("\nheaders: {raw: {x_user: "+rule+"}}"))
			h.say(policy.Account, "1234567", oldGrant("insight"))
			h.say(policy.Account, "7654321", signal(consent.Objection, "", consent.Deny, h.now.UnixMilli()-5000))
			r := payload(`{"by":1234567,"n":4}`)
			r.Key, r.Headers = []byte("7654321"), []event.Header{{Key: []byte("x_user"), Value: []byte("7654321")}}
			good := payload(`{"by":1234567,"n":4}`)
			good.Key, good.Headers = []byte("1234567"), []event.Header{{Key: []byte("x_user"), Value: []byte("1234567")}}
			o := h.decide(h.pipeline, r, good)
			s, ok := o.to("lawful", 0)
			control, also := o.to("lawful", 1)
			if !ok || !also || control.headers["x_user"] == "" || control.key == "" {
				t.Fatal("nothing leaves at all, so that nothing is shown")
			}
			if v := s.headers["x_user"]; v != "" {
				t.Errorf("the header leaves as %q", v)
			}
			if s.key != "" {
				t.Errorf("the key leaves as %q", s.key)
			}
		})
	}
}

// Whatever a rule does to what belongs to somebody who is barred: nothing of it leaves, of the others all of it does.
func TestFieldsOfSomebodyRefused(t *testing.T) {
	for technique, rules := range map[string]string{
		"clear":              "{keep: {max: 80}, clear: Test}",
		"seal":               "seal",
		"deterministic seal": "{seal: {deterministic: true}}",
		"mask":               "{mask: {keep: 3}}",
		"presence":           "presence",
		"replace":            "{replace: {value: x}}",
		"blank":              "blank",
	} {
		t.Run(technique, func(t *testing.T) {
			paths := "\npaths:\n  raw:\n"
			for _, field := range []string{"$.tomail", "$.todevice", "$.toname", "$.totext", "$.cc[*].name"} {
				rule := rules
				if technique == "mask" && field == "$.totext" {
					rule = "presence"
				}
				paths += "    " + field + ": " + rule + "\n"
			}
			h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful(paths))
			h.say(policy.Account, "2222222", signal(consent.Objection, "", consent.Deny, h.now.UnixMilli()-5000))
			const format = `{"by":1,"to":%s,"tomail":"canary@example.org","todevice":"canary-of-a-device","toname":"canary","totext":"canary","cc":[{"id":%s,"name":"canary"}]}`
			o := h.decide(h.pipeline, payload(format, "2222222", "2222222"), payload(format, "3333333", "3333333"))
			barred, ok := o.to("lawful", 0)
			free, also := o.to("lawful", 1)
			if !ok || !also {
				t.Fatalf("withheld: %v", o.withheld)
			}
			for _, field := range []string{"tomail", "todevice", "toname", "totext", `"name"`, `"to"`, `"id"`} {
				if strings.Contains(barred.value, field) {
					t.Errorf("%s leaves: %s", field, barred.value)
				}
				if !strings.Contains(free.value, field) {
					t.Errorf("%s does not leave of somebody who is free: %s", field, free.value)
				}
			}
		})
	}
}

// A link that is noted after a person has expired does not stay behind in their row.
func TestExpiredPeopleAreNotLinked(t *testing.T) {
	h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful(""))
	h.decide(h.pipeline, payload(`{"by":1,"handle":"@ann"}`))
	n, err := h.directory.Expire(t.Context(), 1e6, func([]subject.Key) error { return nil })
	must(t, err)
	if n != 2 {
		t.Fatalf("%d people expired", n)
	}
	account := h.key(policy.Account, "1")
	must(t, h.directory.Link(t.Context(), h.key(policy.Handle, "@ann"), account, h.now.UnixMilli()))
	links, err := h.directory.Links(t.Context(), account)
	must(t, err)
	if state := h.person(policy.Account, "1").State; state == subject.StateExpired && len(links) > 0 {
		t.Errorf("somebody expired has %d links, which no later expiry takes away", len(links))
	}
}

// Nor by a name of a name of theirs.
func TestNamesOfNamesOfSomebodyRefused(t *testing.T) {
	for name := range refusals(nil, "", "") {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keysInMemory(t, "lawful", "asks"), lawful(""))
			refusals(h, policy.Account, "2")[name]()
			const format = `{"by":1,"to":%d,"tohandle":"@bo","tocookie":"c-4f2a9d","n":4}`
			o := h.decide(h.pipeline, payload(format, 2), payload(format, 3))
			barred, ok := o.to("lawful", 0)
			free, also := o.to("lawful", 1)
			if !ok || !also || !strings.Contains(free.value, "tocookie") {
				t.Fatal("nothing leaves of somebody who is free either")
			}
			if strings.Contains(barred.value, "tocookie") {
				t.Errorf("a cookie leaves of somebody who is %s: %s", name, barred.value)
			}
		})
	}
}

// Nor where the recipient does not get the account that says whose the others are.
func TestNamesWithoutTheirAccount(t *testing.T) {
	for name := range refusals(nil, "", "") {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keysInMemory(t, "mails"), policyOf(adults, []string{"upkeep: {basis: legitimate-interest, sale: true, description: Test}"}, map[string]string{
				"mails": "role: processor\npurpose: upkeep\nkey: none\nclasses: {handle: pseudonym, email: pseudonym, device: pseudonym, name: presence}",
			}))
			refusals(h, policy.Account, "2")[name]()
			const format = `{"by":1,"to":%d,"tohandle":"@bo","tomail":"bo@example.org","todevice":"d-4f2a9d","toname":"Bo"}`
			o := h.decide(h.pipeline, payload(format, 2), payload(format, 3))
			barred, ok := o.to("mails", 0)
			free, also := o.to("mails", 1)
			if !ok || !also || strings.Count(free.value, `"to`) != 4 {
				t.Fatalf("of somebody who is free there leaves %s", free.value)
			}
			if strings.Contains(barred.value, `"to`) {
				t.Errorf("of somebody who is %s there leaves %s", name, barred.value)
			}
		})
	}
}
