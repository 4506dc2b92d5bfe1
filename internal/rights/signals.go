// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// Taken tells what records of the signals topic came to.
type Taken struct {
	Records  int
	Signals  int
	Refused  int // records that are malformed, or name nobody
	Unplaced int // records about an instance that the policy does not name; they count all the same
	Unknown  int // signals that allow something for a purpose that the policy does not know: they do not count
	Held     int // rows to be erased that a legal hold keeps: nothing is forwarded of them
	Erased   int // rows
	Keys     []subject.Key
	// Tightened tells whether somebody allows less than before.
	Tightened bool
}

// Take brings records of the signals topic into the store, erases who is to be erased, and announces everybody in them once. It may be
// repeated with the same records: store the position behind them when it has returned without error. What is malformed is counted,
// noted in the audit log, and skipped.
func (s *Service) Take(ctx context.Context, records []Message) (Taken, error) {
	b := s.newBatch(s.service(), len(records))
	for i := range records {
		if err := b.add(ctx, records[i].Value, false); err != nil {
			return b.taken, fmt.Errorf("take signals: %w", err)
		}
	}
	if b.taken.Refused+b.taken.Unplaced+b.taken.Unknown > 0 {
		numbers := map[string]uint64{
			"records": uint64(b.taken.Records), "refused": uint64(b.taken.Refused), "unplaced": uint64(b.taken.Unplaced), "unknown-purpose": uint64(b.taken.Unknown),
		}
		if err := s.note(ctx, b.by, audit.Entry{Act: audit.Signals, Numbers: numbers}); err != nil {
			return b.taken, fmt.Errorf("take signals: %w", err)
		}
	}
	if err := b.apply(ctx); err != nil {
		return b.taken, fmt.Errorf("take signals: %w", err)
	}
	return b.taken, nil
}

// Say does what Take does, for what an officer says of one person: restrict, object, hold, consent. It is noted in the audit log first.
func (s *Service) Say(ctx context.Context, by Actor, who consent.Subject, reason string, signals ...consent.Signal) (Taken, error) {
	if err := by.check(); err != nil {
		return Taken{}, err
	}
	who.Type = spelledType(who.Type)
	value, err := consent.EncodeSignals(who, signals)
	if err != nil {
		return Taken{}, fmt.Errorf("%w: %w", ErrInput, err)
	}
	b := s.newBatch(by, 1)
	if err := b.add(ctx, value, true); err != nil {
		return b.taken, err
	}
	act := audit.Signals
	for i := range signals {
		if k := signals[i].Kind; k == consent.Restriction || k == consent.Objection {
			act = audit.Restrict
		}
	}
	e := audit.Entry{Act: act, Subject: s.SubjectHash(b.people[0].named.key), Reason: reason, Details: details("", signals[0].Kind.String(), signals[0].Kind.Value(signals[0].Verdict))}
	if err := s.note(ctx, by, e); err != nil {
		return b.taken, err
	}
	if err := b.apply(ctx); err != nil {
		return b.taken, fmt.Errorf("note what was said of a person: %w", err)
	}
	return b.taken, nil
}

// batch is one call of Take.
type batch struct {
	*Service
	by     Actor
	taken  Taken
	said   []subject.Said
	people []person
	asked  map[subject.Key]int64 // as of when a row is to be erased; a request that was met already stands here too
}

func (s *Service) newBatch(by Actor, records int) *batch {
	return &batch{Service: s, by: by, taken: Taken{Records: records}, asked: map[subject.Key]int64{}}
}

// add reads one record. Strict: what is wrong with it is an error, and its instance must be one of the policy's.
func (b *batch) add(ctx context.Context, value []byte, strict bool) error {
	who, signals, err := consent.DecodeSignals(value, b.nowMs())
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrInput, err)
	}
	var named row
	if err == nil {
		named, err = b.name(who, strict)
	}
	if errors.Is(err, ErrInput) && !strict {
		b.taken.Refused++
		return nil
	}
	if err != nil {
		return err
	}
	if !policy.Class(who.Type).Everywhere() && !b.knows(who.Instance) {
		b.taken.Unplaced++
	}
	known, err := b.Known(signals)
	if err != nil && strict {
		return err
	}
	b.taken.Unknown += len(signals) - len(known)
	if signals = known; len(signals) == 0 {
		return nil
	}
	p, err := b.resolve(ctx, named)
	if err != nil {
		return err
	}
	p.reason = reasonOf(signals)
	b.taken.Signals += len(signals)
	b.people = append(b.people, p)
	for _, r := range p.rows {
		b.said = append(b.said, subject.Said{Key: r.key, Signals: signals})
		for i := range signals {
			if signals[i].Kind == consent.Erasure {
				b.asked[r.key] = max(b.asked[r.key], signals[i].At)
			}
		}
	}
	return nil
}

// Known leaves out, with an error, what allows something for a purpose that the policy does not know: it could be meant for another
// policy, or misspelled, and would count as soon as some purpose got that name. What denies is kept.
func (s *Service) Known(signals []consent.Signal) ([]consent.Signal, error) {
	var names []string
	for _, p := range s.Plan().Purposes {
		names = append(names, p.Name)
	}
	known := slices.DeleteFunc(slices.Clone(signals), func(one consent.Signal) bool {
		return one.Verdict == consent.Allow && one.Purpose != "" && one.Kind != consent.Restriction && !slices.Contains(names, one.Purpose)
	})
	if len(known) < len(signals) {
		return known, fmt.Errorf("%w: the policy has no such purpose; it has %s", ErrInput, strings.Join(names, ", "))
	}
	return known, nil
}

// reasonOf tells whether a platform asks for an erasure, or the person.
func reasonOf(signals []consent.Signal) Reason {
	for i := range signals {
		if signals[i].Kind == consent.Erasure && (strings.HasPrefix(signals[i].Source, "event:") || strings.HasSuffix(signals[i].Source, "-compliance")) {
			return OnPlatform
		}
	}
	return OnRequest
}

// apply merges what was said, announces it, and erases.
func (b *batch) apply(ctx context.Context) error {
	if len(b.said) == 0 {
		return nil
	}
	applied, err := b.Directory.ApplyAll(ctx, b.said)
	if err != nil {
		return err
	}
	held := map[subject.Key]bool{}
	for _, a := range applied {
		b.taken.Keys = append(b.taken.Keys, a.Key)
		b.taken.Tightened = b.taken.Tightened || a.Tightened
		if a.Held {
			b.taken.Held++
			held[a.Key] = true
		} else if a.Erase {
			b.asked[a.Key] = a.ErasedAs
		}
	}
	_, err = b.announce(ctx, b.taken.Keys, b.taken.Tightened, "signals")
	ending := slices.DeleteFunc(b.people, func(p person) bool {
		return !slices.ContainsFunc(p.rows, func(r row) bool { return b.asked[r.key] != 0 }) ||
			slices.ContainsFunc(p.rows, func(r row) bool { return held[r.key] })
	})
	if len(ending) == 0 {
		return err
	}
	done, eraseErr := b.erasePeople(ctx, cause{reason: OnRequest, by: b.by}, ending, func(k subject.Key) int64 { return b.asked[k] })
	b.taken.Erased = len(done)
	return errors.Join(err, eraseErr)
}

// spelledType gives the class of an identity type; any other word as it is.
func spelledType(word string) string {
	for i, t := range personTypes {
		if t == word {
			return personClasses()[i]
		}
	}
	return word
}
