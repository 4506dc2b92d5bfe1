// SPDX-License-Identifier: Apache-2.0

package app

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

//go:embed explain.html
var explainPage string

// explanationPage is what the page shows. The template escapes all of it.
type explanationPage struct {
	Policy, Plan, Source, Pack string
	Controller                 policy.Controller
	Recipients                 []shownRecipient
	Events                     []shownEvent
}

type shownRecipient struct {
	Name, Role, Purpose, Basis, Description, Topic, Minors string
	Retention, Renew                                       string
	Filters                                                []string
}

type shownEvent struct {
	Number       int
	Of           int
	Name, Fault  string
	Ends         []shownEnd
	Leaves       []shownLeaf
	Known, Whole int // leaves with a class, and all
}

type shownEnd struct {
	pipeline.End
	Leaving int // leaves that leave
}

type shownLeaf struct {
	Path, Class, Known, Before string
	Leaves                     bool // for any recipient
	Fates                      []shownFate
}

type shownFate struct {
	After, Why string
	Leaves     bool
}

// WriteExplanation writes explanations of one sample as a page that needs nothing else: before and after of every leaf for
// every recipient, with the deciding rule. name is the policy's file.
func WriteExplanation(out io.Writer, plan *policy.Plan, name string, events []*pipeline.Explanation, below string) error {
	page := explanationPage{Policy: name, Plan: plan.Hash, Controller: plan.Controller}
	for i, x := range events {
		source := slices.IndexFunc(plan.Sources, func(s policy.Source) bool { return s.Name == x.Source })
		page.Source, page.Pack = x.Source, plan.Sources[source].Pack
		if i == 0 {
			for j := range x.Ends {
				page.Recipients = append(page.Recipients, shownTerms(plan, source, x.Ends[j].Recipient))
			}
		}
		page.Events = append(page.Events, shownOf(x, i, len(events), below))
	}
	t, err := template.New("explain").Parse(explainPage)
	if err != nil {
		return err
	}
	return t.Execute(out, page)
}

func shownTerms(plan *policy.Plan, source int, name string) shownRecipient {
	at := slices.IndexFunc(plan.Recipients, func(r policy.Recipient) bool { return r.Name == name })
	r := &plan.Recipients[at]
	p := &plan.Purposes[r.Purpose]
	out := shownRecipient{Name: name, Role: string(r.Role), Purpose: p.Name, Basis: p.Basis, Description: p.Description, Topic: r.Topic, Minors: r.Minors,
		Retention: policy.SpellDuration(r.Retention), Renew: "only by command"}
	if r.Renew > 0 {
		out.Renew = "every " + policy.SpellDuration(r.Renew)
	}
	for i := range plan.Flows {
		if f := &plan.Flows[i]; f.Source == source && f.Recipient == at {
			out.Filters = filtersOf(&plan.Sources[source], f)
		}
	}
	return out
}

// filtersOf says which events a recipient gets, one line for all with the same `only:`.
func filtersOf(s *policy.Source, f *policy.Flow) []string {
	var lines []string
	events := map[string][]string{}
	for i := range f.Events {
		if !f.Events[i].Selected {
			continue
		}
		filter := policy.SpellOnly(f.Events[i].Only)
		if events[filter] == nil {
			lines = append(lines, filter)
		}
		events[filter] = append(events[filter], s.Events[i].Name)
	}
	for i, filter := range lines {
		lines[i] = strings.Join(events[filter], ", ")
		if filter != "" {
			lines[i] += " — only " + filter
		}
	}
	return lines
}

func shownOf(x *pipeline.Explanation, index, of int, below string) shownEvent {
	e := shownEvent{Number: index + 1, Of: of, Name: x.Event, Fault: x.Fault, Ends: make([]shownEnd, len(x.Ends))}
	for i := range x.Ends {
		e.Ends[i].End = x.Ends[i]
	}
	for i := range x.Leaves {
		l := &x.Leaves[i]
		if !strings.HasPrefix(l.Path, below) {
			continue
		}
		e.Whole++
		if l.Class != "" {
			e.Known++
		}
		shown := shownLeaf{Path: l.Path, Class: l.Class, Known: l.Known, Before: l.Before}
		for j := range x.Ends {
			f := shownFate{After: l.Fates[j].After, Why: rule(l, &l.Fates[j])}
			if f.Leaves = f.After != "" && x.Ends[j].Outcome == "forward"; f.Leaves {
				e.Ends[j].Leaving++
				shown.Leaves = true
			} else {
				f.After = ""
			}
			shown.Fates = append(shown.Fates, f)
		}
		e.Leaves = append(e.Leaves, shown)
	}
	return e
}
