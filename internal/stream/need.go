// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// TopicNeed is what a topic that is no source and no recipient's must be like. It is never compacted: a compacted topic
// forgets records.
type TopicNeed struct {
	Name       string
	Partitions int           // exactly so many; 0: any number
	Retention  time.Duration // at least; negative: for ever; 0: any
	Read       bool
	Write      bool
}

// CheckTopics looks whether the topics exist and are as needed. It creates and changes none. Warnings say what could not
// be looked at; the error joins all that must be changed, or is of class event.ErrTransient when no broker answers.
func CheckTopics(ctx context.Context, conn Connection, needs ...TopicNeed) (warnings []string, err error) {
	if err := conn.validate(); err != nil {
		return nil, err
	}
	c := connect(conn)
	defer c.close()
	names := make([]string, len(needs))
	for i, n := range needs {
		names[i] = n.Name
	}
	states, err := c.refresh(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("brokers do not answer: %w: %w", event.ErrTransient, err)
	}
	configs, err := c.topicConfigs(ctx, names)
	if err != nil {
		warnings = append(warnings, fmt.Sprintf("topic configurations cannot be read (%v): cleanup.policy and retention.ms are not checked", err))
	}
	var faults []error
	for _, n := range needs {
		faults = append(faults, n.check(states[n.Name], configs[n.Name]))
	}
	return warnings, errors.Join(faults...)
}

func (n *TopicNeed) check(t topicState, c topicConfig) error {
	if t.err != nil && !isCode(t.err, codeTopicDenied) {
		return t.missing()
	}
	var faults []error
	if n.Read {
		faults = append(faults, usable(t, "read", aclRead))
	}
	if n.Write {
		faults = append(faults, usable(t, "write", aclWrite))
	}
	if t.err != nil {
		return errors.Join(faults...)
	}
	if have := len(t.partitions); n.Partitions > 0 && have != n.Partitions {
		faults = append(faults, fmt.Errorf("topic %s has %d partitions and needs %d; make it again", n.Name, have, n.Partitions))
	}
	if !c.read {
		return errors.Join(faults...)
	}
	if c.compacted {
		faults = append(faults, fmt.Errorf("topic %s is compacted: it forgets records; set cleanup.policy to delete", n.Name))
	}
	limited := c.deletes && c.retention >= 0
	switch {
	case n.Retention < 0 && (limited || c.deletes && c.bytes >= 0):
		faults = append(faults, fmt.Errorf("topic %s must keep its records for ever: set retention.ms and retention.bytes to -1", n.Name))
	case limited && c.retention < n.Retention:
		faults = append(faults, fmt.Errorf("topic %s keeps records for %v and must keep them for %v: set retention.ms to %d or more", n.Name, c.retention, n.Retention, n.Retention.Milliseconds()))
	}
	return errors.Join(faults...)
}
