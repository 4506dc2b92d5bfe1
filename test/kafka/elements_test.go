// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/test/rig"
)

// chats gives ids of messages to analytics and not to partner: an id that looks like a pseudonym is poison for analytics alone.
const chats = `language: 1
controller: {name: Test, contact: test@example.org}
purposes:
  study: {basis: consent, description: Is every message there once?}
sources:
  chats: {topics: [PREFIX.raw], pack: whatsapp@1}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: PREFIX.analytics
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {chats: {events: [message]}}
    classes: {phone: pseudonym, object-id: pseudonym, plain: keep}
  partner:
    role: processor
    purpose: study
    topic: PREFIX.partner
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {chats: {events: [message]}}
    classes: {phone: pseudonym, plain: keep}
`

// message is an order of so many pieces: the number by which it is found again.
func message(number int, id string) string {
	return fmt.Sprintf(`{"from":"49151000%03d","id":"%s","timestamp":"1749416383","type":"order","order":{"product_items":[{"quantity":%d}]}}`, number*7919%100, id, number)
}

// delivery is a record of these messages, in two entries when there are several.
func delivery(messages ...string) *kgo.Record {
	entry := func(messages []string) string {
		return `{"id":"10229","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","messages":[` + strings.Join(messages, ",") + `]}}]}`
	}
	entries := entry(messages)
	if half := len(messages) / 2; half > 0 {
		entries = entry(messages[:half]) + "," + entry(messages[half:])
	}
	return &kgo.Record{Topic: "raw", Value: []byte(`{"object":"whatsapp_business_account","entry":[` + entries + `]}`)}
}

// elementsOf is how many messages a record of the load has: none to eight. One without is news of the business, which nobody gets.
func elementsOf(record int) int { return record * 5 % 9 }

const mostElements = 8

// messages makes the messages of a record; their numbers rise with it.
func messages(record int) []string {
	all := make([]string, elementsOf(record))
	for i := range all {
		number := record*mostElements + i
		all[i] = message(number, fmt.Sprintf("wamid.%d", number))
	}
	return all
}

// arrived is a message that a recipient got.
type arrived struct {
	number, partition int
	key               string
}

// arrivals are the messages that a recipient got, in the order of each partition.
func (p *place) arrivals(recipient string) []arrived {
	p.t.Helper()
	var all []arrived
	for _, r := range p.read(recipient) {
		var out struct {
			Entry []struct {
				Changes []struct {
					Value struct {
						Messages []struct {
							From  string
							Order struct {
								Items []struct{ Quantity int } `json:"product_items"`
							}
						}
					}
				}
			}
		}
		if err := json.Unmarshal(r.Value, &out); err != nil || len(out.Entry) != 1 || len(out.Entry[0].Changes) != 1 || len(out.Entry[0].Changes[0].Value.Messages) != 1 {
			p.t.Fatalf("%s: want one message in each output, got %s (%v)", recipient, r.Value, err)
		}
		m := out.Entry[0].Changes[0].Value.Messages[0]
		if m.From != string(r.Key) || !pseudonym.MatchString(m.From) || len(m.Order.Items) != 1 {
			p.t.Errorf("%s: want its sender's pseudonym as key and one product, got %s", recipient, r.Value)
			continue
		}
		if has := bytes.Contains(r.Value, []byte(`"id":"obj_`)); recipient == "partner" && has {
			p.t.Errorf("partner: an id of a message came through: %s", r.Value)
		}
		all = append(all, arrived{m.Order.Items[0].Quantity, int(r.Partition), m.From})
	}
	return all
}

// Every message of every record comes once to each recipient, in the order of its sender, over kills in open transactions.
func TestEachElementArrivesOnce(t *testing.T) {
	const records, perSecond = 6000, 600
	p := newPlace(t, chats)
	p.create(3, "raw", "analytics")
	p.create(2, "partner")
	p.create(1, "quarantine")
	p.keys()
	pauses := t.TempDir()
	began := time.Now()
	one, log := p.begin("workers: 2\n", rig.PauseVariable+"="+pauses)
	load := p.startLoad(records, perSecond, func(n int) *kgo.Record {
		r := delivery(messages(n)...)
		r.Key = fmt.Append(nil, n%3)
		return r
	})
	for _, at := range []rig.Point{rig.InTransaction, rig.BeforeEnd} {
		held, err := rig.Hold(t.Context(), pauses, "one", at)
		if err != nil {
			t.Fatal(err)
		}
		since := log.now()
		if err := one.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := held.Release(); err != nil {
			t.Fatal(err)
		}
		log.says(since, started)
		load.flowing(t)
	}
	input := load.finish("raw")
	total := 0
	for n := range input {
		total += elementsOf(n)
	}
	for _, recipient := range []string{"analytics", "partner"} {
		type lane struct {
			from int32
			key  string
		}
		seen, last, partition := map[int]bool{}, map[lane]int{}, map[string]int{}
		for _, a := range p.arrivals(recipient) {
			record, i := a.number/mostElements, a.number%mostElements
			from, written := input[record]
			if !written || i >= elementsOf(record) {
				t.Errorf("%s: message %d was never written", recipient, a.number)
			}
			if seen[a.number] {
				t.Errorf("%s: message %d came twice", recipient, a.number)
			}
			seen[a.number] = true
			l := lane{from.partition, a.key}
			if before, ok := last[l]; ok && before > a.number {
				t.Errorf("%s: message %d came after message %d of the same person", recipient, a.number, before)
			}
			last[l] = a.number
			if home, ok := partition[a.key]; ok && home != a.partition {
				t.Errorf("%s: a person's messages lie in partitions %d and %d", recipient, home, a.partition)
			}
			partition[a.key] = a.partition
		}
		if len(seen) != total {
			t.Errorf("%s: want %d messages, got %d", recipient, total, len(seen))
		}
	}
	if got := p.read("quarantine"); len(got) != 0 {
		t.Errorf("want nothing quarantined, got %d", len(got))
	}
	if exits := one.Exits(); len(exits) > 0 {
		t.Errorf("want a process that ends only when it is killed, got %v", exits)
	}
	t.Logf("%d records of %d messages, 2 kills in open transactions, %.1f s", len(input), total, time.Since(began).Seconds())
}

// One poisonous message sends its whole record to quarantine, for the recipients that it is poison for. A replay by a policy that
// can bear it brings all its messages, once.
func TestPoisonousElementHoldsItsRecordBack(t *testing.T) {
	p := newPlace(t, chats)
	p.create(3, "raw", "analytics", "partner")
	p.create(1, "quarantine")
	p.keys()
	one, log := p.begin("")
	const shaped = "acc_3_2cah4o9grvpibq69hrc7hr64g0"
	p.produce("raw",
		delivery(message(10, "wamid.10"), message(11, "wamid.11")),
		delivery(message(20, "wamid.20"), message(21, "wamid.21"), message(22, shaped), message(23, "wamid.23"), message(24, shaped)),
		delivery(message(30, "wamid.30"), strings.Replace(message(31, "wamid.31"), `"from"`, `"from":"1","from"`, 1), message(32, "wamid.32")),
		delivery(message(40, "wamid.40")),
	)
	p.drained("raw")
	whole, poisoned := []int{10, 11, 40}, []int{20, 21, 22, 23, 24}
	p.wantArrived("analytics", whole)
	p.wantArrived("partner", whole, poisoned)
	for _, r := range p.read("quarantine") {
		for _, part := range [][]byte{r.Key, r.Value} {
			if bytes.Contains(part, []byte("wamid")) || bytes.Contains(part, []byte(shaped)) {
				t.Error("quarantine holds something in clear")
			}
		}
	}
	p.wantHeld(map[string]string{"pseudonym-shaped": "analytics", "duplicate-key": "analytics partner"})

	p.wantReplayed(map[string]int{"quarantined": 3}) // by the same policy it is poison still
	p.wantArrived("analytics", whole)

	since := log.now()
	text := strings.Replace(p.setup.Policy, "object-id: pseudonym, plain", "plain", 1)
	if text == p.setup.Policy {
		t.Fatal("the policy is as it was")
	}
	p.hangUp(one, text)
	log.says(since, takenOver)
	p.wantReplayed(map[string]int{"forwarded": len(poisoned), "quarantined": 2})
	p.wantArrived("analytics", whole, poisoned)
	p.wantHeld(map[string]string{"duplicate-key": "analytics partner"})

	p.wantReplayed(map[string]int{"quarantined": 2})
	p.wantArrived("analytics", whole, poisoned)
	p.wantArrived("partner", whole, poisoned)
}

// wantArrived wants each of these messages once, and no other.
func (p *place) wantArrived(recipient string, groups ...[]int) {
	p.t.Helper()
	want, got := map[int]int{}, map[int]int{}
	for _, numbers := range groups {
		for _, n := range numbers {
			want[n]++
		}
	}
	for _, a := range p.arrivals(recipient) {
		got[a.number]++
	}
	if !maps.Equal(want, got) {
		p.t.Errorf("%s: want the messages %v, got %v", recipient, want, got)
	}
}

// wantHeld wants one record in quarantine for each reason, and who waits for it.
func (p *place) wantHeld(want map[string]string) {
	p.t.Helper()
	code, out, said := p.nymstream("quarantine", "list", "-c", filepath.Join(p.setup.Dir, "one.yaml"), "-o", "json")
	var held []struct {
		Reason     string
		Recipients []string
	}
	if err := json.Unmarshal([]byte(out), &held); code != 0 || err != nil {
		p.t.Fatalf("quarantine list: exit code %d, %v\n%s%s", code, err, out, said)
	}
	got := map[string]string{}
	for _, h := range held {
		got[h.Reason] = strings.TrimSpace(got[h.Reason] + " " + strings.Join(h.Recipients, " "))
	}
	if !maps.Equal(want, got) {
		p.t.Errorf("want in quarantine %v, got %v", want, got)
	}
}

// wantReplayed replays everything and wants so many outcomes of each kind.
func (p *place) wantReplayed(want map[string]int) {
	p.t.Helper()
	code, out, said := p.nymstream("quarantine", "replay", "-c", filepath.Join(p.setup.Dir, "one.yaml"), "--all", "-o", "json")
	var done []struct{ Outcome string }
	if err := json.Unmarshal([]byte(out), &done); code != 0 || err != nil {
		p.t.Fatalf("quarantine replay: exit code %d, %v\n%s%s", code, err, out, said)
	}
	got := map[string]int{}
	for _, d := range done {
		got[d.Outcome]++
	}
	if !maps.Equal(want, got) {
		p.t.Errorf("want a replay of %v, got %v:\n%s", want, got, out)
	}
}
