// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestBuiltInPacksLoad(t *testing.T) {
	packs, err := ListPacks(Packs())
	if err != nil {
		t.Fatal(err)
	}
	if len(packs) == 0 {
		t.Fatal("no packs")
	}
	for _, p := range packs {
		t.Run(p.Name, func(t *testing.T) {
			id := fmt.Sprintf("%s@%d", p.Name, p.Version)
			text, _, _ := strings.Cut(string(testFile(t, "base.yaml")), "    from:\n")
			text = strings.Replace(text, "social@1", id, 1) + "    from: {social: {}}\n    classes: {account: pseudonym, plain: keep}\n"
			plan, err := LoadBytes("policy.yaml", []byte(text), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Sources[0].Pack; got != id {
				t.Errorf("want pack %s, got %s", id, got)
			}
		})
	}
}

func TestListPacksSortsByNameAndVersion(t *testing.T) {
	pack := func(name string, version int) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, "language: 1\npack: %s\nversion: %d\ndescription: about %s\n", name, version, name)}
	}
	got, err := ListPacks(fstest.MapFS{"b.yaml": pack("b", 2), "b@1.yaml": pack("b", 1), "a.yaml": pack("a", 1), "README.md": {}})
	want := "[{a 1 about a a.yaml} {b 1 about b b@1.yaml} {b 2 about b b.yaml}]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("want %s, got %v, %v", want, got, err)
	}
	if _, err := ListPacks(fstest.MapFS{"a.yaml": {Data: []byte("a: [")}}); err == nil {
		t.Error("a file that is no YAML was listed")
	}
}

func TestOldVersionsStayBesideNewOnes(t *testing.T) {
	social := string(testFile(t, "social.yaml"))
	packs := fstest.MapFS{
		"social.yaml":   {Data: []byte(strings.Replace(social, "version: 1", "version: 2", 1))},
		"social@1.yaml": {Data: []byte(social)},
	}
	for _, id := range []string{"social@1", "social@2"} {
		text := strings.Replace(string(testFile(t, "base.yaml")), "social@1", id, 1)
		plan, err := LoadBytes("policy.yaml", []byte(text), packs, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Sources[0].Pack; got != id {
			t.Errorf("want %s, got %s", id, got)
		}
	}
}

func TestPacksBesideThePolicy(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := string(testFile(t, "base.yaml"))
	write("packs/mine.yaml", string(testFile(t, "social.yaml")))
	write("policy.yaml", strings.Replace(base, "social@1", "./packs/mine.yaml", 1))
	write("policies/policy.yaml", strings.Replace(base, "social@1", "../packs/mine.yaml", 1))
	for _, policy := range []string{"policy.yaml", "policies/policy.yaml"} {
		plan, err := Load(filepath.Join(dir, policy), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Sources[0].Pack; got != "social@1" {
			t.Errorf("want social@1, got %s", got)
		}
	}
}

func TestLoadOfAMissingFileIsAProblem(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "policy.yaml"), nil)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 1 {
		t.Errorf("want one problem, got %v", err)
	}
}
