// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/telemetry"
)

func at() time.Time {
	return time.Date(2026, 5, 4, 23, 30, 0, 123456789, time.FixedZone("elsewhere", -7*3600))
}

func TestJSONLine(t *testing.T) {
	var out strings.Builder
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Version: "1.2.3", Instance: "i-1", Now: at})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("batch fetched")
	log.Warn().Str(telemetry.KeyTopic, "raw").Int(telemetry.KeyPartition, 3).Err(errors.New("offset is gone")).Msg("partition stopped")

	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("want one line of JSON, got %q", out.String())
	}
	want := map[string]any{
		"level": "warn", "service": "nymstream", "version": "1.2.3", "instance": "i-1", "topic": "raw", "partition": 3.0,
		"error": "offset is gone", "message": "partition stopped", "time": "2026-05-05T06:30:00.123Z",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("want %v\ngot  %v", want, got)
	}
}

func TestConsoleLine(t *testing.T) {
	var out strings.Builder
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "console", Level: "debug", Version: "1.2.3", Now: at})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Str(telemetry.KeyTopic, "raw").Msg("batch fetched")
	if want, got := "06:30:00.123 DBG batch fetched topic=raw\n", out.String(); want != got {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestLoggerRefusesUnknownWords(t *testing.T) {
	for _, o := range []telemetry.LogOptions{{Level: "loud"}, {Format: "xml"}} {
		if _, err := telemetry.NewLogger(&strings.Builder{}, o); err == nil {
			t.Errorf("%+v: want an error, got none", o)
		}
	}
}

// TestClearNeverPrints tries every way in which a value of event.Clear could reach a log at the lowest level.
func TestClearNeverPrints(t *testing.T) {
	const value = "jane.doe@example.org"
	clear := event.Clear(value)
	wrapped := struct {
		Email  event.Clear
		Nested map[string]event.Clear
	}{clear, map[string]event.Clear{"email": clear}}

	for _, format := range []string{"json", "console"} {
		var out strings.Builder
		log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Level: "debug", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug().Interface("v", clear).Any("v", wrapped).Stringer("v", clear).Msg("any")
		log.Debug().Fields(map[string]any{"v": clear, "w": wrapped}).Fields([]any{"v", clear}).Msg("fields")
		log.Debug().Interface("v", []event.Clear{clear}).Interface("v", &clear).Msg("pointers")
		child := log.With().Interface("v", clear).Stringer("w", clear).Logger()
		child.Debug().Msg("context")
		log.Debug().Err(fmt.Errorf("account %v is odd", clear)).Msg("error")
		log.Debug().Interface("v", fmt.Errorf("account %s is odd", wrapped)).Msg("error as a value")
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%c", "%U", "%t", "%e"} {
			log.Debug().Msgf(verb, clear)
			log.Debug().Msgf(verb, wrapped)
			log.Debug().Msgf(verb, []event.Clear{clear})
		}
		log.Print(clear, wrapped)

		for _, leak := range []string{value, "jane", "6a616e65", "6A616E65", "6a 61 6e 65", "106 97 110 101", "amFuZS", "U+006A"} {
			if i := strings.Index(out.String(), leak); i >= 0 {
				t.Errorf("%s: a clear value printed itself: …%s", format, out.String()[max(0, i-80):i+len(leak)])
			}
		}
		if lines := strings.Count(out.String(), "[clear]"); lines < 40 {
			t.Errorf("%s: want [clear] in its place, got it %d times", format, lines)
		}
	}
}

// TestNoRawBytesAreLogged: zerolog's Bytes, Hex, RawJSON and RawCBOR take any byte slice past its type's protection.
func TestNoRawBytesAreLogged(t *testing.T) {
	forbidden := map[string]bool{"Bytes": true, "Hex": true, "RawJSON": true, "RawCBOR": true}
	eachSource(t, func(path string, file *ast.File, set *token.FileSet) {
		if !imports(file, "github.com/rs/zerolog") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && forbidden[sel.Sel.Name] {
				t.Errorf("%s: %s logs bytes whatever their type", set.Position(call.Pos()), sel.Sel.Name)
			}
			return true
		})
	})
}

// eachSource parses every Go file of the module that is no test.
func eachSource(t *testing.T, visit func(path string, file *ast.File, set *token.FileSet)) {
	t.Helper()
	for _, root := range []string{"..", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			visit(path, file, set)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func imports(file *ast.File, path string) bool {
	for _, i := range file.Imports {
		if i.Path.Value == `"`+path+`"` {
			return true
		}
	}
	return false
}
