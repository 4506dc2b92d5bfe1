// SPDX-License-Identifier: Apache-2.0

package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/policy"
)

const root = ".."

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents are those that a person reads first.
var documents = []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/DELETIONS.md", "docs/GUARANTEES.md",
	"docs/OPERATIONS.md", "docs/PERFORMANCE.md", "docs/POLICY.md", "docs/SCALING.md", "docs/THREAT_MODEL.md"}

// TestGuaranteesNameRealTests: a guarantee whose test was renamed or removed is a promise without a proof.
func TestGuaranteesNameRealTests(t *testing.T) {
	word := regexp.MustCompile("`([a-z/]+|(?:Test|Fuzz)\\w+)`")
	sources := map[string]string{}
	for name, atLeast := range map[string]int{"docs/GUARANTEES.md": 60, "docs/THREAT_MODEL.md": 30, "docs/DELETIONS.md": 4} {
		tests := 0
		for _, row := range regexp.MustCompile("(?m)^\\| `[a-z/]+` `(?:Test|Fuzz).*? \\|").FindAllString(document(t, name), -1) {
			folder := ""
			for _, m := range word.FindAllStringSubmatch(row, -1) {
				if !strings.HasPrefix(m[1], "Test") && !strings.HasPrefix(m[1], "Fuzz") {
					folder = m[1]
					continue
				}
				tests++
				if !strings.Contains(testsOf(t, sources, folder), "\nfunc "+m[1]+"(") {
					t.Errorf("%s: %s has no test %s", name, folder, m[1])
				}
			}
		}
		if tests < atLeast {
			t.Errorf("%s: want the tables' rows, got %d tests", name, tests)
		}
	}
}

// testsOf gives the text of a folder's tests.
func testsOf(t *testing.T, known map[string]string, folder string) string {
	t.Helper()
	if text, is := known[folder]; is {
		return text
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	known[folder] = text.String()
	return known[folder]
}

// TestReadmePolicyLoads: what a newcomer copies works.
func TestReadmePolicyLoads(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(document(t, "README.md"), -1)
	if len(blocks) != 1 {
		t.Fatalf("want one policy, got %d", len(blocks))
	}
	plan, err := policy.LoadBytes("README.md", []byte(blocks[0][1]), policy.Packs(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Recipients) != 1 || len(plan.Sources) != 1 {
		t.Errorf("want one source and one recipient, got %d and %d", len(plan.Sources), len(plan.Recipients))
	}
}

// TestLinksLeadSomewhere follows the links between documents, headings included.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range documents {
		for _, m := range link.FindAllStringSubmatch(document(t, name), -1) {
			target, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if heading != "" && !hasHeading(document(t, file), heading) {
				t.Errorf("%s: no heading for %s", name, m[1])
			}
		}
	}
}

func hasHeading(text, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		bare := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(bare, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestDocumentsHoldNoPlaceOfAMachine: paths of the machine that a text was written on help nobody.
func TestDocumentsHoldNoPlaceOfAMachine(t *testing.T) {
	for _, name := range documents {
		if m := regexp.MustCompile(`/(root|home/[a-z]+|work|Users/[a-z]+)/`).FindString(document(t, name)); m != "" {
			t.Errorf("%s holds %s", name, m)
		}
	}
}
