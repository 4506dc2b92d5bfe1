// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// trial is the smallest policy that compiles a pack.
const trial = `language: 1
controller: {name: nobody, contact: nobody@example.org}
purposes:
  trial: {basis: consent, description: A pack is tried}
sources:
  trial:
    topics: [trial]
    pack: %q
recipients:
  trial:
    role: processor
    purpose: trial
    topic: tried
    retention: 1d
    minors: withhold
    key: none
    from: {trial: {}}
    classes: {account: pseudonym, object-id: pseudonym, cookie: pseudonym, handle: pseudonym, plain: keep, timestamp: drop, text: drop, free: drop}
`

// LoadPack reads a pack's text as the policy package does.
func LoadPack(name string, text []byte) (*policy.Plan, error) {
	return loadPack(name+"@1", onePack{name + ".yaml", text})
}

// onePack is a file system with one file.
type onePack struct {
	name string
	text []byte
}

func (p onePack) Open(name string) (fs.File, error) {
	if name != p.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &packFile{p, bytes.NewReader(p.text)}, nil
}

type packFile struct {
	onePack
	*bytes.Reader
}

func (f *packFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *packFile) Close() error               { return nil }
func (f *packFile) Name() string               { return f.name }
func (f *packFile) Size() int64                { return int64(len(f.text)) }
func (f *packFile) Mode() fs.FileMode          { return 0o444 }
func (f *packFile) ModTime() time.Time         { return time.Time{} }
func (f *packFile) IsDir() bool                { return false }
func (f *packFile) Sys() any                   { return nil }

// loadPack compiles a built-in pack by itself.
func loadPack(id string, packs fs.FS) (*policy.Plan, error) {
	return policy.LoadBytes("policy.yaml", fmt.Appendf(nil, trial, id), packs, "")
}

// Known gives what a pack says, for Since: a built-in one, such as mastodon@1, or a file.
func Known(pack string, packs fs.FS) ([]event.Path, error) {
	var plan *policy.Plan
	var err error
	if ext := filepath.Ext(pack); ext == ".yaml" || ext == ".yml" || strings.ContainsRune(pack, filepath.Separator) {
		dir, file := filepath.Split(pack)
		plan, err = policy.LoadBytes("policy.yaml", fmt.Appendf(nil, trial, "./"+file), packs, dir)
	} else {
		plan, err = loadPack(pack, packs)
	}
	if err != nil {
		return nil, err
	}
	return Classified(&plan.Sources[0]), nil
}
