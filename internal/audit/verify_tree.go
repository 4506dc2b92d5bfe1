// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/tessera/api/layout"
)

// maxSuspects bounds what a report lists one by one.
const maxSuspects = 20

// treeExam recomputes a log's tree from its entries.
type treeExam struct {
	*examiner
	instance string
	edge     *compact.Range
	upper    [][]byte // by level from 1: the hashes of the tile that is being filled
	filled   []uint64 // by level from 1: how many tiles were filled
	suspects []uint64 // entries that are not those whose hashes are stored
	tiles    []Problem
	next     int    // in stated
	agreed   uint64 // the largest size whose root was the one that is stated
	broken   bool   // a stated root was not met
}

func (x *examiner) examineTree(ctx context.Context) error {
	_, instance, _ := strings.Cut(x.newest.Origin, "/")
	t := &treeExam{examiner: x, instance: instance, edge: newRange()}
	if err := t.compareRoots(); err != nil {
		return err
	}
	for i := uint64(0); i*tileWidth < x.newest.Size; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		whole, err := t.bundle(tile{bundle: true, index: i, width: min(tileWidth, x.newest.Size-i*tileWidth)})
		if err != nil {
			return err
		}
		if !whole {
			return nil
		}
	}
	for level := range t.upper {
		if len(t.upper[level]) > 0 {
			t.compareTile(tile{level: uint64(level) + 1, index: t.filled[level], width: uint64(len(t.upper[level]) / hashSize)}, t.upper[level])
		}
	}
	t.conclude()
	return nil
}

// bundle takes the entries of one bundle into the tree. It reports false where the tree cannot be recomputed further.
func (t *treeExam) bundle(b tile) (whole bool, err error) {
	first := b.index * tileWidth
	entries, problem := t.entries(b)
	if problem != "" {
		t.report.problem(int64(first)+int64(len(entries)), b.name(), "%s", problem)
	}
	leaves := tile{index: b.index, width: b.width}
	stored, exact, err := readTile(t.report.Dir, leaves)
	if err != nil {
		t.report.problem(int64(first), leaves.name(), "%v", plainly(err))
	} else if n := int(b.width) * hashSize; len(stored) < n || exact && len(stored) > n {
		t.report.problem(int64(first)+int64(min(len(stored), n)/hashSize), leaves.name(), "it has %d bytes, not %d", len(stored), n)
	}
	for j := range b.width {
		var computed, kept []byte
		if j < uint64(len(entries)) {
			t.entry(first+j, entries[j], b)
			computed = hasher.HashLeaf(entries[j])
		}
		if end := (j + 1) * hashSize; end <= uint64(len(stored)) {
			kept = stored[end-hashSize : end]
		}
		switch {
		case computed == nil && kept == nil:
			return false, nil
		case computed == nil: // reported above; the tile's hash stands in, to find out what follows
			computed = kept
		case kept != nil && !bytes.Equal(computed, kept):
			t.suspects = append(t.suspects, first+j)
		}
		if err := t.edge.Append(computed, t.visit); err != nil {
			return false, err
		}
		if err := t.compareRoots(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// entries splits a bundle, and says what is wrong with it beyond those it gives.
func (t *treeExam) entries(b tile) (entries [][]byte, problem string) {
	raw, exact, err := readTile(t.report.Dir, b)
	for narrower := b; errors.Is(err, fs.ErrNotExist) && narrower.width > 1; { // how far do the entries go?
		narrower.width--
		raw, err = os.ReadFile(filepath.Join(t.report.Dir, narrower.name()))
	}
	if err != nil {
		return nil, plainly(err).Error()
	}
	entries, rest := splitBundle(raw, int(b.width))
	switch {
	case len(entries) < int(b.width):
		return entries, "its bundle is cut short, or a length in it was changed"
	case exact && len(rest) > 0:
		return entries, "its bundle goes on after its last entry"
	}
	return entries, ""
}

// splitBundle gives at most n entries, and the bytes after them.
func splitBundle(raw []byte, n int) (entries [][]byte, rest []byte) {
	for len(entries) < n && len(raw) >= 2 {
		size := int(binary.BigEndian.Uint16(raw))
		if len(raw) < 2+size {
			break
		}
		entries = append(entries, raw[2:2+size])
		raw = raw[2+size:]
	}
	return entries, raw
}

// entry checks that an entry can be read, and is this instance's.
func (t *treeExam) entry(index uint64, raw []byte, b tile) {
	e, err := parseEntry(raw)
	switch {
	case err != nil:
		t.report.problem(int64(index), b.name(), "%v", err)
		return
	case e.Instance != t.instance:
		t.report.problem(int64(index), b.name(), "it is of another instance")
	}
	if t.report.First.IsZero() || e.At.Before(t.report.First) {
		t.report.First = e.At
	}
	if e.At.After(t.report.Last) {
		t.report.Last = e.At
	}
}

// visit collects the nodes that stand in tiles above the lowest, and compares each tile when it is full.
func (t *treeExam) visit(id compact.NodeID, hash []byte) {
	if id.Level == 0 || id.Level%layout.TileHeight != 0 {
		return
	}
	level := int(id.Level/layout.TileHeight) - 1
	if level == len(t.upper) {
		t.upper, t.filled = append(t.upper, nil), append(t.filled, 0)
	}
	t.upper[level] = append(t.upper[level], hash...)
	if len(t.upper[level]) == tileWidth*hashSize {
		t.compareTile(tile{level: uint64(level) + 1, index: t.filled[level], width: tileWidth}, t.upper[level])
		t.upper[level] = t.upper[level][:0]
		t.filled[level]++
	}
}

func (t *treeExam) compareTile(at tile, want []byte) {
	raw, exact, err := readTile(t.report.Dir, at)
	differs := 0
	switch {
	case err != nil:
		t.tiles = append(t.tiles, Problem{int64(at.firstEntry(0)), at.name(), plainly(err).Error()})
		return
	case bytes.Equal(raw, want), !exact && bytes.HasPrefix(raw, want):
		return
	}
	for differs < min(len(raw), len(want)) && raw[differs] == want[differs] {
		differs++
	}
	t.tiles = append(t.tiles, Problem{int64(at.firstEntry(uint64(differs / hashSize))), at.name(), "a stored hash is not that of the entries"})
}

// compareRoots holds the root of the present size against all checkpoints of that size.
func (t *treeExam) compareRoots() error {
	for ; t.next < len(t.stated) && t.stated[t.next].size == t.edge.End(); t.next++ {
		root, err := rootOf(t.edge)
		if err != nil {
			return err
		}
		s := t.stated[t.next]
		if bytes.Equal(root, s.hash) {
			t.agreed = s.size
			continue
		}
		if !t.broken && len(t.suspects) == 0 {
			t.report.problem(int64(t.agreed), s.file, "among the entries %d to %d one or more were changed, removed, added or moved since they were signed",
				t.agreed, max(s.size, 1)-1)
		}
		t.broken = true
	}
	return nil
}

// conclude reports differences between entries and tiles as changes of those that do not fit what was signed.
func (t *treeExam) conclude() {
	for i, index := range t.suspects {
		if i == maxSuspects {
			t.report.problem(int64(index), "", "and %d more up to entry %d", len(t.suspects)-i, t.suspects[len(t.suspects)-1])
			break
		}
		at := tile{index: index / tileWidth, width: min(tileWidth, t.newest.Size-index/tileWidth*tileWidth)}
		if t.broken {
			at.bundle = true
			t.report.problem(int64(index), at.name(), "it is not the entry that was signed: changed, removed, added or moved")
		} else {
			t.report.problem(int64(index), at.name(), "its stored hash was changed; the entry is the one that was signed")
		}
	}
	if !t.broken { // else they follow from the entries
		t.report.Problems = append(t.report.Problems, t.tiles...)
	}
}
