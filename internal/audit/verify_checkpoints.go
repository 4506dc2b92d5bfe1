// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// keptBlock is how many lines of checkpoints.log are verified together.
const keptBlock = 1024

// olderByOne is what a crash leaves that falls between two writes, and the next start mends. The same state can be made by hand.
const olderByOne = "it is older by one than the last line of " + keptName + ": it was replaced, or the writer was killed and has not been started since"

// snapshot reads the published checkpoint and opens checkpoints.log at a length where it ends with that or with the one after it,
// though a writer may be at work.
func (x *examiner) snapshot() (published string, kept *os.File, size int64, err error) {
	for {
		before, err := readPublished(x.report.Dir)
		if err != nil {
			return "", nil, 0, fmt.Errorf("%s: %w", checkpointName, plainly(err))
		}
		f, err := os.Open(filepath.Join(x.report.Dir, keptName))
		if err != nil {
			return "", nil, 0, fmt.Errorf("%s: %w", keptName, plainly(err))
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return "", nil, 0, fmt.Errorf("%s: %w", keptName, plainly(err))
		}
		if after, err := readPublished(x.report.Dir); err == nil && after == before {
			return before, f, info.Size(), nil
		}
		f.Close()
	}
}

// readCheckpoints verifies every checkpoint of the log for itself and finds the newest. It reports false if there is none to go by.
func (x *examiner) readCheckpoints(ctx context.Context) (ok bool, err error) {
	r := &x.report
	published, kept, size, err := x.snapshot()
	if err != nil {
		r.problem(-1, "", "there is no log that can be read: %v", err)
		return false, nil
	}
	defer kept.Close()
	r.Origin = originOf(published)
	if x.known, err = verifiers(r.Origin, x.o.Keys); err != nil {
		r.problem(-1, checkpointName, "its first line is no origin")
		return false, nil
	}
	current, publishedErr := openCheckpoint(published, x.known)
	if publishedErr != nil {
		r.problem(-1, checkpointName, "%v", publishedErr)
	}
	last, before, err := x.readKept(ctx, io.NewSectionReader(kept, 0, size))
	if err != nil {
		return false, err
	}
	switch {
	case publishedErr != nil:
		x.newest = last
	case published == last.text:
		x.newest = last
	case published == before.text:
		x.newest = last
		if !written(r.Dir) {
			r.problem(-1, checkpointName, "%s", olderByOne)
		}
	case current.Size > last.Size:
		x.newest = current
		r.problem(int64(last.Size), keptName, "checkpoints are missing at its end: the last is of %d entries, the published one of %d", last.Size, current.Size)
		x.state(current, checkpointName)
	default:
		x.newest = last
		r.problem(int64(current.Size), checkpointName, "it was replaced: it states %d entries, and %d were signed later", current.Size, last.Size)
		x.state(current, checkpointName)
	}
	return x.newest.text != "", nil
}

// keptRecord is a line of checkpoints.log and what was found of it.
type keptRecord struct {
	raw        []byte
	line       keptLine
	checkpoint checkpoint
	err        error
}

// readKept verifies checkpoints.log and gives its last two checkpoints that are valid.
func (x *examiner) readKept(ctx context.Context, from io.Reader) (last, before checkpoint, err error) {
	in := bufio.NewReaderSize(from, 1<<16)
	var previous string // hash of the line before
	number := uint64(0)
	for {
		block, torn, err := readLines(in)
		if err != nil {
			return last, before, fmt.Errorf("read %s: %w", keptName, err)
		}
		x.openLines(block)
		for _, k := range block {
			switch {
			case k.err != nil:
				x.report.problem(-1, keptName, "line %d: %v", number+1, k.err)
			case k.line.N != number || k.line.Prev != previous:
				x.report.problem(-1, keptName, "line %d does not follow the one before: lines were changed, removed or moved", number+1)
			case k.checkpoint.Size < last.Size:
				x.report.problem(int64(k.checkpoint.Size), keptName, "line %d states fewer entries than the one before", number+1)
			}
			if k.err == nil {
				last, before = k.checkpoint, last
				x.report.Checkpoints++
				x.state(last, fmt.Sprintf("%s line %d", keptName, number+1))
				number = k.line.N
			}
			number, previous = number+1, lineHash(k.raw)
		}
		if torn {
			x.report.note("%s ends with half a line, which a crash can leave", keptName)
		}
		if len(block) < keptBlock {
			return last, before, ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return last, before, err
		}
	}
}

// readLines reads up to a block of lines. torn tells that what follows the last has no end.
func readLines(in *bufio.Reader) (block []keptRecord, torn bool, err error) {
	for len(block) < keptBlock {
		raw, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return block, len(raw) > 0, nil
		}
		if err != nil {
			return block, false, err
		}
		block = append(block, keptRecord{raw: bytes.TrimSuffix(raw, []byte("\n"))})
	}
	return block, false, nil
}

// openLines verifies the lines of a block, each for itself.
func (x *examiner) openLines(block []keptRecord) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(block); i += workers {
				k := &block[i]
				if k.line, k.err = parseKept(k.raw); k.err != nil {
					continue
				}
				if k.checkpoint, k.err = openCheckpoint(k.line.Checkpoint, x.known); k.err == nil && k.checkpoint.Origin != x.report.Origin {
					k.err = errors.New("it has another origin")
				}
			}
		})
	}
	wg.Wait()
}

// plainly says what is wrong with a file that the report names already.
func plainly(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing")
	}
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
