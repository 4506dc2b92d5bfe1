// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
)

const (
	dayLength        = 24 * time.Hour
	mostEpoch        = 30 * dayLength // from the begin of a store epoch to its end for good: what was erased can be opened no longer
	mostQuarantine   = 30 * dayLength
	mostWaiting      = dayLength // in the outbox
	usualRewrap      = 7 * dayLength
	usualRestorable  = 21 * dayLength
	usualQuarantined = 7 * dayLength
)

// Rules say how long things are kept. Zero is the default.
type Rules struct {
	Inactive   time.Duration            // since a person was last seen, after which they expire, at most a week late; default: never
	Rewrap     time.Duration            // how long a store epoch seals; default 7 days
	Restorable time.Duration            // how long an ended store epoch is kept for its backups; default 21 days, with Rewrap at most 30
	Quarantine time.Duration            // from the begin of a quarantine day to the end of its keys; default 7 days, at most 30
	Recipients map[string]time.Duration // overlap plus retention: how long the keys of an ended epoch are kept; not named: for ever
}

func (r *Rules) validate() error {
	r.Rewrap = cmp.Or(r.Rewrap, usualRewrap)
	r.Restorable = cmp.Or(r.Restorable, usualRestorable)
	r.Quarantine = cmp.Or(r.Quarantine, usualQuarantined)
	switch {
	case r.Inactive < 0:
		return errors.New("inactivity is shorter than nothing; give a time, or 0 for never")
	case r.Rewrap < keyring.Notice || r.Restorable < keyring.Notice:
		return fmt.Errorf("a store epoch seals, and is kept after it, for at least %s", keyring.Notice)
	case r.Rewrap+r.Restorable > mostEpoch:
		return errors.New("a store epoch is kept for more than 30 days in all, so that erased people could be read from stolen copies; shorten either time")
	case r.Quarantine < dayLength || r.Quarantine > mostQuarantine:
		return errors.New("quarantine is kept for 1 to 30 days")
	}
	return nil
}

// Late counts what should be gone.
type Late struct {
	Count  int64 `json:"count"`
	Oldest int64 `json:"oldest,omitzero"` // milliseconds since the Unix epoch
}

func (l *Late) add(at int64) {
	if l.Count++; l.Count == 1 || at < l.Oldest {
		l.Oldest = at
	}
}

// Overdue is what should be gone and is not, with the time that each count goes by.
type Overdue struct {
	People          Late `json:"people"`           // inactive: the day they were last seen
	StoreEpochs     Late `json:"store_epochs"`     // older than 30 days: their begin
	RecipientEpochs Late `json:"recipient_epochs"` // past overlap and retention: their end
	Quarantine      Late `json:"quarantine"`       // days past their limit: their begin
	Outbox          Late `json:"outbox"`           // waiting for more than a day: since when
}

// Empty tells whether nothing is overdue.
func (o *Overdue) Empty() bool { return *o == Overdue{} }

// Act is something that Tidy does.
type Act string

const (
	ActExpire            Act = "expire"              // Count people
	ActBeginStoreEpoch   Act = "begin-store-epoch"   // after Epoch, which still seals until the keyring is extended
	ActRewrap            Act = "rewrap"              // Count secrets of people
	ActDestroyStoreEpoch Act = "destroy-store-epoch" // Epoch
	ActDestroyEpoch      Act = "destroy-epoch"       // Epoch of Recipient
	ActDestroyQuarantine Act = "destroy-quarantine"  // the keys of all days before Day
)

// Deed is what Tidy did. Where keys were destroyed, copies of the keyring still hold them until its KEK is rotated too.
type Deed struct {
	Act       Act    `json:"act"`
	Recipient string `json:"recipient,omitempty"`
	Epoch     int    `json:"epoch,omitempty"`
	Day       string `json:"day,omitempty"` // such as 2026-11-23
	Count     int64  `json:"count,omitempty"`
}

// Retention keeps what is kept no longer than the rules say.
type Retention struct {
	Directory *Directory
	Rules     Rules

	// Reseal brings what others keep sealed in spaces Outbox, Requests and Meta under the newest store epoch.
	Reseal func(context.Context) error
	// Waiting gives the times, in milliseconds since the Unix epoch, since which erasures and deletion events wait in the outbox.
	Waiting func(ctx context.Context, each func(since int64)) error
	// Announce tells every instance of people who have expired.
	Announce func([]Key) error
	// Before hears of a change of keys before it is made; its error forbids it. May be nil.
	Before func(Deed) error
}

func (r *Retention) validate() error {
	if r.Directory == nil || r.Reseal == nil || r.Waiting == nil || r.Announce == nil {
		return errors.New("retention needs a directory, Reseal, Waiting and Announce")
	}
	return r.Rules.validate()
}

// lapsed tells whether a row is past inactivity. Last seen may lag by a week: nobody expires early.
func lapsed(b *body, before int32, now int64) bool {
	return len(b.secret) > 0 && b.lastSeen < before && !b.standing.Refuses(consent.Hold, now)
}

// inactiveBefore is the day since which those who do not expire were seen.
func (r *Rules) inactiveBefore(now time.Time) int32 {
	return Day(now.Add(-r.Inactive).UnixMilli()) - touchDays
}

// Overdue reads all people and the outbox, and changes nothing.
func (r Retention) Overdue(ctx context.Context, now time.Time) (late Overdue, err error) {
	if err := r.validate(); err != nil {
		return late, err
	}
	if err := r.Directory.keys.Reload(); err != nil {
		return late, fmt.Errorf("look for what is overdue: %w", err)
	}
	if r.Rules.Inactive > 0 {
		err = r.Directory.inactive(ctx, r.Rules.inactiveBefore(now), now.UnixMilli(), &late.People)
	}
	if err == nil {
		err = r.Waiting(ctx, func(since int64) {
			if now.UnixMilli()-since > mostWaiting.Milliseconds() {
				late.Outbox.add(since)
			}
		})
	}
	if err != nil {
		return late, fmt.Errorf("look for what is overdue: %w", err)
	}
	list := r.Directory.keys.List(now)
	for _, e := range list {
		if e.Role == keyring.RoleStore && e.Status != keyring.Destroyed && now.Sub(e.From) > mostEpoch {
			late.StoreEpochs.add(e.From.UnixMilli())
		}
	}
	for _, e := range r.Rules.dueEpochs(list, now) {
		late.RecipientEpochs.add(e.To.UnixMilli())
	}
	for _, e := range r.Rules.dueDays(list, now) {
		late.Quarantine.add(e.From.UnixMilli())
	}
	return late, nil
}

// inactive counts people who are past inactivity.
func (d *Directory) inactive(ctx context.Context, before int32, now int64, late *Late) error {
	var b body
	return d.store.Scan(ctx, People, Key{}, func(rows []Row) error {
		for i := range rows {
			if err := b.parse(rows[i].Body); err != nil {
				return err
			}
			if lapsed(&b, before, now) {
				late.add(int64(b.lastSeen) * dayMs)
			}
		}
		return nil
	})
}

// dueEpochs gives the epochs of recipients whose keys are kept no longer, once each.
func (r *Rules) dueEpochs(list []keyring.Entry, now time.Time) (due []keyring.Entry) {
	for _, e := range list {
		keep, known := r.Recipients[e.Recipient]
		if e.Role == keyring.RoleDomain && e.Status == keyring.Ended && known && !now.Before(e.To.Add(keep)) {
			due = append(due, e)
		}
	}
	return due
}

// dueDays gives the quarantine days whose keys are kept no longer.
func (r *Rules) dueDays(list []keyring.Entry, now time.Time) (due []keyring.Entry) {
	for _, e := range list {
		if e.Role == keyring.RoleQuarantine && !now.Before(e.From.Add(r.Quarantine)) {
			due = append(due, e)
		}
	}
	return due
}

// dueStoreEpochs gives the ended store epochs that backups need no longer. An epoch ended when the next began.
func (r *Rules) dueStoreEpochs(list []keyring.Entry, now time.Time) (due []int) {
	var last keyring.Entry // store epochs come in their order
	for _, e := range list {
		if e.Role != keyring.RoleStore {
			continue
		}
		if last.Status == keyring.Ended && !now.Before(e.From.Add(r.Restorable)) {
			due = append(due, last.Epoch)
		}
		last = e
	}
	return due
}
