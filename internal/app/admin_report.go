// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
)

// RecipientReport is what one recipient may have.
type RecipientReport struct {
	Name      string         `json:"name"`
	Role      string         `json:"role"`
	Purpose   string         `json:"purpose"`
	Basis     string         `json:"basis"`
	Topic     string         `json:"topic"`
	Retention string         `json:"retention"`
	Renew     string         `json:"renew,omitempty"` // length of an epoch; "": changed by command
	Minors    string         `json:"minors"`
	Sources   []string       `json:"sources"`
	Classes   []ClassesOfOne `json:"classes"`
}

// ClassesOfOne is a class of data and what is done to it before it leaves.
type ClassesOfOne struct {
	Class      string   `json:"class"`
	Techniques []string `json:"techniques"`
	Clear      []string `json:"clear,omitempty"` // the written reasons why a direct identifier stays clear
}

func recipientReports(plan *policy.Plan) []RecipientReport {
	all := make([]RecipientReport, len(plan.Recipients))
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		p := &plan.Purposes[r.Purpose]
		all[i] = RecipientReport{Name: r.Name, Role: string(r.Role), Purpose: p.Name, Basis: p.Basis, Topic: r.Topic, Retention: days(r.Retention), Minors: r.Minors}
		if r.Renew > 0 {
			all[i].Renew = days(r.Renew)
		}
		all[i].Sources, all[i].Classes = leaving(plan, i)
	}
	return all
}

// leaving lists from which sources a recipient gets something, and the classes of it.
func leaving(plan *policy.Plan, recipient int) (sources []string, classes []ClassesOfOne) {
	techniques, clear := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(m map[string]map[string]bool, class, what string) {
		if m[class] == nil {
			m[class] = map[string]bool{}
		}
		m[class][what] = true
	}
	for i := range plan.Flows {
		f := &plan.Flows[i]
		if f.Recipient != recipient {
			continue
		}
		source := &plan.Sources[f.Source]
		sources = append(sources, source.Name)
		for n := range f.Events {
			for l, d := range f.Events[n].Decisions {
				class := string(source.Events[n].Leaves[l].Class)
				if d.Technique.Name == "" || d.Technique.Name == "drop" || class == "" {
					continue
				}
				note(techniques, class, d.Technique.Name)
				if d.Clear != "" {
					note(clear, class, d.Clear)
				}
			}
		}
	}
	for _, class := range slices.Sorted(maps.Keys(techniques)) {
		classes = append(classes, ClassesOfOne{class, slices.Sorted(maps.Keys(techniques[class])), slices.Sorted(maps.Keys(clear[class]))})
	}
	return sources, classes
}

// days writes a time as the policy does.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

func (a *Admin) reportRecipients(_ context.Context, _ caller, _ struct{}, out io.Writer) error {
	return write(out, recipientReports(a.plan()))
}

// Processing is a record of processing activities (GDPR Art. 30), as far as the policy knows it.
type Processing struct {
	Made       time.Time         `json:"made"`
	Plan       string            `json:"plan"` // hash
	Controller string            `json:"controller"`
	Contact    string            `json:"contact"`
	DPO        string            `json:"dpo,omitempty"`
	Purposes   []PurposeReport   `json:"purposes"`
	Subjects   []string          `json:"data_subjects"`
	Recipients []RecipientReport `json:"recipients"`
	Sources    []SourceReport    `json:"sources"`
	Measures   []string          `json:"measures"` // technical, Art. 32
	Unstated   []string          `json:"unstated"` // what the policy does not know, to be added
}

// PurposeReport is why data is used.
type PurposeReport struct {
	Name        string `json:"name"`
	Basis       string `json:"basis"`
	Description string `json:"description"`
	Sale        bool   `json:"sale"`
}

// SourceReport is where data comes from.
type SourceReport struct {
	Name         string   `json:"name"`
	Instance     string   `json:"instance"`
	Pack         string   `json:"pack"`
	Topics       []string `json:"topics"`
	Reclassified []string `json:"reclassified,omitempty"`
}

func (a *Admin) processing() Processing {
	plan := a.plan()
	p := Processing{
		Made: a.now().UTC().Truncate(time.Second), Plan: plan.Hash, Controller: plan.Controller.Name, Contact: plan.Controller.Contact, DPO: plan.Controller.DPO,
		Recipients: recipientReports(plan),
		Subjects:   []string{"people who act in the sources' events", "people whom these events name: mentioned, answered, quoted"},
		Measures: []string{
			"pseudonyms of each recipient's own, of another kind for each of its epochs; keyed, and linkable by the holder of the keys only",
			"only what a rule names leaves; unknown fields and events do not",
			"records that cannot be read are kept encrypted, with a key for each day",
			"re-identification takes a reason and a second person; an append-only log proves what was done",
		},
		Unstated: []string{"transfers to third countries and their safeguards (Art. 30(1)(e))", "contact of the controller's representative", "organizational measures"},
	}
	if a.config.Store.Kept() {
		p.Measures = append(p.Measures, "consent, objection and restriction decide before a record is written; erasing ends a person's secret, and recipients are told")
	}
	for _, u := range plan.Purposes {
		p.Purposes = append(p.Purposes, PurposeReport{u.Name, u.Basis, u.Description, u.Sale})
	}
	for i := range plan.Sources {
		s := &plan.Sources[i]
		r := SourceReport{Name: s.Name, Instance: s.Instance, Pack: s.Pack, Topics: s.Topics}
		for _, c := range s.Reclassified {
			r.Reclassified = append(r.Reclassified, fmt.Sprintf("%s: %s instead of %s: %s", c.Path, c.To, c.From, c.Reason))
		}
		p.Sources = append(p.Sources, r)
	}
	return p
}

func (a *Admin) reportProcessing(_ context.Context, _ caller, _ struct{}, out io.Writer) error {
	return write(out, a.processing())
}

func (a *Admin) reportNotice(_ context.Context, _ caller, _ struct{}, out io.Writer) error {
	return write(out, a.processing())
}

const processingText = `RECORD OF PROCESSING ACTIVITIES (GDPR Art. 30)
made {{.Made.Format "2006-01-02"}} from policy {{.Plan}}

Controller: {{.Controller}}, {{.Contact}}{{with .DPO}}
Data protection officer: {{.}}{{end}}

Purposes
{{- range .Purposes}}
  {{.Name}} ({{.Basis}}{{if .Sale}}, counts as sale{{end}}): {{.Description}}
{{- end}}

Data subjects
{{- range .Subjects}}
  {{.}}
{{- end}}

Sources
{{- range .Sources}}
  {{.Name}}: {{.Pack}} on {{.Instance}}, topics {{join .Topics}}
{{- range .Reclassified}}
    {{.}}
{{- end}}
{{- end}}

Recipients
{{- range .Recipients}}
  {{.Name}} ({{.Role}}), for {{.Purpose}}, kept {{.Retention}}; minors: {{.Minors}}
    from {{join .Sources}}
{{- range .Classes}}
    {{.Class}}: {{join .Techniques}}{{range .Clear}}; clear: {{.}}{{end}}
{{- end}}
{{- end}}

Technical measures (Art. 32)
{{- range .Measures}}
  {{.}}
{{- end}}

To be added, as the policy does not say it
{{- range .Unstated}}
  {{.}}
{{- end}}
`

const noticeText = `HOW WE USE YOUR DATA (GDPR Art. 13, 14)

{{.Controller}} answers for this use of your data: {{.Contact}}{{with .DPO}}; data protection officer: {{.}}{{end}}.

Why
{{- range .Purposes}}
  {{.Description}} Legal basis: {{.Basis}}.{{if .Sale}} You can opt out of the sale of your data.{{end}}
{{- end}}

Where from
{{- range .Sources}}
  {{.Instance}}
{{- end}}

Who gets what
{{- range .Recipients}}
  {{.Name}} ({{.Role}}), for {{.Purpose}}, for {{.Retention}}:
{{- range .Classes}}
    {{.Class}} ({{join .Techniques}})
{{- end}}
{{- end}}

Nobody gets your name or account from us unless it says "keep" beside it: they get a pseudonym of their own instead.

Your rights
  You can ask what is kept about you, get a copy of it, have it corrected, erased or restricted, and object to its use.
  Where the legal basis is consent you can withdraw it at any time; what was done before stays lawful.
  You can complain to a supervisory authority.
`

// ProcessingText writes a record of processing, or a notice, as plain text.
func ProcessingText(out io.Writer, p Processing, notice bool) error {
	text := processingText
	if notice {
		text = noticeText
	}
	t, err := template.New("report").Funcs(template.FuncMap{"join": func(all []string) string { return strings.Join(all, ", ") }}).Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(out, p)
}

// RetentionReport is how long something is kept, and what should have ended.
type RetentionReport struct {
	Recipients []KeptFor       `json:"recipients"`
	Ended      []EndedKey      `json:"ended_keys"` // keys that serve nothing any more and are not destroyed
	Overdue    []OverdueReport `json:"overdue"`
	Waiting    *WaitingReport  `json:"waiting,omitempty"` // nil: nobody is kept
}

// WaitingReport counts rows of erasures and deletion events that wait to be told.
type WaitingReport struct {
	Count int64     `json:"count"`
	First time.Time `json:"first,omitzero"` // moment at which the first of them can go out, or could
	Last  time.Time `json:"last,omitzero"`
}

func (w *WaitingReport) add(since time.Time) {
	if w.Count++; w.Count == 1 || since.Before(w.First) {
		w.First = since
	}
	if since.After(w.Last) {
		w.Last = since
	}
}

// OverdueReport counts what should have ended.
type OverdueReport struct {
	What   string    `json:"what"`
	Count  int64     `json:"count"`
	Oldest time.Time `json:"oldest"`
}

// KeptFor is how long a recipient's topic keeps records.
type KeptFor struct {
	Recipient string `json:"recipient"`
	Topic     string `json:"topic"`
	Retention string `json:"retention"`
}

// EndedKey is a keyset that has ended.
type EndedKey struct {
	Role      string    `json:"role"`
	Recipient string    `json:"recipient,omitempty"`
	Epoch     int       `json:"epoch,omitempty"`
	Day       string    `json:"day,omitempty"`
	Ended     time.Time `json:"ended,omitzero"`
	Due       time.Time `json:"due,omitzero"` // since when, or from when, it can be destroyed
}

func (a *Admin) reportRetention(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	plan, now := a.plan(), a.now()
	report := RetentionReport{Recipients: []KeptFor{}, Ended: []EndedKey{}, Overdue: []OverdueReport{}}
	keep := map[string]time.Duration{}
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		report.Recipients = append(report.Recipients, KeptFor{r.Name, r.Topic, days(r.Retention)})
		keep[r.Name] = r.Overlap + r.Retention
	}
	for _, e := range a.keys.List(now) {
		if e.Status != keyring.Ended || e.Role == keyring.RoleField || e.Role == keyring.RoleSeal {
			continue // those of a recipient's epoch are destroyed with its domain key
		}
		k := EndedKey{Role: string(e.Role), Recipient: e.Recipient, Epoch: e.Epoch, Day: e.Day, Ended: e.To}
		if !e.To.IsZero() {
			k.Due = e.To.Add(keep[e.Recipient])
		}
		report.Ended = append(report.Ended, k)
	}
	if a.people != nil {
		if err := a.overdue(ctx, &report); err != nil {
			return err
		}
	}
	return write(out, report)
}
