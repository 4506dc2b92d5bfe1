// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// HoldByFile gives an Options.Hold for tests that kill or stop a process at a known place inside a transaction.
// At a point it looks for the file <dir>/<instance>-<point>. If it is there, one worker claims it by making
// <file>.held, writes "<producer id> <epoch> <transactional id>" into that and waits until the file is gone,
// at most two minutes.
func HoldByFile(dir, instance string) func(context.Context, string, int64, int16, string) {
	return func(ctx context.Context, point string, producer int64, epoch int16, id string) {
		base := filepath.Join(dir, instance+"-"+point)
		if _, err := os.Stat(base); err != nil {
			return
		}
		held, err := os.OpenFile(base+".held", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return // another worker holds here
		}
		defer os.Remove(base + ".held")
		_, err = fmt.Fprintf(held, "%d %d %s\n", producer, epoch, id)
		if held.Close() != nil || err != nil {
			return
		}
		waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for {
			select {
			case <-waiting.Done():
				return
			case <-poll.C:
				if _, err := os.Stat(base); err != nil {
					return
				}
			}
		}
	}
}
