// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// note writes down what a sink is told, in the words of a person.
type note struct {
	pipeline *Pipeline
	lines    []string
	values   [][]byte // what was forwarded
	outputs  []string // raw bytes of what was forwarded: value, key, headers
	sealed   [][]byte
	signals  []string
	worker   *Worker
}

func (n *note) name(recipient int) string { return n.pipeline.plan.Recipients[recipient].Name }

func (n *note) Forward(recipient int, _ *event.Record, out *event.Output) error {
	if recipient == n.pipeline.options.Signals && recipient > 0 {
		n.lines, n.signals = append(n.lines, "signals"), append(n.signals, string(out.Value))
		return nil
	}
	line := n.name(recipient) + ": " + string(out.Value)
	if out.Value == nil {
		line = n.name(recipient) + ": null"
	}
	if out.Key != nil {
		line += " key=" + string(out.Key)
	}
	n.values = append(n.values, bytes.Clone(out.Value))
	all := string(out.Value) + string(out.Key)
	for _, h := range out.Headers {
		all += string(h.Key) + string(h.Value)
		if string(h.Key) != PlanHeader {
			line += fmt.Sprintf(" %s=%s", h.Key, h.Value)
		}
	}
	n.lines, n.outputs = append(n.lines, line), append(n.outputs, all)
	return nil
}

func (n *note) Withhold(recipient int, _ *event.Record, reason event.Reason) error {
	n.lines = append(n.lines, n.name(recipient)+": withheld, "+reason.String())
	return nil
}

func (n *note) Quarantine(q *event.Quarantined) error {
	for _, r := range q.Recipients {
		n.lines = append(n.lines, n.name(r)+": quarantined, "+(&event.Poison{Reason: q.Reason, Rule: q.Rule}).Error())
	}
	sealed, err := n.worker.Seal(nil, q)
	n.sealed = append(n.sealed, sealed)
	return err
}

// decide sends records through a fresh worker of the pipeline.
func decide(t testing.TB, p *Pipeline, records ...event.Record) *note {
	t.Helper()
	n := &note{pipeline: p, worker: p.Worker()}
	for i := range records {
		if records[i].Topic == "" {
			records[i].Topic = p.plan.Sources[0].Topics[0]
		}
		if records[i].Time == 0 {
			records[i].Time = time.Now().UnixMilli()
		}
	}
	if err := n.worker.Process(records, n); err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	pseudonyms = regexp.MustCompile(`[a-z]{3}_[0-9]+_[0-9a-v]{26}`)
	seals      = regexp.MustCompile(`"A[A-Za-z0-9_-]{60,}"`)
)

// plainly puts small names in place of pseudonyms and seals: equal ones get equal names.
func plainly(text string) string {
	names := map[string]string{}
	text = pseudonyms.ReplaceAllStringFunc(text, func(s string) string {
		if names[s] == "" {
			names[s] = fmt.Sprintf("%s%d", strings.ToUpper(s[:3]), len(names)+1)
		}
		return names[s]
	})
	return seals.ReplaceAllString(text, `"SEALED"`)
}

func value(text string) event.Record { return event.Record{Value: []byte(text)} }

func TestProcess(t *testing.T) {
	const post = `{"kind":"post","post":{"author":{"id":7},%s}}`
	inPost := func(s string) event.Record { return value(fmt.Sprintf(post, s)) }
	tests := []struct {
		name   string
		record event.Record
		want   []string
	}{
		{"a whole post",
			value(`{"kind":"post","unknown":{"email":"a@b.example"},"post":{"id":"p1","author":{"id":7,"id_str":"7","handle":"@Ann","name":"Ann Lee","email":"ann@example.org","age":34,"bot":false,"x":"y"},` +
				`"text":"hi","lang":"en","likes":12345678901234567890,"ratio":1.50e0,"created":"2026-07-14T09:26:53.589Z","tags":["a","b"],"mentions":[{"id":"8","name":"Bo"},{"id":"7"}],"reply_to":"p0","lat":52.531877,"ip":"203.0.113.77","site":"https://x.example/u?id=7","token":"s3cret"}}`),
			[]string{
				`analysts: {"kind":"post","post":{"id":"OBJ1","author":{"id":"ACC2","id_str":"ACC2","handle":"HDL3","name":"A********","email":"SEALED","age":"18-64","bot":false},` +
					`"text":true,"lang":"en","likes":12345678901234567890,"ratio":1.50e0,"created":"2026-07-14T09:00:00Z","tags":["a","b"],"mentions":[{"id":"ACC4"},{"id":"ACC2"}],"reply_to":"OBJ5","lat":52.56,"ip":"203.0.113.0","site":"x.example"}} key=ACC2`,
				`partner: withheld, no-consent`,
			}},
		{"nothing personal, nothing named", inPost(`"x":1`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"}}} key=ACC1`, `partner: withheld, no-consent`}},
		{"a string where a number was agreed", inPost(`"likes":"12"`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"}}} key=ACC1`, `partner: withheld, no-consent`}},
		{"an object where a scalar was agreed", inPost(`"lang":{"v":"en"}`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"}}} key=ACC1`, `partner: withheld, no-consent`}},
		{"an object in an array of scalars", inPost(`"tags":[{"email":"a@b.example"},"ok",["a@b.example"],1]`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"},"tags":["ok"]}} key=ACC1`, `partner: withheld, no-consent`}},
		{"a scalar in an array of objects", inPost(`"mentions":["a@b.example",{"id":"8"}]`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"},"mentions":[{"id":"ACC2"}]}} key=ACC1`, `partner: withheld, no-consent`}},
		{"null that may be", inPost(`"lang":null,"likes":null`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"},"lang":null}} key=ACC1`, `partner: withheld, no-consent`}},
		{"recursion to its depth", inPost(`"quoted":{"likes":1,"quoted":{"likes":2,"lang":"de","quoted":{"likes":3}}}`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"},"quoted":{"likes":1,"quoted":{"lang":"de"}}}} key=ACC1`, `partner: withheld, no-consent`}},
		{"two spellings disagree", value(`{"kind":"post","post":{"author":{"id":7,"id_str":"8"}}}`), []string{`analysts: quarantined, ids-disagree at $.post.author.id_str`, `partner: quarantined, ids-disagree at $.post.author.id_str`}},
		{"two spellings disagree in an element", inPost(`"mentions":[{"id":1,"id_str":"1"},{"id":2,"id_str":"3"}]`), []string{`analysts: quarantined, ids-disagree at $.post.mentions[*].id_str`, `partner: quarantined, ids-disagree at $.post.mentions[*].id_str`}},
		{"a key twice", inPost(`"likes":1,"likes":2`), []string{`analysts: quarantined, duplicate-key at $.post.likes`, `partner: quarantined, duplicate-key at $.post.likes`}},
		{"one of our pseudonyms", value(`{"kind":"post","post":{"author":{"id":"acc_1_0000000000000000000000000g"}}}`), []string{`analysts: quarantined, pseudonym-shaped at $.post.author.id`, `partner: quarantined, pseudonym-shaped at $.post.author.id`}},
		{"an unknown type", value(`{"kind":"poll","post":{"author":{"id":7}}}`), []string{`analysts: withheld, unknown-type`, `partner: withheld, unknown-type`}},
		{"nobody", value(`{"kind":"post","post":{"likes":1}}`), []string{`analysts: withheld, no-subject`, `partner: withheld, no-subject`}},
		{"nobody: an empty id", value(`{"kind":"post","post":{"author":{"id":""}}}`), []string{`analysts: withheld, no-subject`, `partner: withheld, no-subject`}},
		{"nobody: an object for an id", value(`{"kind":"post","post":{"author":{"id":{"v":7}}}}`), []string{`analysts: withheld, no-subject`, `partner: withheld, no-subject`}},
		{"nobody: a fraction for an id", value(`{"kind":"post","post":{"author":{"id":7.0}}}`), []string{`analysts: withheld, no-subject`, `partner: withheld, no-subject`}},
		{"the second subject path", value(`{"kind":"post","post":{"author":{"id_str":"7"}}}`), []string{`analysts: {"kind":"post","post":{"author":{"id_str":"ACC1"}}} key=ACC1`, `partner: withheld, no-consent`}},
		{"private", inPost(`"private":true`), []string{`analysts: {"kind":"post","post":{"author":{"id":"ACC1"}}} key=ACC1`, `partner: withheld, not-selected`}},
		{"nobody is needed", value(`{"kind":"heartbeat","load":0.5}`), []string{`analysts: {"kind":"heartbeat","load":0.5}`, `partner: withheld, not-selected`}},
		{"a deletion needs no consent", value(`{"deleted":{"post":"p1","author":7}}`), []string{`analysts: {"deleted":{"post":"OBJ1","author":"ACC2"}} key=ACC2`, `partner: {"deleted":{"post":"OBJ3","author":"ACC4"}}`}},
		{"no object", value(`[{"kind":"post"}]`), []string{`analysts: quarantined, not-object`, `partner: quarantined, not-object`}},
		{"cut off", value(`{"kind":"post","post":{"aut`), []string{`analysts: quarantined, malformed`, `partner: quarantined, malformed`}},
		{"a null value", event.Record{Key: []byte("7")}, []string{`analysts: withheld, tombstone`, `partner: null key=ACC1`}},
		{"a null value without key", event.Record{}, []string{`analysts: withheld, tombstone`, `partner: withheld, tombstone`}},
		{"a time in the future", event.Record{Time: time.Now().Add(time.Hour).UnixMilli(), Value: []byte(`{"kind":"heartbeat"}`)}, []string{`analysts: quarantined, future-time`, `partner: withheld, not-selected`}},
	}
	p := load(t, "testdata/social-policy.yaml", Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := plainly(strings.Join(decide(t, p, tt.record).lines, "\n"))
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
