// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/store/postgres"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// openTimeout bounds how long opening a store may take.
const openTimeout = 30 * time.Second

// OpenStore opens the store of a configuration; nil: people are not kept.
func OpenStore(ctx context.Context, c *config.Config, log zerolog.Logger) (subject.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	var s subject.Store
	var err error
	switch c.Store.Kind {
	case "embedded":
		s, err = embedded.Open(c.Store.Dir, embedded.Options{})
	case "postgres":
		s, err = postgres.Open(ctx, postgres.Options{URL: c.Store.URL.Reveal(), MaxConns: c.Store.Connections, Migrate: true})
	default:
		return nil, nil
	}
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}

// people are those whom the service keeps, and what tells every instance when something about them has changed.
type people struct {
	store     subject.Store
	directory *subject.Directory
	control   *control.Follower
	conn      stream.Connection
	names     struct{ control, signals, ledger string } // of topics
	topics    *topics
	rights    *rights.Service
	audit     *audit.Log
	instance  string
	log       zerolog.Logger
	refused   *prometheus.CounterVec // what was said about people and does not count; nil: nobody counts

	mu      sync.Mutex
	touched map[subject.Key]int32 // day they were seen
	linked  map[link]int64        // when both were seen as one
	wake    chan struct{}
	recent  recentLinks
}

// newPeople wires who is kept; nil: nobody is. It connects to the store and to nothing else. pending tells since when decisions wait
// for their transaction.
func newPeople(ctx context.Context, o peopleOptions) (_ *people, err error) {
	c := o.config
	kept, err := OpenStore(ctx, c, o.log)
	if err != nil || kept == nil {
		return nil, err
	}
	p := &people{store: kept, conn: o.conn, instance: c.Instance, log: o.log, wake: make(chan struct{}, 1),
		touched: map[subject.Key]int32{}, linked: map[link]int64{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	p.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.SignalsRefused, Help: "What was said about people and does not count, by the reason why."},
		[]string{telemetry.LabelReason})
	for _, reason := range []string{refusedMalformed, refusedPurpose, refusedUnwritable} {
		p.refused.WithLabelValues(reason)
	}
	if err := o.registry.Register(p.refused); err != nil {
		return nil, err
	}
	p.names.control, p.names.signals, p.names.ledger = c.Control.Topic, c.Signals.Topic, c.Ledger.Topic
	p.directory = subject.NewDirectory(subject.Options{Store: kept, Keys: o.keys, Cache: c.Store.Cache})
	p.topics = newTopics(o.conn)
	if p.audit, err = openAudit(c.Audit.Dir, c.Tenant+"/"+c.Instance, o.keys); err != nil {
		return nil, err
	}
	if p.control, err = newControl(ctx, o, p); err != nil {
		return nil, err
	}
	if err := p.directory.UseFormat(ctx); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	p.rights = rights.New(rights.Options{
		Directory: p.directory, Store: kept, Keys: o.keys, Plan: o.plan, Topics: p.topics, Control: announcer{p.control}, Audit: p.audit,
		SubjectHash: p.audit.Subject, LedgerTopic: c.Ledger.Topic, Instance: c.Instance, Spread: c.Store.DeletionsWithin,
	})
	return p, nil
}

type peopleOptions struct {
	config   *config.Config
	keys     *keyring.Keyring
	plan     func() *policy.Plan
	atWork   func() [32]byte // hash of the plan that this process works by; nil: by none
	heard    func([32]byte)  // is told of plans that instances put to work; nil: nobody is
	pending  func() time.Time
	conn     stream.Connection
	registry prometheus.Registerer
	log      zerolog.Logger
}

func newControl(ctx context.Context, o peopleOptions, p *people) (*control.Follower, error) {
	if err := subject.Ready(ctx, p.store); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	id, err := subject.StoreID(ctx, p.store)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	at, err := stream.NewLog(o.conn, o.config.Control.Topic)
	if err != nil {
		return nil, err
	}
	return control.New(control.Options{
		Log: at, Evictions: p.directory,
		MAC: func() control.MAC {
			if m := o.keys.ControlMAC(); m != nil {
				return m
			}
			return nil
		},
		Tenant: o.config.Tenant, Keyring: o.keys.ID(), Store: id, Instance: o.config.Instance, Reads: subject.NewestFormat,
		Merged: mergedLimit, Settle: o.config.TransactionTimeout + 10*time.Second, Pending: o.pending,
		Plan: o.atWork, OnPlan: o.heard,
		Logger: o.log, Registerer: o.registry,
	})
}

// openAudit opens the audit log of an instance. People in it go by a keyed hash.
func openAudit(dir, origin string, keys *keyring.Keyring) (*audit.Log, error) {
	signer, err := keys.Signer(keyring.RoleAudit)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var earlier []ed25519.PublicKey
	for _, k := range keys.PublicKeys(keyring.RoleAudit) {
		earlier = append(earlier, k.Key)
	}
	return audit.Open(dir, audit.Options{Origin: origin, Signer: auditSigner{signer}, Earlier: earlier, SubjectHash: subjectHash(keys)})
}

// auditSigner signs the audit log's checkpoints.
type auditSigner struct{ *keyring.Signer }

func (s auditSigner) Sign(text []byte) ([]byte, error) { return s.Signer.Sign(text), nil }

func (s auditSigner) Public() ed25519.PublicKey { return s.Signer.Public().Key }

// subjectHash names people in the audit log and in certificates: whoever has the lookup key can tell whose entries they are.
func subjectHash(keys *keyring.Keyring) func(key [16]byte) string {
	prf, label := keys.LookupPRF(), keyring.AppendLabel(nil, "audit subject", keys.Tenant())
	return func(key [16]byte) string {
		var sum [16]byte
		prf.Sum(&sum, append(slices.Clone(label), key[:]...))
		return hex.EncodeToString(sum[:])
	}
}

// announcer lets what is done about people announce it.
type announcer struct{ *control.Follower }

func (a announcer) Announce(ctx context.Context, keys []subject.Key, tightened bool, _ string) (int64, error) {
	return a.Follower.Announce(ctx, keys, tightened)
}

// check asks whether the topics are as they must be.
func (p *people) check(ctx context.Context) (warnings []string, err error) {
	warnings, err = stream.CheckTopics(ctx, p.conn,
		stream.TopicNeed{Name: p.names.control, Partitions: 1, Retention: time.Hour, Read: true, Write: true},
		stream.TopicNeed{Name: p.names.ledger, Partitions: 1, Retention: -1, Read: true, Write: true},
		stream.TopicNeed{Name: p.names.signals, Retention: time.Hour, Read: true, Write: true})
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	return warnings, err
}

// watch follows control until ctx ends, and returns when what is known is fresh: for commands that decide records.
func (p *people) watch(ctx context.Context) error {
	if p == nil {
		return nil
	}
	go func() { _ = p.control.Run(ctx) }() // what it would stop for, Await and every proof tell
	return p.control.Await(ctx)
}

// catchUp erases whom the ledger names since the store last knew it: a store that was brought back from a copy by other means than
// `store restore` would know them otherwise.
func (p *people) catchUp(ctx context.Context) error {
	from, err := p.rights.LedgerPosition(ctx)
	if err == nil {
		_, _, err = p.rights.ReplayLedger(ctx, from)
	}
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	return err
}

// Why something that was said about people does not count.
const (
	refusedMalformed  = "malformed"       // or it names nobody
	refusedPurpose    = "unknown-purpose" // an allow
	refusedUnwritable = "unwritable"      // an event tells that an account was deleted or restricted, and no signal can carry its id
)

// passOver counts events that tell something of an account which no signal can carry.
func (p *people) passOver() {
	if p != nil && p.refused != nil {
		p.refused.WithLabelValues(refusedUnwritable).Inc()
	}
}

// kept gives the pipeline's view of people; nil: none are kept.
func (p *people) kept() pipeline.People {
	if p == nil {
		return nil
	}
	return p
}

// join has a stream prove that what it commits is not out of date, and tell what events say of accounts.
func (p *people) join(c *config.Config, o *stream.Options) {
	if p == nil {
		return
	}
	o.Control = p.control
	if c.Signals.FromEvents {
		o.Recipients = append(o.Recipients, stream.Recipient{Name: "signals", Topic: c.Signals.Topic, Side: true})
	}
}

// signalsTo gives the number of the recipient that join appends; 0: there is none.
func (p *people) signalsTo(c *config.Config, plan *policy.Plan) int {
	if p == nil || !c.Signals.FromEvents {
		return 0
	}
	return len(plan.Recipients)
}

func (p *people) Find(name []byte) *subject.Person { return p.directory.Find(name) }

func (p *people) Load(ctx context.Context, names [][]byte) error { return p.directory.Load(ctx, names) }

func (p *people) Create(ctx context.Context, all []subject.Newcomer) error {
	return p.directory.Create(ctx, all)
}

func (p *people) close() error {
	if p == nil {
		return nil
	}
	var faults []error
	if p.audit != nil {
		faults = append(faults, p.audit.Close())
	}
	if p.topics != nil {
		p.topics.close()
	}
	return errors.Join(append(faults, p.store.Close())...)
}
