// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"
)

const (
	maxBatch           = 2048                   // entries that become durable together
	checkpointInterval = 100 * time.Millisecond // the least that Tessera allows
	defaultTimeout     = 10 * time.Second
)

// Options are what a log needs. Origin, Signer and SubjectHash are required.
type Options struct {
	Origin      string // <tenant>/<instance>, at most 128 characters; it never changes
	Signer      Signer
	Earlier     []ed25519.PublicKey       // of signers before this one
	SubjectHash func(key [16]byte) string // a keyed hash of a lookup key, 16 to 64 lower-case hexadecimal digits
	Now         func() time.Time          // default time.Now
	Timeout     time.Duration             // how long an entry may take to be durable, default 10 s
}

func (o *Options) validate() error {
	_, instance, ok := strings.Cut(o.Origin, "/")
	if !ok || instance == "" || o.Origin[0] == '/' || checkName(o.Origin) != nil {
		return fmt.Errorf("audit: Origin is no <tenant>/<instance>: %w", event.ErrFatal)
	}
	if o.Signer == nil || o.SubjectHash == nil {
		return fmt.Errorf("audit: Options lack Signer or SubjectHash: %w", event.ErrFatal)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return nil
}

// Log is the writer of one log. It is safe for concurrent use.
type Log struct {
	dir, instance string
	o             Options
	verifier      note.Verifier // of the signer's key
	known         note.Verifiers
	lock          *os.File

	appender *tessera.Appender
	shutdown func(context.Context) error
	cancel   context.CancelFunc // stops Tessera's own goroutines

	queue  chan *pending
	quit   chan struct{} // closed by Close
	idle   chan struct{} // closed when run has ended
	closed sync.Once

	mu      sync.Mutex
	tree    *tree
	kept    *keptFile
	signed  checkpoint // the newest
	waiting []*pending // appended and not yet under a checkpoint, by index
	err     error      // why nothing more is appended
}

// pending is an entry on its way. Its index is set before done receives.
type pending struct {
	entry *tessera.Entry
	index uint64
	done  chan error // buffered for one
}

// Subject names a person in entries: the keyed hash of their lookup key.
func (l *Log) Subject(key [16]byte) string { return l.o.SubjectHash(key) }

// Checkpoint gives the newest signed checkpoint, which covers every entry that was acknowledged.
func (l *Log) Checkpoint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.signed.text
}

// Append sets version, time and instance of an entry and writes it. When it returns, the entry is durable under a signed
// checkpoint and the index is its place in the log. ErrRefused: the entry breaks a rule. event.ErrTransient: it took too long;
// then, and when ctx ends, the entry may or may not be in the log. event.ErrFatal: the log can no longer be written, or its
// files were changed. After any error, what the entry was to record must not happen.
func (l *Log) Append(ctx context.Context, e Entry) (index uint64, err error) {
	e.Version, e.At, e.Instance = version, l.o.Now().UTC().Truncate(time.Millisecond), l.instance
	if err := e.check(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	raw, err := e.MarshalJSON()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	p := &pending{entry: tessera.NewEntry(raw), done: make(chan error, 1)}
	timeout := time.NewTimer(l.o.Timeout)
	defer timeout.Stop()
	select {
	case <-l.quit:
		return 0, errClosed
	default:
	}
	select {
	case l.queue <- p:
	case <-l.quit:
		return 0, errClosed
	case <-timeout.C:
		return 0, errSlow
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case err := <-p.done:
		return p.index, err
	case <-l.idle: // its last act may have been this entry
		select {
		case err := <-p.done:
			return p.index, err
		default:
			return 0, errClosed
		}
	case <-timeout.C:
		return 0, errSlow
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

var (
	errClosed = fmt.Errorf("the audit log is closed: %w", event.ErrFatal)
	errSlow   = fmt.Errorf("no signed checkpoint for an audit entry in time; look at the disk of the audit log: %w", event.ErrTransient)
)

// run appends what is queued, batch by batch, until Close; then what is left.
func (l *Log) run() {
	for {
		select {
		case p := <-l.queue:
			l.appendBatch(l.drain([]*pending{p}))
		case <-l.quit:
			if left := l.drain(nil); len(left) > 0 {
				l.appendBatch(left)
				continue
			}
			return
		}
	}
}

func (l *Log) drain(batch []*pending) []*pending {
	for len(batch) < maxBatch {
		select {
		case p := <-l.queue:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// appendBatch returns when Tessera has stored the batch; the entries wait on for their checkpoint.
func (l *Log) appendBatch(batch []*pending) {
	if err := l.extend(batch); err != nil {
		for _, p := range batch {
			p.done <- err
		}
		return
	}
	futures := make([]tessera.IndexFuture, 0, len(batch))
	for _, p := range batch {
		futures = append(futures, l.appender.Add(context.Background(), p.entry))
	}
	for _, future := range futures {
		if _, err := future(); err != nil { // a wrong index would give a root that sign refuses
			l.fail(fmt.Errorf("write audit log: %w: %w", err, event.ErrFatal))
		}
	}
}

// extend adds a batch to the tree this process computes, and to those who wait.
func (l *Log) extend(batch []*pending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, p := range batch {
		p.index = l.tree.size()
		if err := l.tree.append(p.entry.LeafHash()); err != nil {
			return err
		}
	}
	l.waiting = append(l.waiting, batch...)
	return nil
}

// fail ends the log's writing. The first reason stays.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *Log) failLocked(err error) {
	if l.err == nil {
		l.err = err
	}
	for _, p := range l.waiting {
		p.done <- l.err
	}
	l.waiting = nil
}

// logSigner is what Tessera asks for signatures.
type logSigner Log

// Name is the log's origin.
func (s *logSigner) Name() string { return s.o.Origin }

// KeyHash tells verifiers which key to try.
func (s *logSigner) KeyHash() uint32 { return s.verifier.KeyHash() }

// Sign signs a checkpoint if it states what this process appended, keeps it, and acknowledges the entries it covers.
func (s *logSigner) Sign(text []byte) ([]byte, error) {
	l := (*Log)(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	cp, sig, err := sign(l.o.Signer, l.verifier, text)
	if err != nil {
		return nil, err
	}
	if cp.Origin != l.o.Origin || cp.Size < l.signed.Size || !bytes.Equal(cp.Hash, l.tree.root(cp.Size)) {
		l.failLocked(fmt.Errorf("the files of the audit log %s were changed while it was written; keep them as evidence, "+
			"run `nymstream audit verify`, and start with a new directory: %w", l.dir, event.ErrFatal))
		return nil, l.err
	}
	if cp.text != l.signed.text {
		if err := l.kept.add(cp.text); err != nil {
			return nil, err
		}
	}
	l.signed = cp
	l.tree.forget(cp.Size)
	n := 0
	for n < len(l.waiting) && l.waiting[n].index < cp.Size {
		l.waiting[n].done <- nil
		n++
	}
	l.waiting = append(l.waiting[:0:0], l.waiting[n:]...)
	return sig, nil
}

// Close writes what is queued under a last checkpoint, removes copies of tiles that are no longer needed, and lets go of the directory.
// Its error is that of the log, if it has failed.
func (l *Log) Close() error {
	var err error
	l.closed.Do(func() {
		close(l.quit)
		<-l.idle
		l.mu.Lock()
		failed := l.err != nil
		l.mu.Unlock()
		if !failed { // else no checkpoint will come
			err = l.shutdown(context.Background())
		}
		err = errors.Join(err, l.end())
	})
	return err
}

func (l *Log) end() error {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := l.err
	l.failLocked(errClosed)
	var err error
	if published, readErr := readPublished(l.dir); failed == nil && readErr == nil && published == l.signed.text {
		err = clean(l.dir, l.signed.Size)
	}
	return errors.Join(failed, err, l.kept.f.Close(), l.lock.Close())
}
