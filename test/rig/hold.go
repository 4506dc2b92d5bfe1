// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Point is a place in a transaction at which an instance can be held. The instance looks for the file <dir>/<instance>-<point>
// there; when it exists, it answers with <file>.held and waits until the file is gone.
type Point string

const (
	InTransaction Point = "in-txn"     // produced, offsets not yet committed
	BeforeEnd     Point = "before-end" // TxnOffsetCommit was accepted, EndTxn is the next request
)

// PauseVariable names the folder of the hold points to an instance.
const PauseVariable = "NYMSTREAM_CHAOS_PAUSE"

// UnstableVariable set to 1 makes an instance read offsets without RequireStable: the negative control.
const UnstableVariable = "NYMSTREAM_CHAOS_UNSTABLE_OFFSETS"

// Held is a transaction that waits at a point.
type Held struct {
	TransactionalID string
	ProducerID      int64
	Epoch           int16

	file string
}

// Hold asks the instance to stop at the point and waits until one of its transactions is there.
func Hold(ctx context.Context, dir, instance string, at Point) (*Held, error) {
	h := &Held{file: filepath.Join(dir, instance+"-"+string(at))}
	if err := errors.Join(removeIfThere(h.file+".held"), os.WriteFile(h.file, nil, 0o600)); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		line, err := os.ReadFile(h.file + ".held")
		if err == nil && strings.HasSuffix(string(line), "\n") {
			if _, err := fmt.Sscanf(string(line), "%d %d %s\n", &h.ProducerID, &h.Epoch, &h.TransactionalID); err != nil {
				return nil, errors.Join(fmt.Errorf("hold: unreadable answer: %w", err), h.Release())
			}
			return h, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("hold: instance %s did not reach %s: %w", instance, at, ctx.Err()), h.Release())
		case <-tick.C:
		}
	}
}

// Release lets the transaction go on as soon as its process runs.
func (h *Held) Release() error { return removeIfThere(h.file) }

func removeIfThere(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
