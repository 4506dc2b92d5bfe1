// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nymstream/nymstream/internal/app"
)

type reportCommands struct {
	Recipients         reportRecipients `cmd:"" help:"Who gets what, for which purpose."`
	Retention          reportRetention  `cmd:"" help:"How long what is kept, and what should have ended."`
	Requests           reportRequests   `cmd:"" help:"What people asked for, and whether they were answered in time."`
	Incident           reportIncident   `cmd:"" help:"What got into wrong hands: how many people, which classes, which keys."`
	RecordOfProcessing reportProcessing `cmd:"" help:"Record of processing activities, as far as the policy knows it."`
	Notice             reportNotice     `cmd:"" help:"Draft of a notice for data subjects, from the policy."`
}

type reportRecipients struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (reportRecipients) Help() string {
	return "Example:\n  nymstream report recipients -c config/nymstream.yaml"
}

func (c *reportRecipients) Run(ctx context.Context, std streams) error {
	all, err := ask[[]app.RecipientReport](ctx, &c.adminFlags, std, "report recipients", struct{}{})
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		var classes []string
		for _, k := range r.Classes {
			classes = append(classes, k.Class)
		}
		rows[i] = []string{r.Name, r.Role, r.Purpose, r.Basis, r.Topic, r.Retention, strings.Join(r.Sources, ","), strings.Join(classes, ",")}
	}
	return printList(std.out, c.Output, all, []string{"RECIPIENT", "ROLE", "PURPOSE", "BASIS", "TOPIC", "RETENTION", "SOURCES", "CLASSES"}, rows)
}

type reportRetention struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (reportRetention) Help() string {
	return "Example:\n  nymstream report retention -c config/nymstream.yaml -o json"
}

func (c *reportRetention) Run(ctx context.Context, std streams) error {
	r, err := ask[app.RetentionReport](ctx, &c.adminFlags, std, "report retention", struct{}{})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range r.Recipients {
		rows = append(rows, []string{"records in " + k.Topic, k.Recipient, "", k.Retention, ""})
	}
	for _, k := range r.Ended {
		epoch := k.Day
		if k.Epoch > 0 {
			epoch = fmt.Sprint(k.Epoch)
		}
		rows = append(rows, []string{k.Role + " keys that have ended", k.Recipient, epoch, "", moment(k.Due)})
	}
	if w := r.Waiting; w != nil && w.Count > 0 {
		rows = append(rows, []string{fmt.Sprintf("%d rows of erasures and deletion events that wait", w.Count), "", "", "", moment(w.First)})
	}
	for _, o := range r.Overdue {
		rows = append(rows, []string{fmt.Sprintf("OVERDUE: %d %s", o.Count, o.What), "", "", "", moment(o.Oldest)})
	}
	return printList(std.out, c.Output, r, []string{"WHAT", "RECIPIENT", "EPOCH", "KEPT FOR", "CAN GO SINCE"}, rows)
}

type reportRequests struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (reportRequests) Help() string {
	return "Every request with its deadline, those that have ended too. Exit code 1: one is overdue.\n\nExample:\n  nymstream report requests -c config/nymstream.yaml -o json"
}

func (c *reportRequests) Run(ctx context.Context, std streams) error {
	r, err := ask[struct {
		Open     int           `json:"open"`
		Overdue  int           `json:"overdue"`
		Late     int           `json:"late"`
		Requests []keptRequest `json:"requests"`
	}](ctx, &c.adminFlags, std, "report requests", struct{}{})
	if err != nil {
		return err
	}
	if err := printRequests(std, c.Output, r, r.Requests); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "%d open, %d of them overdue; %d answered late\n", r.Open, r.Overdue, r.Late)
	if r.Overdue > 0 {
		return answer{fmt.Errorf("%d requests are overdue", r.Overdue)}
	}
	return nil
}

type reportIncident struct {
	adminFlags
	Recipient string   `required:"" placeholder:"NAME" help:"Whose records they are."`
	From      string   `placeholder:"TIME" help:"Begin of the time of which records leaked (RFC 3339)."`
	To        string   `placeholder:"TIME" help:"End of that time."`
	Pseudonym []string `placeholder:"TEXT" help:"Instead: pseudonyms that were found."`
}

func (reportIncident) Help() string {
	return "It names nobody. To tell those concerned: `nymstream reveal request --reason incident`.\n\n" +
		"Example:\n  nymstream report incident -c config/nymstream.yaml --token officer.token --recipient analytics --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z"
}

func (c *reportIncident) Run(ctx context.Context, std streams) error {
	o := app.Leaking{Recipient: c.Recipient, Pseudonyms: c.Pseudonym}
	var err error
	if o.From, err = timeOf("--from", c.From); err != nil {
		return err
	}
	if o.To, err = timeOf("--to", c.To); err != nil {
		return err
	}
	r, err := ask[json.RawMessage](ctx, &c.adminFlags, std, "report incident", o)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, r, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, text.String())
	return err
}

// textFlags say how a document is written.
type textFlags struct {
	adminFlags
	Output string `short:"o" enum:"text,json,yaml" default:"text" help:"text, json or yaml."`
}

func (c *textFlags) print(ctx context.Context, std streams, name string, notice bool) error {
	p, err := ask[app.Processing](ctx, &c.adminFlags, std, name, struct{}{})
	if err != nil {
		return err
	}
	if c.Output == "text" {
		return app.ProcessingText(std.out, p, notice)
	}
	return printList(std.out, c.Output, p, nil, nil)
}

type reportProcessing struct{ textFlags }

func (reportProcessing) Help() string {
	return "Example:\n  nymstream report record-of-processing -c config/nymstream.yaml > record.txt"
}

func (c *reportProcessing) Run(ctx context.Context, std streams) error {
	return c.print(ctx, std, "report record-of-processing", false)
}

type reportNotice struct{ textFlags }

func (reportNotice) Help() string {
	return "A draft: have it read by whoever answers for it.\n\nExample:\n  nymstream report notice -c config/nymstream.yaml > notice.txt"
}

func (c *reportNotice) Run(ctx context.Context, std streams) error {
	return c.print(ctx, std, "report notice", true)
}
