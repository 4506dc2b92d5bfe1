// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// keptLine is a line of checkpoints.log.
type keptLine struct {
	N          uint64 `json:"n"`    // from 0
	Prev       string `json:"prev"` // SHA-256 of the line before, in hexadecimal; "" for the first
	Checkpoint string `json:"checkpoint"`
}

func parseKept(line []byte) (keptLine, error) {
	var k keptLine
	if err := strict(line, &k); err != nil {
		return k, err
	}
	if again, err := canonical(k); err != nil || !bytes.Equal(again, line) {
		return k, errors.New("it is not in the canonical form")
	}
	return k, nil
}

func lineHash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

func strictBase64(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil
}

// keptFile appends to checkpoints.log.
type keptFile struct {
	f    *os.File
	size int64 // of whole lines
	next uint64
	prev string // hash of the last line
}

// keptTail is more than any line can have.
const keptTail = 1 << 16

// openKept opens checkpoints.log, drops a line that a crash cut short, and gives the last checkpoint, not yet verified; "" if there is none.
func openKept(dir string) (*keptFile, string, error) {
	f, err := os.OpenFile(filepath.Join(dir, keptName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, "", err
	}
	k := &keptFile{f: f}
	last, err := k.readLast()
	if err == nil {
		err = f.Truncate(k.size)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, "", err
	}
	return k, last, nil
}

func (k *keptFile) readLast() (string, error) {
	info, err := k.f.Stat()
	if err != nil {
		return "", err
	}
	start := max(0, info.Size()-keptTail)
	tail := make([]byte, info.Size()-start)
	if _, err := k.f.ReadAt(tail, start); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	end := bytes.LastIndexByte(tail, '\n')
	if end < 0 {
		if start > 0 {
			return "", errors.New("its last line is too long")
		}
		return "", nil
	}
	k.size = start + int64(end) + 1
	line := tail[bytes.LastIndexByte(tail[:end], '\n')+1 : end]
	last, err := parseKept(line)
	if err != nil {
		return "", fmt.Errorf("its last line is damaged: %w", err)
	}
	k.next, k.prev = last.N+1, lineHash(line)
	return last.Checkpoint, nil
}

// add appends a checkpoint durably. After an error the file is as before.
func (k *keptFile) add(text string) error {
	line, err := canonical(keptLine{k.next, k.prev, text})
	if err != nil {
		return err
	}
	_, err = k.f.WriteAt(append(line, '\n'), k.size)
	if err == nil {
		err = k.f.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", keptName, err), k.f.Truncate(k.size))
	}
	k.size += int64(len(line)) + 1
	k.next, k.prev = k.next+1, lineHash(line)
	return nil
}
