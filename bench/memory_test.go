// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSanitizeMemory tells what `nymstream sanitize` takes of memory at most with the packs of whole platforms. What it takes is taken
// while policy and pack are read, so one event is enough.
func TestSanitizeMemory(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "nymstream")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/nymstream").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile("../internal/policy/testdata/typical.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range []string{"meta_capi", "rudderstack", "mastodon", "slack"} {
		file := filepath.Join(dir, pack+".yaml")
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("mastodon@1"), []byte(pack+"@1")), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "sanitize", "-p", file, "--source", "raw", "--recipient", "analytics")
		cmd.Stdin = strings.NewReader("{}\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", pack, err, out)
		}
		t.Logf("%s: %d MiB", pack, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss/1024)
	}
}
