// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"
)

// TestScale measures a log of 100,000 entries; NYMSTREAM_AUDIT_SCALE=1 asks for it.
func TestScale(t *testing.T) {
	if os.Getenv("NYMSTREAM_AUDIT_SCALE") == "" {
		t.Skip("set NYMSTREAM_AUDIT_SCALE=1 to measure")
	}
	const entries = 100_000
	dir := t.TempDir()
	l := openTest(t, dir, testOptions())
	for _, writers := range []int{1, 64, 256} {
		begin := time.Now()
		n := 8 * writers
		appendMany(t, l, 0, n, writers)
		took := time.Since(begin)
		t.Logf("%d callers at once: %.0f entries/s, %s an entry", writers, float64(n)/took.Seconds(), took/8)
	}
	size, err := signedSize(dir)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	appendMany(t, l, int(size), entries, 2000)
	t.Logf("2000 callers at once: %.0f entries/s", float64(entries-size)/time.Since(begin).Seconds())
	begin = time.Now()
	closeTest(t, l)
	t.Logf("close: %s", time.Since(begin))

	begin = time.Now()
	l = openTest(t, dir, testOptions())
	opened := time.Since(begin)
	t.Logf("open: %s", opened)
	if opened > 2*time.Second {
		t.Errorf("opening took %s, the limit is 2s", opened)
	}
	closeTest(t, l)
	begin = time.Now()
	wantWhole(t, dir, entries)
	t.Logf("verify: %s", time.Since(begin))
	begin = time.Now()
	var out bytes.Buffer
	if err := Export(t.Context(), &out, dir, Filter{}, true); err != nil {
		t.Fatal(err)
	}
	t.Logf("export with proofs: %s, %d bytes an entry", time.Since(begin), out.Len()/entries)
	s, err := Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes an entry in %d files", s.Bytes/entries, s.Files)
}

// BenchmarkAppend measures what an entry costs when many come at once.
func BenchmarkAppend(b *testing.B) {
	l := openTest(b, b.TempDir(), testOptions())
	b.SetParallelism(256)
	var once sync.Once
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(b.Context(), numbered(1)); err != nil {
				once.Do(func() { b.Error(err) })
			}
		}
	})
}
