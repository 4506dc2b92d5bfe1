// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"
)

// plan.bin is what `go generate` makes.
func TestFresh(t *testing.T) {
	want, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../plan.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("plan.bin is stale: run `go generate ./internal/detect/phone`")
	}
}
