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

// Correct tells recipients that records of a person's pseudonyms were wrong, in fields of these classes, and that better ones follow from the
// source. It sends one record for each pseudonym, mixed; recipients of none of the classes get it too.
func (s *Service) Correct(ctx context.Context, by Actor, who consent.Subject, classes []string, ground string) error {
	if err := by.check(); err != nil {
		return err
	}
	if err := checkClasses(classes); err != nil {
		return err
	}
	named, err := s.name(who, true)
	if err != nil {
		return err
	}
	if err := s.note(ctx, by, audit.Entry{Act: audit.Rectify, Subject: s.SubjectHash(named.key), Reason: ground}); err != nil {
		return err
	}
	p, err := s.resolve(ctx, named)
	if err != nil {
		return err
	}
	all, err := s.issuedTo(ctx, &p)
	if err != nil {
		return err
	}
	return s.publishCorrections(ctx, all, classes)
}

// publishCorrections appends a correction event for each pseudonym whose recipient the policy has.
func (s *Service) publishCorrections(ctx context.Context, all []Pseudonym, classes []string) error {
	all = slices.Clone(all)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	plan, now := s.Plan(), s.nowMs()
	byTopic := map[string][]Message{}
	for _, p := range all {
		r := recipient(plan, p.Recipient)
		if r == nil {
			continue
		}
		value, err := json.Marshal(notice{Nymstream: "correction", V: 1, Pseudonym: p.Text, Classes: classes})
		if err != nil {
			return err
		}
		m := noticeMessage(r, p.Text, value, CorrectionHeader, now)
		if s.Tombstones != nil && s.Tombstones(r.Name) { // with the key of a record it would replace that in a compacted topic
			m.Key = []byte(CorrectionHeader + " " + p.Text)
		}
		byTopic[r.Topic] = append(byTopic[r.Topic], m)
	}
	for topic, messages := range byTopic {
		for part := range slices.Chunk(messages, appendRows) {
			if err := s.Topics.Append(ctx, topic, part); err != nil {
				return fmt.Errorf("publish corrections: %w", err)
			}
		}
	}
	return nil
}
