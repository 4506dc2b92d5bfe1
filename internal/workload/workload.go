// SPDX-License-Identifier: Apache-2.0

// Package workload is what the benchmarks measure with: a social event, a generator that varies it, and a policy with its pack.
package workload

import (
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"
)

// Topic and CleanTopic are the topics of the policy.
const (
	Topic      = "bench.raw"
	CleanTopic = "bench.clean"
)

var (
	//go:embed event.json
	event []byte
	//go:embed policy.yaml
	policy []byte
	//go:embed pack.yaml
	pack []byte
)

// Event gives the event that the marks are for: 1,318 bytes with 52 leaves, of which the policy lets 27 out.
func Event() []byte { return append([]byte(nil), event...) }

// Policy gives the text of the policy: one recipient, 6 pseudonyms, 2 seals, 5 generalized values, 14 typed keeps.
func Policy() string { return string(policy) }

// Pack gives the text of the policy's pack, which stands beside it as pack.yaml.
func Pack() string { return string(pack) }

// Builtin gives the policy for a program without files: its pack is the one in packs, under the name of a built-in one.
func Builtin() (text string, packs fs.FS) {
	return strings.ReplaceAll(Policy(), "./pack.yaml", "bench@1"), fstest.MapFS{"bench.yaml": {Data: pack}}
}

// Write puts a policy beside its pack into a folder and gives the policy's path.
func Write(dir, policy string) (string, error) {
	path := filepath.Join(dir, "policy.yaml")
	return path, errors.Join(os.WriteFile(path, []byte(policy), 0o600), os.WriteFile(filepath.Join(dir, "pack.yaml"), pack, 0o600))
}
