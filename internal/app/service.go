// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// ErrDown says that something the process depends on cannot be reached.
var ErrDown = errors.New("a dependency is down")

// Service is the running process: everything of the house, wired.
type Service struct {
	options  ServiceOptions
	config   *config.Config
	keys     *keyring.Keyring
	log      zerolog.Logger
	registry *prometheus.Registry
	meters   *meters
	drift    *pipeline.Drift
	people   *people // nil: none are kept

	live    atomic.Pointer[boundPlan] // the plan at work
	stream  atomic.Pointer[stream.Stream]
	pushing sync.Mutex        // one policy is sent at a time
	reload  sync.Mutex        // one at a time
	next    *boundPlan        // waits for the stream to be opened anew; guarded by reload
	seen    [sha256.Size]byte // what the policy's files held when they were read first
	look    chan struct{}     // the policy's files may have changed
	tally   *tally
	reopen  func() // ends the stream that runs
}

// ServiceOptions are what the process hands in beside its configuration.
type ServiceOptions struct {
	Config  *config.Config
	Version string
	Err     io.Writer // the log
	Lookup  func(string) (string, bool)
}

// New loads policy and keys, opens the store and wires the service. It connects to nothing else.
func New(o ServiceOptions) (_ *Service, err error) {
	s := &Service{options: o, config: o.Config, look: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.people.close())
		}
	}()
	s.log, err = telemetry.NewLogger(o.Err, telemetry.LogOptions{
		Level: o.Config.Log.Level, Format: o.Config.Log.Format, Version: o.Version, Instance: o.Config.Instance,
	})
	if err != nil {
		return nil, err
	}
	first, err := loadPolicy(o.Config.Policy, "start")
	if err != nil {
		return nil, err
	}
	s.seen = contents(first.plan.Files)
	if s.keys, err = KeyringOf(o.Config).Open(); err != nil {
		return nil, err
	}
	s.registry = telemetry.NewRegistry(o.Version)
	s.tally = &tally{metrics: s.registry}
	s.meters = newMeters(s.registry)
	s.drift = pipeline.NewDrift(s.drifted)
	if err := s.keepPeople(); err != nil {
		return nil, err
	}
	g, err := s.bind(first)
	if err != nil {
		return nil, err
	}
	s.use(g)
	opened, err := s.open(g, replacing{s.registry})
	if err != nil {
		return nil, err
	}
	s.stream.Store(opened)
	return s, nil
}

// keepPeople opens the store, if there is one.
func (s *Service) keepPeople() error {
	conn, err := connection(s.config)
	if err == nil {
		s.people, err = newPeople(context.Background(), peopleOptions{
			config: s.config, keys: s.keys, conn: conn, registry: s.registry, log: s.log,
			plan:   func() *policy.Plan { return s.live.Load().plan },
			atWork: func() [32]byte { return planSum(s.live.Load().plan.Hash) },
			heard:  s.heardPlan,
			pending: func() time.Time {
				if at := s.stream.Load(); at != nil {
					return at.OldestDecision()
				}
				return time.Time{}
			},
		})
	}
	return err
}

// drifted tells of something that a pack does not know: its place, never its value.
func (s *Service) drifted(n pipeline.DriftNote) {
	what := "drift: the source sends what its pack does not know; it does not leave"
	if n.Kind == pipeline.DriftPersonal {
		what = "drift: a field that the pack calls not personal holds personal data, and it leaves; reclassify it"
	}
	s.meters.drift.WithLabelValues(n.Source, n.Kind).Inc()
	s.log.Warn().Str(telemetry.KeySource, n.Source).Str(telemetry.KeyReason, n.Kind).Str(telemetry.KeyPath, n.Path).Str(telemetry.KeyClass, n.Class).
		Msg(what)
}

// open makes a stream for a plan. It connects to nothing.
func (s *Service) open(g *boundPlan, metrics prometheus.Registerer) (*stream.Stream, error) {
	options, err := streamOptions(s.config, g.plan, s.options.Lookup)
	if err != nil {
		return nil, err
	}
	options.Logger, options.Registerer = s.log, metrics
	s.people.join(s.config, &options)
	return stream.New(options, func(int) (stream.Processor, error) { return s.meters.processor(&s.live), nil })
}

// Check asks the cluster whether topics and rights are as the service needs them. Warnings keep nothing from running.
func (s *Service) Check(ctx context.Context) (warnings []string, err error) {
	if err := s.live.Load().formats.register(ctx); err != nil {
		return nil, err
	}
	warnings, err = check(ctx, s.stream.Load())
	if err != nil || s.people == nil {
		return warnings, err
	}
	more, err := s.people.check(ctx)
	return append(warnings, more...), err
}

func check(ctx context.Context, st *stream.Stream) (warnings []string, err error) {
	warnings, err = st.Check(ctx)
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	return warnings, err
}

// Run serves until ctx ends, then finishes the batches in hand, commits and leaves the group.
func (s *Service) Run(ctx context.Context) error {
	if s.config.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(s.config.MemoryLimit))
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP) // first: until then it ends the process
	defer signal.Stop(told)
	settle()
	if s.config.AssumeConsent {
		s.log.Warn().Msg("consent was assumed: events are forwarded for purposes whose basis is consent although nobody was asked")
	}
	if err := s.prepareKeys(s.live.Load().plan); err != nil {
		return err
	}
	admin, err := s.administration()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.config.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	server := telemetry.NewServer(listener, telemetry.ServerOptions{
		Ready: func() error { return s.stream.Load().Ready() }, Metrics: s.registry, Policy: s.pushes(), Admin: admin, Pprof: s.config.HTTP.Pprof, Log: s.log,
	})
	s.log.Info().Str(telemetry.KeyPlan, s.live.Load().plan.Hash).Str(telemetry.KeyGroup, s.config.Group).Str(telemetry.KeyAddress, listener.Addr().String()).Msg("service started")
	// Whoever stops the service at once stops one that has begun: the log shows both.
	if err := s.note(context.WithoutCancel(ctx), audit.Start, ""); err != nil {
		return errors.Join(err, listener.Close(), s.people.close())
	}
	s.remember(ctx, s.live.Load(), true)
	work, ctx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	work.Go(func() error { return server.Run(serving) })
	work.Go(func() error { return s.keepKeys(ctx) })
	work.Go(func() error { return s.probeKeys(ctx) })
	work.Go(func() error { return s.watchPolicy(ctx, told, s.seen) })
	work.Go(func() error {
		defer stopServing() // health answers while the stream drains
		return s.flow(ctx)
	})
	err = work.Wait()
	err = errors.Join(err, s.note(context.WithoutCancel(ctx), audit.Stop, ""), s.people.close())
	if errors.Is(err, stream.ErrFenced) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	s.log.Info().Err(err).Msg("service stopped")
	return err
}

// note writes an act of the service itself into the audit log, with the plan at work; there is none without a store.
func (s *Service) note(ctx context.Context, act audit.Act, why string) error {
	if s.people == nil {
		return nil
	}
	_, err := s.people.audit.Append(ctx, audit.Entry{Act: act, Actor: s.config.Instance, Reason: why, Details: map[string]string{"plan": s.live.Load().plan.Hash}})
	return err
}

// flow runs the stream. Where people are kept, whatever tells of changes about them works from before its beginning until after
// its end.
func (s *Service) flow(ctx context.Context) error {
	if s.people == nil {
		return s.streams(ctx)
	}
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	side, ctx := errgroup.WithContext(ctx)
	side.Go(func() error { return s.people.control.Run(beside) })
	side.Go(func() error { return s.people.notes(beside) })
	side.Go(func() error { return s.tally.run(beside, s.people.audit) })
	side.Go(func() error { return s.people.followFormat(beside) })
	side.Go(func() error { return s.people.takeSignals(beside) })
	side.Go(func() error { return s.people.publish(beside) })
	side.Go(func() error { return s.people.serveDoors(ctx, &s.config.Webhooks, s.live.Load().plan) })
	side.Go(func() error {
		plan := func() *policy.Plan { return s.live.Load().plan }
		return s.people.tidy(beside, plan, s.config.Store.Inactive, s.people.newReveal(peopleOptions{keys: s.keys, plan: plan}))
	})
	side.Go(func() error {
		defer stop()
		err := s.people.control.Await(ctx)
		if err == nil {
			err = s.people.catchUp(ctx)
		}
		switch {
		case ctx.Err() != nil: // told to stop before it began
			return nil
		case err != nil:
			return err
		}
		return s.streams(ctx)
	})
	return side.Wait()
}

// keyInterval is how soon keys that another process made are taken over. Keys are made a day before they are needed.
const keyInterval = time.Minute

// prepareKeys makes at start what the policy's recipients need: without it nothing may flow.
func (s *Service) prepareKeys(plan *policy.Plan) error {
	err := Update(s.keys, plan, time.Now())
	if errors.Is(err, os.ErrPermission) {
		s.log.Warn().Err(err).Msg("keyring could not be written: somebody else must run `nymstream keys epoch --update` every day")
		return nil
	}
	return err
}

// keepKeys takes over what other processes changed and makes coming keys, until ctx ends.
func (s *Service) keepKeys(ctx context.Context) error {
	tick := time.NewTicker(keyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := errors.Join(s.keys.Reload(), Update(s.keys, s.live.Load().plan, now)); err != nil {
				s.log.Error().Err(err).Msg("coming keys were not made")
			}
		}
	}
}

// probeInterval is how soon a key-encryption key that was revoked is noticed.
const probeInterval = 30 * time.Second

// probeKeys asks now and then whether the key-encryption key may still be used. One that was revoked, or cannot be reached for
// longer than keyring.kek.grace, ends the service: its keys are wiped, and nothing of what is in hand is committed.
func (s *Service) probeKeys(ctx context.Context) error {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	reached := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := s.keys.Probe(ctx)
		switch {
		case err == nil:
			reached = time.Now()
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, event.ErrFatal):
			s.wipe()
			return fmt.Errorf("keys were wiped: %w", err)
		case time.Since(reached) > s.config.Keyring.KEK.Grace:
			s.wipe()
			return fmt.Errorf("keys were wiped: %w: %w", ErrDown, err)
		}
		s.log.Warn().Err(err).Msg("the key-encryption key cannot be asked for")
	}
}

// wipe forgets all keys and people's secrets: from now on nothing can be decided.
func (s *Service) wipe() {
	s.keys.Wipe()
	if s.people != nil {
		s.people.directory.DropAll()
	}
}

// meters count what only the pipeline sees.
type meters struct {
	seconds prometheus.Histogram
	dropped *prometheus.CounterVec
	reloads *prometheus.CounterVec
	since   prometheus.Gauge
	drift   *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer) *meters {
	m := &meters{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: telemetry.RewriteSeconds, Help: "Time to sanitize one batch of one partition.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.LeavesDropped, Help: "Leaves dropped although a rule names them."},
			[]string{telemetry.LabelSource, telemetry.LabelRecipient, telemetry.LabelWhy}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.PolicyReloads, Help: "Policies that were offered while the service ran, by what became of them."},
			[]string{telemetry.LabelOutcome}),
		drift: prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.Drift, Help: "Paths that no pack knows, values that are not what their class says, and personal data in plain texts that leave; each once a day."},
			[]string{telemetry.LabelSource, telemetry.LabelKind}),
		since: prometheus.NewGauge(prometheus.GaugeOpts{Name: telemetry.PolicySince, Help: "Unix time since when the plan at work has been at work."}),
	}
	r.MustRegister(m.seconds, m.dropped, m.reloads, m.since, m.drift)
	return m
}

// meteredProcessor is a pipeline worker that tells the meters, and takes over a new plan between two transactions.
type meteredProcessor struct {
	*pipeline.Worker
	meters *meters
	live   *atomic.Pointer[boundPlan]
	at     *boundPlan
}

func (m *meters) processor(live *atomic.Pointer[boundPlan]) stream.Processor {
	g := live.Load()
	return &meteredProcessor{g.pipeline.Worker(), m, live, g}
}

func (p *meteredProcessor) Turn() {
	if g := p.live.Load(); g != p.at {
		p.Worker, p.at = g.pipeline.Worker(), g
	}
}

func (p *meteredProcessor) Process(batch []event.Record, sink event.Sink) error {
	m, plan := p.meters, p.at.plan
	began := time.Now()
	err := p.Worker.Process(batch, sink)
	m.seconds.Observe(time.Since(began).Seconds())
	p.Worker.Misfits(func(flow int, leaves uint64) {
		f := &plan.Flows[flow]
		m.dropped.WithLabelValues(plan.Sources[f.Source].Name, plan.Recipients[f.Recipient].Name, "misfit").Add(float64(leaves))
	})
	return err
}
