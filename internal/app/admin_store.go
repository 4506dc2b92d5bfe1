// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
)

// StoreStats are the sizes of the store.
type StoreStats struct {
	People     int64 `json:"people"`
	Outbox     int64 `json:"outbox"` // rows: deletion events that wait, and receipts
	Requests   int64 `json:"requests"`
	DataKeys   int64 `json:"data_keys"`
	Bytes      int64 `json:"bytes"`
	StoreEpoch int   `json:"store_epoch"` // that seals now
}

func (a *Admin) storeStats(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	s, err := a.people.store.Stats(ctx)
	if err != nil {
		return err
	}
	stats := StoreStats{s.Rows[subject.People], s.Rows[subject.Outbox], s.Rows[subject.Requests], s.Rows[subject.DataKeys], s.Bytes, 0}
	if k := a.keys.StoreEpoch(); k != nil {
		stats.StoreEpoch = k.Epoch()
	}
	return write(out, stats)
}

// Rewrapped counts what was sealed anew.
type Rewrapped struct {
	People   int64 `json:"people"`
	Requests int   `json:"requests"` // and rows of the outbox
	Reveals  int   `json:"reveals"`
	Epoch    int   `json:"store_epoch"`
}

func (a *Admin) storeRewrap(ctx context.Context, by caller, _ struct{}, out io.Writer) error {
	done, err := a.rewrap(ctx, by)
	if err != nil {
		return err
	}
	return write(out, done)
}

// rewrap seals everything of older store epochs anew.
func (a *Admin) rewrap(ctx context.Context, by caller) (done Rewrapped, err error) {
	if err := a.keys.Reload(); err != nil {
		return done, err
	}
	if err := a.keys.Extend(a.now()); err != nil {
		return done, err
	}
	if done.People, err = a.people.directory.Rewrap(ctx, nil); err != nil {
		return done, err
	}
	if done.Requests, err = a.people.rights.Reseal(ctx); err != nil {
		return done, err
	}
	if done.Reveals, err = a.reveal.Rewrap(ctx); err != nil {
		return done, err
	}
	done.Epoch = a.keys.StoreEpoch().Epoch()
	return done, a.note(ctx, by, audit.Entry{Act: audit.Rewrap, Details: map[string]string{"epoch": strconv.Itoa(done.Epoch)}, Numbers: map[string]uint64{"people": uint64(done.People)}})
}

// storeBackup answers with a backup: bytes, sealed.
func (a *Admin) storeBackup(ctx context.Context, by caller, _ struct{}, out io.Writer) error {
	if err := a.note(ctx, by, audit.Entry{Act: audit.Backup}); err != nil {
		return err
	}
	_, err := a.people.directory.Backup(ctx, out)
	return err
}

// BackupInfo tells what a backup holds.
type BackupInfo struct {
	Made       time.Time `json:"made"`
	StoreEpoch int       `json:"store_epoch"` // destroying it destroys the backup
	People     int64     `json:"people"`
	Rows       int64     `json:"rows"`
	Unreadable int64     `json:"unreadable"` // rows of people
}

func infoOf(b *subject.BackupInfo) BackupInfo {
	info := BackupInfo{Made: at(b.Made), StoreEpoch: b.Epoch, People: b.Rows[subject.People], Unreadable: b.Unreadable}
	for n := range maps.Values(b.Rows) {
		info.Rows += n
	}
	return info
}

// VerifyBackup reads a backup of the store to its end.
func VerifyBackup(ctx context.Context, c *config.Config, in io.Reader) (BackupInfo, error) {
	keys, err := KeyringOf(c).Open()
	if err != nil {
		return BackupInfo{}, err
	}
	info, err := subject.VerifyBackup(ctx, in, keys)
	return infoOf(&info), err
}

// StoreRestored tells what a restore brought.
type StoreRestored struct {
	BackupInfo
	// EpochsFrom is when new epochs of all recipients begin, because people created since the backup get other secrets: no instance may
	// start before. Zero: nothing was lost.
	EpochsFrom time.Time `json:"epochs_from,omitzero"`
}

// RestoreStore brings a backup into the empty store of a configuration, then the ledger of erasures. No instance may run. stopped: none
// had used the store any more when the backup was made.
func RestoreStore(ctx context.Context, c *config.Config, roles []string, in io.Reader, stopped bool) (done StoreRestored, err error) {
	who, err := processUser(roles)
	if err != nil {
		return done, err
	}
	by := caller{who, operators[0]}
	a, err := openAdmin(ctx, c, who.Name, false)
	if err != nil {
		return done, answered(err)
	}
	kept, err := OpenStore(ctx, c, zerolog.Nop())
	if err != nil || kept == nil {
		return done, errors.Join(err, a.close(), missingStore(kept))
	}
	defer func() { err = errors.Join(answered(err), a.close(), kept.Close()) }()
	if err := a.note(ctx, by, audit.Entry{Act: audit.Restore}); err != nil {
		return done, err
	}
	conn, err := connection(c)
	if err != nil {
		return done, err
	}
	ledger := newTopics(conn)
	defer ledger.close()
	service := rights.New(rights.Options{
		Directory: subject.NewDirectory(subject.Options{Store: kept, Keys: a.keys, Cache: 1 << 14}), Store: kept, Keys: a.keys, Plan: a.plan, Topics: ledger,
		Audit: a.log, SubjectHash: subjectHash(a.keys), LedgerTopic: c.Ledger.Topic, Instance: a.config.Instance, Spread: c.Store.DeletionsWithin,
	})
	restored, err := subject.Restore(ctx, in, kept, subject.RestoreOptions{Keys: a.keys, Stopped: stopped, Replay: func(ctx context.Context, from map[int32]int64) error {
		_, _, err := service.ReplayLedger(ctx, from)
		return err
	}})
	if err != nil {
		return done, err
	}
	done.BackupInfo = infoOf(&restored.BackupInfo)
	if restored.Lost {
		done.EpochsFrom, err = a.beginEpochs(ctx, by)
	}
	return done, err
}

func missingStore(s subject.Store) error {
	if s == nil {
		return errors.New("nobody is kept here: the configuration has no store")
	}
	return nil
}

// beginEpochs begins a new epoch of every recipient of the plan as soon as that can be.
func (a *Admin) beginEpochs(ctx context.Context, by caller) (from time.Time, err error) {
	from = a.now().Add(keyring.Notice + time.Minute).Truncate(time.Second)
	for _, r := range a.plan().Recipients {
		e := audit.Entry{Act: audit.KeyEpoch, Recipient: r.Name, Details: map[string]string{"kind": "restore", "from": from.UTC().Format(time.RFC3339)}}
		if err := a.note(ctx, by, e); err != nil {
			return from, err
		}
		if err := a.keys.NewEpoch(r.Name, from, a.now()); err != nil {
			return from, fmt.Errorf("recipient %s: begin its new epoch yourself (nymstream keys epoch), before an instance starts: %w", r.Name, err)
		}
	}
	return from, nil
}

// overdue looks for what should have ended in the store, and what waits to be told to recipients.
func (a *Admin) overdue(ctx context.Context, report *RetentionReport) error {
	report.Waiting = new(WaitingReport)
	late, err := subject.Retention{
		Directory: a.people.directory, Rules: rulesOf(a.plan(), a.config.Store.Inactive),
		Reseal: func(context.Context) error { return nil }, // it only looks
		Waiting: func(ctx context.Context, each func(int64)) error {
			return a.people.rights.Waiting(ctx, func(since int64) {
				report.Waiting.add(at(since))
				each(since)
			})
		},
		Announce: func([]subject.Key) error { return nil },
	}.Overdue(ctx, a.now())
	if err != nil {
		return err
	}
	for _, l := range []struct {
		what string
		subject.Late
	}{
		{"people not seen for longer than store.inactive", late.People}, {"erasures and deletion events that wait for more than a day", late.Outbox},
		{"store epochs older than 30 days", late.StoreEpochs}, {"recipients' epochs past overlap and retention", late.RecipientEpochs}, {"quarantine days past their limit", late.Quarantine},
	} {
		if l.Count > 0 {
			report.Overdue = append(report.Overdue, OverdueReport{l.what, l.Count, at(l.Oldest)})
		}
	}
	return nil
}
