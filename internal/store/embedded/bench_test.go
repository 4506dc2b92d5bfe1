// SPDX-License-Identifier: Apache-2.0

package embedded_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func BenchmarkInsert(b *testing.B) {
	storetest.BenchmarkInsert(b, func(b *testing.B) subject.Store { return open(b, b.TempDir()) })
}

func BenchmarkLookup(b *testing.B) {
	s := open(b, b.TempDir())
	defer func() { _ = s.Close() }()
	storetest.BenchmarkLookup(b, s, 500_000)
}

func BenchmarkUpdate(b *testing.B) {
	s := open(b, b.TempDir())
	defer func() { _ = s.Close() }()
	storetest.BenchmarkUpdate(b, s, 300_000)
}

// TestMillions fills a store with as many millions of people as NYMSTREAM_STORE_MILLIONS says, and tells what they cost. At 10 it holds
// the store against its marks: 2 GB of disk, 512 MB of memory, 5 s to open.
func TestMillions(t *testing.T) {
	millions, err := strconv.ParseUint(os.Getenv("NYMSTREAM_STORE_MILLIONS"), 10, 16)
	if err != nil {
		t.Skip("NYMSTREAM_STORE_MILLIONS says how many millions of people to store")
	}
	const million = 1_000_000
	dir := t.TempDir()
	s := open(t, dir)
	defer func() { _ = s.Close() }()
	peak := int64(0)
	for m := range millions {
		began, used := time.Now(), storetest.ProcessorTime()
		took, err := storetest.Fill(t.Context(), s, m*million, (m+1)*million, 2)
		if err != nil {
			t.Fatal(err)
		}
		peak = max(peak, diskUsage(t, dir))
		t.Logf("million %d: %.0f rows/s in the store, %.0f rows/s with making them, %.1f s of processor, disk %d MB, memory %d MB (at most %d)", m+1,
			million/took.Seconds(), million/time.Since(began).Seconds(), (storetest.ProcessorTime() - used).Seconds(),
			diskUsage(t, dir)>>20, resident(t, "VmRSS:")>>20, resident(t, "VmHWM:")>>20)
	}
	lookUpPeople(t, s, millions*million)
	memory := resident(t, "VmHWM:")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	began := time.Now()
	s, err = embedded.Open(dir, embedded.Options{})
	opened := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	lookUpPeople(t, s, millions*million)
	began = time.Now()
	scanned := 0
	if err := s.Scan(t.Context(), subject.People, subject.Key{}, func(block []subject.Row) error { scanned += len(block); return nil }); err != nil {
		t.Fatal(err)
	}
	scan := time.Since(began)
	st, err := s.Stats(t.Context())
	if err != nil || st.Rows[subject.People] != int64(millions*million) || scanned != int(millions*million) {
		t.Errorf("%d rows are counted, %d scanned; %v", st.Rows[subject.People], scanned, err)
	}
	disk := diskUsage(t, dir)
	t.Logf("%d million: opened in %v, scanned in %v, disk %d MB (at most %d), memory at most %d MB", millions, opened, scan, disk>>20, peak>>20, memory>>20)
	if millions <= 10 && (disk > 2e9 || memory > 512<<20 || opened > 5*time.Second) {
		t.Error("that is more than 2 GB of disk, 512 MiB of memory or 5 s")
	}
}

func lookUpPeople(t *testing.T, s subject.Store, people uint64) {
	t.Helper()
	rows := make([]subject.Row, 500)
	var took time.Duration
	for round := range uint64(100) {
		for i := range rows {
			rows[i].Key = storetest.Person((round*500 + uint64(i)) * 7919 % people).Key
		}
		began := time.Now()
		if err := s.Load(t.Context(), subject.People, rows); err != nil || rows[0].Version != 1 {
			t.Fatalf("version %d, %v", rows[0].Version, err)
		}
		took += time.Since(began)
	}
	t.Logf("%.0f look-ups/s", 50_000/took.Seconds())
}

func diskUsage(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go
		}
		var st syscall.Stat_t
		if syscall.Lstat(path, &st) == nil {
			bytes += st.Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// resident is a figure of /proc/self/status in bytes; 0 where there is none.
func resident(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
