// SPDX-License-Identifier: Apache-2.0

// Package rig sets up what the end-to-end tests need: a real Kafka, the real binary, and an independent client to look with.
package rig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Root finds the repository: the nearest folder above that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod in any folder above")
		}
		dir = up
	}
}

// Missing ends the test because something outside the repository cannot be had:
// it skips on a developer's machine and fails where NYMSTREAM_KAFKA_REQUIRED=1 is set, as in CI.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("NYMSTREAM_KAFKA_REQUIRED") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
