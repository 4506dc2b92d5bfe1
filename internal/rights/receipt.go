// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Space Outbox holds three kinds of rows, told apart by the first byte of their keys. Whoever reads them in the order of their keys
// meets deletions before the receipt that was written in the same commit: none whose erasure the ledger lacks is missed.
const (
	deletionRow = 1 // then random: it is in nobody's order
	pendingRow  = 2 // a receipt that the ledger lacks: then SHA-256 of lookup key and generation
	receiptRow  = 3 // a receipt that the ledger has: the same
)

const (
	useDeletions = "deletions"
	useReceipt   = "receipt"
)

// receipt remembers what an erased row meant to recipients. It is pending until the ledger has the erasure, and is kept for as long as
// somebody may ask for a certificate again.
type receipt struct {
	Entry      entry  `json:"entry"`
	Made       int64  `json:"made"` // milliseconds since the Unix epoch
	Pending    bool   `json:"pending"`
	Partition  int32  `json:"partition"` // where the ledger has it, unless pending
	Offset     int64  `json:"offset"`
	Recipients []Told `json:"recipients"`
	With       []ref  `json:"with,omitempty"` // the person's rows that were erased before this one, which lead to it no more
}

// ref names the receipt of another row.
type ref struct {
	Key        subject.Key `json:"key"`
	Generation uint32      `json:"generation"`
}

// Told is what was told to one recipient.
type Told struct {
	Name       string `json:"name"`
	Topic      string `json:"topic"` // "": the policy has none any more, and nobody is told
	Epochs     []int  `json:"epochs"`
	Pseudonyms int    `json:"pseudonyms"`
	Events     int    `json:"deletion_events"`
}

// deletions are events to be published together, of one person.
type deletions struct {
	Key    subject.Key `json:"key"` // to be announced before
	Made   int64       `json:"made"`
	Due    int64       `json:"due,omitempty"` // not published before; milliseconds since the Unix epoch
	Events []deletion  `json:"events"`
}

type deletion struct {
	Recipient string `json:"r"`
	Pseudonym string `json:"p"`
}

// Format hides the pseudonym, whatever the verb.
func (deletion) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[pseudonym]") }

// mostDeletions are in one row of the outbox: a quarter of a megabyte.
const mostDeletions = 4096

func receiptKey(kind byte, key subject.Key, generation uint32) (k subject.Key) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(key[:], generation))
	copy(k[:], sum[:])
	k[0] = kind
	return k
}

// compose fills the receipt of a person whose life ends now, and makes the outbox rows.
func (s *Service) compose(ctx context.Context, was *subject.Person, types []string, rec *receipt) (*receipt, []subject.Change, error) {
	all, err := s.issued(was, types)
	if err != nil {
		return nil, nil, err
	}
	events := rec.count(all, s.topics())
	var changes []subject.Change
	for part := range slices.Chunk(events, s.rowDeletions()) {
		var key subject.Key
		randomKey(&key, deletionRow)
		sealed, err := s.seal(useDeletions, key, deletions{rec.Entry.Key, rec.Made, s.due(rec.Made), part})
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, subject.Change{Space: subject.Outbox, Row: subject.Row{Key: key, Body: sealed}})
	}
	kept, err := s.receiptChanges(ctx, rec, true)
	return rec, append(changes, kept...), err
}

// count notes what recipients are told of pseudonyms, and gives the deletion events.
func (rec *receipt) count(all []Pseudonym, topics map[string]string) (events []deletion) {
	for _, p := range all {
		told := rec.recipient(p.Recipient, topics[p.Recipient])
		told.Pseudonyms++
		if !slices.Contains(told.Epochs, p.Epoch) {
			told.Epochs = append(told.Epochs, p.Epoch)
		}
		if told.Topic != "" {
			told.Events++
			events = append(events, deletion{p.Recipient, p.Text})
		}
	}
	return events
}

// recipient finds or begins what a recipient was told.
func (rec *receipt) recipient(name, topic string) *Told {
	for i := range rec.Recipients {
		if rec.Recipients[i].Name == name {
			return &rec.Recipients[i]
		}
	}
	rec.Recipients = append(rec.Recipients, Told{Name: name, Topic: topic})
	return &rec.Recipients[len(rec.Recipients)-1]
}

// topics gives the recipients' topics by their names.
func (s *Service) topics() map[string]string {
	plan := s.Plan()
	topics := make(map[string]string, len(plan.Recipients))
	for i := range plan.Recipients {
		topics[plan.Recipients[i].Name] = plan.Recipients[i].Topic
	}
	return topics
}

// receiptRows gives what lies where a receipt may lie: pending, then done.
func (s *Service) receiptRows(ctx context.Context, key subject.Key, generation uint32) ([]subject.Row, error) {
	rows := []subject.Row{{Key: receiptKey(pendingRow, key, generation)}, {Key: receiptKey(receiptRow, key, generation)}}
	return rows, s.Store.Load(ctx, subject.Outbox, rows)
}

// receiptChanges puts a receipt where it belongs, and nowhere else. Without create it does nothing where there is none.
func (s *Service) receiptChanges(ctx context.Context, rec *receipt, create bool) ([]subject.Change, error) {
	rows, err := s.receiptRows(ctx, rec.Entry.Key, rec.Entry.Generation)
	if err != nil {
		return nil, err
	}
	if !create && rows[0].Version == 0 && rows[1].Version == 0 {
		return nil, nil
	}
	here, other := rows[1], rows[0]
	if rec.Pending {
		here, other = other, here
	}
	if here.Body, err = s.seal(useReceipt, here.Key, rec); err != nil {
		return nil, err
	}
	changes := []subject.Change{{Space: subject.Outbox, Row: here}}
	if other.Version > 0 {
		other.Body = nil
		changes = append(changes, subject.Change{Space: subject.Outbox, Row: other})
	}
	return changes, nil
}

// receiptOf finds the receipt of a tombstone; nil: there is none, or none that opens any more.
func (s *Service) receiptOf(ctx context.Context, key subject.Key, generation uint32) (*receipt, error) {
	rows, err := s.receiptRows(ctx, key, generation)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.Version == 0 {
			continue
		}
		rec := new(receipt)
		err := s.open(useReceipt, r.Key, r.Body, rec)
		if errors.Is(err, keyring.ErrDestroyed) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("receipt of an erasure: %w", err)
		}
		return rec, nil
	}
	return nil, nil
}

// merge puts together what recipients were told of several rows, by name.
func merge(all []*receipt) []Told {
	var sum receipt
	for _, rec := range all {
		for _, t := range rec.Recipients {
			to := sum.recipient(t.Name, t.Topic)
			to.Pseudonyms += t.Pseudonyms
			to.Events += t.Events
			to.Epochs = append(to.Epochs, t.Epochs...)
		}
	}
	for i := range sum.Recipients {
		t := &sum.Recipients[i]
		slices.Sort(t.Epochs)
		t.Epochs = slices.Compact(t.Epochs)
	}
	slices.SortFunc(sum.Recipients, func(a, b Told) int { return strings.Compare(a.Name, b.Name) })
	return sum.Recipients
}
