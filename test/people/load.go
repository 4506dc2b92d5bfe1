// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/consent"
)

// accountID is how the platform calls a person.
func accountID(person int) string { return strconv.Itoa(109_000_000_000 + person) }

// handleOfPerson is how the platform's users call them.
func handleOfPerson(person int) string { return fmt.Sprintf("reader%d", person) }

func personOf(key []byte) int {
	id, err := strconv.Atoi(string(key))
	if err != nil {
		return -1
	}
	return id - 109_000_000_000
}

// post is a public status of a person. Its number stands where the policy keeps it: favourites_count.
func post(number int64, person int) []byte {
	id, name := accountID(person), handleOfPerson(person)
	return fmt.Appendf(nil, `{"id":"%[1]d","created_at":"2026-10-15T19:11:02.164Z","in_reply_to_id":null,"sensitive":false,"spoiler_text":"",`+
		`"visibility":"public","language":"en","uri":"https://social.example/users/%[2]s/statuses/%[1]d","url":"https://social.example/@%[2]s/%[1]d",`+
		`"replies_count":0,"reblogs_count":1,"favourites_count":%[1]d,"content":"<p>Number %[1]d was written by @%[2]s.</p>","reblog":null,`+
		`"account":{"id":"%[3]s","username":"%[2]s","acct":"%[2]s","display_name":"Reader %[3]s","locked":false,"bot":false,`+
		`"created_at":"2023-03-01T00:00:00.000Z","note":"<p>I read.</p>","url":"https://social.example/@%[2]s","followers_count":12,`+
		`"statuses_count":56},"media_attachments":[],"mentions":[],"tags":[],"card":null,"poll":null}`, number, name, id)
}

// load writes numbered posts until it is stopped.
type load struct {
	p      *place
	next   int64 // number
	failed atomic.Pointer[error]
}

func (l *load) done(_ *kgo.Record, err error) {
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
}

// send writes one post of a person into a partition.
func (l *load) send(ctx context.Context, person int, partition int32) {
	l.p.client.Produce(ctx, &kgo.Record{
		Topic: l.p.topic("raw"), Partition: partition, Key: []byte(accountID(person)), Value: post(l.next, person),
		Headers: []kgo.RecordHeader{{Key: "number", Value: strconv.AppendInt(nil, l.next, 10)}},
	}, l.done)
	l.next++
}

// flush waits until the broker has everything.
func (l *load) flush(ctx context.Context) {
	l.p.t.Helper()
	if err := l.p.client.Flush(ctx); err != nil {
		l.p.t.Fatal(err)
	}
	if err := l.failed.Load(); err != nil {
		l.p.t.Fatalf("posts: %v", *err)
	}
}

// during writes perSecond posts of whom who gives, while fn works.
func (l *load) during(perSecond float64, who func() int, fn func(ctx context.Context)) {
	l.p.t.Helper()
	ctx, stop := context.WithCancel(l.p.t.Context())
	defer stop()
	var writing sync.WaitGroup
	writing.Go(func() {
		began, first := time.Now(), l.next
		for ctx.Err() == nil && l.failed.Load() == nil {
			if due := int64(time.Since(began).Seconds() * perSecond); l.next-first >= due {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			person := who()
			l.send(l.p.t.Context(), person, int32(person%partitions))
		}
	})
	fn(ctx)
	stop()
	writing.Wait()
	l.flush(l.p.t.Context())
}

// say writes signals about a person, acknowledged by the broker.
func (p *place) say(ctx context.Context, people []int, s consent.Signal) error {
	records := make([]*kgo.Record, len(people))
	for i, person := range people {
		value, err := consent.EncodeSignals(consent.Subject{Instance: "mastodon", Type: "account", ID: accountID(person)}, []consent.Signal{s})
		if err != nil {
			return err
		}
		records[i] = &kgo.Record{Topic: p.topic("signals"), Partition: int32(person % 2), Key: []byte(accountID(person)), Value: value}
	}
	return p.client.ProduceSync(ctx, records...).FirstErr()
}

// moments are n random ones between two, in their order.
func (p *place) moments(n int, from, to time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = from + time.Duration(p.random.Int64N(int64(to-from)))
	}
	return all
}

// act is something that is done at a moment of a load.
type act struct {
	at time.Duration
	do func(ctx context.Context) error
}

// perform does all acts at their moments, those of one kind one after the other.
func (p *place) perform(ctx context.Context, kinds ...[]act) {
	p.t.Helper()
	began := time.Now()
	var acting sync.WaitGroup
	for _, acts := range kinds {
		acting.Go(func() {
			for _, a := range acts {
				select {
				case <-ctx.Done():
					return
				case <-time.After(a.at - time.Since(began)):
				}
				if err := a.do(ctx); err != nil {
					p.t.Error(err)
				}
			}
		})
	}
	acting.Wait()
}
