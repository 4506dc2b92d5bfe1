// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ReadCommitted hands every record of the topic that a read_committed reader ever sees to each, partition by partition
// in the order of their offsets. It fails when a transaction stays open for longer than the patience: then nobody could read on.
func ReadCommitted(ctx context.Context, brokers []string, topic string, patience time.Duration, each func(*kgo.Record)) error {
	ends, err := stableEnds(ctx, brokers, topic, patience)
	if err != nil {
		return err
	}
	left := map[int32]int64{}
	starts := map[int32]kgo.Offset{}
	for partition, end := range ends {
		if end > 0 {
			left[partition] = end
			starts[partition] = kgo.NewOffset().At(0)
		}
	}
	if len(left) == 0 {
		return nil
	}
	// Control records are kept because they are often the last of a partition: they tell how far the reader has come.
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s, %d partitions unfinished: %w", topic, len(left), err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				each(r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return nil
}

// stableEnds waits until no transaction is open on the topic and gives the end of each partition.
func stableEnds(ctx context.Context, brokers []string, topic string, patience time.Duration) (map[int32]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		stable, err := admin.ListCommittedOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		at, open := map[int32]int64{}, 0
		ends.Each(func(end kadm.ListedOffset) {
			last, ok := stable.Lookup(topic, end.Partition)
			if !ok || last.Err != nil || end.Err != nil || last.Offset < end.Offset {
				open++
			}
			at[end.Partition] = end.Offset
		})
		if open == 0 && len(at) > 0 {
			return at, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s: a transaction is still open on %d partitions after %v", topic, open, patience)
		}
	}
}

// Drained waits until the group has committed the end of every partition of the topic.
func Drained(ctx context.Context, admin *kadm.Client, group, topic string) error {
	var behind int64
	for {
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err == nil {
			var at kadm.OffsetResponses
			at, err = admin.FetchOffsets(ctx, group)
			behind = 0
			ends.Each(func(end kadm.ListedOffset) {
				done, _ := at.Lookup(topic, end.Partition)
				behind += end.Offset - max(done.At, 0)
			})
		}
		if err == nil && behind == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("group %s is still %d records behind: %w", group, behind, ctx.Err()), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
