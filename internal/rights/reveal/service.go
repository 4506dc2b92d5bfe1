// SPDX-License-Identifier: Apache-2.0

package reveal

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

// What callers tell apart. With each, nothing was handed out.
var (
	ErrInput    = errors.New("wrong use")       // mend what was given
	ErrRefused  = errors.New("refused")         // a rule forbids it; it is in the audit log
	ErrNotFound = errors.New("no such request") // or its store epoch was destroyed
)

// Audit is the log of acts. After an error, what the entry was to record must not happen.
type Audit interface {
	Append(ctx context.Context, e audit.Entry) (uint64, error)
}

// Topics are where sanitized records lie.
type Topics interface {
	// Scan hands out the committed records of each partition in their order, up to the end as of the call, from an offset on: of
	// partitions that from does not name, from the beginning. A message is valid until fn returns.
	Scan(ctx context.Context, topic string, from map[int32]int64, fn func(*Message) error) error
}

// Message is one record of a topic.
type Message = event.Record

// Options of a Service. What has no default is required.
type Options struct {
	Directory *subject.Directory
	Store     subject.Store // of the directory
	Keys      *keyring.Keyring
	Plan      func() *policy.Plan // the plan at work
	Topics    Topics
	Audit     Audit
	// SubjectHash names a person in the audit log: audit.Log's Subject.
	SubjectHash func(key [16]byte) string
	// Alarm is told of every alarm, whether or not the audit log could take its entry. It must not wait. nil: nobody is told.
	Alarm  func(Alarm)
	Limits Limits
	Now    func() time.Time // default time.Now
}

// Service reveals. It is safe for concurrent use, and by several instances on one store.
type Service struct {
	Options
}

// New makes a service. It starts nothing.
func New(o Options) *Service {
	o.Limits = o.Limits.orDefault()
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}
}

const day = 24 * time.Hour

// rounds is how often a row is tried before it counts as contended.
const rounds = 64

// errContended means that others changed the same rows again and again.
var errContended = fmt.Errorf("others change the same rows all the time: %w", event.ErrTransient)

func (s *Service) nowMs() int64 { return s.Now().UnixMilli() }

// note writes an entry. One that is refused is the caller's to mend.
func (s *Service) note(ctx context.Context, by Actor, role string, e audit.Entry) error {
	e.Actor, e.Role = by.Name, role
	_, err := s.Audit.Append(ctx, e)
	if errors.Is(err, audit.ErrRefused) {
		err = fmt.Errorf("%w: %w", ErrInput, err)
	}
	if err != nil {
		return fmt.Errorf("note it in the audit log: %w", err)
	}
	return nil
}

// refuse notes that a step was refused by a rule, and gives the error that says so.
func (s *Service) refuse(ctx context.Context, by Actor, step, id, rule string) error {
	e := audit.Entry{Act: audit.Deny, Reason: rule, Details: map[string]string{"kind": step, "outcome": "refused"}}
	if id != "" {
		e.Details["request"] = id
	}
	err := s.note(ctx, by.named(), by.known(), e)
	if err != nil {
		return fmt.Errorf("%w: %s; %w", ErrRefused, rule, err)
	}
	return fmt.Errorf("%w: %s", ErrRefused, rule)
}
