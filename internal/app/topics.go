// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"sync"

	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/stream"
)

// topics are those of the cluster, for what is done about people.
type topics struct {
	conn stream.Connection

	mu        sync.Mutex
	appenders map[string]*stream.Appender
}

func newTopics(conn stream.Connection) *topics {
	return &topics{conn: conn, appenders: map[string]*stream.Appender{}}
}

func (t *topics) appender(topic string) (*stream.Appender, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.appenders[topic]; a != nil {
		return a, nil
	}
	a, err := stream.NewAppender(t.conn, topic)
	if err == nil {
		t.appenders[topic] = a
	}
	return a, err
}

// Append implements rights.Topics.
func (t *topics) Append(ctx context.Context, topic string, messages []rights.Message) error {
	a, err := t.appender(topic)
	if err != nil {
		return err
	}
	return a.Append(ctx, messages)
}

// Ends implements rights.Topics.
func (t *topics) Ends(ctx context.Context, topic string) (map[int32]int64, error) {
	return stream.Ends(ctx, t.conn, topic)
}

// Scan implements rights.Topics.
func (t *topics) Scan(ctx context.Context, topic string, from map[int32]int64, fn func(*rights.Message) error) error {
	return stream.ReadTopic(ctx, t.conn, topic, stream.ReadOptions{From: from}, fn)
}

func (t *topics) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.appenders {
		a.Close()
	}
}
