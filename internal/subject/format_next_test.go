// SPDX-License-Identifier: Apache-2.0

//go:build nextformat

package subject

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// Rows of the next format are read as they are written, those of the first one too, and neither is cut short unnoticed.
func TestUpgradeReadsEveryFormat(t *testing.T) {
	for i, b := range fixtures() {
		b.known = 20700
		if len(b.secret) == 0 {
			b.known = 0
		}
		first, next := b.append(nil, 1), b.append(nil, 2)
		var got body
		if err := got.parse(first); err != nil || got.format != 1 || got.known != 0 {
			t.Errorf("fixture %d in format 1: %v", i, err)
		}
		if raw := got.append(nil, 1); !bytes.Equal(raw, first) {
			t.Errorf("fixture %d in format 1 is written as %x", i, raw)
		}
		if err := got.parse(next); err != nil || got.format != 2 || !sameBody(&got, &b) {
			t.Errorf("fixture %d in format 2: %v, %+v", i, err, got)
		}
		if raw := got.append(nil, 1); !bytes.Equal(raw, next) {
			t.Errorf("fixture %d went back to format 1: %x", i, raw)
		}
		for n := 1; n < len(next); n++ {
			if err := got.parse(next[:n]); err == nil {
				t.Errorf("fixture %d: %d of %d bytes read without error", i, n, len(next))
			}
		}
	}
}

// The files of the first release are those that a build without the next format reads.
func TestUpgradeReadsRowsOfTheFirstRelease(t *testing.T) {
	data, err := os.ReadFile(bodyFixture)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Fields(string(data)) {
		raw, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		var b body
		if err := b.parse(raw); err != nil || b.format != 1 {
			t.Errorf("line %d: format %d, %v", i+1, b.format, err)
			continue
		}
		if again := b.append(nil, 1); !bytes.Equal(again, raw) {
			t.Errorf("line %d is written otherwise", i+1)
		}
	}
}
