// SPDX-License-Identifier: Apache-2.0

//go:build unix

package contender

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func upper(event []byte) ([]byte, error) { return bytes.ToUpper(event), nil }

func TestTransformWritesEventsInOrder(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("a\nbc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Contender{Transform: func() (Sanitize, error) { return upper, nil }}
	if code := c.Main([]string{"transform", "-in", in, "-out", out}); code != 0 {
		t.Fatalf("want exit code 0, got %d", code)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "A\nBC\n" {
		t.Errorf("want A and BC, got %q", got)
	}
	if code := c.Main([]string{"kafka"}); code != 1 {
		t.Errorf("a verb that the contender lacks: want exit code 1, got %d", code)
	}
}

func TestEveryGoIsAnswered(t *testing.T) {
	w := &work{events: lines([]byte("a\nbc\n")), sanitize: upper}
	var said strings.Builder
	if err := w.serve(strings.NewReader("go\ngo\n"), &said, 3); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSpace(said.String()), "\n")
	if len(answers) != 3 || answers[0] != "ready" {
		t.Fatalf("want ready and two answers, got %q", answers)
	}
	var r round
	if err := json.Unmarshal([]byte(answers[2]), &r); err != nil {
		t.Fatal(err)
	}
	if r.Events != 6 || r.BytesIn != 9 || r.BytesOut != 9 {
		t.Errorf("want 6 events, 9 bytes in and out, got %+v", r)
	}
	if err := w.serve(strings.NewReader("stop\n"), &said, 1); err == nil {
		t.Error("want an error for another word, got none")
	}
}
