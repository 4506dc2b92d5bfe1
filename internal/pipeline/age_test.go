// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestYears(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text  string
		birth bool
		want  int // -1: none
	}{
		{"17", false, 17}, {"18-24", false, 18}, {"25+", false, 25}, {"", false, -1}, {"unknown", false, -1}, {"1980", false, -1}, {"12.5", false, 12}, {"-3", false, -1},
		{"2008-11-23", true, 18}, {"2008-11-24", true, 17}, {"11/24/2008", true, 17}, {"2008-11-24T00:00:00Z", true, 17}, {"2008", true, 17}, {"2007", true, 18},
		{"2030-01-01", true, -1}, {"11/24", true, -1}, {"", true, -1}, {"1008-11-24", true, -1},
	} {
		got, ok := number([]byte(c.text))
		if c.birth {
			got, ok = yearsSince([]byte(c.text), now)
		}
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("%q: got %d, want %d", c.text, got, c.want)
		}
	}
}

const agePolicy = `language: 1
controller: {name: Example Media, contact: privacy@example.org}
purposes:
  insight: {basis: contract, description: What is read?}
sources:
  s: {topics: [raw], pack: nested@1}
recipients:
  strict: {role: processor, purpose: insight, topic: clean.strict, retention: 30d, from: {s: {}}, classes: {account: pseudonym}}
  all: {role: processor, purpose: insight, topic: clean.all, retention: 30d, minors: allow, from: {s: {}}, classes: {account: pseudonym}}
`

const agePack = `
events:
  any:
    subject: $.by.id
    fields:
      $.by.id: account
      $.by.age: age
      $.by.born: birth
      $.friend.id: account
      $.friend.age: {class: age, of: $.friend.id}
`

// Who tells in an event that they are a child counts as one, whatever is known otherwise; whom it tells of does not.
func TestAgesInsideEvents(t *testing.T) {
	p := pipelineOf(t, agePolicy, agePack, Options{})
	young := time.Now().AddDate(-12, 0, 0).Format(time.DateOnly)
	for _, c := range []struct {
		by    string
		minor bool
	}{
		{`"id":1`, false}, {`"id":1,"age":17`, true}, {`"id":1,"age":"13-17"`, true}, {`"id":1,"age":18`, false}, {`"id":1,"age":true`, false},
		{fmt.Sprintf(`"id":1,"born":%q`, young), true}, {`"id":1,"born":"1980-01-01"`, false}, {`"id":1,"age":40,"born":"` + young + `"`, true},
	} {
		n := decide(t, p, value(`{"by":{`+c.by+`},"friend":{"id":2,"age":9}}`))
		got := strings.Join(n.lines, "\n")
		if strings.Contains(got, "strict: withheld, minor") != c.minor || !strings.Contains(got, `all: {"by"`) {
			t.Errorf("%s: got %s", c.by, got)
		}
	}
}
