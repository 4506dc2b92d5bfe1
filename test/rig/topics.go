// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopics makes topics with so many partitions each, replicated as the brokers do by default and kept for a day,
// and waits until every broker knows them: an instance that asks one that does not yet know refuses to start.
func CreateTopics(ctx context.Context, brokers []string, partitions map[string]int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for topic, n := range partitions {
		if _, err := admin.CreateTopic(ctx, n, -1, map[string]*string{"retention.ms": kadm.StringPtr("86400000")}, topic); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for n := 0; n < len(brokers); {
		ready, err := knows(ctx, client.SeedBrokers()[n], partitions)
		switch {
		case ready:
			n++
		case ctx.Err() != nil:
			return fmt.Errorf("broker %s does not know all topics: %w (%w)", brokers[n], ctx.Err(), err)
		default:
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// knows asks this very broker whether all partitions have a leader.
func knows(ctx context.Context, broker *kgo.Broker, partitions map[string]int32) (bool, error) {
	request := kmsg.NewPtrMetadataRequest()
	for name := range partitions {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	answer, err := request.RequestWith(ctx, broker)
	if err != nil {
		return false, err
	}
	for _, topic := range answer.Topics {
		if topic.ErrorCode != 0 || topic.Topic == nil || len(topic.Partitions) != int(partitions[*topic.Topic]) {
			return false, nil
		}
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 || p.Leader < 0 {
				return false, nil
			}
		}
	}
	return true, nil
}
