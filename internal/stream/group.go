// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/consumer"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"github.com/segmentio/kafka-go/protocol/leavegroup"
	"github.com/segmentio/kafka-go/protocol/syncgroup"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	groupProtocolType = "consumer"
	groupProtocol     = "roundrobin"
)

// member is this instance's place in the consumer group.
// The group is of the eager kind: every member stops, commits and joins again when the group changes.
type member struct {
	cluster *cluster
	opts    *Options
	id      string // given by the coordinator; "" before
}

// generation is one agreement of the group about who reads what.
type generation struct {
	id       int32
	member   string
	instance string // group.instance.id of a static member, or ""
	assigned []tp
	counted  map[string]int // partitions of each topic when this member joined
}

func (m *member) key() coordinatorKey { return coordinatorKey{ofGroup, m.opts.Group} }

func (m *member) instance() string {
	if m.opts.StaticMember {
		return m.opts.Instance
	}
	return ""
}

// join enters the group, or its next generation, and returns what this member reads.
// It waits until every other member has finished, as long as the rebalance timeout.
func (m *member) join(ctx context.Context) (*generation, error) {
	for {
		g, err := m.tryJoin(ctx)
		switch {
		case err == nil:
			return g, nil
		case isCode(err, codeFencedInstance):
			return nil, fmt.Errorf("%w: %w", ErrFenced, err)
		case isCode(err, codeMemberIDRequired): // the id is taken: ask again with it
		case isCode(err, codeUnknownMember):
			m.id = ""
		case isCode(err, codeRebalance, codeIllegalGeneration):
		default:
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (m *member) tryJoin(ctx context.Context) (*generation, error) {
	topics := m.opts.topics()
	states, err := m.cluster.refresh(ctx, topics...)
	if err != nil {
		return nil, err
	}
	// A member that joins with another subscription has the group deal anew, whoever leads it. So the subscription
	// says how many partitions the member sees.
	counted := make(map[string]int, len(topics))
	var seen []byte
	for _, name := range topics {
		counted[name] = len(states[name].partitions)
		seen = fmt.Appendf(seen, "%s=%d ", name, counted[name])
	}
	subscription, err := protocol.Marshal(0, consumer.Subscription{Topics: topics, UserData: seen})
	if err != nil {
		return nil, err
	}
	var joined *joingroup.Response
	err = m.cluster.coordinated(ctx, m.key(), func(to broker) error {
		r, err := m.cluster.sendWithin(ctx, m.opts.RebalanceTimeout+m.cluster.timeout, &joinGroupRequest{
			GroupID:                m.opts.Group,
			SessionTimeoutMillis:   millis(m.opts.SessionTimeout),
			RebalanceTimeoutMillis: millis(m.opts.RebalanceTimeout),
			MemberID:               m.id,
			GroupInstanceID:        m.instance(),
			ProtocolType:           groupProtocolType,
			Protocols:              []joinGroupProtocol{{Name: groupProtocol, Metadata: subscription}},
			broker:                 to,
		})
		if err != nil {
			return err
		}
		joined = r.(*joingroup.Response)
		if joined.MemberID != "" {
			m.id = joined.MemberID
		}
		return refuse("join", m.opts.Group, joined.ErrorCode)
	})
	if err != nil {
		return nil, err
	}
	g := &generation{id: joined.GenerationID, member: joined.MemberID, instance: m.instance(), counted: counted}
	var plan []syncGroupAssignment
	if joined.LeaderID == joined.MemberID {
		if plan, err = m.assign(joined.Members, topics, counted); err != nil {
			return nil, err
		}
	}
	return g, m.sync(ctx, g, plan)
}

func (m *member) sync(ctx context.Context, g *generation, plan []syncGroupAssignment) error {
	return m.cluster.coordinated(ctx, m.key(), func(to broker) error {
		r, err := m.cluster.sendWithin(ctx, m.opts.RebalanceTimeout+m.cluster.timeout, &syncGroupRequest{
			GroupID: m.opts.Group, GenerationID: g.id, MemberID: g.member, GroupInstanceID: g.instance,
			ProtocolType: groupProtocolType, ProtocolName: groupProtocol, Assignments: plan, broker: to,
		})
		if err != nil {
			return err
		}
		s := r.(*syncgroup.Response)
		if err := refuse("sync", m.opts.Group, s.ErrorCode); err != nil {
			return err
		}
		g.assigned = nil
		if len(s.Assignments) == 0 {
			return nil
		}
		var a consumer.Assignment
		if err := protocol.Unmarshal(s.Assignments, 0, &a); err != nil {
			return fmt.Errorf("assignment of group %s: %w", m.opts.Group, err)
		}
		for _, t := range a.AssignedPartitions {
			for _, p := range t.Partitions {
				g.assigned = append(g.assigned, tp{t.Topic, p})
			}
		}
		return nil
	})
}

// assign deals the partitions of all topics out in turn. Members are taken in the order of their ids, which begin
// with the client id, so that an instance that comes back mostly gets what it had.
func (m *member) assign(members []joingroup.ResponseMember, topics []string, counted map[string]int) ([]syncGroupAssignment, error) {
	sort.Slice(members, func(i, j int) bool { return members[i].MemberID < members[j].MemberID })
	shares := make([]consumer.Assignment, len(members))
	turn := 0
	for _, topic := range topics {
		for p := range counted[topic] {
			share := &shares[turn%len(shares)]
			turn++
			if n := len(share.AssignedPartitions); n == 0 || share.AssignedPartitions[n-1].Topic != topic {
				share.AssignedPartitions = append(share.AssignedPartitions, consumer.TopicPartition{Topic: topic})
			}
			last := &share.AssignedPartitions[len(share.AssignedPartitions)-1]
			last.Partitions = append(last.Partitions, int32(p))
		}
	}
	plan := make([]syncGroupAssignment, len(members))
	for i := range members {
		b, err := protocol.Marshal(0, shares[i])
		if err != nil {
			return nil, err
		}
		plan[i] = syncGroupAssignment{MemberID: members[i].MemberID, Assignment: b}
	}
	return plan, nil
}

// beat keeps the session alive until ctx ends or the generation is lost. over hears why the generation must end;
// after a rebalance has begun the beats go on, so that the workers can finish and commit.
func (m *member) beat(ctx context.Context, g *generation, alive func(), over func(error)) {
	tick := time.NewTicker(m.opts.HeartbeatInterval)
	defer tick.Stop()
	last := m.opts.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.heartbeat(ctx, g)
		switch {
		case err == nil:
			last = m.opts.Now()
			alive()
		case isCode(err, codeRebalance):
			last = m.opts.Now()
			alive()
			over(err)
		case errors.Is(err, event.ErrFatal), isCode(err, codeFencedInstance, codeIllegalGeneration, codeUnknownMember):
			over(err)
			return
		case m.opts.Now().Sub(last) > m.opts.SessionTimeout:
			over(fmt.Errorf("%w: no heartbeat was answered within the session timeout: %w", errGeneration, err))
			return
		}
	}
}

func (m *member) heartbeat(ctx context.Context, g *generation) error {
	to, err := m.cluster.coordinator(ctx, m.key())
	if err != nil {
		return err
	}
	r, err := m.cluster.sendWithin(ctx, max(m.opts.HeartbeatInterval, time.Second), &heartbeatRequest{
		GroupID: m.opts.Group, GenerationID: g.id, MemberID: g.member, GroupInstanceID: g.instance, broker: to,
	})
	if err == nil {
		err = refuse("heartbeat", m.opts.Group, r.(*heartbeatResponse).ErrorCode)
	}
	if err != nil && passing(err) {
		m.cluster.forget(m.key())
	}
	return err
}

// leave tells the group that this member goes. A static member stays: that is what it is for.
func (m *member) leave(ctx context.Context) error {
	if m.id == "" || m.opts.StaticMember {
		return nil
	}
	return m.cluster.coordinated(ctx, m.key(), func(to broker) error {
		r, err := m.cluster.send(ctx, &leaveGroupRequest{GroupID: m.opts.Group, Members: []leaveGroupMember{{MemberID: m.id}}, broker: to})
		if err != nil {
			return err
		}
		_ = r.(*leavegroup.Response) // kafka-go reads its error code wrongly; the session timeout is the net below
		return nil
	})
}

func millis(d time.Duration) int32 { return int32(d / time.Millisecond) }
