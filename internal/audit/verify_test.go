// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api/layout"
)

// smallLog makes a closed log of 300 entries in several batches, and gives a checkpoint of its first 200.
func smallLog(t testing.TB, origin string) (dir, early string) {
	t.Helper()
	dir = t.TempDir()
	o := testOptions()
	o.Origin = origin
	l := openTest(t, dir, o)
	for from := 0; from < 300; from += 100 {
		appendMany(t, l, from, from+100, 100)
		if from == 100 {
			early = l.Checkpoint()
		}
	}
	closeTest(t, l)
	return dir, early
}

// proving lists the files of a log that prove something: all but the scratch ones.
func proving(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == stateName {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && d.Name() != lockName {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func copyLog(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Every byte of every file that proves something is covered: one bit changed, it is found. The checkpoint is tried byte by byte,
// the others by samples.
func TestEveryByte(t *testing.T) {
	dir, _ := smallLog(t, testOrigin)
	wantWhole(t, dir, 300)
	flips := 0
	for _, path := range proving(t, dir) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(raw)/80)
		if filepath.Base(path) == checkpointName {
			step = 1
		}
		for at := rand.IntN(step); at < len(raw); at += step {
			bit := byte(1) << rand.IntN(8)
			raw[at] ^= bit
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if r := verifyOne(t, dir); r.OK() {
				t.Errorf("%s: bits %#x of byte %d of %d were changed, and nothing found", path, bit, at, len(raw))
			}
			raw[at] ^= bit
			flips++
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantWhole(t, dir, 300)
	t.Logf("%d changes in %d files", flips, len(proving(t, dir)))
}

// Any file that proves something, missing, cut by a byte or longer by one, is found.
func TestEveryFile(t *testing.T) {
	dir, _ := smallLog(t, testOrigin)
	for _, path := range proving(t, dir) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func() error{
			"removed":  func() error { return os.Remove(path) },
			"emptied":  func() error { return os.WriteFile(path, nil, 0o600) },
			"cut":      func() error { return os.WriteFile(path, raw[:len(raw)-1], 0o600) },
			"extended": func() error { return os.WriteFile(path, append(slices.Clone(raw), '\n'), 0o600) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if verifyOne(t, dir).OK() {
				t.Errorf("%s was %s, and nothing found", path, name)
			}
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// forge rewrites a log's entries and all its tiles consistently, as somebody would who has everything but the key.
func forge(t testing.TB, dir string, edit func([][]byte) [][]byte) {
	t.Helper()
	var entries [][]byte
	for item, err := range Show(t.Context(), dir, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, bytes.Clone(item.Raw))
	}
	entries = edit(entries)
	if err := os.RemoveAll(filepath.Join(dir, tileName)); err != nil {
		t.Fatal(err)
	}
	write := func(at tile, raw []byte) {
		path := filepath.Join(dir, at.name())
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(entries); i += tileWidth {
		var bundle, hashes []byte
		some := entries[i:min(len(entries), i+tileWidth)]
		edge := newRange()
		for _, e := range some {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
			hashes = append(hashes, hasher.HashLeaf(e)...)
			if err := edge.Append(hasher.HashLeaf(e), nil); err != nil {
				t.Fatal(err)
			}
		}
		write(tile{bundle: true, index: uint64(i / tileWidth), width: uint64(len(some))}, bundle)
		write(tile{index: uint64(i / tileWidth), width: uint64(len(some))}, hashes)
		if len(some) == tileWidth {
			root, err := edge.GetRootHash(nil)
			if err != nil {
				t.Fatal(err)
			}
			write(tile{level: 1, width: 1}, root)
		}
	}
}

func TestForgedEntries(t *testing.T) {
	whole, _ := smallLog(t, testOrigin)
	same := copyLog(t, whole)
	forge(t, same, func(e [][]byte) [][]byte { return e })
	wantWhole(t, same, 300) // else the other cases prove nothing
	for name, edit := range map[string]func([][]byte) [][]byte{
		"removed":    func(e [][]byte) [][]byte { return slices.Delete(e, 150, 151) },
		"last gone":  func(e [][]byte) [][]byte { return e[:299] },
		"many gone":  func(e [][]byte) [][]byte { return e[:200] },
		"swapped":    func(e [][]byte) [][]byte { e[150], e[151] = e[151], e[150]; return e },
		"duplicated": func(e [][]byte) [][]byte { return slices.Insert(e, 150, e[150]) },
		"replaced": func(e [][]byte) [][]byte {
			e[150] = bytes.Replace(e[150], []byte(`"alice"`), []byte(`"carol"`), 1)
			return e
		},
	} {
		dir := copyLog(t, whole)
		forge(t, dir, edit)
		r := verifyOne(t, dir)
		if r.OK() {
			t.Errorf("%s: nothing found", name)
			continue
		}
		t.Logf("%s: %v", name, r.Problems[0])
		if _, err := Open(dir, testOptions()); err == nil {
			t.Errorf("%s: the writer goes on with it", name)
		}
	}
}

// Where tiles were left alone, the very entry is named.
func TestNamesTheEntry(t *testing.T) {
	dir, _ := smallLog(t, testOrigin)
	path := filepath.Join(dir, layout.EntriesPath(1, 300%256))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := splitBundle(raw, 44)
	entries[4][bytes.Index(entries[4], []byte("alice"))] = 'A'
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	r := verifyOne(t, dir)
	if !slices.ContainsFunc(r.Problems, func(p Problem) bool {
		return p.Index == 260 && strings.Contains(p.What, "not the entry that was signed")
	}) || len(r.Problems) != 1 {
		t.Errorf("%v", r.Problems)
	}
}

func TestCutBack(t *testing.T) {
	whole, early := smallLog(t, testOrigin)
	latest, err := Checkpoint(whole)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the checkpoint alone", func(t *testing.T) {
		dir := copyLog(t, whole)
		if err := os.WriteFile(filepath.Join(dir, checkpointName), []byte(early), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := verifyOne(t, dir); r.OK() || !strings.Contains(r.Problems[0].What, "replaced") {
			t.Errorf("%v", r.Problems)
		}
	})
	t.Run("the entries alone", func(t *testing.T) {
		dir := copyLog(t, whole)
		forge(t, dir, func(e [][]byte) [][]byte { return e[:200] })
		if r := verifyOne(t, dir); r.OK() || r.Problems[0].Index != 200 {
			t.Errorf("%v", r.Problems)
		}
	})
	t.Run("everything", func(t *testing.T) {
		dir := copyLog(t, whole)
		forge(t, dir, func(e [][]byte) [][]byte { return e[:200] })
		kept := filepath.Join(dir, keptName)
		for {
			if text, err := Checkpoint(dir); err != nil {
				t.Fatal(err)
			} else if text == early {
				break
			}
			if err := dropLastLine(kept); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, checkpointName), []byte(early), 0o600); err != nil {
			t.Fatal(err)
		}
		wantWhole(t, dir, 200) // as the package says: only who kept a checkpoint sees it
		if r := verifyOne(t, dir, early); !r.OK() {
			t.Errorf("%v", r.Problems)
		}
		if r := verifyOne(t, dir, latest); r.OK() || r.Problems[0].Index != 200 {
			t.Errorf("a checkpoint kept elsewhere finds %v", r.Problems)
		}
	})
	t.Run("another history of the same signer", func(t *testing.T) {
		other, _ := smallLog(t, testOrigin)
		if r := verifyOne(t, other, early); r.OK() {
			t.Error("a log that was begun anew passed")
		}
	})
}

func TestSeveralLogs(t *testing.T) {
	one, early := smallLog(t, "acme/eu-1")
	two, _ := smallLog(t, "acme/eu-2")
	keys := []ed25519.PublicKey{signerOf("first").Public()}
	verify := func(dirs []string, o VerifyOptions) (ok bool) {
		o.Keys = keys
		reports, err := Verify(t.Context(), dirs, o)
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(reports, func(r Report) bool { return !r.OK() })
	}
	both := []string{"acme/eu-1", "acme/eu-2"}
	if !verify([]string{one, two}, VerifyOptions{Origins: both, Since: []string{early}}) {
		t.Error("two whole logs do not pass")
	}
	if verify([]string{one}, VerifyOptions{Origins: both}) {
		t.Error("a missing log was not missed")
	}
	if verify([]string{two}, VerifyOptions{Since: []string{early}}) {
		t.Error("the log of a checkpoint kept elsewhere was not missed")
	}
	if verify([]string{one, copyLog(t, one)}, VerifyOptions{}) {
		t.Error("a log and its copy pass as two")
	}
	if verify([]string{one, t.TempDir()}, VerifyOptions{}) {
		t.Error("an empty directory passes")
	}
	if _, err := Verify(t.Context(), []string{one}, VerifyOptions{}); err == nil {
		t.Error("it verifies without a key")
	}
	if reports, err := Verify(t.Context(), []string{one}, VerifyOptions{Keys: []ed25519.PublicKey{signerOf("other").Public()}}); err != nil || reports[0].OK() {
		t.Error("it passes with another's key")
	}
}

// A log is verified while it is written.
func TestVerifyInUse(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, testOptions())
	done := make(chan struct{})
	go func() {
		defer close(done)
		appendMany(t, l, 0, 1500, 100)
	}()
	for n := 0; ; n++ {
		select {
		case <-done:
			if n < 3 {
				t.Errorf("verified only %d times", n)
			}
			return
		default:
		}
		if _, err := os.Stat(filepath.Join(dir, checkpointName)); err != nil {
			continue
		}
		if r := verifyOne(t, dir); !r.OK() {
			t.Fatalf("%v", r.Problems)
		}
	}
}
