// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/app"
)

type subjectCommands struct {
	Status     subjectStatus     `cmd:"" help:"Show what is kept of people: state, generation, when they were seen, what they said."`
	Pseudonyms subjectPseudonyms `cmd:"" help:"Show by which pseudonyms recipients know people."`
	Erase      subjectErase      `cmd:"" help:"Erase people: their secrets go, recipients are told, a certificate says so."`
	Access     subjectAccess     `cmd:"" help:"Gather what recipients have of a person who asks for it."`
	Export     subjectExport     `cmd:"" help:"Gather it for another controller: the same, as a request for portability."`
	Rectify    subjectRectify    `cmd:"" help:"Tell recipients that what they have of people is wrong in some classes."`
	Restrict   subjectRestrict   `cmd:"" help:"Keep people's data and do not use it."`
	Unrestrict subjectUnrestrict `cmd:"" help:"End a restriction."`
	Object     subjectObject     `cmd:"" help:"Note that people object to a purpose."`
	Hold       subjectHold       `cmd:"" help:"Put a legal hold: nobody is erased until it is released."`
	Requests   subjectRequests   `cmd:"" help:"List requests of people that wait, and which are overdue."`
}

// ofPeople are the flags of commands about people.
type ofPeople struct {
	adminFlags
	aboutFlags
	whyFlags
}

func (c *ofPeople) about(std streams) (o app.About, err error) {
	o.Reason = c.Reason
	o.Subjects, err = c.subjects(std)
	return o, err
}

type subjectStatus struct {
	ofPeople
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (subjectStatus) Help() string {
	return "Looking is noted in the audit log.\n\nExample:\n  nymstream subject status -c config/nymstream.yaml --subject mastodon:account:42"
}

func (c *subjectStatus) Run(ctx context.Context, std streams) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	all, err := ask[[]app.Shown](ctx, &c.adminFlags, std, "subject status", o)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, s := range all {
		var said []string
		for _, m := range s.Said {
			said = append(said, strings.TrimSpace(m.Kind+" "+m.Purpose)+"="+m.Now)
		}
		rows[i] = []string{fmt.Sprint(s.Number), s.State, fmt.Sprint(s.Generation), fmt.Sprint(s.Rows), s.LastSeen, s.ErasedAt, strings.Join(said, ", ")}
	}
	return printList(std.out, c.Output, all, []string{"SUBJECT", "STATE", "GENERATION", "ROWS", "LAST SEEN", "ERASED", "SAID"}, rows)
}

type subjectPseudonyms struct {
	ofPeople
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (subjectPseudonyms) Help() string {
	return "Together they join recipients' data: looking is noted in the audit log.\n\nExample:\n  nymstream subject pseudonyms -c config/nymstream.yaml --subject mastodon:account:42 --reason TICKET-118"
}

func (c *subjectPseudonyms) Run(ctx context.Context, std streams) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	all, err := ask[[]app.Issued](ctx, &c.adminFlags, std, "subject pseudonyms", o)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, p := range all {
		rows[i] = []string{fmt.Sprint(p.Number), p.Recipient, fmt.Sprint(p.Epoch), p.Pseudonym}
	}
	return printList(std.out, c.Output, all, []string{"SUBJECT", "RECIPIENT", "EPOCH", "PSEUDONYM"}, rows)
}

// filingFlags say how the request is kept that a command fulfills.
type filingFlags struct {
	Request  string `placeholder:"ID" help:"Id of the request: that of one that is there, to go on after an interruption; default one is made."`
	Regime   string `enum:"gdpr,ccpa" default:"gdpr" help:"Which law sets the deadline: ${enum}."`
	Received string `placeholder:"TIME" help:"When it was received (RFC 3339); default now."`
	Verified string `placeholder:"TEXT" help:"How the person was identified, as in 'signed in'."`
}

func (c *filingFlags) filing() (f app.Filing, err error) {
	f = app.Filing{Request: c.Request, Regime: c.Regime, Verified: c.Verified}
	f.Received, err = msOf("--received", c.Received)
	return f, err
}

type subjectErase struct {
	adminFlags
	aboutFlags
	filingFlags
	Reason      string `required:"" enum:"request,consent-withdrawn,platform,retention,order,test" help:"Why: ${enum}."`
	Ground      string `placeholder:"TEXT" help:"For audit log and certificate: one line without personal values, such as a ticket."`
	At          string `placeholder:"TIME" help:"As of when (RFC 3339); default when it was received. What was consented to later goes on."`
	DryRun      bool   `help:"Only tell what it would come to."`
	Yes         bool   `help:"It cannot be undone: say so."`
	Certificate string `placeholder:"FILE" help:"Where the signed certificate goes; default erasure-ID.json here."`
	Output      string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (subjectErase) Help() string {
	return "Handles and account of a person are erased together. Exit code 1: a legal hold forbids it.\n\n" +
		"Example:\n  nymstream subject erase -c config/nymstream.yaml --subject mastodon:account:42 --reason request --ground TICKET-118 --dry-run"
}

func (c *subjectErase) Run(ctx context.Context, std streams) error {
	if !c.DryRun && !c.Yes {
		return errors.New("erasing cannot be undone: look with --dry-run, then say --yes")
	}
	o := app.Erasing{Reason: c.Reason, Ground: c.Ground, DryRun: c.DryRun}
	var err error
	if o.Subjects, err = c.subjects(std); err != nil && c.Request == "" {
		return err
	}
	if o.Filing, err = c.filing(); err != nil {
		return err
	}
	if o.At, err = msOf("--at", c.At); err != nil {
		return err
	}
	done, err := ask[app.Erased](ctx, &c.adminFlags, std, "subject erase", o)
	if len(done.Signed) > 0 { // also where recipients could not be told yet
		err = errors.Join(err, c.keep(std, &done))
	}
	if err != nil {
		return err
	}
	rows := make([][]string, len(done.Certificate.Recipients))
	for i, r := range done.Certificate.Recipients {
		rows[i] = []string{r.Name, r.Topic, fmt.Sprint(r.Pseudonyms), fmt.Sprint(r.Events)}
	}
	return printList(std.out, c.Output, done.Certificate, []string{"RECIPIENT", "TOPIC", "PSEUDONYMS", "DELETION EVENTS"}, rows)
}

// keep writes the certificate, as it was signed.
func (c *subjectErase) keep(std streams, done *app.Erased) error {
	if c.Certificate == "" {
		c.Certificate = "erasure-" + done.Certificate.ID + ".json"
	}
	if err := os.WriteFile(c.Certificate, done.Signed, 0o600); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "request %s: erased %d rows; certificate: %s (`nymstream audit verify --certificate FILE` checks it)\n", done.Request, len(done.Certificate.Erased), c.Certificate)
	return nil
}

// gathering are the flags of access and export.
type gathering struct {
	adminFlags
	aboutFlags
	filingFlags
	Out  string `placeholder:"FILE" help:"Records, as JSON Lines; default standard output."`
	Page string `placeholder:"FILE" help:"A page for the person that says what the file holds, as HTML."`
}

func (c *gathering) gather(ctx context.Context, std streams, name string) error {
	var o app.Asking
	var err error
	if o.Subjects, err = c.subjects(std); err != nil && c.Request == "" {
		return err
	}
	if o.Filing, err = c.filing(); err != nil {
		return err
	}
	out, closing, err := openOutput(c.Out, std.out)
	if err != nil {
		return err
	}
	in, pipe := io.Pipe()
	carried := make(chan error, 1)
	go func() {
		err := c.do(ctx, std, name, o, pipe)
		pipe.CloseWithError(err)
		carried <- err
	}()
	done, err := app.ReadExport(in, out)
	in.CloseWithError(err)
	if failed := <-carried; failed != nil {
		err = failed
	}
	if err = errors.Join(err, closing()); err != nil {
		return err
	}
	for _, r := range done.Counts {
		fmt.Fprintf(std.err, "%s: %d records of %s\n", r.Recipient, r.Records, r.Topic)
	}
	if c.Page == "" {
		return nil
	}
	return os.WriteFile(c.Page, []byte(done.Page), 0o600)
}

type subjectAccess struct{ gathering }

func (subjectAccess) Help() string {
	return "Example:\n  nymstream subject access -c config/nymstream.yaml --token officer.token --subject mastodon:account:42 --verified 'signed in' --out records.jsonl --page page.html"
}

func (c *subjectAccess) Run(ctx context.Context, std streams) error {
	return c.gather(ctx, std, "subject access")
}

type subjectExport struct{ gathering }

func (subjectExport) Help() string {
	return "Example:\n  nymstream subject export -c config/nymstream.yaml --token officer.token --subject mastodon:account:42 --verified 'signed in' --out records.jsonl"
}

func (c *subjectExport) Run(ctx context.Context, std streams) error {
	return c.gather(ctx, std, "subject export")
}

type subjectRectify struct {
	ofPeople
	Class  []string `required:"" placeholder:"CLASS" help:"Class of what was wrong, as in birth; several with commas."`
	Record string   `placeholder:"FILE" help:"One event of the person as its source should have sent it, JSON: each recipient gets of it what the policy lets it have."`
	Source string   `placeholder:"NAME" help:"Source of the policy whose event the record is."`
}

func (subjectRectify) Help() string {
	return "Recipients get a correction event for each pseudonym. With --record, the event with the person's present pseudonym holds the corrected record, by the\n" +
		"recipient's own techniques and the person's consent; without, better records come from the source. Exit code 1: no recipient may have the record.\n\n" +
		"Example:\n  nymstream subject rectify -c config/nymstream.yaml --role privacy-officer --subject mastodon:account:42 --class birth --source mastodon --record right.json"
}

func (c *subjectRectify) Run(ctx context.Context, std streams) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	correction := app.Correction{About: o, Classes: c.Class, Source: c.Source}
	if (c.Record == "") != (c.Source == "") {
		return errors.New("give both --record FILE and --source NAME, or neither")
	}
	if c.Record != "" {
		if correction.Record, err = os.ReadFile(c.Record); err != nil {
			return err
		}
		if !json.Valid(correction.Record) {
			return fmt.Errorf("%s: not one JSON value", c.Record)
		}
	}
	done, err := ask[app.Corrected](ctx, &c.adminFlags, std, "subject rectify", correction)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "recipients were told about %d people by %d correction events, %d of them with the corrected record\n", done.Subjects, done.Events, done.Records)
	for _, name := range slices.Sorted(maps.Keys(done.Withheld)) {
		fmt.Fprintf(std.err, "%s may not have the record: %s\n", name, done.Withheld[name])
	}
	return nil
}

// ground are the flags of restrictions.
type ground struct {
	ofPeople
	filingFlags
	Ground string `placeholder:"WORD" help:"Ground of the restriction, as in accuracy; several can hold at a time."`
}

func (c *ground) say(ctx context.Context, std streams, name string) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	f, err := c.filing()
	if err != nil {
		return err
	}
	return printSaid(ctx, &c.adminFlags, std, name, app.Saying{About: o, Filing: f, Purpose: c.Ground})
}

type subjectRestrict struct{ ground }

func (subjectRestrict) Help() string {
	return "Example:\n  nymstream subject restrict -c config/nymstream.yaml --subject mastodon:account:42 --ground accuracy"
}

func (c *subjectRestrict) Run(ctx context.Context, std streams) error {
	return c.say(ctx, std, "subject restrict")
}

type subjectUnrestrict struct{ ground }

func (subjectUnrestrict) Help() string {
	return "Example:\n  nymstream subject unrestrict -c config/nymstream.yaml --subject mastodon:account:42 --ground accuracy"
}

func (c *subjectUnrestrict) Run(ctx context.Context, std streams) error {
	return c.say(ctx, std, "subject unrestrict")
}

type subjectObject struct {
	ofPeople
	filingFlags
	Purpose      string `placeholder:"NAME" help:"Purpose of the policy."`
	EveryPurpose bool   `help:"Every purpose."`
	Lift         bool   `help:"They do not object any more."`
}

func (subjectObject) Help() string {
	return "Example:\n  nymstream subject object -c config/nymstream.yaml --subject mastodon:account:42 --purpose audience-analytics"
}

func (c *subjectObject) Run(ctx context.Context, std streams) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	f, err := c.filing()
	if err != nil {
		return err
	}
	return printSaid(ctx, &c.adminFlags, std, "subject object", app.Saying{About: o, Filing: f, Purpose: c.Purpose, Every: c.EveryPurpose, Lift: c.Lift})
}

type subjectHold struct {
	ofPeople
	Release bool   `help:"Release the hold."`
	Source  string `placeholder:"WORD" help:"Who orders it, as in court; refusals name it."`
}

func (subjectHold) Help() string {
	return "Example:\n  nymstream subject hold -c config/nymstream.yaml --role privacy-officer --subject mastodon:account:42 --source court --reason CASE-7"
}

func (c *subjectHold) Run(ctx context.Context, std streams) error {
	o, err := c.about(std)
	if err != nil {
		return err
	}
	return printSaid(ctx, &c.adminFlags, std, "subject hold", app.Saying{About: o, Lift: c.Release, Source: c.Source})
}

type subjectRequests struct {
	adminFlags
	All    bool   `help:"Also those that have ended."`
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (subjectRequests) Help() string {
	return "Example:\n  nymstream subject requests -c config/nymstream.yaml"
}

func (c *subjectRequests) Run(ctx context.Context, std streams) error {
	all, err := ask[[]keptRequest](ctx, &c.adminFlags, std, "subject requests", app.Listing{All: c.All})
	if err != nil {
		return err
	}
	return printRequests(std, c.Output, all, all)
}

// keptRequest is a request of a person, as it is listed.
type keptRequest struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	State    string          `json:"state"`
	Via      string          `json:"via,omitempty"`
	Regime   string          `json:"regime"`
	Received int64           `json:"received"`
	Deadline int64           `json:"deadline"`
	Changed  int64           `json:"changed"`
	Overdue  bool            `json:"overdue"`
	Result   string          `json:"result,omitempty"`
	By       json.RawMessage `json:"by"`
	Verified json.RawMessage `json:"verified,omitempty"`
}

// printRequests prints requests as a table, or whole in another format.
func printRequests(std streams, format string, whole any, all []keptRequest) error {
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{r.ID, r.Type, r.State, r.Via, r.Regime, msText(r.Received), msText(r.Deadline), strconv.FormatBool(r.Overdue), r.Result}
	}
	return printList(std.out, format, whole, []string{"ID", "TYPE", "STATE", "VIA", "REGIME", "RECEIVED", "DEADLINE", "OVERDUE", "RESULT"}, rows)
}
