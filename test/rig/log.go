// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What ShowLog prints: the last bytes, and of a line at most so many.
const (
	shownLog  = 12 << 10
	shownLine = 600
)

// ShowLog prints the end of an instance's log: it never holds clear data, and without it a failure in CI says nothing.
func ShowLog(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Log(err)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		_, _ = f.Seek(max(0, info.Size()-shownLog), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = line[:min(len(line), shownLine)]
	}
	t.Logf("the end of %s:\n%s", filepath.Base(file), strings.Join(lines, "\n"))
}
