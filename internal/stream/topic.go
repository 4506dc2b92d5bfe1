// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/protocol/describeconfigs"
)

// Topic is what a cluster says about a topic.
type Topic struct {
	Name            string
	Partitions      int
	MaxMessageBytes int           // Kafka's default when the configuration may not be read
	Retention       time.Duration // negative: for ever; 0: unknown
	Compacted       bool
	Err             error // why it cannot be used: it is missing, or the right to see it
}

// Topics describes the named topics, in their order. None is created.
func Topics(ctx context.Context, conn Connection, names ...string) ([]Topic, error) {
	if err := conn.validate(); err != nil {
		return nil, err
	}
	c := connect(conn)
	defer c.close()
	states, err := c.refresh(ctx, names...)
	if err != nil {
		return nil, err
	}
	configs, _ := c.topicConfigs(ctx, names) // what may not be read stays unknown
	all := make([]Topic, len(names))
	for i, name := range names {
		s, cfg := states[name], configs[name]
		all[i] = Topic{Name: name, Partitions: len(s.partitions), MaxMessageBytes: cfg.maxMessage(), Retention: cfg.retention, Compacted: cfg.compacted, Err: s.missing()}
	}
	return all, nil
}

// topicConfig holds the settings of a topic that matter here. The zero value stands for one that cannot be read.
type topicConfig struct {
	max       int
	retention time.Duration // negative: for ever
	bytes     int64         // retention.bytes; negative: no limit
	compacted bool
	deletes   bool // by age or by size
	read      bool
}

func (c topicConfig) maxMessage() int {
	if c.max <= 0 {
		return defaultMaxMessage
	}
	return c.max
}

const topicResource = 2

// topicConfigs reads the settings of the topics; what may not be read is missing. The error is the last of them.
func (c *cluster) topicConfigs(ctx context.Context, names []string) (map[string]topicConfig, error) {
	req := &describeConfigsRequest{broker: -1}
	for _, name := range names {
		req.Resources = append(req.Resources, configResource{
			Type: topicResource, Name: name, Keys: []string{"max.message.bytes", "retention.ms", "retention.bytes", "cleanup.policy"},
		})
	}
	m, err := c.send(ctx, req)
	if err != nil {
		return nil, err
	}
	found := make(map[string]topicConfig)
	for _, r := range m.(*describeconfigs.Response).Resources {
		if refused := refuse("describe configuration of", r.ResourceName, r.ErrorCode); refused != nil {
			err = refused
			continue
		}
		t := topicConfig{read: true, bytes: -1}
		for _, e := range r.ConfigEntries {
			switch e.ConfigName {
			case "max.message.bytes":
				t.max, _ = strconv.Atoi(e.ConfigValue)
			case "retention.ms":
				ms, _ := strconv.ParseInt(e.ConfigValue, 10, 64)
				t.retention = time.Duration(ms) * time.Millisecond
			case "retention.bytes":
				t.bytes, _ = strconv.ParseInt(e.ConfigValue, 10, 64)
			case "cleanup.policy":
				t.compacted = strings.Contains(e.ConfigValue, "compact")
				t.deletes = strings.Contains(e.ConfigValue, "delete")
			}
		}
		found[r.ResourceName] = t
	}
	return found, err
}
