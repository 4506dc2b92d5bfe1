// SPDX-License-Identifier: Apache-2.0

// Package embedded keeps rows in Pebble, in a folder that one process has to itself.
//
// A row lies under space ‖ key as uvarint version ‖ body. Under space 0 lie the format's level and the number of rows by space.
// One writer at a time reads, compares and applies; it waits for the disk outside of its turn, so writers share an fsync. Whoever has
// read a row waits until it is durable: nobody acts on what a crash could take back.
package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// Options may be left zero.
type Options struct {
	CacheBytes int64 // of blocks read from disk; 0: 64 MiB
	Logger     zerolog.Logger
}

// Store is a subject.Store of one process.
type Store struct {
	db   *pebble.DB
	lock *pebble.Lock
	gate gate

	lane    sync.Mutex // whose holder reads, compares and applies
	counts  [256]int64 // rows by space
	horizon horizon
}

var _ subject.Store = (*Store)(nil)

// Open opens the store in dir, making it when there is none. A store that another process has open, or that was written by a newer
// release, is fatal.
func Open(dir string, o Options) (*Store, error) {
	dir, lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := openIn(vfs.Default, dir, lock, o)
	if err != nil {
		_ = lock.Close()
	}
	return s, err
}

// openIn opens what lies in a folder that is locked already, or needs no lock.
func openIn(files vfs.FS, dir string, lock *pebble.Lock, o Options) (*Store, error) {
	s := &Store{lock: lock}
	s.horizon.init()
	options := pebbleOptions(o, s.horizon.fail)
	options.FS, options.Lock = files, lock
	var err error
	s.db, err = pebble.Open(dir, options)
	options.Cache.Unref()
	if err != nil {
		return nil, fatal("open the store", err)
	}
	if err := s.readOwn(); err != nil {
		_ = s.db.Close()
		return nil, err
	}
	return s, nil
}

func lockDir(dir string) (string, *pebble.Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fatal("make the store's folder", err)
	}
	// The lock is by path within a process, hence one spelling for each folder.
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", nil, fatal("find the store's folder", err)
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return "", nil, fatal("lock the store", err)
	}
	if err != nil {
		return "", nil, fmt.Errorf("the store is in use by another process (%s): %w", dir, event.ErrFatal)
	}
	return dir, lock, nil
}

// Load sets version and body of rows by key.
func (s *Store) Load(ctx context.Context, space subject.Space, rows []subject.Row) error {
	if err := errors.Join(store.CheckSpace(space), store.CheckContext(ctx)); err != nil {
		return err
	}
	if !s.gate.enter() {
		return store.ErrClosed
	}
	defer s.gate.leave()
	found, err := s.load(space, rows)
	if err != nil || !found {
		return errors.Join(err, s.horizon.failed())
	}
	return s.horizon.reach(s.horizon.seen())
}

func (s *Store) load(space subject.Space, rows []subject.Row) (found bool, err error) {
	r, err := s.reader()
	if err != nil {
		return false, err
	}
	for _, i := range store.KeyOrder(rows) {
		version, body, err := r.read(space, rows[i].Key)
		if err != nil {
			return false, errors.Join(err, r.close())
		}
		rows[i].Version, rows[i].Body = version, nil
		if version > 0 {
			found, rows[i].Body = true, append(make([]byte, 0, len(body)), body...)
		}
	}
	return found, r.close()
}

// reader reads rows as the newest writes have left them, durable or not. It is fastest with ascending keys: those in one file then
// share the way there. Filters are worth their while on the last level, too: most newcomers are nowhere.
type reader struct{ it *pebble.Iterator }

func (s *Store) reader() (reader, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return reader{}, fatal("read the store", err)
	}
	return reader{it}, nil
}

// read gives version 0 for what is not there. The body is valid until the next call.
func (r reader) read(space subject.Space, key subject.Key) (version uint64, body []byte, err error) {
	at := place(space, key)
	if !r.it.SeekPrefixGE(at[:]) {
		if err := r.it.Error(); err != nil {
			return 0, nil, fatal("read a row", err)
		}
		return 0, nil, nil
	}
	return decode(r.it.Value())
}

func (r reader) close() error {
	if err := r.it.Close(); err != nil {
		return fatal("read the store", err)
	}
	return nil
}

// Scan hands out the rows of a space from a key on. No block sees the store as it was before the block.
func (s *Store) Scan(ctx context.Context, space subject.Space, from subject.Key, fn func([]subject.Row) error) error {
	if err := store.CheckSpace(space); err != nil {
		return err
	}
	for b := (block{bodies: []byte{}}); ; {
		if err := store.CheckContext(ctx); err != nil {
			return err
		}
		next, more, err := s.readBlock(&b, space, from)
		if err != nil {
			return err
		}
		if len(b.rows) > 0 {
			if err := fn(b.rows); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		from = next
	}
}

// block is a part of a scan: rows whose bodies lie in one buffer.
type block struct {
	rows   []subject.Row
	bodies []byte
}

const (
	blockRows  = 1024
	blockBytes = 1 << 20
)

func (s *Store) readBlock(b *block, space subject.Space, from subject.Key) (next subject.Key, more bool, err error) {
	if !s.gate.enter() {
		return next, false, store.ErrClosed
	}
	defer s.gate.leave()
	lower, upper := place(space, from), []byte{byte(space) + 1}
	if upper[0] == 0 {
		upper = nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower[:], UpperBound: upper})
	if err != nil {
		return next, false, fatal("scan the store", err)
	}
	b.rows, b.bodies = b.rows[:0], b.bodies[:0]
	for more = it.First(); more && len(b.rows) < blockRows && len(b.bodies) < blockBytes; more = it.Next() {
		row := subject.Row{Key: subject.Key(it.Key()[1:])}
		if row.Version, row.Body, err = decode(it.Value()); err != nil {
			_ = it.Close()
			return next, false, err
		}
		n := len(b.bodies)
		b.bodies = append(b.bodies, row.Body...)
		row.Body = b.bodies[n:len(b.bodies):len(b.bodies)]
		b.rows = append(b.rows, row)
	}
	if more {
		next = subject.Key(it.Key()[1:])
	}
	if err := it.Close(); err != nil {
		return next, false, fatal("scan the store", err)
	}
	return next, more, s.horizon.reach(s.horizon.seen())
}

// Stats is cheap: the store counts as it writes.
func (s *Store) Stats(ctx context.Context) (subject.Stats, error) {
	if err := store.CheckContext(ctx); err != nil {
		return subject.Stats{}, err
	}
	if !s.gate.enter() {
		return subject.Stats{}, store.ErrClosed
	}
	defer s.gate.leave()
	st := subject.Stats{Rows: map[subject.Space]int64{}, Bytes: int64(s.db.Metrics().DiskSpaceUsage())}
	s.lane.Lock()
	defer s.lane.Unlock()
	for space, n := range s.counts {
		if n > 0 {
			st.Rows[subject.Space(space)] = n
		}
	}
	return st, nil
}

// Close waits for what is under way. It must not be called from within Scan's function.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	err := s.db.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fatal("close the store", err)
	}
	return nil
}

func place(space subject.Space, key subject.Key) (at [17]byte) {
	at[0] = byte(space)
	copy(at[1:], key[:])
	return at
}

func decode(value []byte) (version uint64, body []byte, err error) {
	version, n := binary.Uvarint(value)
	if n <= 0 {
		return 0, nil, fmt.Errorf("a row is damaged: %w", event.ErrFatal)
	}
	return version, value[n:], nil
}

func fatal(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, err, event.ErrFatal)
}

// level is the format of what lies in the store; a release reads no later one.
const level = 1

var (
	levelAt  = []byte{0, 'l'}
	countsAt = []byte{0, 'n'}
)

// readOwn checks the format and reads the counts; a new store gets its level.
func (s *Store) readOwn() error {
	value, closer, err := s.db.Get(levelAt)
	if errors.Is(err, pebble.ErrNotFound) {
		if err := s.db.Set(levelAt, []byte{level}, pebble.Sync); err != nil {
			return fatal("write the store", err)
		}
		return nil
	}
	if err != nil {
		return fatal("read the store", err)
	}
	got := slices.Clone(value)
	_ = closer.Close()
	if len(got) != 1 || got[0] != level {
		return fmt.Errorf("the store was written by a newer release; update nymstream: %w", event.ErrFatal)
	}
	value, closer, err = s.db.Get(countsAt)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fatal("read the store", err)
	}
	defer func() { _ = closer.Close() }()
	for ; len(value) >= 9; value = value[9:] {
		s.counts[value[0]] = int64(binary.LittleEndian.Uint64(value[1:]))
	}
	return nil
}
