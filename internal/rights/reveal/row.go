// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// ErrDamaged means a row that does not read, or that somebody without the keyring wrote.
var ErrDamaged = fmt.Errorf("row is damaged; restore the store from a backup: %w", event.ErrFatal)

// magic begins every row of this package, and tells them from others of the space. What follows: use, one byte ‖ store epoch, a uvarint ‖ sealed JSON.
const magic = "reveal\x01"

// use is what a row is for.
type use byte

const (
	useRequest use = 'q'
	useVolume  use = 'v'
	useHoney   use = 'h'
)

// rowKey gives the key of a row by its name.
func rowKey(u use, name string) subject.Key {
	sum := sha256.Sum256([]byte("nymstream reveal " + string(rune(u)) + " " + name))
	return subject.Key(sum[:len(subject.Key{})])
}

func place(u use, key subject.Key) []byte {
	return keyring.AppendLabel(nil, "reveal", string(rune(u)), string(key[:]))
}

// seal makes a row's body: bound to its place, so that rows can be neither written nor swapped without the keyring.
func (s *Service) seal(u use, key subject.Key, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.sealBytes(u, key, plain)
}

func (s *Service) sealBytes(u use, key subject.Key, plain []byte) ([]byte, error) {
	k := s.Keys.StoreEpoch()
	if k == nil {
		return nil, fmt.Errorf("the keyring has no store epoch; extend it: %w", keyring.ErrNoKey)
	}
	dst := binary.AppendUvarint(append([]byte(magic), byte(u)), uint64(k.Epoch()))
	return k.Seal(dst, plain, place(u, key)), nil
}

// sealedRow takes a body apart. ok is false for rows of others.
func sealedRow(body []byte) (u use, epoch int, sealed []byte, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(magic))
	if !ok || len(rest) < 2 {
		return 0, 0, nil, false
	}
	n, size := binary.Uvarint(rest[1:])
	if size <= 0 || n > 1<<31-1 {
		return 0, 0, nil, false
	}
	return use(rest[0]), int(n), rest[1+size:], true
}

// open is the inverse of seal. keyring.ErrDestroyed means that what the row said is lost.
func (s *Service) open(u use, row *subject.Row, v any) error {
	plain, err := s.openBytes(u, row)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, v) != nil {
		return ErrDamaged // the reason could quote what is sealed
	}
	return nil
}

func (s *Service) openBytes(u use, row *subject.Row) ([]byte, error) {
	is, epoch, sealed, ok := sealedRow(row.Body)
	if !ok || is != u {
		return nil, ErrDamaged
	}
	k, err := s.Keys.StoreKeyOf(epoch)
	if err != nil {
		return nil, fmt.Errorf("store epoch %d: %w", epoch, err)
	}
	plain, err := k.Open(nil, sealed, place(u, row.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return plain, nil
}

// loadRow reads one row; Version 0: there is none.
func (s *Service) loadRow(ctx context.Context, space subject.Space, key subject.Key) (subject.Row, error) {
	rows := []subject.Row{{Key: key}}
	err := s.Store.Load(ctx, space, rows)
	return rows[0], err
}

// Rewrap seals requests, volumes and the list of honeytokens of older store epochs anew in the newest: call it before those are
// destroyed, as subject.Directory's Rewrap. What is lost already is left as it is.
func (s *Service) Rewrap(ctx context.Context) (n int, err error) {
	newest := s.Keys.StoreEpoch()
	if newest == nil {
		return 0, nil
	}
	older := func(body []byte) bool {
		_, epoch, _, ok := sealedRow(body)
		return ok && epoch < newest.Epoch()
	}
	keys, err := s.keysOf(ctx, func(row *subject.Row) bool { return older(row.Body) })
	if err == nil {
		n, err = s.rewrap(ctx, subject.Requests, keys, older)
	}
	if err == nil {
		var more int
		more, err = s.rewrap(ctx, subject.Meta, []subject.Key{honeyKey}, older)
		n += more
	}
	if err != nil {
		return n, fmt.Errorf("seal reveal requests anew: %w", err)
	}
	return n, nil
}

func (s *Service) rewrap(ctx context.Context, space subject.Space, keys []subject.Key, older func([]byte) bool) (n int, err error) {
	for _, key := range keys {
		lost := true
		for round := 0; lost && round < rounds; round++ {
			var wrote bool
			if wrote, lost, err = s.rewrapRow(ctx, space, key, older); err != nil {
				return n, err
			}
			if wrote {
				n++
			}
		}
		if lost {
			return n, errContended
		}
	}
	return n, nil
}

// rewrapRow tries once; lost: somebody else wrote the row meanwhile.
func (s *Service) rewrapRow(ctx context.Context, space subject.Space, key subject.Key, older func([]byte) bool) (wrote, lost bool, err error) {
	row, err := s.loadRow(ctx, space, key)
	if err != nil || row.Version == 0 || !older(row.Body) {
		return false, false, err
	}
	u, _, _, _ := sealedRow(row.Body)
	plain, err := s.openBytes(u, &row)
	if errors.Is(err, keyring.ErrDestroyed) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if row.Body, err = s.sealBytes(u, key, plain); err != nil {
		return false, false, err
	}
	losers, err := s.Store.Swap(ctx, space, []subject.Row{row})
	return err == nil && len(losers) == 0, len(losers) > 0, err
}

// keysOf lists the rows of space Requests that are this package's and wanted.
func (s *Service) keysOf(ctx context.Context, want func(*subject.Row) bool) (keys []subject.Key, err error) {
	err = s.Store.Scan(ctx, subject.Requests, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			if _, _, _, ours := sealedRow(rows[i].Body); ours && want(&rows[i]) {
				keys = append(keys, rows[i].Key)
			}
		}
		return nil
	})
	return keys, err
}
