// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/subject"
)

// LocalPeople are those whom a run of Sanitize keeps: in an embedded store, without a cluster.
type LocalPeople struct {
	people *people
	finder *rights.Service
	temp   string // folder to be removed; "": none
}

// OpenLocalPeople opens the embedded store in dir; "": a new one that ends with the run.
func OpenLocalPeople(ctx context.Context, dir string, plan *policy.Plan, keys *keyring.Keyring) (*LocalPeople, error) {
	l := &LocalPeople{}
	var err error
	if dir == "" {
		if dir, err = os.MkdirTemp("", "nymstream-*"); err != nil {
			return nil, err
		}
		l.temp = dir
	}
	kept, err := embedded.Open(dir, embedded.Options{CacheBytes: 8 << 20})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), l.Close())
	}
	l.people = &people{store: kept, wake: make(chan struct{}, 1), touched: map[subject.Key]int32{}, linked: map[link]int64{}}
	if err := subject.Ready(ctx, kept); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), l.Close())
	}
	if _, err := subject.StoreID(ctx, kept); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), l.Close())
	}
	l.people.directory = subject.NewDirectory(subject.Options{Store: kept, Keys: keys, Cache: 1 << 14})
	if err := l.people.directory.UseFormat(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), l.Close())
	}
	l.finder = rights.New(rights.Options{Directory: l.people.directory, Store: kept, Keys: keys, Plan: func() *policy.Plan { return plan }})
	return l, nil
}

// saidAtOnce is how many people's signals are merged together.
const saidAtOnce = 500

// Hear merges signals: JSON Lines as on the signals topic. It gives how many lines ask for an erasure: nothing of these people
// leaves, and what is kept of them stays.
func (l *LocalPeople) Hear(ctx context.Context, in io.Reader) (erasing int, err error) {
	now := time.Now().UnixMilli()
	var said []subject.Said
	err = eachLine(in, func(n int, line []byte) error {
		who, signals, err := consent.DecodeSignals(line, now)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if signals, err = l.finder.Known(signals); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		keys, err := l.finder.Find(ctx, who)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		for _, k := range keys {
			said = append(said, subject.Said{Key: k, Signals: signals})
		}
		if asksErasure(signals) {
			erasing++
		}
		if len(said) < saidAtOnce {
			return nil
		}
		_, err = l.people.directory.ApplyAll(ctx, said)
		said = said[:0]
		return err
	})
	if err == nil && len(said) > 0 {
		_, err = l.people.directory.ApplyAll(ctx, said)
	}
	return erasing, err
}

func asksErasure(signals []consent.Signal) bool {
	for i := range signals {
		if signals[i].Kind == consent.Erasure {
			return true
		}
	}
	return false
}

// kept gives the pipeline's view; nil: nobody is kept.
func (l *LocalPeople) kept() pipeline.People {
	if l == nil {
		return nil
	}
	return l.people
}

// note writes who was seen, and which names are one.
func (l *LocalPeople) note(ctx context.Context) error {
	if l == nil {
		return nil
	}
	return l.people.write(ctx)
}

// Close closes the store, and removes one that ends with the run.
func (l *LocalPeople) Close() error {
	if l == nil {
		return nil
	}
	err := l.people.close()
	if l.temp != "" {
		err = errors.Join(err, os.RemoveAll(l.temp))
	}
	return err
}
