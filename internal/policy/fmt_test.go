// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	archives(t, "fmt", func(t *testing.T, a *archive) {
		got, err := Format("policy.yaml", []byte(a.sections["in.yaml"]))
		if err != nil {
			t.Fatal(err)
		}
		a.compare(t, string(got))
		again, err := Format("policy.yaml", got)
		if err != nil || string(again) != string(got) {
			t.Errorf("formatted again it is\n%s\n%v", again, err)
		}
	})
}

func TestFormatRefuses(t *testing.T) {
	for _, text := range []string{"", "a: [", "a: 1\na: 2\n", "a: yes\n---\nb: 1\n", "{a: 1}\n", "- a\n", "a: &x 1\n"} {
		if got, err := Format("policy.yaml", []byte(text)); err == nil {
			t.Errorf("%q was formatted: %q", text, got)
		}
	}
}

// TestFormatKeepsWhatFilesSay formats every policy and pack of the tree: it refuses what it would change.
func TestFormatKeepsWhatFilesSay(t *testing.T) {
	for _, glob := range []string{"packs/*.yaml", "testdata/*.yaml", "../../config/policies/*.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", glob, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Format(file, data); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

func TestFormatMendsSpoiltSpaces(t *testing.T) {
	for _, file := range []string{"base.yaml", "social.yaml"} {
		want, err := Format(file, testFile(t, file))
		if err != nil {
			t.Fatal(err)
		}
		var spoilt strings.Builder
		for line := range strings.Lines(string(want)) {
			text := strings.TrimLeft(line, " ")
			spoilt.WriteString(strings.Repeat("   ", (len(line)-len(text))/2) + strings.ReplaceAll(strings.ReplaceAll(text, ", ", " ,  "), "{", "{ "))
		}
		got, err := Format(file, []byte(spoilt.String()))
		if err != nil || stripped(string(got)) != stripped(string(want)) {
			t.Errorf("%s: want\n%s\ngot\n%s\n%v", file, want, got, err)
		}
	}
}

// stripped leaves the columns of comments out, which spoiling moves.
func stripped(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		text, comment, _ := strings.Cut(line, " #")
		b.WriteString(strings.TrimRight(text, " \n") + "#" + comment + "\n")
	}
	return b.String()
}

func FuzzFormat(f *testing.F) {
	for _, file := range []string{"base.yaml", "social.yaml"} {
		f.Add(string(testFile(f, file)))
	}
	f.Add("a:   {b:  c,d: [ 1,2 ]}  # x\nb: |\n  text\n   more\nc:\n- x\n-   y: 1\n    z: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Format("policy.yaml", []byte(text))
		if err != nil {
			return
		}
		if again, err := Format("policy.yaml", got); err != nil || string(again) != string(got) {
			t.Errorf("%q is formatted as %q, and that as %q (%v)", text, got, again, err)
		}
	})
}
