// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

const (
	crashDir   = "NYMSTREAM_AUDIT_CRASH_DIR"
	crashFirst = "NYMSTREAM_AUDIT_CRASH_FIRST"
)

// TestAppendUntilKilled is the process that TestCrash kills: it appends, and names each entry that was acknowledged with its index.
func TestAppendUntilKilled(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("TestCrash runs this")
	}
	var first int
	if _, err := fmt.Sscan(os.Getenv(crashFirst), &first); err != nil {
		t.Fatal(err)
	}
	l := openTest(t, dir, testOptions())
	const writers = 40
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := first + w; ; n += writers {
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
				index, err := l.Append(t.Context(), numbered(n))
				if err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Printf("ack %d %d\n", n, index)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// A process is killed while it appends: the log verifies as it lies there and after the next start, and has every entry that was acknowledged.
func TestCrash(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acknowledged := map[uint64]uint64{} // number by index
	for round := range rounds {
		appendAndKill(t, dir, round*1_000_000, acknowledged)
		r := verifyOne(t, dir)
		if !r.OK() && (len(r.Problems) > 1 || r.Problems[0].What != olderByOne) {
			t.Fatalf("round %d, before the next start: %v", round, r.Problems)
		}
		l := openTest(t, dir, testOptions())
		appendMany(t, l, 0, 5, 5)
		closeTest(t, l)
		if r := verifyOne(t, dir); !r.OK() || len(r.Notes) > 0 {
			t.Fatalf("round %d: %v %v", round, r.Problems, r.Notes)
		}
		stored := map[uint64]uint64{}
		for item, err := range Show(t.Context(), dir, Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			stored[item.Index] = item.Entry.Numbers["n"]
		}
		for index, n := range acknowledged {
			if got, ok := stored[index]; !ok || got != n {
				t.Fatalf("round %d: at %d lies %d (%t), and %d was acknowledged", round, index, got, ok, n)
			}
		}
		t.Logf("round %d: %d acknowledged, %d stored", round, len(acknowledged), len(stored))
	}
}

func appendAndKill(t *testing.T, dir string, first int, acknowledged map[uint64]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAppendUntilKilled$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%d", crashFirst, first))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, killed := bufio.NewScanner(out), false
	for lines.Scan() {
		var n, index uint64
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &n, &index); err != nil {
			t.Fatalf("the appending process said %q", lines.Text())
		}
		acknowledged[index] = n
		if !killed {
			killed = true
			time.AfterFunc(time.Duration(rand.IntN(700))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("the appending process ended by itself: %v", err)
	}
}
