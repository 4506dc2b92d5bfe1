// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// planHeader names, in a sanitized record, the recipient's part of the plan that made it.
const planHeader = "nym-plan"

// Leak is what got into wrong hands: a recipient's records of a span, or a file with pseudonyms of that recipient.
type Leak struct {
	Recipient  string
	Span       *Span
	Pseudonyms []string
}

// Report is what an authority wants to know of a leak (GDPR Art. 33). It names nobody: for that, somebody asks with reason
// incident, and an officer approves.
type Report struct {
	Recipient string           `json:"recipient"`
	Topic     string           `json:"topic"`
	Span      *Span            `json:"span,omitempty"`
	Records   int64            `json:"records"`
	First     int64            `json:"first,omitempty"` // record times, milliseconds since the Unix epoch; they are truncated
	Last      int64            `json:"last,omitempty"`
	People    People           `json:"people"`
	Epochs    []EpochConcerned `json:"epochs"`
	Classes   []ClassConcerned `json:"classes"`
	Plans     []string         `json:"plans,omitempty"` // hashes of the recipient's plans that made the records
	// PlanChanged says that records were made by other plans than today's, which Classes are read from.
	PlanChanged bool           `json:"plan_changed"`
	Keys        []KeyConcerned `json:"keys"`
}

// People counts distinct pseudonyms. One person can have several: of each type, epoch and account.
type People struct {
	AtMost  int            `json:"at_most"`
	AtLeast int            `json:"at_least"` // of one type in one epoch; who has several accounts counts once for each
	ByType  map[string]int `json:"by_type"`
}

// EpochConcerned is an epoch whose pseudonyms leaked.
type EpochConcerned struct {
	Epoch      int            `json:"epoch"`
	Status     keyring.Status `json:"status"`
	Pseudonyms int            `json:"pseudonyms"`
}

// ClassConcerned is a class of data that leaves to the recipient, and in which form.
type ClassConcerned struct {
	Class      policy.Class `json:"class"`
	Techniques []string     `json:"techniques"`
	Sources    []string     `json:"sources"`
	Direct     bool         `json:"direct_identifier"`
	Clear      bool         `json:"clear"` // it leaves readable somewhere, for a written reason
	Sensitive  bool         `json:"sensitive"`
}

// KeyConcerned is a keyset whose use should end, and how.
type KeyConcerned struct {
	Role   keyring.Role `json:"role"`
	Epoch  int          `json:"epoch"`
	KeyIDs []uint32     `json:"key_ids"`
	Do     string       `json:"do"`
}

// Incident reports on a leak. It takes the role privacy-officer or auditor.
func (s *Service) Incident(ctx context.Context, by Actor, leak Leak) (*Report, error) {
	role, err := s.may(ctx, by, stepIncident, "", PrivacyOfficer, Auditor)
	if err != nil {
		return nil, err
	}
	plan := s.Plan()
	n, err := recipientOf(plan, leak.Recipient)
	if err == nil && leak.Span != nil {
		err = leak.Span.check(s.Now())
	}
	if err == nil && (leak.Span == nil) == (len(leak.Pseudonyms) == 0) {
		err = fmt.Errorf("%w: a leak is a span, or pseudonyms", ErrInput)
	}
	if err != nil {
		return nil, fmt.Errorf("incident: %w", err)
	}
	e := audit.Entry{Act: audit.Access, Recipient: leak.Recipient, Details: map[string]string{"kind": stepIncident}}
	if leak.Span != nil {
		e.Details["from"], e.Details["to"] = stamp(leak.Span.From), stamp(leak.Span.To)
	}
	if err := s.note(ctx, by, role, e); err != nil {
		return nil, err
	}
	c := newCensus()
	if leak.Span != nil {
		err = s.census(ctx, &plan.Recipients[n], leak.Span, c)
	} else {
		err = c.take(leak.Pseudonyms)
	}
	if err != nil {
		return nil, fmt.Errorf("incident: %w", err)
	}
	return s.report(plan, n, leak.Span, c), nil
}

func (s *Service) report(plan *policy.Plan, n int, span *Span, c *census) *Report {
	r := &plan.Recipients[n]
	out := &Report{
		Recipient: r.Name, Topic: r.Topic, Span: span, Records: c.records, First: c.first, Last: c.last,
		People: c.people(), Classes: classesOf(plan, n), Plans: slices.Sorted(maps.Keys(c.plans)),
	}
	out.PlanChanged = slices.ContainsFunc(out.Plans, func(hash string) bool { return hash != r.Hash })
	byEpoch := map[int]int{}
	for k := range c.seen {
		byEpoch[k.Epoch]++
	}
	sealed := uses(plan, n)
	for _, e := range s.Keys.List(s.Now()) {
		if e.Recipient != r.Name || byEpoch[e.Epoch] == 0 {
			continue
		}
		if e.Role == keyring.RoleDomain {
			out.Epochs = append(out.Epochs, EpochConcerned{e.Epoch, e.Status, byEpoch[e.Epoch]})
		}
		if do := advice(&e, sealed); do != "" {
			out.Keys = append(out.Keys, KeyConcerned{e.Role, e.Epoch, e.KeyIDs, do})
		}
	}
	return out
}

// recipientOf gives a recipient's index in the plan.
func recipientOf(plan *policy.Plan, name string) (int, error) {
	n := slices.IndexFunc(plan.Recipients, func(r policy.Recipient) bool { return r.Name == name })
	if n < 0 {
		return 0, fmt.Errorf("%w: the plan has no such recipient", ErrInput)
	}
	return n, nil
}

// advice tells what is to be done about a keyset whose pseudonyms or seals leaked. The keys themselves did not.
func advice(e *keyring.Entry, used map[keyring.Role]bool) string {
	if e.Status == keyring.Destroyed || e.Role != keyring.RoleDomain && !used[e.Role] {
		return ""
	}
	if e.Status == keyring.Current {
		return "begin a new epoch, so that what comes cannot be joined with what leaked; destroy epoch " + strconv.Itoa(e.Epoch) + " once its overlap is over"
	}
	return "destroy the epoch once its overlap is over"
}

// uses tells which roles beside the domain made something that leaves to the recipient.
func uses(plan *policy.Plan, n int) map[keyring.Role]bool {
	used := map[keyring.Role]bool{}
	eachLeaf(plan, n, func(_ *policy.Source, _ *policy.Leaf, d *policy.Decision) {
		switch {
		case d.Technique.Name == policy.Seal && !d.Technique.Deterministic:
			used[keyring.RoleField] = true
		case d.Technique.Name == policy.Seal:
			used[keyring.RoleSeal] = true
		}
	})
	return used
}

// classesOf lists what leaves to a recipient, sorted by class.
func classesOf(plan *policy.Plan, n int) []ClassConcerned {
	by := map[policy.Class]*ClassConcerned{}
	eachLeaf(plan, n, func(src *policy.Source, l *policy.Leaf, d *policy.Decision) {
		c := by[l.Class]
		if c == nil {
			c = &ClassConcerned{Class: l.Class, Direct: l.Class.DirectIdentifier(), Sensitive: l.Class.Sensitive()}
			by[l.Class] = c
		}
		c.Techniques, c.Sources = append(c.Techniques, d.Technique.Name), append(c.Sources, src.Name)
		c.Clear = c.Clear || d.Clear != ""
	})
	var out []ClassConcerned
	for _, class := range slices.Sorted(maps.Keys(by)) {
		c := by[class]
		slices.Sort(c.Techniques)
		slices.Sort(c.Sources)
		c.Techniques, c.Sources = slices.Compact(c.Techniques), slices.Compact(c.Sources)
		out = append(out, *c)
	}
	return out
}

// eachLeaf hands out the fields and headers that leave to a recipient, in whatever form. Containers without a class, which are
// counted only, are left out.
func eachLeaf(plan *policy.Plan, n int, fn func(*policy.Source, *policy.Leaf, *policy.Decision)) {
	leaves := func(src *policy.Source, l *policy.Leaf, d *policy.Decision) {
		if d.Technique.Name != "" && d.Technique.Name != policy.Drop && l.Class != "" {
			fn(src, l, d)
		}
	}
	for i := range plan.Flows {
		flow := &plan.Flows[i]
		if flow.Recipient != n {
			continue
		}
		src := &plan.Sources[flow.Source]
		for j := range flow.Headers {
			leaves(src, &src.Headers[j].Leaf, &flow.Headers[j])
		}
		for j := range flow.Events {
			for k := range flow.Events[j].Decisions { // none where the event is not selected
				leaves(src, &src.Events[j].Leaves[k], &flow.Events[j].Decisions[k])
			}
		}
	}
}

// census counts people by their pseudonyms.
type census struct {
	seen        map[transform.Pseudonym]struct{}
	plans       map[string]struct{}
	records     int64
	first, last int64
	found       []transform.Pseudonym
}

func newCensus() *census {
	return &census{seen: map[transform.Pseudonym]struct{}{}, plans: map[string]struct{}{}}
}

// take counts pseudonyms that were handed in.
func (c *census) take(texts []string) error {
	for i, text := range texts {
		p, ok := transform.ParsePseudonym([]byte(text))
		if !ok || !policy.ClassOfType(p.Type).OfSubject() {
			return fmt.Errorf("%w: pseudonym %d is none of a person", ErrInput, i+1)
		}
		c.seen[p] = struct{}{}
	}
	return nil
}

// census reads a recipient's records of a span. Pseudonyms count wherever they stand in key, value and headers.
func (s *Service) census(ctx context.Context, r *policy.Recipient, span *Span, c *census) error {
	return s.Topics.Scan(ctx, r.Topic, nil, func(m *Message) error {
		if !span.holds(m.Time, r.RecordTime) {
			return nil
		}
		if c.records++; c.records == 1 {
			c.first, c.last = m.Time, m.Time
		}
		c.first, c.last = min(c.first, m.Time), max(c.last, m.Time)
		c.found = pseudonymsIn(pseudonymsIn(c.found[:0], m.Key), m.Value)
		for _, h := range m.Headers {
			if bytes.Equal(h.Key, []byte(planHeader)) {
				c.plans[string(h.Value)] = struct{}{}
				continue
			}
			c.found = pseudonymsIn(c.found, h.Value)
		}
		for _, p := range c.found {
			c.seen[p] = struct{}{}
		}
		if len(c.seen) > mostPeople {
			return fmt.Errorf("%w: more than %d pseudonyms; take a shorter span", ErrInput, mostPeople)
		}
		return nil
	})
}

func (c *census) people() People {
	p := People{AtMost: len(c.seen), ByType: map[string]int{}}
	type cohort struct {
		letters string
		epoch   int
	}
	cohorts := map[cohort]int{}
	for k := range c.seen {
		p.ByType[k.Type]++
		cohorts[cohort{k.Type, k.Epoch}]++
	}
	for _, n := range cohorts {
		p.AtLeast = max(p.AtLeast, n)
	}
	return p
}

// checkSpan takes a span of a recipient's topic.
func (s *Service) checkSpan(recipient string, span *Span) error {
	if _, err := recipientOf(s.Plan(), recipient); err != nil {
		return err
	}
	if err := s.checkRecipient(recipient); err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	return span.check(s.Now())
}

// spanCensus counts the people in a recipient's records of a span.
func (s *Service) spanCensus(ctx context.Context, recipient string, span *Span) (*census, error) {
	plan := s.Plan()
	n, err := recipientOf(plan, recipient)
	if err != nil {
		return nil, err
	}
	c := newCensus()
	if err := s.census(ctx, &plan.Recipients[n], span, c); err != nil {
		return nil, fmt.Errorf("read the records of a span: %w", err)
	}
	return c, nil
}

// countSpan gives how many pseudonyms stand in a span.
func (s *Service) countSpan(ctx context.Context, recipient string, span *Span) (int, error) {
	c, err := s.spanCensus(ctx, recipient, span)
	if err == nil && len(c.seen) == 0 {
		err = fmt.Errorf("%w: no record of that span names a person", ErrInput)
	}
	if err != nil {
		return 0, err
	}
	return len(c.seen), nil
}

// spanPseudonyms lists the pseudonyms of a span.
func (s *Service) spanPseudonyms(ctx context.Context, recipient string, span *Span) ([]string, error) {
	c, err := s.spanCensus(ctx, recipient, span)
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(c.seen))
	for p := range c.seen {
		texts = append(texts, spell(p))
	}
	slices.Sort(texts)
	return texts, nil
}
