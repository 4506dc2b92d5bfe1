// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed packs
var embedded embed.FS

// Packs gives the built-in packs, one YAML file each.
func Packs() fs.FS {
	sub, err := fs.Sub(embedded, "packs")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// PackInfo names one pack of a file system.
type PackInfo struct {
	Name        string
	Version     int
	Description string
	File        string
}

// ListPacks names the packs of a file system, sorted by name, then version. Files that are no packs are Problems.
func ListPacks(packs fs.FS) ([]PackInfo, error) {
	f := &faults{}
	var out []PackInfo
	for _, name := range packFiles(packs) {
		if info, ok := packInfo(packs, name, f); ok {
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b PackInfo) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return a.Version - b.Version
	})
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	return out, nil
}

func packFiles(packs fs.FS) []string {
	if packs == nil {
		return nil
	}
	names, _ := fs.Glob(packs, "*.yaml") // the pattern is well-formed
	return names
}

func packInfo(packs fs.FS, name string, f *faults) (PackInfo, bool) {
	f.files = append(f.files, name)
	before := len(f.problems)
	data, err := readPack(packs, name)
	if err != nil {
		f.add(place{name, 1, 1}, err.Error(), "")
		return PackInfo{}, false
	}
	info := PackInfo{File: name}
	if n := parseYAML(name, data, f); n != nil {
		r := reader{faults: f}
		for _, p := range r.entries(n, "the pack") {
			switch p.key.text {
			case "pack":
				info.Name = p.value.text
			case "version":
				info.Version, _ = strconv.Atoi(p.value.text)
			case "description":
				info.Description = p.value.text
			}
		}
	}
	return info, len(f.problems) == before
}

func readPack(packs fs.FS, name string) ([]byte, error) {
	file, err := packs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the pack cannot be read: %w", err)
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}

// pack reads the pack that a policy names, once. It gives nil after a fault.
func (c *compiler) pack(n *node) *pack {
	name, ok := c.text(n, "pack")
	if !ok {
		return nil
	}
	if p, known := c.packs[name]; known {
		return p
	}
	var p *pack
	if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		p = c.packFile(n, name)
	} else {
		p = c.builtinPack(n, name)
	}
	c.packs[name] = p
	return p
}

// packFile reads a pack beside the policy.
func (c *compiler) packFile(n *node, name string) *pack {
	file := filepath.Join(c.dir, filepath.FromSlash(name))
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", file)
	}
	var data []byte
	if err == nil {
		data, err = readPack(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	}
	if err != nil {
		c.add(n.place, fmt.Sprintf("pack %s: %v", name, err), "the path is relative to the policy's folder")
		return nil
	}
	c.read = append(c.read, file)
	return c.parsePack(filepath.ToSlash(file), data)
}

// builtinPack finds name@version in name@version.yaml or name.yaml.
func (c *compiler) builtinPack(n *node, full string) *pack {
	name, version, ok := strings.Cut(full, "@")
	if v, err := strconv.Atoi(version); !ok || err != nil || v < 1 || strconv.Itoa(v) != version || !nameSpelling.MatchString(name) {
		c.add(n.place, fmt.Sprintf("%q names no pack", full), "write name@version, mastodon@1, or the path of a file, ./pack.yaml")
		return nil
	}
	for _, file := range []string{full + ".yaml", name + ".yaml"} {
		data, err := readPack(c.builtin, file)
		if err != nil {
			continue
		}
		p := c.parsePack(file, data)
		if p != nil && p.id() != full {
			c.add(n.place, fmt.Sprintf("there is no built-in pack %s", full), "write "+p.id())
			return nil
		}
		return p
	}
	var known []string
	for _, f := range packFiles(c.builtin) {
		known = append(known, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	c.add(n.place, fmt.Sprintf("there is no built-in pack %s", name), suggest(name, known))
	return nil
}

func (c *compiler) parsePack(file string, data []byte) *pack {
	c.files = append(c.files, file)
	before := len(c.problems)
	n := parseYAML(file, data, c.faults)
	if n == nil {
		return nil
	}
	p := reader{c.faults}.pack(n)
	if len(c.problems) > before {
		return nil
	}
	return p
}
