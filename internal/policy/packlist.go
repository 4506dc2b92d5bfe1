// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// PackDescription is what a pack knows of its platform.
type PackDescription struct {
	Name        string        `json:"name"`
	Version     int           `json:"version"`
	Description string        `json:"description,omitempty"`
	Events      []string      `json:"events"` // in the order in which they are tried
	Paths       int           `json:"fields"` // different paths that have a class, in all events
	Coverage    *PackCoverage `json:"coverage,omitempty"`
}

// PackCoverage counts what a pack knows of real events of its platform.
type PackCoverage struct {
	Leaves      int `json:"leaves"`       // different paths seen
	Classified  int `json:"classified"`   // those that have a class
	Payloads    int `json:"payloads"`     // events seen
	Matched     int `json:"matched"`      // those that are an event of the pack
	WithSubject int `json:"with_subject"` // those whose subject was found
}

// coverageFile stands beside packs: tab-separated, a line of names, then one line for each pack.
const coverageFile = "coverage.tsv"

// DescribePacks describes the packs of a file system, sorted by name, then version. Packs with faults are Problems.
func DescribePacks(packs fs.FS) ([]PackDescription, error) {
	infos, err := ListPacks(packs)
	if err != nil {
		return nil, err
	}
	coverage, err := readCoverage(packs)
	if err != nil {
		return nil, err
	}
	out := make([]PackDescription, len(infos))
	for i, info := range infos {
		d := PackDescription{Name: info.Name, Version: info.Version, Description: info.Description}
		id := fmt.Sprintf("%s@%d", info.Name, info.Version)
		source, err := packSource(packs, id)
		if err != nil {
			return nil, err
		}
		paths := map[string]bool{}
		for j := range source.Events {
			d.Events = append(d.Events, source.Events[j].Name)
			for k := range source.Events[j].Leaves {
				paths[source.Events[j].Leaves[k].Path.String()] = true
			}
		}
		d.Paths = len(paths)
		if c, known := coverage[id]; known {
			d.Coverage = &c
		} else if c, known := coverage[info.Name]; known {
			d.Coverage = &c
		}
		out[i] = d
	}
	return out, nil
}

// packSource expands a pack as a source of it alone is expanded.
func packSource(packs fs.FS, id string) (*Source, error) {
	f := &faults{}
	c := &compiler{reader: reader{faults: f}, policy: id, builtin: packs, packs: map[string]*pack{}}
	source := c.source(&sourceSpec{name: "pack", pack: &node{text: id, scalar: quoted}})
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	return &source.Source, nil
}

func readCoverage(packs fs.FS) (map[string]PackCoverage, error) {
	data, err := fs.ReadFile(packs, coverageFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", coverageFile, err)
	}
	out := map[string]PackCoverage{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		columns := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		if i == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		var c PackCoverage
		counts := []*int{&c.Leaves, &c.Classified, &c.Payloads, &c.Matched, &c.WithSubject}
		if len(columns) < 1+len(counts) {
			return nil, fmt.Errorf("%s:%d: want %d columns, got %d", coverageFile, i+1, 1+len(counts), len(columns))
		}
		for j, to := range counts {
			if *to, err = strconv.Atoi(columns[1+j]); err != nil {
				return nil, fmt.Errorf("%s:%d: column %d: %w", coverageFile, i+1, j+2, err)
			}
		}
		out[columns[0]] = c
	}
	return out, nil
}
