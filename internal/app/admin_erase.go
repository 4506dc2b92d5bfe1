// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nymstream/nymstream/internal/rights"
)

// Filing says how a request is kept, so that reports know its deadline.
type Filing struct {
	Request  string `json:"request,omitempty"`  // id; default one is made
	Regime   string `json:"regime,omitempty"`   // default gdpr
	Received int64  `json:"received,omitempty"` // default now
	Verified string `json:"verified,omitempty"` // how the person was identified
}

// Erasing says who is to be erased, and why.
type Erasing struct {
	Filing
	Subjects []Subject `json:"subjects"`         // none: those of the request that is there
	Reason   string    `json:"reason"`           // request, consent-withdrawn, platform, retention, order, test
	Ground   string    `json:"ground,omitempty"` // for audit log and certificate: no personal value
	At       int64     `json:"at,omitempty"`     // as of when; default when the request was received
	DryRun   bool      `json:"dry_run,omitempty"`
}

// Erased is what an erasure came to.
type Erased struct {
	Certificate rights.Certificate `json:"certificate"`
	Signed      []byte             `json:"signed,omitempty"`  // the certificate in its envelope; none of a dry run
	Request     string             `json:"request,omitempty"` // id; none of a dry run
}

func (a *Admin) subjectErase(ctx context.Context, by caller, o Erasing, out io.Writer) error {
	if o.DryRun {
		if err := (&About{Subjects: o.Subjects}).check(); err != nil {
			return err
		}
		c, err := a.people.rights.Erase(ctx, rights.Erasure{
			Subjects: o.Subjects, Reason: rights.Reason(o.Reason), Ground: o.Ground, By: by.rights(), At: o.At, DryRun: true,
		})
		if err != nil {
			return err
		}
		return write(out, Erased{Certificate: c})
	}
	order := rights.Order{By: by.rights(), Ground: o.Ground, Reason: rights.Reason(o.Reason), At: o.At}
	done, err := a.serve(ctx, by, o.Subjects, o.Filing, rights.Erasing, order)
	if err != nil {
		return err
	}
	return write(out, Erased{*done.Certificate, done.Certificate.Signed, done.Request.ID})
}

// serve files a request of a type, unless it is there, and fulfills it. What the command was wrong about cancels the request; a legal
// hold refuses it; after any other error it goes on when it is repeated with the request's id.
func (a *Admin) serve(ctx context.Context, by caller, subjects []Subject, f Filing, kind rights.RequestType, order rights.Order) (rights.Fulfilled, error) {
	if len(subjects) > 0 || f.Request == "" {
		if err := (&About{Subjects: subjects}).check(); err != nil {
			return rights.Fulfilled{}, err
		}
	}
	if f.Verified == "" {
		f.Verified = "named by who sent the command"
	}
	r, err := a.filed(ctx, by, &Asking{f, subjects}, kind)
	if err != nil {
		return rights.Fulfilled{}, err
	}
	done, err := a.people.rights.Fulfill(ctx, r.ID, order)
	switch {
	case err == nil || errors.Is(err, rights.ErrState):
		return done, err
	case errors.Is(err, rights.ErrHeld):
		_, ended := a.people.rights.Move(ctx, r.ID, rights.Refused, order.By, "a legal hold forbids it")
		return done, errors.Join(err, ended)
	case errors.Is(err, rights.ErrInput):
		_, ended := a.people.rights.Move(ctx, r.ID, rights.Canceled, order.By, "the command was wrong")
		return done, errors.Join(err, ended)
	}
	return done, fmt.Errorf("request %s (repeat it with --request %s): %w", r.ID, r.ID, err)
}

// Asking is a person's request for their data.
type Asking struct {
	Filing
	Subjects []Subject `json:"subjects,omitempty"` // none: those of the request that is there
}

// exportTrailer is the last line of an export, after the records.
type exportTrailer struct {
	Export Exported `json:"nymstream_export"`
}

// Exported tells what an export holds. Page is HTML for the person.
type Exported struct {
	Request string         `json:"request"`
	Counts  []rights.Count `json:"counts"`
	Page    string         `json:"page"`
}

// exportOf files a request of a type, unless it is there, and answers it: JSON Lines, then a trailer. Repeated with the request's
// id it goes on after an interruption.
func (a *Admin) exportOf(ctx context.Context, by caller, o *Asking, kind rights.RequestType, out io.Writer) error {
	r, err := a.filed(ctx, by, o, kind)
	if err != nil {
		return err
	}
	for _, who := range r.Subjects {
		if err := a.approach(ctx, by, who); err != nil {
			return err
		}
	}
	file, err := a.exportFile(r.ID)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := a.people.rights.Export(ctx, r.ID, by.rights(), file, nil)
	if err != nil {
		return fmt.Errorf("request %s (repeat it with --request %s): %w", r.ID, r.ID, err)
	}
	var page strings.Builder
	if err := a.people.rights.HTML(&page, report); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(out, file); err != nil {
		return err
	}
	if err := write(out, exportTrailer{Exported{r.ID, report.Counts, page.String()}}); err != nil {
		return err
	}
	return os.Remove(file.Name())
}

// filed gives the request, verified.
func (a *Admin) filed(ctx context.Context, by caller, o *Asking, kind rights.RequestType) (rights.Request, error) {
	o.Request, o.Regime = cmp.Or(o.Request, strings.ToLower(rand.Text()[:16])), cmp.Or(o.Regime, "gdpr")
	r, err := a.people.rights.Request(ctx, o.Request)
	if errors.Is(err, rights.ErrNotFound) && len(o.Subjects) > 0 {
		r, err = a.people.rights.File(ctx, rights.Request{
			ID: o.Request, Type: kind, Regime: o.Regime, Received: o.Received, By: by.rights(), Subjects: o.Subjects,
		})
	}
	if err != nil {
		return r, err
	}
	if r.Type != kind {
		return r, fmt.Errorf("request %s is of type %s", r.ID, r.Type)
	}
	if r.State != rights.Received {
		return r, nil
	}
	if o.Verified == "" {
		return r, fmt.Errorf("request %s waits until the person was identified: say how with --verified, as in --verified 'signed in'", r.ID)
	}
	return a.people.rights.Verify(ctx, r.ID, by.rights(), o.Verified)
}

// exportFile opens where an export gathers until it is whole, beside the audit log.
func (a *Admin) exportFile(id string) (*os.File, error) {
	dir := filepath.Join(filepath.Dir(a.config.Audit.Dir), "exports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, id+".jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
}

func (a *Admin) subjectAccess(ctx context.Context, by caller, o Asking, out io.Writer) error {
	return a.exportOf(ctx, by, &o, rights.Access, out)
}

func (a *Admin) subjectExport(ctx context.Context, by caller, o Asking, out io.Writer) error {
	return a.exportOf(ctx, by, &o, rights.Portable, out)
}

// ReadExport parts an export: records go to out, the trailer is given.
func ReadExport(in io.Reader, out io.Writer) (Exported, error) {
	lines := json.NewDecoder(in)
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			return Exported{}, errors.New("the export is cut short; repeat it with --request and the id of `nymstream subject requests`")
		}
		var t exportTrailer
		if strings.HasPrefix(string(line), `{"nymstream_export"`) {
			err := json.Unmarshal(line, &t)
			return t.Export, err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return Exported{}, err
		}
	}
}

// Listing says which requests are listed.
type Listing struct {
	All bool `json:"all,omitempty"` // also those that have ended
}

// Asked is a request, and whether its deadline has passed.
type Asked struct {
	rights.Request
	Overdue bool `json:"overdue"`
}

func (a *Admin) subjectRequests(ctx context.Context, _ caller, o Listing, out io.Writer) error {
	all, err := a.asked(ctx, o.All)
	if err != nil {
		return err
	}
	return write(out, all)
}

func (a *Admin) asked(ctx context.Context, ended bool) ([]Asked, error) {
	requests, err := a.people.rights.Requests(ctx, ended)
	if err != nil {
		return nil, err
	}
	all := make([]Asked, len(requests))
	for i, r := range requests {
		all[i] = Asked{r, r.Overdue(a.nowMs())}
	}
	return all, nil
}

// RequestReport tells whether people got their answers in time.
type RequestReport struct {
	Open     int     `json:"open"`
	Overdue  int     `json:"overdue"` // open, and past their deadline
	Late     int     `json:"late"`    // ended after their deadline
	Requests []Asked `json:"requests"`
}

func (a *Admin) reportRequests(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	all, err := a.asked(ctx, true)
	if err != nil {
		return err
	}
	report := RequestReport{Requests: all}
	for i := range all {
		switch r := &all[i]; {
		case !r.State.Final():
			report.Open++
			if r.Overdue {
				report.Overdue++
			}
		case r.Changed > r.Deadline:
			report.Late++
		}
	}
	return write(out, report)
}
