// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// VerifyOptions say whose logs are expected, and what is known of them from elsewhere.
type VerifyOptions struct {
	Keys    []ed25519.PublicKey // every key that ever signed; at least one
	Origins []string            // logs that must be there; nil: those that are
	Since   []string            // signed checkpoints that were kept elsewhere: each must be of a log that is there, and be a beginning of it
}

// Problem is a sign of tampering or damage.
type Problem struct {
	Index int64  // of the entry, or of the first that it can concern; -1: none
	File  string // within the log's directory, or "" for the log as a whole
	What  string
}

func (p Problem) String() string {
	s := p.What
	if p.File != "" {
		s = p.File + ": " + s
	}
	if p.Index >= 0 {
		s = fmt.Sprintf("entry %d: %s", p.Index, s)
	}
	return s
}

// Report is what verification found of one log.
type Report struct {
	Dir         string
	Origin      string
	Entries     uint64 // under the newest signed checkpoint
	Root        string // of the tree, in hexadecimal
	Checkpoints int    // valid ones
	First, Last time.Time
	Problems    []Problem
	Omitted     int      // problems beyond those listed
	Notes       []string // what a crash or a running writer leaves, and proves nothing
}

// OK tells that the log is whole.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// maxProblems bounds what a report lists.
const maxProblems = 200

func (r *Report) problem(index int64, file, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.Omitted++
		return
	}
	r.Problems = append(r.Problems, Problem{index, file, fmt.Sprintf(format, args...)})
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Verify reads logs whole and recomputes their trees; they may be in use. It needs no right to write. The error is of wrong
// use or of ctx; what is wrong with a log stands in its report.
func Verify(ctx context.Context, dirs []string, o VerifyOptions) ([]Report, error) {
	if len(o.Keys) == 0 || len(dirs) == 0 {
		return nil, errors.New("audit verify: it takes a directory and a public key at least")
	}
	if _, err := verifiers("a/b", o.Keys); err != nil {
		return nil, fmt.Errorf("audit verify: %w", err)
	}
	reports := make([]Report, 0, len(dirs)+1)
	for _, dir := range dirs {
		x := &examiner{o: o, report: Report{Dir: dir}}
		if err := x.examine(ctx); err != nil {
			return nil, err
		}
		reports = append(reports, x.report)
	}
	return appendMissing(reports, o), nil
}

// appendMissing adds a report on what no log is there for, and problems to logs that have the same origin.
func appendMissing(reports []Report, o VerifyOptions) []Report {
	dirs := map[string]string{}
	for i := range reports {
		r := &reports[i]
		if other, twice := dirs[r.Origin]; twice && r.Origin != "" {
			r.problem(-1, "", "it has the origin of %s: one of them is a copy", other)
		}
		dirs[r.Origin] = r.Dir
	}
	wanted := slices.Clone(o.Origins)
	for _, text := range o.Since {
		wanted = append(wanted, originOf(text))
	}
	slices.Sort(wanted)
	for _, origin := range slices.Compact(wanted) {
		if _, ok := dirs[origin]; !ok {
			r := Report{Origin: origin}
			r.problem(-1, "", "the log is missing, or its directory was not named")
			reports = append(reports, r)
		}
	}
	return reports
}

// examiner verifies one log.
type examiner struct {
	o      VerifyOptions
	report Report
	known  note.Verifiers
	newest checkpoint
	stated []statement // by size
}

// statement is what a signed checkpoint says, and where it stands.
type statement struct {
	size uint64
	hash []byte
	file string
}

func (x *examiner) examine(ctx context.Context) error {
	ok, err := x.readCheckpoints(ctx)
	if err != nil || !ok {
		return err
	}
	x.readSince()
	x.report.Origin, x.report.Entries, x.report.Root = x.newest.Origin, x.newest.Size, hex.EncodeToString(x.newest.Hash)
	slices.SortStableFunc(x.stated, func(a, b statement) int {
		switch {
		case a.size < b.size:
			return -1
		case a.size > b.size:
			return 1
		}
		return 0
	})
	if err := x.examineTree(ctx); err != nil {
		return err
	}
	return x.examineRest()
}

// readSince takes the checkpoints that were kept elsewhere.
func (x *examiner) readSince() {
	for _, text := range x.o.Since {
		if originOf(text) != x.newest.Origin {
			continue
		}
		cp, err := openCheckpoint(text, x.known)
		switch {
		case err != nil:
			x.report.problem(-1, "", "the checkpoint kept elsewhere: %v", err)
		case cp.Size > x.newest.Size:
			x.report.problem(int64(x.newest.Size), "", "the log is cut short: it has %d entries, the checkpoint kept elsewhere %d", x.newest.Size, cp.Size)
		default:
			x.state(cp, "the checkpoint kept elsewhere")
		}
	}
}

func (x *examiner) state(cp checkpoint, file string) {
	x.stated = append(x.stated, statement{cp.Size, cp.Hash, file})
}
