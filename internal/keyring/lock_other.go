// SPDX-License-Identifier: Apache-2.0

//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockDir keeps a second writer out until release is called. After a crash the file must be removed by hand.
func lockDir(dir string) (release func(), err error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keyring %s: %w; if none does, remove %s", dir, ErrLocked, path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock keyring: %w", err)
	}
	return func() {
		f.Close()
		os.Remove(path)
	}, nil
}
