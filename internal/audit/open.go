// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"k8s.io/klog/v2"
)

// Open begins or goes on with the log in a directory, which belongs to one origin and has one writer at a time. It takes time
// with the logarithm of the log's size, and a look at the names of its files. A log whose newest checkpoint does not fit
// its files is not written: event.ErrFatal.
func Open(dir string, o Options) (*Log, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Log{
		dir: dir, o: o, instance: o.Origin[strings.Index(o.Origin, "/")+1:],
		queue: make(chan *pending, maxBatch), quit: make(chan struct{}), idle: make(chan struct{}),
	}
	var err error
	if l.verifier, err = noteVerifier(o.Origin, o.Signer.Public()); err != nil {
		return nil, fmt.Errorf("audit: %w: %w", err, event.ErrFatal)
	}
	if l.known, err = verifiers(o.Origin, append([]ed25519.PublicKey{o.Signer.Public()}, o.Earlier...)); err != nil {
		return nil, fmt.Errorf("audit: %w: %w", err, event.ErrFatal)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if l.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := l.begin(); err != nil {
		if l.cancel != nil {
			l.cancel()
		}
		if l.kept != nil {
			l.kept.f.Close()
		}
		l.lock.Close()
		return nil, fmt.Errorf("audit log %s: %w", dir, err)
	}
	go func() {
		defer close(l.idle)
		l.run()
	}()
	return l, nil
}

func (l *Log) begin() error {
	if err := l.resume(); err != nil {
		return err
	}
	if err := hushTessera(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	driver, err := posix.New(ctx, posix.Config{Path: l.dir})
	if err != nil {
		return err
	}
	l.appender, l.shutdown, _, err = tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner((*logSigner)(l)).
		WithBatching(maxBatch, 2*time.Millisecond).
		WithCheckpointInterval(checkpointInterval).
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(10*time.Second).
		WithShutdownTimeout(l.o.Timeout))
	return err
}

// hushTessera keeps Tessera's messages, which name paths, off the process's standard error; what matters of them Append returns.
func hushTessera() error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	klog.InitFlags(flags)
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return flags.Set("stderrthreshold", "FATAL")
}

// resume finds the newest signed checkpoint, checks that the tree's right edge is the one it states, and drops what lies beyond.
func (l *Log) resume() error {
	var last string
	var err error
	if l.kept, last, err = openKept(l.dir); err != nil {
		return damaged(keptName, err)
	}
	if last == "" {
		return l.resumeEmpty()
	}
	if l.signed, err = openCheckpoint(last, l.known); err != nil {
		if other := originOf(last); other != l.o.Origin {
			return fmt.Errorf("it belongs to another origin; give each instance a directory of its own: %w", event.ErrFatal)
		}
		return damaged(keptName, fmt.Errorf("the last checkpoint: %w (Options.Earlier takes the keys of earlier signers)", err))
	}
	if err := l.comparePublished(); err != nil {
		return err
	}
	edge, err := readEdge(l.dir, l.signed.Size)
	if err != nil {
		return damaged(tileName, err)
	}
	if l.tree, err = newTree(edge); err != nil {
		return damaged(tileName, err)
	}
	if !bytes.Equal(l.tree.root(l.signed.Size), l.signed.Hash) {
		return damaged(tileName, errors.New("its right edge is not the one that was signed"))
	}
	if err := clean(l.dir, l.signed.Size); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(l.dir, checkpointName), []byte(l.signed.text)); err != nil {
		return err
	}
	return l.makeState()
}

// resumeEmpty begins a log, unless there are signs of one whose checkpoints are gone.
func (l *Log) resumeEmpty() error {
	for _, name := range []string{checkpointName, tileName} {
		there, err := exists(filepath.Join(l.dir, name))
		if err != nil {
			return err
		}
		if there {
			return damaged(keptName, errors.New("its checkpoints are gone"))
		}
	}
	if err := os.RemoveAll(filepath.Join(l.dir, stateName)); err != nil {
		return err
	}
	var err error
	l.tree, err = newTree(newRange())
	return err
}

// comparePublished checks the file checkpoint: it may be missing or older after a crash, never newer.
func (l *Log) comparePublished() error {
	text, err := readPublished(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	published, err := openCheckpoint(text, l.known)
	if err != nil {
		return damaged(checkpointName, err)
	}
	if published.Size > l.signed.Size {
		return damaged(keptName, errors.New("checkpoints are missing at its end"))
	}
	return nil
}

func damaged(file string, err error) error {
	return fmt.Errorf("%s: %w; keep the directory as evidence, run `nymstream audit verify`, and start with a new one: %w", file, err, event.ErrFatal)
}

// readEdge reads the hashes of a tree's right edge from the tiles.
func readEdge(dir string, size uint64) (*compact.Range, error) {
	nodes, err := client.FetchRangeNodes(context.Background(), size, client.FileFetcher{Root: dir}.ReadTile)
	if err != nil {
		return nil, err
	}
	return (&compact.RangeFactory{Hash: hasher.HashChildren}).NewRange(0, size, nodes)
}

// makeState tells Tessera where to go on.
func (l *Log) makeState() error {
	state := filepath.Join(l.dir, stateName)
	if err := errors.Join(os.RemoveAll(state), os.Mkdir(state, 0o700)); err != nil {
		return err
	}
	collected := l.signed.Size - l.signed.Size%tileWidth // clean has removed older copies
	if err := replaceFile(filepath.Join(state, "gcState"), fmt.Appendf(nil, `{"fromSize":%d}`, collected)); err != nil {
		return err
	}
	return writeTreeState(l.dir, l.signed.Size, l.signed.Hash)
}

func writeTreeState(dir string, size uint64, root []byte) error {
	raw, err := json.Marshal(struct {
		Size uint64 `json:"size"`
		Root []byte `json:"root"`
	}{size, root})
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, stateName, "treeState"), raw)
}
