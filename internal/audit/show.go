// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"
)

// Filter chooses entries. Its zero value chooses all.
type Filter struct {
	Subject  string // Log.Subject of a person
	Act      Act
	Actor    string
	From, To time.Time // From is included, To is not
}

func (f Filter) takes(e Entry) bool {
	return (f.Subject == "" || f.Subject == e.Subject) && (f.Act == "" || f.Act == e.Act) && (f.Actor == "" || f.Actor == e.Actor) &&
		(f.From.IsZero() || !e.At.Before(f.From)) && (f.To.IsZero() || e.At.Before(f.To))
}

// Item is an entry and its place in the log. Raw is what the log stores, and is valid until the next one.
type Item struct {
	Index uint64
	Entry Entry
	Raw   []byte
}

// Show gives the entries under the newest checkpoint in their order; the log may be in use. It verifies nothing: Verify does.
// An error ends it.
func Show(ctx context.Context, dir string, f Filter) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		size, err := signedSize(dir)
		if err != nil {
			yield(Item{}, err)
			return
		}
		showUpTo(ctx, dir, f, size)(yield)
	}
}

func showUpTo(ctx context.Context, dir string, f Filter, size uint64) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for i := uint64(0); i*tileWidth < size; i++ {
			if !showBundle(ctx, dir, f, tile{bundle: true, index: i, width: min(tileWidth, size-i*tileWidth)}, yield) {
				return
			}
		}
	}
}

func showBundle(ctx context.Context, dir string, f Filter, b tile, yield func(Item, error) bool) bool {
	first := b.index * tileWidth
	raw, _, err := readTile(dir, b)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		yield(Item{}, fmt.Errorf("audit log: %w", err))
		return false
	}
	entries, _ := splitBundle(raw, int(b.width))
	for j, raw := range entries {
		e, err := parseEntry(raw)
		if err != nil {
			yield(Item{}, fmt.Errorf("audit log: entry %d: %w; run `nymstream audit verify`", first+uint64(j), err))
			return false
		}
		if f.takes(e) && !yield(Item{first + uint64(j), e, raw}, nil) {
			return false
		}
	}
	if len(entries) < int(b.width) {
		yield(Item{}, fmt.Errorf("audit log: %s is cut short at entry %d; run `nymstream audit verify`", b.name(), first+uint64(len(entries))))
		return false
	}
	return true
}

// signedSize is the size that the newest checkpoint states.
func signedSize(dir string) (uint64, error) {
	text, err := Checkpoint(dir)
	if err != nil {
		return 0, err
	}
	return statedSize(text)
}

// Stats are a log's size: entries under the newest checkpoint, files, and their bytes.
type Stats struct {
	Entries uint64
	Files   int
	Bytes   int64
}

// Stat adds up a log's files.
func Stat(dir string) (Stats, error) {
	size, err := signedSize(dir)
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Entries: size}
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s.Files++
		s.Bytes += info.Size()
		return nil
	})
	return s, err
}
