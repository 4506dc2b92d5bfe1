// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// What callers tell apart. ErrInput and ErrState are the caller's to mend; nothing was done.
var (
	ErrInput    = errors.New("refused")
	ErrState    = errors.New("not in this state")
	ErrNotFound = errors.New("not found")
)

// Options of a Service. What has no default is required.
type Options struct {
	Directory *subject.Directory
	Store     subject.Store // of the directory
	Keys      *keyring.Keyring
	Plan      func() *policy.Plan // the plan at work
	Topics    Topics
	Control   Control // nil: no instance works, as while a store is restored; the outbox is not published then
	Audit     Audit
	// SubjectHash names a person in the audit log and in certificates: audit.Log's Subject.
	SubjectHash func(key [16]byte) string
	LedgerTopic string // default nymstream.ledger
	Instance    string
	// Tombstones tells of recipients with a compacted topic: a null value follows their deletion events. nil: none has.
	Tombstones func(recipient string) bool
	// Gather is how long deletion events wait for those of others to be mixed with. 0: not at all.
	Gather time.Duration
	// Spread is within which time after an erasure its deletion events are published, each at a moment of its own, so that whoever reads
	// along does not see which of them are one person's. It is for erasures made here; events keep their moments whoever publishes
	// them. 0: all are due at once.
	Spread time.Duration
	// StoreLife is within which time store epochs are destroyed after they ended, as certificates say it. Default 30 days.
	StoreLife time.Duration
	Now       func() time.Time // default time.Now
}

// Service does what is done about people. It is safe for concurrent use, and by several instances on one store.
type Service struct {
	Options
	seen seen
}

// New makes a service. It starts nothing.
func New(o Options) *Service {
	if o.LedgerTopic == "" {
		o.LedgerTopic = "nymstream.ledger"
	}
	if o.StoreLife == 0 {
		o.StoreLife = 30 * day
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{Options: o}
}

const day = 24 * time.Hour

// Actor is who acts, as the audit log names them.
type Actor struct {
	Name string // an operator's or a service's, at most 128 characters
	Role string // "" for the service itself
}

// service is the actor where nobody in particular asked.
func (s *Service) service() Actor { return Actor{Name: s.Instance} }

func (a Actor) check() error {
	if a.Name == "" {
		return fmt.Errorf("%w: nobody is named who acts", ErrInput)
	}
	return nil
}

func (s *Service) nowMs() int64 { return s.Now().UnixMilli() }

// note writes an entry about a person, or about nobody in particular. An entry that is refused is the caller's to mend.
func (s *Service) note(ctx context.Context, by Actor, e audit.Entry) error {
	e.Actor, e.Role = by.Name, by.Role
	_, err := s.Audit.Append(ctx, e)
	if errors.Is(err, audit.ErrRefused) {
		err = fmt.Errorf("%w: %w", ErrInput, err)
	}
	if err != nil {
		return fmt.Errorf("note it in the audit log: %w", err)
	}
	return nil
}

// announce tells every instance that rows have changed; it gives -1 where there is nobody to be told.
func (s *Service) announce(ctx context.Context, keys []subject.Key, tightened bool, why string) (int64, error) {
	if s.Control == nil || len(keys) == 0 {
		return -1, nil
	}
	offset, err := s.Control.Announce(ctx, keys, tightened, why)
	if err != nil {
		return -1, fmt.Errorf("announce changed people: %w", err)
	}
	return offset, nil
}

// errContended means that others changed the same rows again and again.
var errContended = fmt.Errorf("others change the same rows all the time: %w", event.ErrTransient)

// rounds is how often a row is tried before it counts as contended.
const rounds = 64
