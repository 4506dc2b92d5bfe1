// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"os"
	"testing"
)

// TestMain removes the binary that the tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}
