// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func TestMemory(t *testing.T) {
	storetest.Conform(t, func(*testing.T) func() subject.Store {
		m := storetest.Memory()
		return func() subject.Store { m = m.Reopen(); return m }
	})
}

func TestFaults(t *testing.T) {
	m := storetest.Memory()
	insert := func() error {
		_, err := m.Swap(t.Context(), subject.People, []subject.Row{{Key: subject.Key{1}, Body: []byte("a")}})
		return err
	}
	version := func() uint64 {
		rows := []subject.Row{{Key: subject.Key{1}}}
		if err := m.Load(t.Context(), subject.People, rows); err != nil {
			t.Fatal(err)
		}
		return rows[0].Version
	}
	m.FailNext(2, event.ErrTransient)
	for range 2 {
		if err := insert(); !errors.Is(err, event.ErrTransient) {
			t.Errorf("a call that should fail: %v", err)
		}
	}
	if got := version(); got != 0 {
		t.Errorf("a failed call has written version %d", got)
	}
	m.LoseNext(1, event.ErrTransient)
	if err := insert(); !errors.Is(err, event.ErrTransient) {
		t.Errorf("a call whose answer should get lost: %v", err)
	}
	if got := version(); got != 1 {
		t.Errorf("a call whose answer was lost has left version %d, want 1", got)
	}
	if got := m.Calls(storetest.Swap); got != 3 {
		t.Errorf("%d swaps were counted, want 3", got)
	}
}

func TestHookSeesBothEnds(t *testing.T) {
	m := storetest.Memory()
	var sizes []int64
	m.Hook(func(ctx context.Context, c storetest.Call) error {
		if c.Method != storetest.Swap {
			return nil
		}
		st, err := m.Stats(ctx)
		sizes = append(sizes, st.Rows[c.Space])
		if c.Done {
			return errors.Join(err, event.ErrTransient)
		}
		return err
	})
	if _, err := m.Swap(t.Context(), subject.Meta, []subject.Row{{Body: []byte("a")}}); !errors.Is(err, event.ErrTransient) {
		t.Errorf("the hook's error did not come through: %v", err)
	}
	if len(sizes) != 2 || sizes[0] != 0 || sizes[1] != 1 {
		t.Errorf("the hook saw %v rows, want 0 and then 1", sizes)
	}
}

func TestDelayEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storetest.Memory()
		m.Delay(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := m.Load(ctx, subject.People, make([]subject.Row, 1))
		if !errors.Is(err, event.ErrTransient) || time.Since(began) != time.Second {
			t.Errorf("%v after %v, want a transient error after 1s", err, time.Since(began))
		}
	})
}
