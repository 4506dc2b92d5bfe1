// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
)

// Level says whether a finding keeps the service from running.
type Level string

const (
	Fault   Level = "fault"
	Warning Level = "warning"
)

// Finding is what one check found. Err is nil when all is well.
type Finding struct {
	What  string
	Level Level
	Err   error
}

// Diagnose checks everything a start needs, in the order in which it is needed, and goes on as far as it can.
func Diagnose(ctx context.Context, file string, lookup func(string) (string, bool), tell func(Finding)) {
	c, err := config.Load(file, lookup)
	tell(Finding{"configuration " + file, Fault, err})
	if err != nil {
		return
	}
	if c.AssumeConsent {
		tell(Finding{"consent", Warning, errors.New("is assumed (assume_consent): nobody was asked")})
	}
	plan, err := policy.Load(c.Policy, policy.Packs())
	tell(Finding{"policy " + c.Policy, Fault, err})
	if err != nil {
		return
	}
	for _, w := range plan.Warnings {
		tell(Finding{"policy", Warning, w})
	}
	keys, err := KeyringOf(c).Open()
	tell(Finding{"keyring " + c.Keyring.Dir, Fault, err})
	if err != nil {
		return
	}
	diagnoseEpochs(keys, plan, time.Now(), tell)
	service, err := New(ServiceOptions{Config: c, Err: io.Discard, Lookup: lookup})
	if err != nil {
		tell(Finding{"service", Fault, err})
		return
	}
	warnings, err := service.Check(ctx)
	for _, w := range warnings {
		tell(Finding{"cluster", Warning, errors.New(w)})
	}
	tell(Finding{"cluster, topics and rights", Fault, err})
}

// diagnoseEpochs looks whether every recipient has keys for today and tomorrow.
func diagnoseEpochs(keys *keyring.Keyring, plan *policy.Plan, now time.Time, tell func(Finding)) {
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		what := "keys of recipient " + r.Name
		if _, err := keys.LatestDomain(r.Name, now.UnixMilli()); err != nil {
			tell(Finding{what, Fault, fmt.Errorf("%w: run `nymstream keys epoch --update -c CONFIG`", err)})
			continue
		}
		if _, err := keys.DomainAt(r.Name, r.Overlap, now.Add(24*time.Hour).UnixMilli(), now.Add(24*time.Hour).UnixMilli()); err != nil {
			tell(Finding{what, Warning, fmt.Errorf("tomorrow: %w: run `nymstream keys epoch --update -c CONFIG`", err)})
			continue
		}
		tell(Finding{what, Fault, nil})
	}
}
