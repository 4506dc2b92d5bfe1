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
}

func (s *Service) bind(plan *policy.Plan) (*boundPlan, error) {
	return bindPlan(s.config, s.keys, plan, s.people, s.drift)
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
	plan, err := policy.Load(s.config.Policy, policy.Packs())
	return s.offer(ctx, why, plan, err)
}

// offer puts a plan to work, unless it is faulty.
func (s *Service) offer(ctx context.Context, why string, plan *policy.Plan, err error) (Reloaded, error) {
	s.reload.Lock()
	defer s.reload.Unlock()
	var out Reloaded
	if err == nil {
		out, err = s.take(ctx, plan)
	}
	switch {
	case err != nil:
		s.meters.reloads.WithLabelValues("refused").Inc()
		s.log.Error().Err(err).Str(telemetry.KeyReason, why).Str(telemetry.KeyPlan, s.live.Load().plan.Hash).Msg("policy refused; the one before goes on")
	case len(out.Changes) == 0:
		s.meters.reloads.WithLabelValues("unchanged").Inc()
		s.log.Info().Str(telemetry.KeyReason, why).Str(telemetry.KeyPlan, out.Plan).Msg("policy read again: nothing has changed")
	default:
		s.meters.reloads.WithLabelValues("taken").Inc()
		for _, c := range out.Changes {
			s.log.Info().Str(telemetry.KeyPlan, out.Plan).Str("direction", string(c.Direction)).Msg("policy: " + c.String())
		}
		s.log.Info().Str(telemetry.KeyReason, why).Str(telemetry.KeyPlan, out.Plan).Bool("more_leaves", out.Changes.More()).Msg("policy taken over")
		if noted := s.note(ctx, audit.PolicyChange); noted != nil {
			s.log.Error().Err(noted).Msg("the audit log did not take the change of the policy")
		}
	}
	return out, err
}

func (s *Service) take(ctx context.Context, plan *policy.Plan) (Reloaded, error) {
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
	g, err := s.bind(plan)
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
		if err != nil || ctx.Err() != nil || next == nil {
			return err
		}
		opened, err := s.open(next, replacing{s.registry})
		if err != nil {
			return err
		}
		s.stream.Store(opened)
	}
}

// watchPolicy reads the policy again when the process is told to (SIGHUP), and when its files have other contents.
func (s *Service) watchPolicy(ctx context.Context, told <-chan os.Signal, seen [sha256.Size]byte) error {
	var tick <-chan time.Time
	if s.config.PolicyWatch > 0 {
		ticker := time.NewTicker(s.config.PolicyWatch)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-told:
			seen = contents(s.live.Load().plan.Files) // before: what changes meanwhile is seen at the next look
			_, _ = s.Reload(ctx, "SIGHUP")            // logged
		case <-tick:
			now := contents(s.live.Load().plan.Files)
			if now == seen {
				continue
			}
			_, _ = s.Reload(ctx, "the policy's files have changed")
			seen = now
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
