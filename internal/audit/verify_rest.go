// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// examineRest looks at the files that the tree of the newest checkpoint is not read from.
func (x *examiner) examineRest() error {
	names, err := tileFiles(x.report.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		t, ok := parseTile(name)
		switch {
		case !ok:
			x.report.note("%s is no part of the log; the next start removes it", name)
		case t.needed(x.newest.Size):
		case t.width > t.want(x.newest.Size):
			x.report.note("%s lies beyond the newest signed checkpoint; the next start removes it", name)
		default:
			x.compareCopy(t)
		}
	}
	return x.examineTop()
}

// compareCopy checks a partial tile that a larger one has replaced: it must be that one's beginning.
func (x *examiner) compareCopy(t tile) {
	larger := t
	larger.width = t.want(x.newest.Size)
	raw, err := os.ReadFile(filepath.Join(x.report.Dir, t.name()))
	if errors.Is(err, fs.ErrNotExist) { // a writer has removed it since
		return
	}
	if err != nil {
		x.report.problem(int64(t.firstEntry(0)), t.name(), "%v", plainly(err))
		return
	}
	all, _, err := readTile(x.report.Dir, larger)
	if err != nil {
		return // reported with the tree
	}
	size := int(t.width) * hashSize
	if t.bundle {
		_, rest := splitBundle(all, int(t.width))
		size = len(all) - len(rest)
	}
	if size > len(all) || !bytes.Equal(raw, all[:size]) {
		x.report.problem(int64(t.firstEntry(0)), t.name(), "this older copy is not the beginning of %s", larger.name())
	}
}

// examineTop names what else lies in the log's directory.
func (x *examiner) examineTop() error {
	files, err := os.ReadDir(x.report.Dir)
	if err != nil {
		return err
	}
	own := []string{checkpointName, keptName, lockName, stateName, tileName}
	for _, f := range files {
		if slices.Contains(own, f.Name()) {
			continue
		}
		if digits, ok := strings.CutPrefix(f.Name(), checkpointName); ok && strings.Trim(digits, "0123456789") == "" {
			x.report.note("%s is no part of the log; the next start removes it", f.Name())
			continue
		}
		x.report.note("%s is no part of the log", f.Name())
	}
	return nil
}
