// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/test/rig"
)

// postPack is small, so that a policy is read and compiled within a transaction or two.
const postPack = `language: 1
pack: posts
version: 1
events:
  post:
    when:
      $.author: {exists: true}
    subject: $.author
    fields:
      $.author: account
      $.id: object-id
      $.language: locale
      $.content: {class: text, markup: plain}
      $.number: {plain: integer}
      $.replies_count: {plain: integer}
      $.reblogs_count: {plain: integer}
`

// alternating has one plan for each LENGTH; of two counts each recipient gets the one that it is given.
const alternating = `language: 1
controller: {name: Test, contact: test@example.org}
purposes:
  study: {basis: consent, description: Which plan made this?}
sources:
  posts: {topics: [TOPICS], pack: ./posts.yaml}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: PREFIX.analytics
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {posts: {}}
    classes: {account: pseudonym, object-id: pseudonym}
    paths:
      posts:
        $.number: keep
        $.ANALYTICS: keep
        $.language: {keep: {max: LENGTH}}
  partner:
    role: processor
    purpose: study
    topic: PREFIX.partner
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {posts: {}}
    classes: {account: pseudonym}
    paths:
      posts:
        $.number: keep
        $.PARTNER: keep
        $.language: {keep: {max: LENGTH}}
`

// counts are the two leaves that policies take turns in keeping.
var counts = []string{"replies_count", "reblogs_count"}

// gets is the count that a recipient gets by the plan with this number.
func gets(recipient string, n int) string {
	if recipient == "partner" {
		n++
	}
	return counts[n%2]
}

// policyText is the policy with this number, which reads these topics.
func (p *place) policyText(n int, topics ...string) string {
	read := make([]string, len(topics))
	for i := range topics {
		read[i] = p.topic(topics[i])
	}
	return strings.NewReplacer("PREFIX", p.prefix, "TOPICS", strings.Join(read, ", "), "LENGTH", fmt.Sprint(20+n),
		"ANALYTICS", gets("analytics", n), "PARTNER", gets("partner", n)).Replace(alternating)
}

// post is the record with this number. Two hundred people write.
func post(topic string, number int) *kgo.Record {
	author := fmt.Sprint(109_000_000_000 + number*7919%200)
	return &kgo.Record{Topic: topic, Key: []byte(author), Value: fmt.Appendf(nil, `{"id":"%[1]d","author":"%[2]s","content":"Hello from %[2]s","language":"en",`+
		`"number":%[1]d,"replies_count":%[1]d,"reblogs_count":%[1]d}`, number, author)}
}

// plans knows the policies that were ever offered, by the hashes that outputs name.
type plans struct {
	p      *place
	number map[string]map[string]int // by recipient and hash
}

func newPlans(p *place) *plans {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.setup.Dir, "posts.yaml"), []byte(postPack), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return &plans{p: p, number: map[string]map[string]int{}}
}

// learn gives the hash of the whole plan.
func (ps *plans) learn(n int, text string) string {
	ps.p.t.Helper()
	plan, err := policy.LoadBytes("policy.yaml", []byte(text), policy.Packs(), ps.p.setup.Dir)
	if err != nil {
		ps.p.t.Fatal(err)
	}
	for _, r := range plan.Recipients {
		if ps.number[r.Name] == nil {
			ps.number[r.Name] = map[string]int{}
		}
		if other, known := ps.number[r.Name][r.Hash]; known {
			ps.p.t.Fatalf("%s: policies %d and %d have one hash", r.Name, other, n)
		}
		ps.number[r.Name][r.Hash] = n
	}
	return plan.Hash
}

// judge reads what the recipients got of the input. Every record came once and in the order of its key and partition, as one plan
// would have it that is the same for all recipients, and no record by an older plan than the one before it in its partition.
// It gives how many plans were at work.
func (ps *plans) judge(input map[int]origin) int {
	t := ps.p.t
	t.Helper()
	faults := map[string]int{}
	wrong := func(format string, args ...any) {
		if faults[format]++; faults[format] <= 3 {
			t.Errorf(format, args...)
		}
	}
	by := map[string]map[int]int{} // recipient, number: plan
	type lane struct {
		topic, key string
		partition  int32
	}
	for recipient, known := range ps.number {
		by[recipient] = map[int]int{}
		last := map[lane]int64{}
		for _, r := range ps.p.read(recipient) {
			var out struct {
				Number   *int `json:"number"`
				Language string
			}
			if err := json.Unmarshal(r.Value, &out); err != nil || out.Number == nil || out.Language != "en" {
				wrong("%s: an output without number or language: %s", recipient, r.Value)
				continue
			}
			n, ok := known[header(r, "nym-plan")]
			if !ok {
				wrong("%s: record %d names a plan that never was", recipient, *out.Number)
				continue
			}
			for _, c := range counts {
				if has := bytes.Contains(r.Value, []byte(c)); has != (c == gets(recipient, n)) {
					wrong("%s: plan %d gives %s; record %d has %s: %v", recipient, n, gets(recipient, n), *out.Number, c, has)
				}
			}
			from, ok := input[*out.Number]
			if !ok {
				wrong("%s: record %d was never written", recipient, *out.Number)
			}
			if _, twice := by[recipient][*out.Number]; twice {
				wrong("%s: record %d came twice", recipient, *out.Number)
			}
			by[recipient][*out.Number] = n
			l := lane{from.topic, string(r.Key), from.partition}
			if before, ok := last[l]; ok && before >= from.offset {
				wrong("%s: record %d came after a later one of its key and partition", recipient, *out.Number)
			}
			last[l] = from.offset
		}
		if lost := len(input) - len(by[recipient]); lost != 0 {
			wrong("%s: %d of %d records were lost", recipient, lost, len(input))
		}
	}
	numbers := make([]int, 0, len(input))
	for n := range input {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, func(a, b int) int {
		x, y := input[a], input[b]
		return cmp.Or(cmp.Compare(x.topic, y.topic), cmp.Compare(x.partition, y.partition), cmp.Compare(x.offset, y.offset))
	})
	used := map[int]bool{}
	for i, number := range numbers {
		n := by["analytics"][number]
		used[n] = true
		if other := by["partner"][number]; n != other {
			wrong("record %d was decided by plan %d for analytics, by plan %d for partner", number, n, other)
		}
		if i == 0 || input[number].topic != input[numbers[i-1]].topic || input[number].partition != input[numbers[i-1]].partition {
			continue
		}
		if before := by["analytics"][numbers[i-1]]; before > n {
			wrong("record %d was decided by plan %d, the one before it by plan %d", number, n, before)
		}
	}
	for what, times := range faults {
		if times > 3 {
			t.Errorf("%d times: %s", times, what)
		}
	}
	return len(used)
}

// checkTransactions wants the outputs of each transaction in a partition of the topic to be one plan's. It gives how many there are.
func (p *place) checkTransactions(topic string) int {
	t := p.t
	t.Helper()
	ends, err := p.admin.ListEndOffsets(t.Context(), p.topic(topic))
	if err != nil {
		t.Fatal(err)
	}
	left, starts := map[int32]int64{}, map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition], starts[o.Partition] = o.Offset, kgo.NewOffset().At(0)
		}
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.Brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.topic(topic): starts}),
		kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type writer struct {
		partition int32
		producer  int64
	}
	open, ended, mixed := map[writer]string{}, 0, 0
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			w := writer{r.Partition, r.ProducerID}
			plan := header(r, "nym-plan")
			switch before, ok := open[w]; {
			case r.Attrs.IsControl():
				delete(open, w)
				ended++
			case ok && before != plan:
				mixed++
			default:
				open[w] = plan
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	if mixed > 0 {
		t.Errorf("%s: %d records were made by another plan than the one before them in their transaction", topic, mixed)
	}
	return ended
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// replacePolicy replaces the policy's file whole, as an editor or a deployment does.
func (p *place) replacePolicy(text string) {
	p.t.Helper()
	next := filepath.Join(p.setup.Dir, "next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(p.setup.Dir, "policy.yaml")); err != nil {
		p.t.Fatal(err)
	}
}

// push sends a policy to the instance and gives the answer's status.
func (p *place) push(address, text string) (status int, answer string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/policy?more=allow", strings.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+policyToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// hangUp replaces the policy and tells the instance.
func (p *place) hangUp(i *rig.Instance, text string) {
	p.t.Helper()
	p.replacePolicy(text)
	if err := i.HangUp(); err != nil {
		p.t.Fatal(err)
	}
}

// faulty makes a policy that must be refused, each in another way.
var faulty = []struct{ name, from, to string }{
	{"unknown technique", "account: pseudonym", "account: pseudonim"},
	{"unknown class", "account: pseudonym", "acount: pseudonym"},
	{"broken YAML", "recipients:", "recipients: ["},
	{"empty", "", ""},
	{"missing pack", "./posts.yaml", "./other.yaml"},
	{"missing source topic", ".raw]", ".nowhere]"},
	{"missing output topic", ".partner\n", ".nobody\n"},
	{"identifier in clear without a reason", "account: pseudonym", "account: keep"},
	{"no retention", "    retention: 30d\n", ""},
	{"two recipients with one topic", ".partner\n", ".analytics\n"},
}

// A hundred policies take over while records flow, by all three ways, with refused ones and kills between them.
func TestPoliciesAlternateUnderLoad(t *testing.T) {
	const switches, records, perSecond = 100, 100_000, 3000
	p := newPlace(t, "")
	ps := newPlans(p)
	text := p.policyText(0, "raw")
	p.setup.Policy = text
	p.create(6, "raw")
	p.create(5, "analytics")
	p.create(3, "partner")
	p.create(1, "quarantine")
	p.keys()
	pauses := t.TempDir()
	hash := ps.learn(0, text)
	one, log := p.begin("workers: 2\npolicy_watch: 1s\n", rig.PauseVariable+"="+pauses)
	first, _ := log.says(0, started)
	address := first.Address
	began := time.Now()
	load := p.startLoad(records, perSecond, func(n int) *kgo.Record { return post("raw", n) })
	load.flowing(t)

	ways := map[string]int{}
	for n := 1; n <= switches; n++ {
		if n%10 == 0 {
			p.refuse(t, n/10-1, one, log, address, text, hash)
		}
		text = p.policyText(n, "raw")
		hash = ps.learn(n, text)
		since := log.now()
		killed := n == switches/3 || n == 2*switches/3
		switch {
		case n == switches/3: // it dies with a transaction of the plan before, which another one does again
			held, err := rig.Hold(t.Context(), pauses, "one", rig.InTransaction)
			if err != nil {
				t.Fatal(err)
			}
			p.hangUp(one, text)
			log.await(since, takenOver, func(l line) bool { return l.Message == takenOver && l.Plan == hash })
			if err := one.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := held.Release(); err != nil {
				t.Fatal(err)
			}
			since = log.now()
		case n == 2*switches/3: // it dies while it reads the policy
			p.hangUp(one, text)
			if err := one.Kill(); err != nil {
				t.Fatal(err)
			}
		case n%15 == 7: // nobody tells it
			p.replacePolicy(text)
		case n%15 == 14:
			if status, answer := p.push(address, text); status != http.StatusOK {
				t.Fatalf("policy %d: want status 200, got %d: %s", n, status, answer)
			}
		default:
			p.hangUp(one, text)
		}
		if killed {
			ways["kill -9"]++
			again, _ := log.await(since, started, func(l line) bool { return l.Message == started && l.Plan == hash })
			address = again.Address
		} else {
			taken, _ := log.await(since, takenOver, func(l line) bool { return l.Message == takenOver && l.Plan == hash })
			ways[taken.Reason]++
		}
		load.flowing(t)
	}
	switching := time.Since(began)
	used := ps.judge(load.finish("raw"))
	transactions := p.checkTransactions("analytics") + p.checkTransactions("partner")
	t.Logf("%d records, %d transactions of a partition, %d policies in %.1f s (%v), %d of %d plans seen in outputs, %d refused; %.1f s in all",
		len(load.at), transactions, switches, switching.Seconds(), ways, used, switches+1, log.count(func(l line) bool { return l.Message == refused }), time.Since(began).Seconds())
	if used < switches/2 {
		t.Errorf("only %d plans were ever at work: the switches were not under load", used)
	}
	if exits := one.Exits(); len(exits) > 0 {
		t.Errorf("want a process that ends only when it is killed, got %v", exits)
	}
	if got := p.read("quarantine"); len(got) != 0 {
		t.Errorf("want nothing quarantined, got %d", len(got))
	}
}

// refuse offers a faulty policy and puts the right one back.
func (p *place) refuse(t *testing.T, which int, one *rig.Instance, log *journal, address, text, hash string) {
	t.Helper()
	f := faulty[which]
	bad := strings.ReplaceAll(text, f.from, f.to)
	if f.from == "" {
		bad = ""
	}
	if bad == text {
		t.Fatalf("%s: the policy is as it was", f.name)
	}
	since := log.now()
	switch which % 3 {
	case 0:
		p.hangUp(one, bad)
	case 1:
		status, answer := p.push(address, bad)
		if status != http.StatusUnprocessableEntity && status != http.StatusConflict {
			t.Errorf("%s: want a refusal, got %d: %s", f.name, status, answer)
		}
		if now, err := os.ReadFile(filepath.Join(p.setup.Dir, "policy.yaml")); err != nil || string(now) != text {
			t.Errorf("%s: a refused policy stays in the file (%v)", f.name, err)
		}
	default:
		p.replacePolicy(bad)
	}
	said, _ := log.says(since, refused)
	if said.Plan != hash || said.Error == "" {
		t.Errorf("%s: want a reason, and plan %s to go on; got %+v", f.name, hash, said)
	}
}

// A policy that reads other topics is taken over by the process that runs.
func TestNewTopicIsReadWithoutARestart(t *testing.T) {
	const records, perSecond = 12_000, 3000
	p := newPlace(t, "")
	ps := newPlans(p)
	p.setup.Policy = p.policyText(0, "raw")
	ps.learn(0, p.setup.Policy)
	p.create(3, "raw", "analytics")
	p.create(2, "late", "partner")
	p.create(1, "quarantine")
	p.keys()
	one, log := p.begin("workers: 2\npolicy_watch: 0s\n")
	load := p.startLoad(records, perSecond, func(n int) *kgo.Record { return post([]string{"raw", "raw", "late"}[n%3], n) })

	began := time.Now()
	p.moves([]string{"raw"})
	with := []string{"raw", "late"}
	for n, topics := range [][]string{with, {"raw"}, with, {"late"}, with} {
		since := log.now()
		p.hangUp(one, p.policyText(n+1, slices.Concat(topics, []string{"nowhere"})...))
		if said, _ := log.says(since, refused); !strings.Contains(said.Error, p.topic("nowhere")) {
			t.Errorf("want a refusal that names the missing topic, got %s", said.Error)
		}
		text := p.policyText(n+1, topics...)
		hash := ps.learn(n+1, text)
		since = log.now()
		p.hangUp(one, text)
		_, since = log.await(since, takenOver, func(l line) bool { return l.Message == takenOver && l.Plan == hash })
		log.says(since, joined)
		p.moves(topics)
	}
	used := ps.judge(load.finish(with...))
	t.Logf("%d records of two topics, 5 policies with other topics, %d plans seen in outputs, %.1f s", len(load.at), used, time.Since(began).Seconds())
	if used != 6 {
		t.Errorf("want outputs by each of 6 plans, got %d", used)
	}
	if n := log.count(func(l line) bool { return l.Message == started }); n != 1 || len(one.Exits()) > 0 {
		t.Errorf("want one process, got %d: %v", n, one.Exits())
	}
}

// moves waits until the group has consumed some more of each of the topics.
func (p *place) moves(topics []string) {
	p.t.Helper()
	at := func() map[string]int64 {
		offsets, err := p.admin.FetchOffsets(p.t.Context(), p.setup.Group)
		if err != nil {
			p.t.Fatal(err)
		}
		sums := map[string]int64{}
		for topic, partitions := range offsets {
			for _, o := range partitions {
				sums[topic] += max(o.At, 0)
			}
		}
		return sums
	}
	before := at()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := at()
		if !slices.ContainsFunc(topics, func(name string) bool { return now[p.topic(name)] <= before[p.topic(name)] }) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("topics %v are not read on: %v, then %v", topics, before, now)
		}
	}
}
