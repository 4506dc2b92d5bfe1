// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nymstream/nymstream/test/rig"
)

// built is the binary that all tests share.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// executable builds nymstream once. NYMSTREAM_BINARY names another one to test instead.
func executable(t testing.TB) string {
	t.Helper()
	if named := os.Getenv("NYMSTREAM_BINARY"); named != "" {
		return named
	}
	built.once.Do(func() {
		root, err := rig.Root()
		if err == nil {
			built.dir, err = os.MkdirTemp("", "nymstream-people.") //nolint:usetesting // it outlives the test that comes first
		}
		if built.err = err; err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "nymstream")
		cmd := exec.Command("go", "build", "-o", built.path, "./cmd/nymstream")
		cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		built.err = cmd.Run()
	})
	if built.err != nil {
		t.Fatalf("build nymstream: %v", built.err)
	}
	return built.path
}
