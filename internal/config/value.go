// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size: "64MiB" in the file, bytes in the program.
type Bytes int64

// Binary units; decimal ones are refused, because readers guess differently what "MB" means.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

var units = []struct {
	name string
	size Bytes
}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// String gives the spelling that the file takes, in the largest unit that divides the size.
func (b Bytes) String() string {
	for _, u := range units {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return "0B"
}

func parseBytes(s string) (Bytes, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/u.size) {
			break
		}
		return Bytes(n) * u.size, nil
	}
	return 0, fmt.Errorf("`%s` is no size", s)
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("`%s` is no duration", s)
	}
	return d, nil
}

// short leaves the empty parts of a duration out: 15m0s is 15m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// expand replaces ${env:NAME} and ${file:PATH} in s and tells whether there were any. $${ stands for ${ itself.
// Errors name the reference and never what it resolves to.
func (d *decoder) expand(s string) (out string, refs bool, err error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), refs, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return "", refs, errors.New("`${` is not closed")
		}
		v, err := d.resolve(s[i+2 : i+end])
		if err != nil {
			return "", refs, err
		}
		refs = true
		b.WriteString(v)
		s = s[i+end+1:]
	}
}

func (d *decoder) resolve(ref string) (string, error) {
	kind, name, _ := strings.Cut(ref, ":")
	var value string
	switch {
	case kind == "env" && name != "":
		v, ok := d.lookup(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		value = v
	case kind == "file" && name != "":
		b, err := readBounded(d.path(name), maxSecret)
		if err != nil {
			return "", fmt.Errorf("${file:%s}: %w", name, err)
		}
		value = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	default:
		return "", fmt.Errorf("`${%s}` is no reference", ref)
	}
	if value == "" {
		return "", fmt.Errorf("${%s} is empty", ref)
	}
	return value, nil
}

// path resolves a path of the file against the file's folder.
func (d *decoder) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.dir, p)
}
