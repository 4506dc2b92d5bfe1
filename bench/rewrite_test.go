// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/workload"
)

// rewriteEvents is how many events one run of the benchmark takes: enough for its start to cost next to nothing.
const rewriteEvents = 200_000

// rewrite runs BenchmarkProcess on one core, as often as told, each time in a process of its own:
// on a busy machine its CPU time means more than the time on the clock.
func rewrite(t *testing.T, root string, runs int) []Rewrite {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "pipeline.test")
	compile := exec.Command("go", "test", "-c", "-trimpath", "-pgo="+filepath.Join(root, releaseProfile), "-o", bin, "./internal/pipeline")
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build the benchmark: %v\n%s", err, out)
	}
	event := workload.Event()
	var all []Rewrite
	for i := range runs {
		r, err := rewriteOnce(bin, filepath.Join(root, "internal/pipeline"))
		if err != nil {
			t.Fatal(err)
		}
		if r.YardstickNanoseconds, err = yardstick(event); err != nil {
			t.Fatal(err)
		}
		t.Logf("rewrite, run %d: %.0f ns of CPU an event, %.0f on the clock, %d allocations; yardstick %.0f ns of CPU",
			i+1, r.CPUNanoseconds, r.WallNanoseconds, r.Allocations, r.YardstickNanoseconds)
		all = append(all, r)
	}
	return all
}

func rewriteOnce(bin, dir string) (Rewrite, error) {
	cmd := exec.Command(bin, "-test.run=^$", "-test.bench=^BenchmarkProcess$", "-test.cpu=1", fmt.Sprintf("-test.benchtime=%dx", rewriteEvents))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Rewrite{}, fmt.Errorf("benchmark: %w\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m)^BenchmarkProcess\S*\s+(\d+)\s+([\d.]+) ns/op.*?(\d+) B/op\s+(\d+) allocs/op`).FindSubmatch(out)
	if line == nil {
		return Rewrite{}, fmt.Errorf("no figures in\n%s", out)
	}
	var r Rewrite
	events, errEvents := strconv.ParseFloat(string(line[1]), 64)
	r.WallNanoseconds, err = strconv.ParseFloat(string(line[2]), 64)
	if err != nil || errEvents != nil {
		return Rewrite{}, fmt.Errorf("no figures in\n%s", out)
	}
	r.Bytes, _ = strconv.ParseInt(string(line[3]), 10, 64) // digits, says the expression
	r.Allocations, _ = strconv.ParseInt(string(line[4]), 10, 64)
	r.CPUNanoseconds = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Nanoseconds()) / events
	return r, nil
}

// yardstick gives the CPU time that encoding/json takes to check the event: how fast this machine is just now.
func yardstick(event []byte) (float64, error) {
	const events = 200_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threadCPU()
	if err != nil {
		return 0, err
	}
	for range events {
		if !json.Valid(event) {
			return 0, errors.New("the event is no JSON")
		}
	}
	after, err := threadCPU()
	return float64((after - before).Nanoseconds()) / events, err
}

func threadCPU() (time.Duration, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_THREAD, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}
