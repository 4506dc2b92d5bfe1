// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Names of rows of space Meta that a backup keeps, see MetaKey. It leaves all others out: leases and offsets are of one store only, and
// signals are merged again from the beginning of their topic, which changes nothing that was merged before.
const (
	LedgerRow     = "ledger position"    // JSON: offset of the ledger's next entry by partition
	HoneytokenRow = "reveal honeytokens" // opaque here
)

// backupSpaces is the order of a backup. Rows go on changing meanwhile: an erasure that comes between lies in the ledger after the
// position of the backup, and its deletion events are read after the tombstone; data keys are there before a person names them.
var backupSpaces = []Space{People, Outbox, Requests, DataKeys}

// BackupInfo tells what a backup holds. Nothing in it is of a person.
type BackupInfo struct {
	BackupHead
	BackupTail
}

// BackupHead begins a backup, in clear and authenticated. Its ledger position is that of the moment before the first row was read.
type BackupHead struct {
	Store   string          `json:"store"`   // id
	Keyring string          `json:"keyring"` // id
	Made    int64           `json:"made"`    // milliseconds since the Unix epoch
	Epoch   int             `json:"epoch"`   // store epoch whose key seals the backup: destroying it destroys the backup
	Epochs  []int           `json:"epochs"`  // store epochs that its rows may be sealed in
	Ledger  map[int32]int64 `json:"ledger"`  // position by partition
}

// BackupTail ends a backup.
type BackupTail struct {
	Rows       map[Space]int64 `json:"rows"`
	Secrets    map[int]int64   `json:"secrets"`    // people's secrets by the store epoch they are sealed in
	Unreadable int64           `json:"unreadable"` // rows of people that do not read; they are kept as they are
	Digest     []byte          `json:"digest"`     // SHA-256 of all rows
	Format     int             `json:"format"`     // of the store; 0: the first
}

// Backup writes a backup of the store while it is used: people, outbox, requests, data keys, and what else is the store's own for
// longer than an instance lives. It can be opened for as long as the store epoch that now seals is not destroyed.
func (d *Directory) Backup(ctx context.Context, w io.Writer) (BackupInfo, error) {
	info, err := d.backup(ctx, w)
	if err != nil {
		return info, fmt.Errorf("back up the store: %w", err)
	}
	return info, nil
}

func (d *Directory) backup(ctx context.Context, w io.Writer) (info BackupInfo, err error) {
	if err := Ready(ctx, d.store); err != nil {
		return info, err
	}
	key, err := d.storeKey()
	if err != nil {
		return info, err
	}
	if info.BackupHead, err = d.backupHead(ctx, key.Epoch()); err != nil {
		return info, err
	}
	to := bufio.NewWriterSize(w, 1<<16)
	chunks, err := beginBackup(to, &info.BackupHead, key)
	if err != nil {
		return info, err
	}
	b := backupWriter{to: chunks, digest: sha256.New(), tail: BackupTail{Rows: map[Space]int64{}, Secrets: map[int]int64{}}}
	for _, space := range backupSpaces {
		if err := d.store.Scan(ctx, space, Key{}, func(rows []Row) error { return b.rows(space, rows) }); err != nil {
			return info, err
		}
	}
	kept := []Row{{Key: MetaKey(HoneytokenRow)}}
	if err := d.store.Load(ctx, Meta, kept); err != nil {
		return info, err
	}
	kept = slices.DeleteFunc(kept, func(r Row) bool { return r.Version == 0 })
	if b.tail.Format, err = StoreFormat(ctx, d.store); err != nil { // now: no row is newer
		return info, err
	}
	if err := errors.Join(b.rows(Meta, kept), b.end()); err != nil {
		return info, err
	}
	info.BackupTail = b.tail
	return info, to.Flush()
}

func (d *Directory) backupHead(ctx context.Context, epoch int) (h BackupHead, err error) {
	h = BackupHead{Keyring: d.keys.ID(), Made: d.now().UnixMilli(), Epoch: epoch, Epochs: []int{}}
	if h.Ledger, err = ledgerPosition(ctx, d.store); err != nil {
		return h, err
	}
	for _, e := range d.keys.List(d.now()) {
		if e.Role == keyring.RoleStore && e.Status != keyring.Destroyed {
			h.Epochs = append(h.Epochs, e.Epoch)
		}
	}
	h.Store, err = StoreID(ctx, d.store)
	return h, err
}

// ledgerPosition reads up to where the store has the ledger.
func ledgerPosition(ctx context.Context, s Store) (map[int32]int64, error) {
	rows := []Row{{Key: MetaKey(LedgerRow)}}
	if err := s.Load(ctx, Meta, rows); err != nil {
		return nil, fmt.Errorf("read the ledger's position: %w", err)
	}
	position := map[int32]int64{}
	if rows[0].Version > 0 && json.Unmarshal(rows[0].Body, &position) != nil {
		return nil, fmt.Errorf("the ledger's position: %w", ErrDamaged)
	}
	return position, nil
}

// backupWriter writes rows: space, a byte ‖ key, 16 bytes ‖ length of the body, a uvarint ‖ body. Space 0 ends them: after it come
// the length, a uvarint, and the JSON of the tail.
type backupWriter struct {
	to      *chunkWriter
	digest  hash.Hash
	tail    BackupTail
	scratch []byte
	body    body
}

func (b *backupWriter) rows(space Space, rows []Row) error {
	for i := range rows {
		r := &rows[i]
		if space == People {
			b.count(r.Body)
		}
		b.tail.Rows[space]++
		b.scratch = append(append(b.scratch[:0], byte(space)), r.Key[:]...)
		b.scratch = binary.AppendUvarint(b.scratch, uint64(len(r.Body)))
		b.scratch = append(b.scratch, r.Body...)
		b.digest.Write(b.scratch)
		if _, err := b.to.Write(b.scratch); err != nil {
			return err
		}
	}
	return nil
}

func (b *backupWriter) count(raw []byte) {
	switch err := b.body.parse(raw); {
	case err != nil:
		b.tail.Unreadable++
	case len(b.body.secret) > 0:
		b.tail.Secrets[b.body.epoch]++
	}
}

func (b *backupWriter) end() error {
	b.tail.Digest = b.digest.Sum(nil)
	raw, err := json.Marshal(b.tail)
	if err != nil {
		return err
	}
	b.scratch = binary.AppendUvarint(append(b.scratch[:0], 0), uint64(len(raw)))
	if _, err := b.to.Write(append(b.scratch, raw...)); err != nil {
		return err
	}
	return b.to.close()
}
