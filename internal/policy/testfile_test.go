// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTestFileRefusals reads test files that must be refused and compares every message. A person reviews the files.
func TestTestFileRefusals(t *testing.T) {
	archives(t, "testfiles", func(t *testing.T, a *archive) {
		dir := t.TempDir()
		file := filepath.Join(dir, "p_test.yaml")
		if err := os.WriteFile(file, []byte(a.sections["p_test.yaml"]), 0o600); err != nil {
			t.Fatal(err)
		}
		tests, err := ReadTests(file, "p.yaml")
		var problems Problems
		if tests != nil || !errors.As(err, &problems) {
			t.Fatalf("it was read: %v, %v", tests, err)
		}
		a.compare(t, strings.ReplaceAll(problems.Error(), dir+string(filepath.Separator), "")+"\n")
	})
}

func TestTestsOfAnotherPolicyAreLeftOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p_test.yaml")
	text := "language: 1\npolicy: other.yaml\ntests:\n  - {name: x, source: s, recipient: r, event: {}, expect: {outcome: forward}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if tests, err := ReadTests(file, "p.yaml"); err != nil || len(tests) != 0 {
		t.Errorf("want no tests, got %v, %v", tests, err)
	}
	if tests, err := ReadTests(file, "somewhere/other.yaml"); err != nil || len(tests) != 1 {
		t.Errorf("want one test, got %v, %v", tests, err)
	}
}
