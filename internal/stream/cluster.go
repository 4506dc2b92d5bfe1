// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Connection says how a Kafka cluster is reached.
type Connection struct {
	Brokers  []string       // host:port, at least one
	ClientID string         // what brokers log; default "nymstream"
	TLS      *tls.Config    // nil: plain text
	SASL     sasl.Mechanism // nil: none; see SASL
	Timeout  time.Duration  // for one request; default 10 s
}

func (c *Connection) validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("no brokers")
	}
	for _, b := range c.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			return fmt.Errorf("broker `%s` is not host:port", b)
		}
	}
	if c.Timeout < 0 {
		return errors.New("a negative timeout")
	}
	return nil
}

// SASL makes a mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
func SASL(mechanism, user, password string) (sasl.Mechanism, error) {
	switch strings.ToUpper(mechanism) {
	case "PLAIN":
		return plain.Mechanism{Username: user, Password: password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, user, password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return nil, fmt.Errorf("unknown SASL mechanism `%s`; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", mechanism)
}

// tp names one partition.
type tp struct {
	topic     string
	partition int32
}

func (p tp) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// topicState is what the cluster says about a topic.
type topicState struct {
	name       string
	err        error
	id         topicID // unknown where brokers do not tell
	partitions []leader
	operations int32 // bit n: operation n is allowed; operationsUnknown when the broker does not tell
}

const operationsUnknown = -1 << 31

// missing says why the topic cannot be used, and what to do.
func (t topicState) missing() error {
	if isCode(t.err, codeUnknownTopic) {
		return fmt.Errorf("topic %s does not exist; create it (topics are never created by themselves)", t.name)
	}
	return t.err
}

// leader is who serves a partition; a negative broker is nobody.
type leader struct {
	broker broker
	epoch  int32
}

type coordinatorKey struct {
	kind int8
	key  string
}

const (
	ofGroup       int8 = 0
	ofTransaction int8 = 1
)

// cluster sends requests to the right broker. It is safe for concurrent use.
type cluster struct {
	transport *kafka.Transport
	seeds     net.Addr
	clientID  string
	timeout   time.Duration

	mu           sync.Mutex
	coordinators map[coordinatorKey]broker
	topics       map[string]topicState
	topicIDs     int8 // 0 not asked yet, 1 supported, -1 not
}

func connect(c Connection) *cluster {
	register()
	if c.ClientID == "" {
		c.ClientID = "nymstream"
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return &cluster{
		transport: &kafka.Transport{
			ClientID:    c.ClientID,
			TLS:         c.TLS,
			SASL:        c.SASL,
			DialTimeout: c.Timeout,
			IdleTimeout: time.Minute,
			// kafka-go's cache is asked for brokers only: no topic is named, so refreshing it costs little.
			MetadataTTL:    2 * time.Second,
			MetadataTopics: []string{},
		},
		seeds:        kafka.TCP(c.Brokers...),
		clientID:     c.ClientID,
		timeout:      c.Timeout,
		coordinators: make(map[coordinatorKey]broker),
		topics:       make(map[string]topicState),
	}
}

func (c *cluster) close() { c.transport.CloseIdleConnections() }

// send does one request with the cluster's timeout.
func (c *cluster) send(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	return c.sendWithin(ctx, c.timeout, req)
}

func (c *cluster) sendWithin(ctx context.Context, d time.Duration, req protocol.Message) (protocol.Message, error) {
	// kafka-go gives up on a connection only by deadline.
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	res, err := c.transport.RoundTrip(limited, c.seeds, req)
	if err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			err = errors.New("no answer in time")
		}
		return nil, fmt.Errorf("%s: %w", req.ApiKey(), err)
	}
	return res, nil
}

// coordinator finds the broker that keeps a group or a transactional id, from memory when possible.
func (c *cluster) coordinator(ctx context.Context, of coordinatorKey) (broker, error) {
	c.mu.Lock()
	b, ok := c.coordinators[of]
	c.mu.Unlock()
	if ok {
		return b, nil
	}
	m, err := c.send(ctx, &findcoordinator.Request{Key: of.key, KeyType: of.kind})
	if err != nil {
		return 0, err
	}
	r := m.(*findcoordinator.Response)
	if err := refuse("find coordinator of", of.key, r.ErrorCode); err != nil {
		return 0, err
	}
	b = broker(r.NodeID)
	c.mu.Lock()
	c.coordinators[of] = b
	c.mu.Unlock()
	return b, nil
}

func (c *cluster) forget(of coordinatorKey) {
	c.mu.Lock()
	delete(c.coordinators, of)
	c.mu.Unlock()
}

// coordinated calls fn with the coordinator, again and again with another one or a pause, until fn succeeds,
// fails for good or ctx ends.
func (c *cluster) coordinated(ctx context.Context, of coordinatorKey, fn func(broker) error) error {
	return retry(ctx, func() error {
		b, err := c.coordinator(ctx, of)
		if err != nil {
			return err
		}
		err = fn(b)
		var code kafka.Error
		if err != nil && (movedCoordinator(err) || !errors.As(err, &code)) {
			c.forget(of)
		}
		return err
	})
}

// refresh asks for the state of the topics and remembers it. A missing topic is an error inside its state.
// Topics are never created by asking.
func (c *cluster) refresh(ctx context.Context, names ...string) (map[string]topicState, error) {
	m, err := c.send(ctx, &metadataRequest{names: names, clientID: c.clientID, broker: -1})
	if err != nil {
		return nil, err
	}
	ids, err := c.readTopicIDs(ctx, names)
	if err != nil {
		return nil, err
	}
	found := make(map[string]topicState, len(names))
	for _, t := range m.(*metadataResponse).body.Topics {
		s := topicState{name: t.Name, err: refuse("describe", t.Name, t.ErrorCode), id: ids[t.Name], operations: t.TopicAuthorizedOperations}
		s.partitions = make([]leader, len(t.Partitions))
		for _, p := range t.Partitions {
			if p.PartitionIndex < 0 || int(p.PartitionIndex) >= len(s.partitions) {
				return nil, fmt.Errorf("metadata of %s lists partition %d of %d", t.Name, p.PartitionIndex, len(s.partitions))
			}
			s.partitions[p.PartitionIndex] = leader{broker: broker(p.LeaderID), epoch: p.LeaderEpoch}
		}
		found[t.Name] = s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range found {
		// A passing error keeps what is known: leaders stay usable while a broker restarts.
		if s.err == nil || c.topics[name].partitions == nil {
			c.topics[name] = s
		}
	}
	return found, nil
}

// topic gives the remembered state; ask refresh first.
func (c *cluster) topic(name string) topicState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name]
}

func (c *cluster) leader(p tp) (leader, bool) {
	t := c.topic(p.topic)
	if int(p.partition) >= len(t.partitions) || t.partitions[p.partition].broker < 0 {
		return leader{broker: -1, epoch: -1}, false
	}
	return t.partitions[p.partition], true
}

const (
	offsetLatest   = -1
	offsetEarliest = -2
)

// listOffset asks the leader where a partition begins (offsetEarliest) or ends (offsetLatest: its high watermark).
func (c *cluster) listOffset(ctx context.Context, p tp, when int64) (int64, error) {
	at := int64(-1)
	err := retry(ctx, func() error {
		to, ok := c.leader(p)
		if !ok {
			if _, err := c.refresh(ctx, p.topic); err != nil {
				return err
			}
			if to, ok = c.leader(p); !ok {
				return fmt.Errorf("%s: %w", p, errNoLeader)
			}
		}
		m, err := c.send(ctx, &listOffsetsRequest{ReplicaID: -1, broker: to.broker, Topics: []listOffsetsTopic{{
			Topic: p.topic, Partitions: []listOffsetsPartition{{Partition: p.partition, CurrentLeaderEpoch: -1, Timestamp: when}}}}})
		if err != nil {
			return err
		}
		for _, t := range m.(*listoffsets.Response).Topics {
			for _, q := range t.Partitions {
				if err := refuse("list offsets of", p.String(), q.ErrorCode); err != nil {
					_, _ = c.refresh(ctx, p.topic)
					return err
				}
				at = q.Offset
			}
		}
		return nil
	})
	return at, err
}
