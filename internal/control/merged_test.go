// SPDX-License-Identifier: Apache-2.0

package control

import (
	"testing"
	"testing/synctest"
	"time"
)

// Without claims that signals are merged nothing may be committed, and an old claim that comes late counts for nothing.
func TestMergedSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		f := start(t, log, "a", func(o *Options) { o.Merged = 2 * time.Second })
		time.Sleep(5 * time.Second)
		if err := f.Fresh(time.Time{}); err == nil {
			t.Error("fresh although nobody merges signals")
		}
		early := f.Applied()
		claim := func(asOf int64) {
			t.Helper()
			if err := f.ClaimMerged(t.Context(), asOf); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		claim(f.Applied())
		if err := f.Fresh(time.Time{}); err != nil {
			t.Errorf("not fresh after a claim: %v", err)
		}
		time.Sleep(3 * time.Second)
		if err := f.Fresh(time.Time{}); err == nil {
			t.Error("fresh three seconds after the last claim")
		}
		claim(early)
		if err := f.Fresh(time.Time{}); err == nil {
			t.Error("fresh by a claim of long ago that came late")
		}
		claim(f.Applied())
		if err := f.Fresh(time.Time{}); err != nil {
			t.Errorf("not fresh after a new claim: %v", err)
		}
		f.leave()
	})
}
