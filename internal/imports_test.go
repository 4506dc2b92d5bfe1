// SPDX-License-Identifier: Apache-2.0

// Package internal_test holds the plan of the house against the code.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nymstream/nymstream/"

// arrows is the plan of docs/ARCHITECTURE.md: who may import whom. A new arrow is a decision: draw it there too.
var arrows = map[string][]string{
	"cmd/nymstream":      {"internal/app", "internal/config", "internal/policy", "internal/pipeline", "internal/discover", "internal/event"},
	"internal/app":       {"internal/*"},
	"internal/pipeline":  {"internal/detect", "internal/detect/span", "internal/rewrite", "internal/policy", "internal/transform", "internal/subject", "internal/consent", "internal/consent/iab", "internal/keyring", "internal/event"},
	"internal/rewrite":   {"internal/detect", "internal/detect/names", "internal/detect/span", "internal/policy", "internal/transform", "internal/keyring", "internal/event"},
	"internal/transform": {"internal/detect", "internal/detect/span", "internal/keyring", "internal/event"},
	"internal/policy":    {"internal/event"},
	"internal/format":    {"internal/policy", "internal/event"},
	"internal/discover":  {"internal/policy", "internal/event"},
	"internal/stream":    {"internal/event"},
	"internal/control":   {"internal/subject", "internal/event"},
	"internal/keyring":   {"internal/event"},

	"internal/detect":            {"internal/detect/span", "internal/detect/phone", "internal/detect/nationalid", "internal/detect/locale"},
	"internal/detect/span":       nil,
	"internal/detect/phone":      {"internal/detect/span"},
	"internal/detect/nationalid": {"internal/detect/span"},
	"internal/detect/locale":     {"internal/detect/span"},
	"internal/detect/names":      {"internal/detect/span"},

	"internal/detect/gen":         nil,
	"internal/detect/phone/gen":   nil,
	"internal/detect/names/train": {"internal/detect/names", "internal/detect/span"},

	"internal/rights":          {"internal/policy", "internal/transform", "internal/subject", "internal/consent", "internal/keyring", "internal/audit", "internal/event"},
	"internal/rights/reveal":   {"internal/policy", "internal/transform", "internal/subject", "internal/consent", "internal/keyring", "internal/audit", "internal/event"},
	"internal/store":           {"internal/subject", "internal/event"},
	"internal/store/embedded":  {"internal/store", "internal/subject", "internal/event"},
	"internal/store/postgres":  {"internal/store", "internal/subject", "internal/event"},
	"internal/store/storetest": {"internal/store", "internal/subject", "internal/event"},
	"internal/subject":         {"internal/consent", "internal/keyring", "internal/event"},
	"internal/consent":         {"internal/event"},
	"internal/consent/iab":     {"internal/consent"},
	"internal/consent/foreign": {"internal/consent"},
	"internal/audit":           {"internal/event"},
	"internal/event":           nil,
	"internal/config":          nil,
	"internal/telemetry":       nil,
	"internal/workload":        nil,
}

// onlyHere names the modules that one room keeps to itself.
var onlyHere = map[string][]string{
	"github.com/segmentio/kafka-go":   {"internal/stream", "internal/app"}, // app passes on SASL mechanisms
	"github.com/tink-crypto/tink-go":  {"internal/keyring"},
	"github.com/twmb/franz-go":        {"internal/app", "internal/format"}, // the demo's broker inside the process; the registry's client
	"github.com/prometheus/":          {"internal/telemetry", "internal/stream", "internal/control", "internal/app"},
	"github.com/alecthomas/kong":      {"cmd/nymstream"},
	"github.com/vbauerster/mpb":       {"cmd/nymstream"},
	"filippo.io/age":                  {"internal/keyring"},
	"github.com/cockroachdb/pebble":   {"internal/store/embedded"},
	"github.com/jackc/pgx":            {"internal/store/postgres"},
	"github.com/pressly/goose":        {"internal/store/postgres"},
	"github.com/transparency-dev":     {"internal/audit"},
	"github.com/nyaruka/phonenumbers": {"internal/detect/phone/gen"},
	"github.com/goccy/go-yaml":        {"internal/policy", "internal/config", "internal/discover", "cmd/nymstream"},
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, root := range []string{"../cmd", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			room := strings.TrimPrefix(filepath.ToSlash(filepath.Join("internal", filepath.Dir(path))), "../")
			allowed, known := arrows[room]
			if !known {
				t.Errorf("%s is no room of the plan", room)
				return nil
			}
			seen[room] = true
			return checkFile(t, path, room, allowed)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for room := range arrows {
		if !seen[room] {
			t.Errorf("the plan has %s, the code has not", room)
		}
	}
}

func checkFile(t *testing.T, path, room string, allowed []string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		for prefix, rooms := range onlyHere {
			if strings.HasPrefix(name, prefix) && !slices.Contains(rooms, room) {
				t.Errorf("%s imports %s, which only %v may", path, name, rooms)
			}
		}
		inner, ours := strings.CutPrefix(name, module)
		if !ours || slices.Contains(allowed, inner) || slices.Contains(allowed, "internal/*") {
			continue
		}
		t.Errorf("%s: the plan draws no arrow from %s to %s", path, room, inner)
	}
	return nil
}
