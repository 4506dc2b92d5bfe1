// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
)

const (
	hashSize  = 32
	tileWidth = layout.TileWidth
)

// tile is a file under tile/: a bundle of entries, or hashes of a level.
type tile struct {
	bundle       bool
	level, index uint64
	width        uint64 // 1 to 256
}

func parseTile(name string) (tile, bool) {
	rest, ok := strings.CutPrefix(name, tileName+"/")
	kind, place, found := strings.Cut(rest, "/")
	if !ok || !found {
		return tile{}, false
	}
	t := tile{bundle: kind == "entries", width: tileWidth}
	level := kind
	if t.bundle {
		level = "0"
	}
	var partial uint8
	var err error
	if t.level, t.index, partial, err = layout.ParseTileLevelIndexPartial(level, place); err != nil {
		return tile{}, false
	}
	if partial > 0 {
		t.width = uint64(partial)
	}
	return t, t.name() == name
}

func (t tile) name() string {
	partial := uint8(t.width % tileWidth)
	if t.bundle {
		return layout.EntriesPath(t.index, partial)
	}
	return layout.TilePath(t.level, t.index, partial)
}

// want is how wide this tile is in a tree of a size: 0 if there is none.
func (t tile) want(size uint64) uint64 {
	n := size >> (t.level * layout.TileHeight)
	if t.index > n/tileWidth {
		return 0
	}
	return min(n-t.index*tileWidth, tileWidth)
}

// needed tells whether a tree of this size is read from this file.
func (t tile) needed(size uint64) bool { return t.width == t.want(size) }

// firstEntry is the first entry below a node of the tile.
func (t tile) firstEntry(node uint64) uint64 {
	return (t.index*tileWidth + node) << (t.level * layout.TileHeight)
}

// readTile gives a tile's file, or one that has replaced it and begins with it. exact tells that it is the tile's own.
func readTile(dir string, t tile) (raw []byte, exact bool, err error) {
	raw, err = os.ReadFile(filepath.Join(dir, t.name()))
	if !errors.Is(err, fs.ErrNotExist) {
		return raw, true, err
	}
	for wider := t; wider.width < tileWidth; {
		wider.width++
		if raw, widerErr := os.ReadFile(filepath.Join(dir, wider.name())); widerErr == nil {
			return raw, false, nil
		}
	}
	return nil, true, err
}

// clean removes what is not of the tree of a size: what lies beyond it, copies of tiles that larger ones replace, and files a crash left.
func clean(dir string, size uint64) error {
	names, err := tileFiles(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if t, ok := parseTile(name); ok && t.needed(size) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, checkpointName+"[0-9]*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// tileFiles lists the files under tile/, by their paths within the log with slashes.
func tileFiles(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(dir, tileName), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}
