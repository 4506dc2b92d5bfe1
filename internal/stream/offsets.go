// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	kafka "github.com/segmentio/kafka-go"
)

// committed is what the group remembers of one partition.
type committed struct {
	offset int64 // -1: nothing
	epoch  int32
	note   note
	code   kafka.Error // codeUnstableOffset while a transaction holds a newer offset
}

// note travels with every committed offset, as its metadata: "nymstream topic=<id> known=<n>".
// It tells a new partition from one whose offset was lost, and a topic from another of the same name.
type note struct {
	topicID string
	known   int // partitions 0…known−1 had offsets when this was written; 0: not all had yet
}

func (n note) String() string {
	return "nymstream topic=" + n.topicID + " known=" + strconv.Itoa(n.known)
}

func parseNote(s string) (n note) {
	rest, ours := strings.CutPrefix(s, "nymstream ")
	if !ours {
		return n
	}
	for _, field := range strings.Fields(rest) {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "topic":
			n.topicID = value
		case "known":
			n.known, _ = strconv.Atoi(value)
		}
	}
	return n
}

// groupOffsets asks for the offsets of all partitions of the topics. With stable set, a partition whose offset an open
// transaction is about to change says so in its code.
func (c *cluster) groupOffsets(ctx context.Context, group string, topics []string, stable bool) (map[tp]committed, error) {
	req := &offsetFetchRequest{GroupID: group, Stable: stable}
	for _, name := range topics {
		t := offsetFetchTopic{Name: name}
		for p := range c.topic(name).partitions {
			t.Partitions = append(t.Partitions, int32(p))
		}
		req.Topics = append(req.Topics, t)
	}
	found := make(map[tp]committed)
	err := c.coordinated(ctx, coordinatorKey{ofGroup, group}, func(to broker) error {
		req.broker = to
		m, err := c.send(ctx, req)
		if err != nil {
			return err
		}
		r := m.(*offsetFetchResponse)
		if kafka.Error(r.ErrorCode) == kafka.GroupIdNotFound { // some brokers know no group before its first member
			for _, t := range req.Topics {
				for _, p := range t.Partitions {
					found[tp{t.Name, p}] = committed{offset: -1, epoch: -1}
				}
			}
			return nil
		}
		if err := refuse("fetch offsets of", group, r.ErrorCode); err != nil {
			return err
		}
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				code := kafka.Error(p.ErrorCode)
				if code != 0 && code != codeUnstableOffset {
					return refuse("fetch offsets of", group, p.ErrorCode)
				}
				found[tp{t.Name, p.Partition}] = committed{offset: p.Offset, epoch: p.LeaderEpoch, note: parseNote(p.Metadata), code: code}
			}
		}
		return nil
	})
	return found, err
}

// stableOffsets waits until no transaction holds offsets of mine, then gives all of the topics'.
func (c *cluster) stableOffsets(ctx context.Context, group string, topics []string, mine []tp, stable bool) (all map[tp]committed, err error) {
	err = retry(ctx, func() error {
		if all, err = c.groupOffsets(ctx, group, topics, stable); err != nil {
			return err
		}
		for _, p := range mine {
			if all[p].code == codeUnstableOffset {
				return refuse("fetch offsets of", group, int16(codeUnstableOffset))
			}
		}
		return nil
	})
	return all, err
}

// history is what a group's offsets say about its past.
type history struct {
	ran   bool           // some partition has an offset from a finished start, or of foreign making
	known map[string]int // by topic: partitions below this had an offset once
	full  map[string]bool
}

func readHistory(all map[tp]committed, partitions func(topic string) int) history {
	h := history{known: make(map[string]int), full: make(map[string]bool)}
	have := make(map[string]int)
	for p, c := range all {
		if c.offset < 0 { // none, or one in an open transaction, which may be its first and end in an abort
			continue
		}
		have[p.topic]++
		h.known[p.topic] = max(h.known[p.topic], c.note.known)
		if c.note == (note{}) || c.note.known > 0 {
			h.ran = true
		}
	}
	for topic, n := range have {
		h.full[topic] = n >= partitions(topic)
	}
	return h
}

// begin says where a partition without a committed offset begins; an error is why it must not.
func (h *history) begin(p tp, o *Options) (when int64, err error) {
	switch {
	case int(p.partition) < h.known[p.topic]:
		return 0, fmt.Errorf("the group had an offset for it and has lost it")
	case h.ran:
		return offsetEarliest, nil // a new partition or a new source
	case o.Ran:
		return 0, fmt.Errorf("the group ran before and has lost all its offsets")
	case o.Start == Latest:
		return offsetLatest, nil
	}
	return offsetEarliest, nil
}
