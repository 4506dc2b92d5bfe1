// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
)

// PolicyStatus tells by which plans the instances work that live.
type PolicyStatus struct {
	Agree     bool           `json:"agree"` // all by the same
	Instances []PlanInstance `json:"instances"`
}

// PlanInstance is one instance.
type PlanInstance struct {
	Name  string    `json:"name"`
	Plan  string    `json:"plan"`           // hash of the plan at work, hexadecimal
	Since time.Time `json:"since,omitzero"` // when it put it to work; zero: the history does not say
}

func (a *Admin) policyStatus(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	alive, err := a.people.alive(ctx)
	if err != nil {
		return err
	}
	h, err := readHistory(ctx, a.people.store)
	if err != nil {
		return err
	}
	status := PolicyStatus{Agree: true, Instances: []PlanInstance{}}
	idle := strings.Repeat("0", 64) // of commands: they work by no plan
	for _, i := range alive {
		if i.Plan == idle {
			continue
		}
		one := PlanInstance{Name: i.Name, Plan: i.Plan}
		if last := h.latest(i.Name); last != nil && last.Plan == i.Plan {
			one.Since = last.At
		}
		status.Instances = append(status.Instances, one)
		status.Agree = status.Agree && one.Plan == status.Instances[0].Plan
	}
	if !status.Agree {
		err = no("instances work by different plans")
	}
	return errors.Join(write(out, status), err)
}

func (a *Admin) policyHistory(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	h, err := readHistory(ctx, a.people.store)
	if err != nil {
		return err
	}
	return write(out, slices.Concat([]PlanChange{}, h.Changes))
}

// Rollback says which plan is put back.
type Rollback struct {
	Plan   string `json:"plan"` // its hash, or how it begins
	Check  bool   `json:"check,omitempty"`
	More   bool   `json:"more,omitempty"` // also if more leaves
	Reason string `json:"reason,omitempty"`
}

// leastPlan is how many characters of a hash name a plan.
const leastPlan = 8

// policyRollback puts the file of a policy back that was at work before.
func (a *Admin) policyRollback(ctx context.Context, by caller, o Rollback, out io.Writer) error {
	h, err := readHistory(ctx, a.people.store)
	if err != nil {
		return err
	}
	plan, err := h.find(o.Plan)
	if err != nil {
		return err
	}
	text, err := policyText(ctx, a.people.store, plan)
	if err != nil {
		return err
	}
	current := a.plan().Hash
	if plan == current {
		return no("this plan is at work")
	}
	if !o.Check {
		details := map[string]string{"kind": "rollback", "from": current, "to": plan}
		if err := a.note(ctx, by, audit.Entry{Act: audit.PolicyChange, Reason: o.Reason, Details: details}); err != nil {
			return err
		}
	}
	done, err := a.replace(ctx, replacement{text: text, plan: plan, check: o.Check, more: o.More, by: by.Name, why: "rollback"})
	if r, is := errors.AsType[refusal](err); is && r.status != http.StatusInternalServerError {
		err = No{err}
	}
	if err != nil {
		return err
	}
	return write(out, done)
}

// find gives the plan of the history whose hash begins so.
func (h *history) find(prefix string) (string, error) {
	var found []string
	for _, plan := range h.plans() {
		if strings.HasPrefix(plan, strings.ToLower(prefix)) {
			found = append(found, plan)
		}
	}
	switch {
	case len(prefix) < leastPlan:
		return "", errors.New("name the plan by at least the first 8 characters of its hash")
	case len(found) == 0:
		return "", no("no such plan in the history; `nymstream policy history` lists them")
	case len(found) > 1:
		return "", no("%d plans begin so; name more of the hash", len(found))
	}
	return found[0], nil
}

// replaceFile replaces the policy's file where no instance is asked to take it over: those that watch the file do.
func (a *Admin) replaceFile(_ context.Context, r replacement) (Reloaded, error) {
	plan, changes, err := r.compare(a.config.Policy, a.plan())
	if err != nil {
		return Reloaded{}, err
	}
	if !r.check {
		if _, err := replaceFile(a.config.Policy, r.text); err != nil {
			return Reloaded{}, err
		}
	}
	return Reloaded{Plan: plan.Hash, Changes: changes}, nil
}
