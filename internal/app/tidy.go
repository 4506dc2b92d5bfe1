// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/subject"
)

// One instance at a time tidies up, by a lease: people who were inactive for long expire, secrets are wrapped anew, and keys whose
// time is over are destroyed.
const (
	tidyLease    = "tidy"
	tidyLeaseTTL = time.Minute
	tidyInterval = time.Hour

	departedInterval = 24 * time.Hour
)

// tidy keeps nothing longer than the rules say, until ctx ends.
func (p *people) tidy(ctx context.Context, plan func() *policy.Plan, inactive time.Duration, revealing *reveal.Service) error {
	lease, err := control.NewLease(p.store, tidyLease, p.instance, tidyLeaseTTL, nil)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := lease.Hold(ctx, func(ctx context.Context) error {
			var looked time.Time
			for {
				if time.Since(looked) > departedInterval {
					if err := p.eraseDeparted(ctx); err != nil {
						return err
					}
					looked = time.Now()
				}
				if err := p.tidyOnce(ctx, plan(), inactive, revealing); err != nil {
					return err
				}
				if err := pause(ctx, tidyInterval); err != nil {
					return nil
				}
			}
		})
		if err != nil && ctx.Err() == nil {
			p.log.Warn().Err(err).Msg("could not tidy up what is kept of people")
			_ = pause(ctx, tidyLeaseTTL)
		}
	}
	return nil
}

// rulesOf gives how long things are kept under a plan.
func rulesOf(plan *policy.Plan, inactive time.Duration) subject.Rules {
	rules := subject.Rules{Inactive: inactive, Recipients: map[string]time.Duration{}}
	for i := range plan.Recipients {
		rules.Recipients[plan.Recipients[i].Name] = plan.Recipients[i].Overlap + plan.Recipients[i].Retention
	}
	return rules
}

func (p *people) tidyOnce(ctx context.Context, plan *policy.Plan, inactive time.Duration, revealing *reveal.Service) error {
	deeds, err := subject.Retention{
		Directory: p.directory, Rules: rulesOf(plan, inactive),
		Reseal: func(ctx context.Context) error {
			_, err := p.rights.Reseal(ctx)
			_, others := revealing.Rewrap(ctx)
			return errors.Join(err, others)
		},
		Waiting: func(context.Context, func(int64)) error { return nil }, // only for what is overdue
		Announce: func(keys []subject.Key) error {
			_, err := announcer{p.control}.Announce(ctx, keys, true, "expired")
			return err
		},
		Before: func(d subject.Deed) error { return p.noteDeed(ctx, d) },
	}.Tidy(ctx, time.Now())
	for _, d := range deeds {
		p.log.Info().Str("act", string(d.Act)).Str("recipient", d.Recipient).Int("epoch", d.Epoch).Int64("people", d.Count).Msg("tidied up what is kept of people")
	}
	return errors.Join(err, revealing.Prune(ctx))
}

// eraseDeparted erases those who left a platform for good.
func (p *people) eraseDeparted(ctx context.Context) error {
	n, err := p.rights.EraseDeparted(ctx)
	if n > 0 {
		p.log.Info().Int("people", n).Msg("erased people whose accounts are deleted for good")
	}
	return err
}

// noteDeed writes a change of keys into the audit log before it is made.
func (p *people) noteDeed(ctx context.Context, d subject.Deed) error {
	act := audit.KeyDestroy
	switch d.Act {
	case subject.ActBeginStoreEpoch:
		act = audit.KeyEpoch
	case subject.ActRewrap:
		act = audit.Rewrap
	}
	e := audit.Entry{Act: act, Actor: p.instance, Recipient: d.Recipient, Details: map[string]string{"kind": string(d.Act)}}
	if d.Epoch > 0 {
		e.Details["epoch"] = strconv.Itoa(d.Epoch)
	}
	if _, err := p.audit.Append(ctx, e); err != nil {
		return fmt.Errorf("%w: %w", err, event.ErrTransient)
	}
	return nil
}
