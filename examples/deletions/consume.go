// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// keeper is where events are kept. Each method does its work whole or not at all, and again without harm.
type keeper interface {
	// Take keeps an event, without those who were erased before.
	Take(ctx context.Context, e event) error
	// Erase deletes what is kept under a pseudonym, for good.
	Erase(ctx context.Context, pseudonym string) error
	// Clear deletes what is kept under a key now; more may come.
	Clear(ctx context.Context, key string) error
}

// reader has what every recipient's consumer needs: without read_committed it would see what was aborted, and offsets are
// committed by hand, after the work.
func reader(brokers []string, group, topic string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
}

// consume keeps events and heeds deletions until ctx ends. After an error nothing of the batch in hand is committed: it comes again.
func consume(ctx context.Context, client *kgo.Client, to keeper) error {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, rec := range fetches.Records() {
			if err := heed(ctx, rec, to); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w", rec.Topic, rec.Partition, rec.Offset, err)
			}
		}
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
		client.AllowRebalance()
	}
}

func heed(ctx context.Context, rec *kgo.Record, to keeper) error {
	n, err := readNotice(rec)
	switch {
	case err != nil:
		return err
	case n != nil && n.Nymstream == "deletion":
		return to.Erase(ctx, n.Pseudonym)
	case n != nil:
		return nil // a correction: better records follow by themselves, and this program replaces none
	case rec.Value == nil: // with `key: source`: the source deleted what it had under this key
		return to.Clear(ctx, string(rec.Key))
	}
	e, gone, err := readEvent(rec)
	if err != nil {
		return err
	}
	if gone != "" {
		return to.Erase(ctx, gone)
	}
	return to.Take(ctx, e)
}
