// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// Operations of Kafka's access control, as bit numbers.
const (
	aclRead  = 3
	aclWrite = 4
)

// Check looks at everything Run will need: brokers, topics, partition counts, rights, limits. It changes nothing that
// a running instance would notice. Warnings are worth reading; the error joins all that would keep Run from working.
func (s *Stream) Check(ctx context.Context) (warnings []string, err error) {
	o := &s.opts
	outputs := o.outputTopics()
	states, err := s.reach(ctx, append(outputs, o.topics()...))
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range o.topics() {
		faults = append(faults, usable(states[name], "read", aclRead))
	}
	for _, name := range outputs {
		faults = append(faults, usable(states[name], "write", aclWrite))
	}
	faults = append(faults, s.fits(states), s.checkGroup(ctx), s.checkTransactions(ctx))
	configs, err := s.cluster.topicConfigs(ctx, outputs)
	if err != nil {
		warnings = append(warnings, fmt.Sprintf("topic configurations cannot be read (%v): retention is not checked, max.message.bytes is taken to be %d", err, defaultMaxMessage))
	}
	return append(warnings, retentionWarnings(o, configs)...), errors.Join(faults...)
}

// usable checks that a topic exists and that the operation is allowed, where the broker tells.
func usable(t topicState, op string, operation int) error {
	if isCode(t.err, codeTopicDenied) {
		return refuse(op, t.name, int16(codeTopicDenied))
	}
	if err := t.missing(); err != nil {
		return err
	}
	if t.operations != operationsUnknown && t.operations != 0 && t.operations>>operation&1 == 0 {
		return refuse(op, t.name, int16(codeTopicDenied))
	}
	return nil
}

// checkGroup asks what joining and fetching offsets will ask.
func (s *Stream) checkGroup(ctx context.Context) error {
	group := s.opts.Group
	if _, err := s.cluster.groupOffsets(ctx, group, s.opts.topics(), false); err != nil {
		return err
	}
	m, err := s.cluster.send(ctx, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
	if err != nil {
		return err
	}
	for _, g := range m.(*describegroups.Response).Groups {
		if g.ErrorCode == int16(codeGroupDenied) {
			return refuse("describe", group, g.ErrorCode)
		}
		if g.ProtocolType != "" && g.ProtocolType != groupProtocolType {
			return refuse("join", group, int16(kafka.InconsistentGroupProtocol))
		}
		if ops := g.AuthorizedOperations; ops != operationsUnknown && ops != 0 && ops>>aclRead&1 == 0 {
			return refuse("join", group, int16(codeGroupDenied))
		}
	}
	return nil
}

// checkTransactions takes a transactional id that no worker has: taking a worker's would fence it.
func (s *Stream) checkTransactions(ctx context.Context) error {
	id := fmt.Sprintf("%s-%s-check", s.opts.Group, s.opts.Instance)
	return s.cluster.coordinated(ctx, coordinatorKey{ofTransaction, id}, func(to broker) error {
		m, err := s.cluster.send(ctx, &initProducerRequest{TransactionalID: id, TimeoutMillis: millis(s.opts.TransactionTimeout), ProducerID: -1, ProducerEpoch: -1, broker: to})
		if err != nil {
			return err
		}
		return refuse("take transactional id", id, m.(*initproducerid.Response).ErrorCode)
	})
}

func retentionWarnings(o *Options, configs map[string]topicConfig) (warnings []string) {
	for _, r := range o.Recipients {
		c := configs[r.Topic]
		if !c.read || r.Retention == 0 {
			continue
		}
		switch {
		case c.compacted:
			warnings = append(warnings, fmt.Sprintf("topic %s of recipient %s is compacted: it keeps the last record of every key beyond the policy's retention of %v", r.Topic, r.Name, r.Retention))
		case c.retention < 0:
			warnings = append(warnings, fmt.Sprintf("topic %s of recipient %s keeps records for ever; the policy says %v", r.Topic, r.Name, r.Retention))
		case c.retention > r.Retention:
			warnings = append(warnings, fmt.Sprintf("topic %s of recipient %s keeps records for %v; the policy says %v: set retention.ms to %d", r.Topic, r.Name, c.retention, r.Retention, r.Retention.Milliseconds()))
		}
	}
	return warnings
}
