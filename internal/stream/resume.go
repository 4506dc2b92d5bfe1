// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// ResumeAt sets the offset of one partition for a group of which no instance runs; Kafka refuses it while one does:
// then Stream.Resume is the way.
func ResumeAt(ctx context.Context, conn Connection, group, topic string, partition int32, at int64) error {
	if err := conn.validate(); err != nil {
		return err
	}
	c := connect(conn)
	defer c.close()
	states, err := c.refresh(ctx, topic)
	if err != nil {
		return err
	}
	if err := states[topic].missing(); err != nil {
		return err
	}
	p := tp{topic, partition}
	first, err := c.listOffset(ctx, p, offsetEarliest)
	if err != nil {
		return err
	}
	end, err := c.listOffset(ctx, p, offsetLatest)
	if err != nil {
		return err
	}
	if at < first || at > end {
		return fmt.Errorf("offset %d is outside of %s, which holds %d to %d", at, p, first, end)
	}
	past, err := c.groupOffsets(ctx, group, []string{topic}, false)
	if err != nil {
		return err
	}
	mark := note{topicID: states[topic].id.String(), known: readHistory(past, func(string) int { return 0 }).known[topic]}
	return retry(ctx, func() error {
		m, err := c.send(ctx, &offsetcommit.Request{GroupID: group, GenerationID: -1, Topics: []offsetcommit.RequestTopic{{
			Name: topic, Partitions: []offsetcommit.RequestPartition{{PartitionIndex: partition, CommittedOffset: at, CommittedLeaderEpoch: -1, CommittedMetadata: mark.String()}}}}})
		if err != nil {
			return err
		}
		for _, t := range m.(*offsetcommit.Response).Topics {
			for _, r := range t.Partitions {
				if isCode(refuse("", "", r.ErrorCode), codeUnknownMember) {
					return fmt.Errorf("group %s is at work; stop it, or resume through a running instance", group)
				}
				if err := refuse("commit offsets of", group, r.ErrorCode); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
