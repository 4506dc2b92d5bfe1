// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/consent"
)

// source is a post as the broker has it.
type source struct {
	person   int
	appended time.Time
}

// output is a record of a recipient as a read_committed reader gets it.
type output struct {
	number    int64  // of its post; -1: a deletion event
	pseudonym string // of the account
	handle    string // its pseudonym; "": the recipient has none
	partition int32
	offset    int64
	producer  int64
	appended  time.Time
	committed time.Time
}

// sources reads all posts, by number.
func (p *place) sources() []source {
	p.t.Helper()
	var all []source
	err := p.read("raw", func(r *kgo.Record, _ time.Time) error {
		number, err := strconv.Atoi(string(r.Headers[0].Value))
		if err != nil {
			return err
		}
		if number >= len(all) {
			all = append(all, make([]source, number+1-len(all))...)
		}
		all[number] = source{personOf(r.Key), r.Timestamp}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// outputs reads what a recipient got, partition by partition in the order of offsets.
func (p *place) outputs(topic string) []output {
	p.t.Helper()
	var all []output
	err := p.read(topic, func(r *kgo.Record, committed time.Time) error {
		o := output{number: -1, partition: r.Partition, offset: r.Offset, producer: r.ProducerID, appended: r.Timestamp, committed: committed}
		var v struct {
			Number  *int64 `json:"favourites_count"`
			Account struct {
				ID   string `json:"id"`
				Acct string `json:"acct"`
			} `json:"account"`
			Kind      string `json:"nymstream"`
			Pseudonym string `json:"pseudonym"`
		}
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return err
		}
		switch {
		case v.Kind == "deletion":
			o.pseudonym = v.Pseudonym
		case v.Number != nil:
			o.number, o.pseudonym, o.handle = *v.Number, v.Account.ID, v.Account.Acct
		}
		if !strings.HasPrefix(o.pseudonym, "acc_") && !strings.HasPrefix(o.pseudonym, "hdl_") {
			return fmt.Errorf("%s: partition %d, offset %d: want a pseudonym", topic, r.Partition, r.Offset)
		}
		all = append(all, o)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// said gives when the broker had the newest signal of a kind and verdict about each person.
func (p *place) said(kind consent.Kind, verdict consent.Verdict) map[int]time.Time {
	p.t.Helper()
	all := map[int]time.Time{}
	err := p.read("signals", func(r *kgo.Record, _ time.Time) error {
		if len(r.Key) == 0 {
			return nil // a mark
		}
		_, signals, err := consent.DecodeSignals(r.Value, time.Now().UnixMilli())
		if err == nil && signals[0].Kind == kind && signals[0].Verdict == verdict {
			all[personOf(r.Key)] = r.Timestamp
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// held is a record whose transaction may still be open.
type held struct {
	producer  int64
	partition int32
}

// read hands out the committed records of a topic, each with the time of its commit: that of its transaction's marker in its partition.
func (p *place) read(topic string, each func(r *kgo.Record, committed time.Time) error) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 4*time.Minute)
	defer cancel()
	left, starts, err := p.ends(ctx, p.topic(topic))
	if err != nil || len(left) == 0 {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.Brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.topic(topic): starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	open := map[held][]*kgo.Record{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := held{r.ProducerID, r.Partition}
			switch {
			case r.Attrs.IsControl() && len(r.Key) == 4 && binary.BigEndian.Uint16(r.Key[2:]) == 1:
				for _, waiting := range open[at] {
					err = errorOf(err, each(waiting, r.Timestamp))
				}
				delete(open, at)
			case r.Attrs.IsControl():
			case r.Attrs.IsTransactional():
				open[at] = append(open[at], r)
			default:
				err = errorOf(err, each(r, r.Timestamp))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
	}
	for at, records := range open {
		return fmt.Errorf("read %s: partition %d shows %d records whose commit it does not", topic, at.partition, len(records))
	}
	return nil
}

func errorOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// ends waits until no transaction is open on a topic, and gives the partitions that have records, with where they end.
func (p *place) ends(ctx context.Context, topic string) (left map[int32]int64, starts map[int32]kgo.Offset, err error) {
	for {
		left, starts = map[int32]int64{}, map[int32]kgo.Offset{}
		stable, stableErr := p.admin.ListCommittedOffsets(ctx, topic)
		ends, endsErr := p.admin.ListEndOffsets(ctx, topic)
		open := stableErr != nil || endsErr != nil
		ends.Each(func(end kadm.ListedOffset) {
			last, ok := stable.Lookup(topic, end.Partition)
			open = open || !ok || last.Offset < end.Offset
			if end.Offset > 0 {
				left[end.Partition], starts[end.Partition] = end.Offset, kgo.NewOffset().At(0)
			}
		})
		if !open {
			return left, starts, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%s: a transaction stays open: %w", topic, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// spread prints the quantiles of durations.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(q float64) time.Duration {
		return all[min(len(all)-1, int(q*float64(len(all))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("p50 %v, p90 %v, max %v (of %d)", at(0.5), at(0.9), all[len(all)-1].Round(time.Millisecond), len(all))
}

// tally counts how often each number came.
func tally(outs []output, numbers int) []int {
	n := make([]int, numbers)
	for _, o := range outs {
		if o.number >= 0 && o.number < int64(numbers) {
			n[o.number]++
		}
	}
	return n
}

func accountOf(o *output) string { return o.pseudonym }
func handleOf(o *output) string  { return o.handle }

// pseudonymsOf gives the pseudonyms, of one kind, under which each person's posts came.
func pseudonymsOf(outs []output, posts []source, of func(*output) string) map[int][]string {
	all := map[int][]string{}
	for i := range outs {
		o := &outs[i]
		if o.number < 0 || of(o) == "" {
			continue
		}
		person := posts[o.number].person
		if !slices.Contains(all[person], of(o)) {
			all[person] = append(all[person], of(o))
		}
	}
	return all
}
