// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// entryVersion is the format of the ledger's entries.
const entryVersion = 1

// What the ledger holds that is not ours. Nothing of it is applied.
var (
	ErrForged  = fmt.Errorf("ledger entry that none of our keys authenticates: the ledger was written to by somebody else: %w", event.ErrFatal)
	ErrForeign = fmt.Errorf("ledger entry of another tenant or keyring; configure the ledger's topic of this one: %w", event.ErrFatal)
)

// entry is one erasure in the ledger. It names a person by lookup key only.
type entry struct {
	V          int         `json:"v"`
	Tenant     string      `json:"tenant"`
	Keyring    string      `json:"keyring"` // id
	Key        subject.Key `json:"-"`
	Hex        string      `json:"key"`        // Key in hexadecimal
	Generation uint32      `json:"generation"` // of the tombstone
	ErasedAt   int64       `json:"erased_at"`  // milliseconds since the Unix epoch
	Type       string      `json:"type,omitempty"`
	Reason     Reason      `json:"reason"`
}

func (s *Service) entry(r row, generation uint32, at int64, reason Reason) entry {
	return entry{
		V: entryVersion, Tenant: s.Keys.Tenant(), Keyring: s.Keys.ID(), Key: r.key, Hex: fmt.Sprintf("%x", r.key[:]), Generation: generation,
		ErasedAt: at, Type: r.identityType(), Reason: reason,
	}
}

// UnmarshalJSON sets Key too.
func (e *entry) UnmarshalJSON(data []byte) error {
	type plain entry
	if err := json.Unmarshal(data, (*plain)(e)); err != nil {
		return errors.New("no ledger entry")
	}
	key, err := parseKey(e.Hex)
	e.Key = key
	return err
}

// authenticated is an entry as the topic has it: the MAC is that of ledgerLabel ‖ the bytes of entry.
type authenticated struct {
	Entry json.RawMessage `json:"entry"`
	MAC   []byte          `json:"mac"`
}

func (s *Service) ledgerText(raw []byte) []byte {
	return append(keyring.AppendLabel(nil, "ledger", s.Keys.Tenant(), s.Keys.ID()), raw...)
}

func (s *Service) ledgerMessage(e entry) (Message, error) {
	mac := s.Keys.ControlMAC()
	if mac == nil {
		return Message{}, fmt.Errorf("the keyring has no control key; extend it: %w", keyring.ErrNoKey)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return Message{}, err
	}
	value, err := json.Marshal(authenticated{raw, mac.Sum(nil, s.ledgerText(raw))})
	return Message{Topic: s.LedgerTopic, Partition: ByKey, Key: e.Key[:], Value: value, Time: s.nowMs()}, err
}

// enter appends the erasures of receipts to the ledger, and notes with each where it lies. A pending one is pending no longer.
func (s *Service) enter(ctx context.Context, all []*receipt) error {
	if len(all) == 0 {
		return nil
	}
	messages := make([]Message, len(all))
	for i, rec := range all {
		var err error
		if messages[i], err = s.ledgerMessage(rec.Entry); err != nil {
			return err
		}
	}
	if err := s.Topics.Append(ctx, s.LedgerTopic, messages); err != nil {
		return fmt.Errorf("append erasures to the ledger: %w", err)
	}
	reached := map[int32]int64{}
	for i, rec := range all {
		rec.Pending, rec.Partition, rec.Offset = false, messages[i].Partition, messages[i].Offset
		reached[rec.Partition] = max(reached[rec.Partition], rec.Offset+1)
		if err := s.settleReceipt(ctx, rec); err != nil {
			return err
		}
	}
	return s.noteLedger(ctx, reached)
}

// settleReceipt writes that the ledger has an erasure, where the store has a receipt of it.
func (s *Service) settleReceipt(ctx context.Context, rec *receipt) error {
	for range rounds {
		changes, err := s.receiptChanges(ctx, rec, false)
		if err != nil {
			return err
		}
		ok, err := s.Store.Commit(ctx, changes)
		if ok || err != nil {
			return err
		}
	}
	return errContended
}

// apply brings one entry into the store. It gives the key where a life ended by it.
func (s *Service) apply(ctx context.Context, m *Message) (ended *subject.Key, err error) {
	e, err := s.readEntry(m)
	if err != nil {
		return nil, err
	}
	r := row{key: e.Key, types: personTypes}
	if e.Type != "" {
		r.types = []string{e.Type}
	}
	erase := func() (subject.Erased, error) {
		return s.Directory.EraseWith(ctx, e.Key, e.ErasedAt, func(was *subject.Person) ([]subject.Change, error) {
			rec := s.begin(r, was, e.ErasedAt, e.Reason, nil)
			rec.Pending, rec.Partition, rec.Offset = false, m.Partition, m.Offset
			_, changes, err := s.compose(ctx, was, r.types, rec)
			return changes, err
		})
	}
	erased, err := erase()
	if errors.Is(err, subject.ErrHeld) { // an older copy of the row: the hold was released before the erasure was accepted
		release := consent.Signal{Kind: consent.Hold, Verdict: consent.Allow, At: max(s.nowMs(), e.ErasedAt), Source: "ledger"}
		if _, err = s.Directory.Apply(ctx, e.Key, release); err == nil {
			erased, err = erase()
		}
	}
	if err != nil || erased.Was == nil {
		return nil, err
	}
	return &e.Key, nil
}

func (s *Service) readEntry(m *Message) (e entry, err error) {
	var a authenticated
	if json.Unmarshal(m.Value, &a) != nil {
		return e, ErrForged
	}
	var head struct {
		V       int    `json:"v"`
		Tenant  string `json:"tenant"`
		Keyring string `json:"keyring"`
	}
	if json.Unmarshal(a.Entry, &head) != nil {
		return e, ErrForged
	}
	if head.Tenant != s.Keys.Tenant() || head.Keyring != s.Keys.ID() {
		return e, ErrForeign
	}
	mac := s.Keys.ControlMAC()
	if mac == nil {
		return e, fmt.Errorf("the keyring has no control key: %w", keyring.ErrNoKey)
	}
	if mac.Verify(a.MAC, s.ledgerText(a.Entry)) != nil {
		return e, ErrForged
	}
	if head.V != entryVersion {
		return e, ErrFormat
	}
	return e, json.Unmarshal(a.Entry, &e)
}

// ReplayLedger brings every erasure from a position on into the store, also those of people whose row an older copy of the store has
// as it was, or not at all; nil: from the beginning. It does no harm to what is erased already, or has begun anew since. It gives how
// many entries it read, and the position after them, which it remembers. ErrForged, ErrForeign and ErrFormat end it: nothing may be
// decided on such a store.
func (s *Service) ReplayLedger(ctx context.Context, from map[int32]int64) (n int, reached map[int32]int64, err error) {
	reached = maps.Clone(from)
	if reached == nil {
		reached = map[int32]int64{}
	}
	var ended []subject.Key
	err = s.Topics.Scan(ctx, s.LedgerTopic, from, func(m *Message) error {
		key, err := s.apply(ctx, m)
		if err != nil {
			return fmt.Errorf("partition %d, offset %d: %w", m.Partition, m.Offset, err)
		}
		if key != nil {
			ended = append(ended, *key)
		}
		n++
		reached[m.Partition] = m.Offset + 1
		return nil
	})
	if _, announceErr := s.announce(ctx, ended, true, "ledger"); announceErr != nil {
		err = errors.Join(err, announceErr)
	}
	if err == nil {
		err = s.noteLedger(ctx, reached)
	}
	if err != nil {
		return n, reached, fmt.Errorf("replay the ledger: %w", err)
	}
	return n, reached, nil
}

const ledgerRow = "ledger position"

// LedgerPosition gives, by partition, up to where the ledger is in the store for certain. Every entry came after its erasure was in
// the store that accepted it, so that store is never behind.
func (s *Service) LedgerPosition(ctx context.Context) (map[int32]int64, error) {
	position, _, err := s.ledgerPosition(ctx)
	return position, err
}

func (s *Service) ledgerPosition(ctx context.Context) (map[int32]int64, subject.Row, error) {
	rows := []subject.Row{{Key: subject.MetaKey(ledgerRow)}}
	if err := s.Store.Load(ctx, subject.Meta, rows); err != nil {
		return nil, rows[0], fmt.Errorf("read the ledger's position: %w", err)
	}
	position := map[int32]int64{}
	if rows[0].Version > 0 && json.Unmarshal(rows[0].Body, &position) != nil {
		return nil, rows[0], fmt.Errorf("the ledger's position: %w", ErrDamaged)
	}
	return position, rows[0], nil
}

// noteLedger moves the position, never back.
func (s *Service) noteLedger(ctx context.Context, reached map[int32]int64) error {
	for range rounds {
		position, r, err := s.ledgerPosition(ctx)
		if err != nil {
			return err
		}
		moved := false
		for p, o := range reached {
			if o > position[p] {
				position[p], moved = o, true
			}
		}
		if !moved {
			return nil
		}
		if r.Body, err = json.Marshal(position); err != nil {
			return err
		}
		lost, err := s.Store.Swap(ctx, subject.Meta, []subject.Row{r})
		if err != nil {
			return fmt.Errorf("note the ledger's position: %w", err)
		}
		if len(lost) == 0 {
			return nil
		}
	}
	return errContended
}
