// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrLocked says that another process, or another Log of this one, writes the log.
var ErrLocked = errors.New("somebody else writes this audit log")

// A verifier may hold the lock for a moment, to see whether it is free.
const (
	lockTries = 5
	lockPause = 20 * time.Millisecond
)

// lockDir keeps a second writer out until the file is closed; the lock ends with its process, however that ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock audit log: %w", err)
	}
	for range lockTries {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(lockPause)
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w; give each instance a directory of its own", dir, ErrLocked)
	}
	return nil, fmt.Errorf("lock audit log: %w", err)
}

// written tells whether somebody writes the log. It needs the right to read the lock, and no more.
func written(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
