// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"strings"
	"testing"
)

// TestDemoShowsEveryPlatform wants sanitized events of all four platforms on the screen, and the broken ones set aside.
func TestDemoShowsEveryPlatform(t *testing.T) {
	var screen bytes.Buffer
	if err := Demo(t.Context(), &screen); err != nil {
		t.Fatal(err)
	}
	text := screen.String()
	for _, platform := range platformsOfTheDemo {
		if _, event, shown := strings.Cut(text, "── "+platform+", event "); !shown || !strings.Contains(event, `_1_`) {
			t.Errorf("no sanitized event of %s is shown", platform)
		}
	}
	for _, want := range []string{"forwarded", "duplicate-key", "invalid-utf8", "malformed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
}
