// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// FuzzLoad reads hostile policies and packs: every refusal is a list of problems with places, and nothing panics.
func FuzzLoad(f *testing.F) {
	f.Add(testFile(f, "base.yaml"), testFile(f, "social.yaml"))
	refusals, err := filepath.Glob("testdata/refusals/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range refusals {
		a := readArchive(f, file)
		policy, pack := testFile(f, "base.yaml"), testFile(f, "social.yaml")
		if text, ok := a.sections["policy.yaml"]; ok {
			policy = []byte(text)
		}
		if text, ok := a.sections["social.yaml"]; ok {
			pack = []byte(text)
		}
		f.Add(policy, pack)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, policy, pack []byte) {
		plan, err := LoadBytes("policy.yaml", policy, fstest.MapFS{"social.yaml": {Data: pack}}, dir)
		if err == nil {
			if len(plan.Hash) != 64 {
				t.Fatalf("a plan without a hash")
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 || plan != nil {
			t.Fatalf("want problems only, got %T %v", err, plan)
		}
		for i, p := range problems {
			if p.File == "" || p.Line < 1 || p.Col < 1 || p.What == "" {
				t.Fatalf("problem %d says too little: %+v", i, p)
			}
		}
	})
}
