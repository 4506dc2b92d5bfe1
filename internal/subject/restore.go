// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

// What stands in the way of a restore, or of using a store.
var (
	ErrRestoring = fmt.Errorf("the store is only partly restored; run the restore again, until it succeeds: %w", event.ErrFatal)
	ErrNotEmpty  = fmt.Errorf("the store is not empty; restore into a new one: %w", event.ErrFatal)
	errWritten   = fmt.Errorf("somebody else writes to the store; stop all instances and restore again: %w", event.ErrFatal)
)

const (
	restoringName = "restoring"
	mostBody      = 1 << 28 // bytes of a row in a backup
	restoreRows   = 2000    // written at a time
	restoreBytes  = 1 << 20 // of bodies written at a time, and at most one more
)

// Ready refuses a store whose restore has not come to its end, ErrRestoring, and one that a newer release finalized, ErrFinalized. Ask
// it before a store is used.
func Ready(ctx context.Context, s Store) error {
	mark, err := restoringMark(ctx, s)
	if err == nil && mark.Version > 0 {
		err = ErrRestoring
	}
	if err == nil {
		_, err = StoreFormat(ctx, s)
	}
	return err
}

func restoringMark(ctx context.Context, s Store) (Row, error) {
	rows := []Row{{Key: MetaKey(restoringName)}}
	if err := s.Load(ctx, Meta, rows); err != nil {
		return Row{}, fmt.Errorf("see whether the store was restored: %w", err)
	}
	return rows[0], nil
}

// VerifyBackup reads a backup to its end and writes nothing.
func VerifyBackup(ctx context.Context, r io.Reader, keys *keyring.Keyring) (BackupInfo, error) {
	b, err := readHead(r, keys)
	if err == nil {
		err = b.read(ctx, func(Space, Row) error { return nil })
	}
	if err != nil {
		return BackupInfo{}, fmt.Errorf("verify a backup: %w", err)
	}
	return b.info, nil
}

// RestoreOptions of Restore. Keys and Replay are required.
type RestoreOptions struct {
	Keys    *keyring.Keyring
	Replay  func(ctx context.Context, from map[int32]int64) error // brings the ledger, from a position to its end, into the store
	Stopped bool                                                  // the store was not used any more when the backup began
}

// Restored tells what a restore brought.
type Restored struct {
	BackupInfo
	NewStore string // id of the store from now on

	// Lost says that people may have been created whom the backup lacks, or whose secrets no longer open. They get other secrets, so
	// that one identifier would have two pseudonyms in an epoch: begin a new epoch of every recipient (keyring.NewEpoch), and use the
	// store when those have begun.
	Lost bool
}

// Restore brings a backup into an empty store, then the ledger, so that nobody erased since comes back. Until it returns without
// error Ready refuses the store; it can be run again then, and begins by clearing what an earlier run brought.
func Restore(ctx context.Context, r io.Reader, s Store, o RestoreOptions) (Restored, error) {
	restored, err := restore(ctx, r, s, &o)
	if err != nil {
		return restored, fmt.Errorf("restore the store: %w", err)
	}
	return restored, nil
}

func restore(ctx context.Context, r io.Reader, s Store, o *RestoreOptions) (done Restored, err error) {
	if o.Keys == nil || o.Replay == nil {
		return done, errors.New("a keyring and the replay of the ledger are needed")
	}
	b, err := readHead(r, o.Keys)
	if err != nil {
		return done, err
	}
	for _, epoch := range b.info.Epochs {
		if _, err := o.Keys.StoreKeyOf(epoch); err != nil && !errors.Is(err, keyring.ErrDestroyed) {
			return done, fmt.Errorf("store epoch %d: %w; use the newest copy of the keyring", epoch, err)
		}
	}
	if err := markRestoring(ctx, s); err != nil {
		return done, err
	}
	if err := bring(ctx, s, b); err != nil {
		return done, err
	}
	if err := o.Replay(ctx, maps.Clone(b.info.Ledger)); err != nil {
		return done, fmt.Errorf("replay the ledger: %w", err)
	}
	now, err := ledgerPosition(ctx, s)
	if err != nil {
		return done, err
	}
	done = Restored{BackupInfo: b.info, Lost: !o.Stopped || !maps.Equal(now, b.info.Ledger) || lostSecrets(&b.info, o.Keys)}
	done.NewStore, err = finishRestore(ctx, s)
	return done, err
}

// lostSecrets tells whether a backup has secrets that were sealed in a store epoch which is destroyed.
func lostSecrets(info *BackupInfo, keys *keyring.Keyring) bool {
	for epoch := range info.Secrets {
		if _, err := keys.StoreKeyOf(epoch); err != nil {
			return true
		}
	}
	return info.Unreadable > 0
}

// markRestoring marks an empty store, or clears one that is marked.
func markRestoring(ctx context.Context, s Store) error {
	mark, err := restoringMark(ctx, s)
	if err != nil {
		return err
	}
	if mark.Version > 0 {
		return clearStore(ctx, s)
	}
	for _, space := range append(backupSpaces[:len(backupSpaces):len(backupSpaces)], Meta) {
		rows, err := firstRows(ctx, s, space, 2)
		if err != nil {
			return err
		}
		for i := range rows {
			if space != Meta || rows[i].Key != MetaKey(storeIDName) {
				return ErrNotEmpty
			}
		}
	}
	mark.Body = []byte{1}
	return insert(ctx, s, Meta, []Row{mark})
}

// clearStore deletes every row but the mark.
func clearStore(ctx context.Context, s Store) error {
	for _, space := range append(backupSpaces[:len(backupSpaces):len(backupSpaces)], Meta) {
		for {
			rows, err := firstRows(ctx, s, space, blockRows)
			if err != nil {
				return err
			}
			var changes []Change
			for _, r := range rows {
				if space != Meta || r.Key != MetaKey(restoringName) {
					changes = append(changes, Change{space, Row{Key: r.Key, Version: r.Version}})
				}
			}
			if len(changes) == 0 {
				break
			}
			if ok, err := s.Commit(ctx, changes); err != nil || !ok {
				return cmp.Or(err, errWritten)
			}
		}
	}
	return nil
}

// firstRows gives keys and versions of up to n rows of a space, the first ones.
func firstRows(ctx context.Context, s Store, space Space, n int) (rows []Row, err error) {
	err = s.Scan(ctx, space, Key{}, func(block []Row) error {
		for i := range block {
			rows = append(rows, Row{Key: block[i].Key, Version: block[i].Version})
			if len(rows) == n {
				return errBlock
			}
		}
		return nil
	})
	if errors.Is(err, errBlock) {
		err = nil
	}
	return rows, err
}

// insert writes rows that must not be there yet.
func insert(ctx context.Context, s Store, space Space, rows []Row) error {
	lost, err := s.Swap(ctx, space, rows)
	if err == nil && len(lost) > 0 {
		err = errWritten
	}
	return err
}

// bring writes the rows of a backup, their format, and where the ledger goes on.
func bring(ctx context.Context, s Store, b *backupReader) error {
	var rows []Row
	space, size := People, 0
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		err := insert(ctx, s, space, rows)
		rows, size = rows[:0], 0
		return err
	}
	err := b.read(ctx, func(of Space, r Row) error {
		if of != space || len(rows) == restoreRows || size >= restoreBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		space, size = of, size+len(r.Body)
		rows = append(rows, r)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	var own []Row
	if b.info.Format > firstFormat {
		own = append(own, Row{Key: MetaKey(formatName), Body: binary.AppendUvarint(nil, uint64(b.info.Format))})
	}
	if len(b.info.Ledger) > 0 {
		position, err := json.Marshal(b.info.Ledger)
		if err != nil {
			return err
		}
		own = append(own, Row{Key: MetaKey(LedgerRow), Body: position})
	}
	if len(own) == 0 {
		return nil
	}
	return insert(ctx, s, Meta, own)
}

// finishRestore gives the store a new id and takes the mark away, both or neither.
func finishRestore(ctx context.Context, s Store) (id string, err error) {
	for range updateRounds {
		rows := []Row{{Key: MetaKey(restoringName)}, {Key: MetaKey(storeIDName)}}
		if err := s.Load(ctx, Meta, rows); err != nil {
			return "", err
		}
		if rows[0].Version == 0 {
			return "", errWritten
		}
		rows[0].Body = nil
		id = rand.Text()
		rows[1].Body = []byte(id)
		if ok, err := s.Commit(ctx, []Change{{Meta, rows[0]}, {Meta, rows[1]}}); ok || err != nil {
			return id, err
		}
	}
	return "", errContended
}

// backupReader reads what backupWriter wrote.
type backupReader struct {
	from    *bufio.Reader
	info    BackupInfo
	digest  hash.Hash // of what was read
	rows    map[Space]int64
	scratch []byte
}

func readHead(r io.Reader, keys *keyring.Keyring) (*backupReader, error) {
	head, chunks, err := openBackup(r, keys)
	if err != nil {
		return nil, err
	}
	return &backupReader{from: bufio.NewReaderSize(chunks, 1<<16), info: BackupInfo{BackupHead: head}, digest: sha256.New(), rows: map[Space]int64{}}, nil
}

// read hands out every row, whose body is fn's to keep, and the tail in the end.
func (b *backupReader) read(ctx context.Context, fn func(Space, Row) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		space, err := b.from.ReadByte()
		if err != nil {
			return cutShort(err)
		}
		if space == 0 {
			return b.end()
		}
		r, err := b.row(Space(space))
		if err != nil {
			return err
		}
		if err := fn(Space(space), r); err != nil {
			return err
		}
	}
}

func (b *backupReader) row(space Space) (r Row, err error) {
	if _, err := io.ReadFull(b.from, r.Key[:]); err != nil {
		return r, cutShort(err)
	}
	if r.Body, err = b.sized(); err != nil {
		return r, err
	}
	b.scratch = append(append(b.scratch[:0], byte(space)), r.Key[:]...)
	b.scratch = binary.AppendUvarint(b.scratch, uint64(len(r.Body)))
	b.digest.Write(b.scratch)
	b.digest.Write(r.Body)
	b.rows[space]++
	return r, nil
}

func (b *backupReader) sized() ([]byte, error) {
	n, err := binary.ReadUvarint(b.from)
	if err != nil {
		return nil, cutShort(err)
	}
	if n > mostBody {
		return nil, ErrBackup
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(b.from, body); err != nil {
		return nil, cutShort(err)
	}
	return body, nil
}

// end reads the tail and holds it against what was read.
func (b *backupReader) end() error {
	raw, err := b.sized()
	if err != nil {
		return err
	}
	if json.Unmarshal(raw, &b.info.BackupTail) != nil {
		return ErrBackup
	}
	if b.info.Format > NewestFormat {
		return ErrBackupFormat
	}
	if _, err := b.from.ReadByte(); !errors.Is(err, io.EOF) {
		return cmp.Or(err, ErrBackup)
	}
	if !bytes.Equal(b.info.Digest, b.digest.Sum(nil)) || !maps.Equal(b.info.Rows, b.rows) {
		return ErrBackup
	}
	return nil
}

// cutShort makes an early end of a backup's rows ErrBackup.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrBackup
	}
	return err
}
