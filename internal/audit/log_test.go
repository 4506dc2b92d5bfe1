// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// testSigner signs with a key made of a name.
type testSigner struct{ key ed25519.PrivateKey }

func signerOf(name string) testSigner {
	return testSigner{ed25519.NewKeyFromSeed(append([]byte(name), make([]byte, ed25519.SeedSize-len(name))...))}
}

func (s testSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
func (s testSigner) Public() ed25519.PublicKey       { return s.key.Public().(ed25519.PublicKey) }

const testOrigin = "acme/eu-1"

func testOptions() Options {
	return Options{Origin: testOrigin, Signer: signerOf("first"), SubjectHash: func(key [16]byte) string { return hex.EncodeToString(key[:]) }}
}

func openTest(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func closeTest(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func numbered(n int) Entry {
	return Entry{Actor: "alice", Role: "operator", Act: Access, Reason: "ticket", Numbers: map[string]uint64{"n": uint64(n)}}
}

// appendMany appends entries numbered from..to-1, some at a time, and gives their indexes.
func appendMany(t testing.TB, l *Log, from, to, writers int) map[int]uint64 {
	t.Helper()
	indexes := map[int]uint64{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := from + w; n < to; n += writers {
				index, err := l.Append(t.Context(), numbered(n))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				indexes[n] = index
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return indexes
}

func verifyOne(t testing.TB, dir string, since ...string) Report {
	t.Helper()
	reports, err := Verify(t.Context(), []string{dir}, VerifyOptions{Keys: []ed25519.PublicKey{signerOf("first").Public()}, Since: since})
	if err != nil {
		t.Fatal(err)
	}
	return reports[0]
}

func wantWhole(t testing.TB, dir string, entries uint64) {
	t.Helper()
	if r := verifyOne(t, dir); !r.OK() || r.Entries != entries {
		t.Fatalf("%d entries, want %d; problems %v", r.Entries, entries, r.Problems)
	}
}

func TestAppend(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openTest(t, dir, testOptions())
	indexes := appendMany(t, l, 0, 300, 60)
	seen := map[uint64]int{}
	for n, index := range indexes {
		seen[index] = n
	}
	if len(seen) != 300 {
		t.Fatalf("300 entries have %d indexes", len(seen))
	}
	for item, err := range Show(t.Context(), dir, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want, ok := seen[item.Index]; ok && item.Entry.Numbers["n"] != uint64(want) {
			t.Fatalf("at %d lies entry %d, not %d", item.Index, item.Entry.Numbers["n"], want)
		}
	}
	if cp, err := openCheckpoint(l.Checkpoint(), l.known); err != nil || cp.Size != 300 {
		t.Errorf("the checkpoint states %d entries, %v", cp.Size, err)
	}
	closeTest(t, l)
	wantWhole(t, dir, 300)
	if r := verifyOne(t, dir); len(r.Notes) > 0 {
		t.Errorf("a closed log gives notes: %q", r.Notes)
	}
	if _, err := l.Append(t.Context(), numbered(0)); !errors.Is(err, event.ErrFatal) {
		t.Errorf("a closed log gives %v", err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	for round := range 6 {
		l := openTest(t, dir, testOptions())
		appendMany(t, l, 100*round, 100*(round+1), 20)
		closeTest(t, l)
		wantWhole(t, dir, uint64(100*(round+1)))
	}
}

func TestAppendRefuses(t *testing.T) {
	l := openTest(t, t.TempDir(), testOptions())
	e := numbered(1)
	e.Reason = "asked by eve@example.com"
	if _, err := l.Append(t.Context(), e); !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "eve") {
		t.Error(err)
	}
	e = numbered(1)
	e.Subject = l.Subject([16]byte{1})
	if index, err := l.Append(t.Context(), e); err != nil || index != 0 {
		t.Errorf("index %d, %v", index, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, numbered(2)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, testOptions())
	if _, err := Open(dir, testOptions()); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer got %v", err)
	}
	closeTest(t, l)
	openTest(t, dir, testOptions())
}

func TestOpenOptions(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no origin":          func(o *Options) { o.Origin = "" },
		"no instance":        func(o *Options) { o.Origin = "acme/" },
		"no tenant":          func(o *Options) { o.Origin = "/eu-1" },
		"a space":            func(o *Options) { o.Origin = "acme/eu 1" },
		"a plus sign":        func(o *Options) { o.Origin = "acme/eu+1" },
		"no signer":          func(o *Options) { o.Signer = nil },
		"no hash":            func(o *Options) { o.SubjectHash = nil },
		"a short public key": func(o *Options) { o.Earlier = []ed25519.PublicKey{{1}} },
	} {
		o := testOptions()
		spoil(&o)
		if _, err := Open(t.TempDir(), o); !errors.Is(err, event.ErrFatal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherOrigin(t *testing.T) {
	dir := t.TempDir()
	closeTest(t, openTest(t, dir, testOptions()))
	o := testOptions()
	o.Origin = "acme/eu-2"
	if _, err := Open(dir, o); !errors.Is(err, event.ErrFatal) || !strings.Contains(err.Error(), "another origin") {
		t.Error(err)
	}
}

func TestRotatedKey(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, testOptions())
	appendMany(t, l, 0, 3, 1)
	closeTest(t, l)
	o := testOptions()
	o.Signer = signerOf("second")
	if _, err := Open(dir, o); !errors.Is(err, event.ErrFatal) {
		t.Errorf("a log of an unknown key was opened: %v", err)
	}
	o.Earlier = []ed25519.PublicKey{signerOf("first").Public()}
	l = openTest(t, dir, o)
	appendMany(t, l, 3, 6, 1)
	closeTest(t, l)
	both := VerifyOptions{Keys: []ed25519.PublicKey{signerOf("second").Public(), signerOf("first").Public()}}
	if reports, err := Verify(t.Context(), []string{dir}, both); err != nil || !reports[0].OK() || reports[0].Entries != 6 {
		t.Errorf("%+v, %v", reports, err)
	}
	if r := verifyOne(t, dir); r.OK() {
		t.Error("one of the keys is enough for a log of two")
	}
}

// A signer that lies about its key, or fails, must not let an entry pass as written.
type brokenSigner struct{ testSigner }

func (s brokenSigner) Sign([]byte) ([]byte, error) { return make([]byte, ed25519.SignatureSize), nil }

func TestBrokenSigner(t *testing.T) {
	o := testOptions()
	o.Signer, o.Timeout = brokenSigner{signerOf("first")}, 300*time.Millisecond
	l, err := Open(t.TempDir(), o)
	if err != nil {
		return
	}
	defer func() { _ = l.Close() }()
	if _, err := l.Append(t.Context(), numbered(1)); err == nil {
		t.Error("an entry passed without a signature")
	}
}

// Whoever changes the files under a running writer gets no signature for it, and nothing is acknowledged that cannot be stored.
func TestChangedWhileWritten(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"the tree's state": func(t *testing.T, dir string) {
			if err := writeTreeState(dir, 3, bytes.Repeat([]byte{7}, hashSize)); err != nil {
				t.Fatal(err)
			}
		},
		"a hash": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "tile/0/000.p/5"), 40) },
		"no room for entries": func(t *testing.T, dir string) {
			entries := filepath.Join(dir, "tile/entries")
			if err := errors.Join(os.RemoveAll(entries), os.WriteFile(entries, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, dir, testOptions())
			for n := range 5 {
				appendMany(t, l, n, n+1, 1)
			}
			change(t, dir)
			before := l.Checkpoint()
			if _, err := l.Append(t.Context(), numbered(5)); !errors.Is(err, event.ErrFatal) {
				t.Errorf("Append gave %v", err)
			}
			if l.Checkpoint() != before {
				t.Error("a changed log was signed")
			}
			if _, err := l.Append(t.Context(), numbered(6)); !errors.Is(err, event.ErrFatal) {
				t.Errorf("the next Append gave %v", err)
			}
		})
	}
}

func flip(t testing.TB, path string, at int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[at] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A log that does not fit its newest checkpoint is not gone on with.
func TestOpenDamaged(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string) error{
		"a hash on the edge":   func(t *testing.T, dir string) error { flip(t, filepath.Join(dir, "tile/0/000.p/9"), 33); return nil },
		"no tile":              func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "tile/0/000.p/9")) },
		"no checkpoints.log":   func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, keptName)) },
		"an empty one":         func(_ *testing.T, dir string) error { return os.Truncate(filepath.Join(dir, keptName), 0) },
		"a changed checkpoint": func(t *testing.T, dir string) error { flip(t, filepath.Join(dir, checkpointName), 12); return nil },
		"a changed last line": func(t *testing.T, dir string) error {
			flip(t, filepath.Join(dir, keptName), int(size(t, filepath.Join(dir, keptName)))-30)
			return nil
		},
		"a shorter kept file": func(t *testing.T, dir string) error { return dropLastLine(filepath.Join(dir, keptName)) },
		"a checkpoint's absence and no kept": func(t *testing.T, dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, keptName)), os.Remove(filepath.Join(dir, checkpointName)))
		},
	} {
		dir := t.TempDir()
		l := openTest(t, dir, testOptions())
		appendMany(t, l, 0, 9, 9)
		closeTest(t, l)
		if err := change(t, dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, testOptions()); !errors.Is(err, event.ErrFatal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is scratch, or no part of the log, or left by a crash, does not keep the next writer from going on, and proves nothing.
func TestOpenMends(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string) error{
		"no state":       func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, stateName)) },
		"a spoilt state": func(_ *testing.T, dir string) error { return spoil(filepath.Join(dir, stateName)) },
		"a spoilt lock": func(_ *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, lockName), []byte("x"), 0o600)
		},
		"a forged state": func(_ *testing.T, dir string) error { return writeTreeState(dir, 3, make([]byte, hashSize)) },
		"no checkpoint":  func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, checkpointName)) },
		"an older checkpoint": func(_ *testing.T, dir string) error {
			raw, err := os.ReadFile(filepath.Join(dir, keptName))
			if err != nil {
				return err
			}
			lines := bytes.Split(raw, []byte("\n"))
			older, err := parseKept(lines[len(lines)-3])
			return errors.Join(err, os.WriteFile(filepath.Join(dir, checkpointName), []byte(older.Checkpoint), 0o600))
		},
		"half a line": func(_ *testing.T, dir string) error {
			raw, err := os.ReadFile(filepath.Join(dir, keptName))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, keptName), append(raw, `{"n":`...), 0o600))
		},
		"entries beyond": func(_ *testing.T, dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "tile/entries/000"), []byte("planted"), 0o600),
				os.WriteFile(filepath.Join(dir, "tile/0/000.p/10"), make([]byte, 320), 0o600),
				os.WriteFile(filepath.Join(dir, "tile/0/000.p/912345678"), nil, 0o600))
		},
	} {
		dir := t.TempDir()
		l := openTest(t, dir, testOptions())
		appendMany(t, l, 0, 9, 9)
		closeTest(t, l)
		if err := change(t, dir); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, testOptions())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		closeTest(t, l)
		wantWhole(t, dir, 9)
		l = openTest(t, dir, testOptions())
		appendMany(t, l, 9, 12, 3)
		closeTest(t, l)
		wantWhole(t, dir, 12)
		if r := verifyOne(t, dir); len(r.Notes) > 0 {
			t.Errorf("%s: %q", name, r.Notes)
		}
	}
}

// spoil overwrites every file of a directory.
func spoil(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, f.Name()), []byte("spoilt"), 0o600))
	}
	return err
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func dropLastLine(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw[:bytes.LastIndexByte(raw[:len(raw)-1], '\n')+1], 0o600)
}

func TestMeter(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, testOptions())
	var m Meter
	var collected atomic.Uint64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- m.Run(ctx, l, 5*time.Millisecond, func() { m.Add("partner", "forwarded", collected.Swap(0)) })
	}()
	for range 50 {
		m.Add("analytics", "forwarded", 3)
		m.Add("analytics", "withheld.no-consent", 1)
		m.Add("research", "forwarded", 0)
		collected.Add(2)
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sum := map[string]uint64{}
	for item, err := range Show(t.Context(), dir, Filter{Act: CountsAct, Actor: Service}) {
		if err != nil {
			t.Fatal(err)
		}
		for kind, n := range item.Entry.Numbers {
			sum[item.Entry.Recipient+" "+kind] += n
		}
	}
	if sum["analytics forwarded"] != 150 || sum["analytics withheld.no-consent"] != 50 || sum["partner forwarded"] != 100 || len(sum) != 3 {
		t.Errorf("the counts add up to %v", sum)
	}
}
