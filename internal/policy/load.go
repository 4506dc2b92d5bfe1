// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads a policy's file and the packs it names: built-in ones from packs (nil: Packs()), others relative to the file's folder.
// An error is always Problems, sorted by file and line.
func Load(path string, packs fs.FS) (*Plan, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Line: 1, Col: 1, What: "the policy cannot be read: " + err.Error()}}
	}
	return LoadBytes(path, data, packs, filepath.Dir(path))
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// LoadBytes is Load for a policy in memory. name stands in problems and rules; packs that are files are relative to dir.
func LoadBytes(name string, data []byte, packs fs.FS, dir string) (*Plan, error) {
	if packs == nil {
		packs = Packs()
	}
	f := &faults{files: []string{name}}
	c := &compiler{reader: reader{faults: f}, policy: name, dir: dir, builtin: packs}
	if n := parseYAML(name, data, f); n != nil {
		c.file = c.reader.file(n)
	}
	if c.file == nil {
		return nil, f.sorted()
	}
	plan := c.run()
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	plan.setHashes()
	return plan, nil
}
