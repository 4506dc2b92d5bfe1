// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/nymstream/nymstream/test/rig"
)

// TestBench measures, prints and saves. BENCH_EVENTS, BENCH_ROUNDS, BENCH_JSON and BENCH_PROFILE are explained in docs/PERFORMANCE.md.
func TestBench(t *testing.T) {
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{Machine: machine()}
	r.Rewrite = rewrite(t, root, 10)
	t.Run("kafka", func(t *testing.T) {
		r.Input, r.Kafka = kafkaToKafka(t, root, setting(t, "BENCH_EVENTS", 500_000), setting(t, "BENCH_ROUNDS", 3))
	})
	r.Judge(product)
	if err := r.Print(os.Stdout); err != nil {
		t.Fatal(err)
	}
	if file := place("BENCH_JSON", root); file != "" && !t.Failed() {
		if err := r.Save(file); err != nil {
			t.Fatal(err)
		}
	}
}

// place reads a path from the environment; it is relative to the repository, where make runs, and "" when it is not set.
func place(name, root string) string {
	path := os.Getenv(name)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

func machine() Machine {
	m := Machine{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Environment: map[string]string{}}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(text); model != nil {
			m.Processor = string(model[1])
		}
	}
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "GOAMD64"} {
		if v := os.Getenv(name); v != "" {
			m.Environment[name] = v
		}
	}
	return m
}

// setting reads a positive number from the environment.
func setting(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: want a number above 0", name)
	}
	return n
}
