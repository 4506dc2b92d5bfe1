// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"encoding/json"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Headers of records that are no data. Their value is "1".
const (
	DeletionHeader   = "nym-deletion"
	CorrectionHeader = "nym-correction"
)

// notice is a record that tells a recipient of a pseudonym. Its kind is its first member.
type notice struct {
	Nymstream string          `json:"nymstream"` // deletion or correction
	V         int             `json:"v"`
	Pseudonym string          `json:"pseudonym"`
	Reason    string          `json:"reason,omitempty"`
	Classes   []string        `json:"classes,omitempty"` // of what was wrong
	Record    json.RawMessage `json:"record,omitempty"`  // the corrected event, as the recipient may have it
}

// deletionMessages tell a recipient that nothing leads from a pseudonym to anybody any more: one record, and in a compacted topic a
// null value after it, so that the key goes too.
func (s *Service) deletionMessages(r *policy.Recipient, pseudonym string, now int64) ([]Message, error) {
	value, err := json.Marshal(notice{Nymstream: "deletion", V: 1, Pseudonym: pseudonym, Reason: "erased"})
	if err != nil {
		return nil, err
	}
	m := noticeMessage(r, pseudonym, value, DeletionHeader, now)
	if s.Tombstones == nil || !s.Tombstones(r.Name) {
		return []Message{m}, nil
	}
	m.Key = []byte(pseudonym) // a compacted topic takes no record without a key
	gone := m
	gone.Value = nil
	return []Message{m, gone}, nil
}

// noticeMessage keys a notice as the recipient's records of that person are keyed.
func noticeMessage(r *policy.Recipient, pseudonym string, value []byte, header string, now int64) Message {
	m := Message{
		Topic: r.Topic, Partition: ByKey, Value: value, Headers: []event.Header{{Key: []byte(header), Value: []byte("1")}}, Time: truncate(now, r.RecordTime),
	}
	if r.Key == policy.KeySubject || r.Key == policy.KeySource {
		m.Key = []byte(pseudonym)
	}
	return m
}

// truncate is how the recipient's other records are dated, in milliseconds since the Unix epoch.
func truncate(ms int64, step time.Duration) int64 {
	if n := step.Milliseconds(); n > 0 {
		return ms - ms%n
	}
	return ms
}

// isNotice tells of records that are no data.
func isNotice(headers []event.Header) bool {
	for _, h := range headers {
		if k := string(h.Key); k == DeletionHeader || k == CorrectionHeader {
			return true
		}
	}
	return false
}

// recipient finds one of the plan's by name; nil: it has none.
func recipient(plan *policy.Plan, name string) *policy.Recipient {
	for i := range plan.Recipients {
		if plan.Recipients[i].Name == name {
			return &plan.Recipients[i]
		}
	}
	return nil
}
