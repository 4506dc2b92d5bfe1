// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/stream"
)

// The harness and the product must mean the same by a hold, or faults would strike anywhere.
func TestHoldStopsTheProductUntilReleased(t *testing.T) {
	dir := t.TempDir()
	hold := stream.HoldByFile(dir, "a")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	working, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := int64(0); ctx.Err() == nil; n++ { // transactions that reach both points again and again
			hold(ctx, string(InTransaction), 4711, 3, "group-a-0")
			hold(ctx, string(BeforeEnd), 4711, 3, "group-a-0")
			select {
			case working <- struct{}{}:
			case <-time.After(time.Millisecond):
			}
		}
	}()
	for _, at := range []Point{InTransaction, BeforeEnd, InTransaction} {
		held, err := Hold(ctx, dir, "a", at)
		if err != nil {
			t.Fatal(err)
		}
		if held.ProducerID != 4711 || held.Epoch != 3 || held.TransactionalID != "group-a-0" {
			t.Errorf("want producer 4711, epoch 3, group-a-0; got %+v", held)
		}
		select {
		case <-working:
			t.Errorf("the product went on while it was held at %s", at)
		case <-time.After(50 * time.Millisecond):
		}
		if err := held.Release(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-working:
		case <-ctx.Done():
			t.Fatalf("the product did not go on after its release at %s", at)
		}
	}
	cancel()
	<-done
}

func TestHoldGivesUpWithoutATrace(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Hold(ctx, dir, "a", BeforeEnd); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want context.DeadlineExceeded, got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("want an empty folder, got %v, %v", left, err)
	}
}
