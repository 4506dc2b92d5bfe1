// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// boundPlan is a plan bound to the keys, and the topics it needs.
type boundPlan struct {
	plan       *policy.Plan
	pipeline   *pipeline.Pipeline
	formats    *formats
	sources    []string
	recipients []stream.Recipient
	offered    offered // what it was made of
}

// offered is a policy that is to be put to work.
type offered struct {
	plan *policy.Plan
	text []byte // of the policy's file
	by   string // who sent it; "": not known
	why  string
}

// loadPolicy reads the policy's file once: the text is what the plan was made of.
func loadPolicy(file, why string) (offered, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		plan, err := policy.Load(file, policy.Packs()) // which says so
		return offered{plan: plan, why: why}, err
	}
	plan, err := policy.LoadBytes(file, text, policy.Packs(), filepath.Dir(file))
	return offered{plan: plan, text: text, why: why}, err
}

func (s *Service) bind(o offered) (*boundPlan, error) {
	g, err := bindPlan(s.config, s.keys, o.plan, s.people, s.drift)
	if err == nil {
		g.offered = o
	}
	return g, err
}

// bindPlan binds a plan. people and drift may be nil.
func bindPlan(c *config.Config, keys *keyring.Keyring, plan *policy.Plan, people *people, drift *pipeline.Drift) (*boundPlan, error) {
	f, err := newFormats(c, plan)
	if err != nil {
		return nil, err
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{
		Decoders:      f.decoders,
		Encoders:      f.encoders,
		AssumeConsent: c.AssumeConsent,
		People:        people.kept(),
		Signals:       people.signalsTo(c, plan),
		PassedOver:    people.passOver,
		Drift:         drift,
		Limits:        rewrite.Options{MaxDepth: c.Limits.Depth, MaxBytes: int(c.Limits.Record)},
	})
	if err != nil {
		return nil, err
	}
	g := &boundPlan{plan: plan, pipeline: p, formats: f, recipients: recipientTopics(plan)}
	for i := range plan.Sources {
		g.sources = append(g.sources, plan.Sources[i].Topics...)
	}
	return g, nil
}

// flows tells whether two plans read and write the same topics: then one takes over from the other without a pause.
func (g *boundPlan) flowsAs(other *boundPlan) bool {
	return reflect.DeepEqual(g.sources, other.sources) && reflect.DeepEqual(g.recipients, other.recipients)
}

// use puts a plan to work: each worker takes it over before its next transaction.
func (s *Service) use(g *boundPlan) {
	s.live.Store(g)
	s.meters.since.Set(float64(time.Now().Unix()))
}

// Reloaded says what became of a policy that was offered while the service ran.
type Reloaded struct {
	Plan    string         `json:"plan"`    // hash of the plan that is at work from now on
	Changes policy.Changes `json:"changes"` // since the one before; none: it is the same plan
	Topics  bool           `json:"topics"`  // other topics are read or written: the stream pauses for a moment
}

// Reload reads the policy again and puts it to work. After an error the policy before goes on.
func (s *Service) Reload(ctx context.Context, why string) (Reloaded, error) {
	next, err := loadPolicy(s.config.Policy, why)
	return s.offer(ctx, next, err)
}

// offer puts a plan to work, unless it is faulty.
func (s *Service) offer(ctx context.Context, next offered, err error) (Reloaded, error) {
	s.reload.Lock()
	defer s.reload.Unlock()
	var out Reloaded
	if err == nil {
		out, err = s.take(ctx, next)
	}
	switch {
	case err != nil:
		s.meters.reloads.WithLabelValues("refused").Inc()
		s.log.Error().Err(err).Str(telemetry.KeyReason, next.why).Str(telemetry.KeyPlan, s.live.Load().plan.Hash).Msg("policy refused; the one before goes on")
	case len(out.Changes) == 0:
		s.meters.reloads.WithLabelValues("unchanged").Inc()
		s.log.Info().Str(telemetry.KeyReason, next.why).Str(telemetry.KeyPlan, out.Plan).Msg("policy read again: nothing has changed")
	default:
		s.meters.reloads.WithLabelValues("taken").Inc()
		for _, c := range out.Changes {
			s.log.Info().Str(telemetry.KeyPlan, out.Plan).Str("direction", string(c.Direction)).Msg("policy: " + c.String())
		}
		s.log.Info().Str(telemetry.KeyReason, next.why).Str(telemetry.KeyPlan, out.Plan).Bool("more_leaves", out.Changes.More()).Msg("policy taken over")
		if !out.Topics { // else it goes to work when the stream is opened anew
			s.took(ctx, s.live.Load())
		}
	}
	return out, err
}

func (s *Service) take(ctx context.Context, offer offered) (Reloaded, error) {
	plan := offer.plan
	before := s.live.Load()
	if s.next != nil {
		before = s.next
	}
	out := Reloaded{Plan: plan.Hash, Changes: policy.Diff(before.plan, plan)}
	if plan.Hash == before.plan.Hash {
		out.Changes = nil
		return out, nil
	}
	if err := s.prepareKeys(plan); err != nil {
		return out, err
	}
	for i := range plan.Recipients { // where the keyring could not be written, a new recipient has none
		if _, err := s.keys.LatestDomain(plan.Recipients[i].Name, time.Now().UnixMilli()); err != nil {
			return out, fmt.Errorf("recipient %s: %w", plan.Recipients[i].Name, err)
		}
	}
	g, err := s.bind(offer)
	if err != nil {
		return out, err
	}
	if err := g.formats.register(ctx); err != nil {
		return out, err
	}
	if out.Topics = s.next != nil || !g.flowsAs(before); !out.Topics {
		s.use(g)
		return out, nil
	}
	trial, err := s.open(g, prometheus.NewRegistry())
	if err != nil {
		return out, err
	}
	defer trial.Close()
	if _, err := check(ctx, trial); err != nil {
		return out, fmt.Errorf("its topics: %w", err)
	}
	s.next = g
	if s.reopen != nil {
		s.reopen()
	}
	return out, nil
}

// streams runs the stream, and opens another one where a new plan reads or writes other topics.
func (s *Service) streams(ctx context.Context) error {
	for {
		run, stop := context.WithCancel(ctx)
		s.reload.Lock()
		s.reopen = stop
		if s.next != nil {
			stop() // it came before there was anything to stop
		}
		s.reload.Unlock()
		err := s.stream.Load().Run(run)
		stop()
		s.reload.Lock()
		next := s.next
		s.next, s.reopen = nil, nil
		if err == nil && next != nil {
			s.use(next)
		}
		s.reload.Unlock()
		if err == nil && next != nil {
			s.took(ctx, next)
		}
		if err != nil || ctx.Err() != nil || next == nil {
			return err
		}
		s.tally.collect()
		opened, err := s.open(next, replacing{s.registry})
		if err != nil {
			return err
		}
		s.tally.begin()
		s.stream.Store(opened)
	}
}

// tookTimeout bounds how long it may take to tell of a plan.
const tookTimeout = 5 * time.Second

// took tells of a plan that is at work from now on: the audit log, the history, and the other instances.
func (s *Service) took(ctx context.Context, g *boundPlan) {
	if s.people == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tookTimeout)
	defer cancel()
	if err := s.note(ctx, audit.PolicyChange, g.offered.why); err != nil {
		s.log.Error().Err(err).Msg("the audit log did not take the change of the policy")
	}
	s.remember(ctx, g, false)
	if err := s.people.control.AnnouncePlan(ctx, planSum(g.plan.Hash)); err != nil {
		s.log.Warn().Err(err).Msg("other instances were not told of the policy; they look for themselves")
	}
}

// remember adds to the history that a plan is at work.
func (s *Service) remember(ctx context.Context, g *boundPlan, leaveOutRepeats bool) {
	if s.people == nil {
		return
	}
	c := PlanChange{At: time.Now().UTC().Truncate(time.Millisecond), Plan: g.plan.Hash, Instance: s.config.Instance, By: g.offered.by, Why: g.offered.why}
	if err := remember(ctx, s.people.store, c, g.offered.text, leaveOutRepeats); err != nil {
		s.log.Error().Err(err).Msg("the history of policies lacks the change of the policy")
	}
}

// heardPlan has the policy's files looked at soon where another instance works by another plan: they may be the same files.
func (s *Service) heardPlan(sum [32]byte) {
	if g := s.live.Load(); g != nil && planSum(g.plan.Hash) != sum {
		select {
		case s.look <- struct{}{}:
		default:
		}
	}
}

// watchPolicy reads the policy again when the process is told to (SIGHUP), and when its files have other contents.
func (s *Service) watchPolicy(ctx context.Context, told <-chan os.Signal, seen [sha256.Size]byte) error {
	var tick <-chan time.Time
	var look <-chan struct{}
	if s.config.PolicyWatch > 0 {
		ticker := time.NewTicker(s.config.PolicyWatch)
		defer ticker.Stop()
		tick, look = ticker.C, s.look
	}
	compare := func() {
		if now := contents(s.live.Load().plan.Files); now != seen {
			_, _ = s.Reload(ctx, "the policy's files have changed")
			seen = now
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-told:
			seen = contents(s.live.Load().plan.Files) // before: what changes meanwhile is seen at the next look
			_, _ = s.Reload(ctx, "SIGHUP")            // logged
		case <-tick:
			compare()
		case <-look:
			compare()
		}
	}
}

// contents is a digest of what stands in the files. That one is gone is news too: the policy may name another one now.
func contents(files []string) [sha256.Size]byte {
	all := sha256.New()
	for _, f := range files {
		data, err := os.ReadFile(filepath.FromSlash(f))
		fmt.Fprintf(all, "%s %d %t\n", f, len(data), err == nil)
		all.Write(data)
	}
	return [sha256.Size]byte(all.Sum(nil))
}

// replacing registers metrics of a stream in place of those of the stream before.
type replacing struct{ *prometheus.Registry }

func (r replacing) Register(c prometheus.Collector) error {
	err := r.Registry.Register(c)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		r.Unregister(taken.ExistingCollector)
		return r.Registry.Register(c)
	}
	return err
}

func (r replacing) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err) // two metrics of one name
		}
	}
}
