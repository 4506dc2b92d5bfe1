// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/policy"
)

func checkClasses(classes []string) error {
	for _, c := range classes {
		if !policy.Class(c).Known() {
			return fmt.Errorf("%w: classes: name classes of the policy's language, as email or birth", ErrInput)
		}
	}
	return nil
}

// Correction says what was wrong.
type Correction struct {
	Classes []string // in fields of these classes
	Ground  string   // for the audit log; no personal value
	// Records are, by recipient, a corrected event as this recipient may have it, JSON. It goes only with the pseudonym that it holds:
	// beside one of another epoch or identifier it would tell that both are one person's.
	Records map[string]json.RawMessage
}

// Corrected counts what recipients were told.
type Corrected struct {
	Events  int
	Records int // of them, with a corrected record
}

// Correct tells recipients that records of a person's pseudonyms were wrong, and what is right where the correction says so; otherwise
// better records follow from the source. It sends one record for each pseudonym, mixed; recipients of none of the classes get it too.
func (s *Service) Correct(ctx context.Context, by Actor, who consent.Subject, c Correction) (Corrected, error) {
	if err := by.check(); err != nil {
		return Corrected{}, err
	}
	if err := checkClasses(c.Classes); err != nil {
		return Corrected{}, err
	}
	named, err := s.name(who, true)
	if err != nil {
		return Corrected{}, err
	}
	if err := s.note(ctx, by, audit.Entry{Act: audit.Rectify, Subject: s.SubjectHash(named.key), Reason: c.Ground}); err != nil {
		return Corrected{}, err
	}
	p, err := s.resolve(ctx, named)
	if err != nil {
		return Corrected{}, err
	}
	all, err := s.issuedTo(ctx, &p)
	if err != nil {
		return Corrected{}, err
	}
	told, byTopic, err := s.corrections(all, c)
	if err != nil {
		return Corrected{}, err
	}
	if len(c.Records) > 0 && told.Records == 0 {
		return Corrected{}, fmt.Errorf("%w: the corrected record does not name this person, as recipients see it", ErrInput)
	}
	for topic, messages := range byTopic {
		for part := range slices.Chunk(messages, appendRows) {
			if err := s.Topics.Append(ctx, topic, part); err != nil {
				return Corrected{}, fmt.Errorf("publish corrections: %w", err)
			}
		}
	}
	return told, nil
}

// corrections makes a correction event for each pseudonym whose recipient the policy has, by topic, in no order that tells whose they are.
func (s *Service) corrections(all []Pseudonym, c Correction) (told Corrected, byTopic map[string][]Message, err error) {
	all = slices.Clone(all)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	plan, now := s.Plan(), s.nowMs()
	byTopic = map[string][]Message{}
	for _, p := range all {
		r := recipient(plan, p.Recipient)
		if r == nil {
			continue
		}
		n := notice{Nymstream: "correction", V: 1, Pseudonym: p.Text, Classes: c.Classes}
		if record := c.Records[p.Recipient]; mentions(record, map[string]struct{}{p.Text: {}}) {
			n.Record = record
			told.Records++
		}
		value, err := json.Marshal(n)
		if err != nil {
			return told, nil, err
		}
		m := noticeMessage(r, p.Text, value, CorrectionHeader, now)
		if s.Tombstones != nil && s.Tombstones(r.Name) { // with the key of a record it would replace that in a compacted topic
			m.Key = []byte(CorrectionHeader + " " + p.Text)
		}
		byTopic[r.Topic] = append(byTopic[r.Topic], m)
		told.Events++
	}
	return told, byTopic, nil
}
