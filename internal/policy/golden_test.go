// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "rewrite the golden sections from what Load says")

// archive is a text file with sections: `-- name --` on a line of its own begins one, what stands above the first is a comment.
type archive struct {
	file     string
	comment  string
	names    []string
	sections map[string]string
}

func readArchive(t testing.TB, file string) *archive {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{file: file, sections: map[string]string{}}
	name := ""
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(rest, " --\n") {
			name = strings.TrimSuffix(rest, " --\n")
			a.names = append(a.names, name)
			a.sections[name] = ""
			continue
		}
		if name == "" {
			a.comment += line
		} else {
			a.sections[name] += line
		}
	}
	return a
}

// compare checks the golden section "want" against what was got, or rewrites it.
func (a *archive) compare(t *testing.T, got string) {
	t.Helper()
	switch {
	case a.sections["want"] == got:
	case !*update:
		t.Errorf("%s\nwant:\n%s\ngot:\n%s", a.file, a.sections["want"], got)
	default:
		a.sections["want"] = got
		out := a.comment
		for _, name := range a.names {
			out += "-- " + name + " --\n" + a.sections[name]
		}
		if err := os.WriteFile(a.file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads policy.yaml of an archive, else testdata/base.yaml. Other *.yaml are built-in packs beside testdata/social.yaml.
func (a *archive) load(t *testing.T) (*Plan, error) {
	t.Helper()
	packs := fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}
	policy := testFile(t, "base.yaml")
	for name, text := range a.sections {
		switch {
		case name == "policy.yaml":
			policy = []byte(text)
		case strings.HasSuffix(name, ".yaml"):
			packs[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return LoadBytes("policy.yaml", policy, packs, "testdata")
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// archives runs a test for every file of a folder.
func archives(t *testing.T, folder string, run func(t *testing.T, a *archive)) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { run(t, readArchive(t, file)) })
	}
}

// TestRefusals loads policies that must be refused and compares every message. A person reviews the files.
func TestRefusals(t *testing.T) {
	archives(t, "refusals", func(t *testing.T, a *archive) {
		plan, err := a.load(t)
		var problems Problems
		if plan != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("it was loaded: %v", err)
		}
		a.compare(t, problems.Error()+"\n")
	})
}
