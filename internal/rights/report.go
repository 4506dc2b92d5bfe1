// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	_ "embed"
	"html/template"
	"io"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// Standing is what is known of one person, for people to read. It holds no identifier. Times are RFC 3339; "" where there is none.
type Standing struct {
	Type       string `json:"type,omitempty"` // identity type of the row
	State      string `json:"state"`          // unknown, live, erasing, erased, expired
	Generation uint32 `json:"generation"`
	ErasedAt   string `json:"erased_at,omitempty"`
	NotBefore  string `json:"not_before,omitempty"` // older events stay withheld
	LastSeen   string `json:"last_seen,omitempty"`  // day
	Rows       int    `json:"rows"`                 // with those of handles and account
	Said       []Said `json:"said"`
}

// Said is what was said of one kind and purpose.
type Said struct {
	Kind    string `json:"kind"`
	Purpose string `json:"purpose"`
	Now     string `json:"now"` // the word of the newest signal
	Since   string `json:"since"`
	Expires string `json:"expires,omitempty"`
	Source  string `json:"source"`
	Notice  string `json:"notice,omitempty"`
}

var stateWords = map[subject.State]string{
	subject.StateNone: "unknown", subject.StateLive: "live", subject.StateErased: "erased", subject.StateExpired: "expired",
}

func standingOf(one *subject.Person, p *person) Standing {
	out := Standing{Type: p.named.identityType(), State: stateWords[one.State], Generation: one.Generation, Rows: len(p.rows)}
	if one.Erasing {
		out.State = "erasing"
	}
	if one.ErasedAt != 0 {
		out.ErasedAt = stamp(one.ErasedAt)
	}
	if one.NotBefore != 0 {
		out.NotBefore = stamp(one.NotBefore)
	}
	if one.LastSeen != 0 {
		out.LastSeen = stamp(int64(one.LastSeen) * day.Milliseconds())[:len("2006-01-02")]
	}
	for m := range one.Standing.Marks() {
		said := Said{Kind: m.Kind.String(), Purpose: m.Purpose, Now: m.Kind.Value(consent.Deny), Since: stamp(m.Denied), Source: m.Refusal}
		if m.Allowed > m.Denied {
			said.Now, said.Since, said.Source, said.Notice = m.Kind.Value(consent.Allow), stamp(m.Since), m.Source, m.Notice
			if m.Expires != 0 {
				said.Expires = stamp(m.Expires)
			}
		}
		out.Said = append(out.Said, said)
	}
	return out
}

// Show tells what is known of a person: their state, and what was said. It is noted in the audit log as access.
func (s *Service) Show(ctx context.Context, by Actor, who consent.Subject, why string) (Standing, error) {
	if err := by.check(); err != nil {
		return Standing{}, err
	}
	named, err := s.name(who, true)
	if err != nil {
		return Standing{}, err
	}
	if err := s.note(ctx, by, audit.Entry{Act: audit.Access, Subject: s.SubjectHash(named.key), Reason: why, Details: map[string]string{"kind": "standing"}}); err != nil {
		return Standing{}, err
	}
	p, err := s.resolve(ctx, named)
	if err != nil {
		return Standing{}, err
	}
	found, err := s.look(ctx, []subject.Key{named.key})
	if err != nil {
		return Standing{}, err
	}
	return standingOf(found[0], &p), nil
}

// Report is what an export came to.
type Report struct {
	Request Request
	Made    string // RFC 3339
	Bytes   int64  // of the file
	Counts  []Count
	People  []Standing
}

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Parse(reportPage))

// HTML writes a page that tells the person what the file beside it holds, and from whom.
func (s *Service) HTML(w io.Writer, r Report) error {
	plan := s.Plan()
	type row struct {
		Count
		Role, Purpose string
		Days          int
	}
	page := struct {
		Report
		Controller policy.Controller
		Rows       []row
		Type       RequestType
		Received   string
	}{Report: r, Controller: plan.Controller, Type: r.Request.Type, Received: stamp(r.Request.Received)}
	for _, c := range r.Counts {
		of := row{Count: c}
		if to := recipient(plan, c.Recipient); to != nil {
			of.Role, of.Days = string(to.Role), int(to.Retention/day)
			if to.Purpose < len(plan.Purposes) {
				of.Purpose = plan.Purposes[to.Purpose].Description
			}
		}
		page.Rows = append(page.Rows, of)
	}
	return reportTemplate.Execute(w, page)
}
