// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nymstream/nymstream/internal/app"
)

type revealCommands struct {
	Request revealRequest `cmd:"" help:"Ask who is behind pseudonyms, or what a sealed value says. Somebody else must approve."`
	Approve revealApprove `cmd:"" help:"Approve a request of somebody else."`
	Deny    revealDeny    `cmd:"" help:"Deny a request."`
	List    revealList    `cmd:"" help:"List requests, without what they ask for."`
	Show    revealShow    `cmd:"" help:"Show a request with what it asks for, to judge it."`
	Open    revealOpen    `cmd:"" help:"Open an approved request of your own, with the private reveal key."`

	Honeytoken honeytokenCommands `cmd:"" help:"Mark people who do not exist: whoever looks at one raises an alarm."`
}

type revealRequest struct {
	adminFlags
	Recipient string   `required:"" placeholder:"NAME" help:"Whose pseudonyms they are."`
	Pseudonym []string `placeholder:"TEXT" help:"Pseudonym as the record has it; several with commas."`
	In        string   `short:"i" placeholder:"FILE" help:"JSON Lines: {\"pseudonym\":…} or {\"class\":…,\"path\":…,\"pseudonym\":…,\"text\":…} for a sealed value; - is standard input."`
	From      string   `placeholder:"TIME" help:"With --to, instead of pseudonyms: everybody in the records of that time (RFC 3339). For reason incident."`
	To        string   `placeholder:"TIME" help:"End of that time."`
	Reason    string   `required:"" enum:"legal-order,fraud,safety,subject-request,incident,test" help:"Why: ${enum}."`
	Case      string   `required:"" placeholder:"REFERENCE" help:"Reference of the case, as in FRAUD-2026-118."`
	Opens     int      `default:"1" help:"How often it may be opened, 1 to 10."`
}

func (revealRequest) Help() string {
	return "Takes the role investigator. Exit code 1: a limit was reached.\n\nExample:\n  nymstream reveal request -c config/nymstream.yaml --token ann.token --recipient analytics --pseudonym acc_3_2cah4o9grvpibq69hrc7hr64g0 --reason fraud --case FRAUD-2026-118"
}

func (c *revealRequest) Run(ctx context.Context, std streams) error {
	o := app.Revealing{Recipient: c.Recipient, Pseudonyms: c.Pseudonym, Reason: c.Reason, Case: c.Case, Opens: c.Opens}
	var err error
	if o.From, err = timeOf("--from", c.From); err != nil {
		return err
	}
	if o.To, err = timeOf("--to", c.To); err != nil {
		return err
	}
	if c.In != "" {
		in, _, err := openInput(c.In, std.in)
		if err != nil {
			return err
		}
		defer in.Close()
		if err := readAsked(in, &o); err != nil {
			return fmt.Errorf("%s: %w", c.In, err)
		}
	}
	id, err := ask[app.RevealID](ctx, &c.adminFlags, std, "reveal request", o)
	if err == nil {
		fmt.Fprintf(std.out, "%s waits for a privacy officer: nymstream reveal approve %s\n", id.ID, id.ID)
	}
	return err
}

// readAsked adds the pseudonyms and sealed values of a file.
func readAsked(in io.Reader, o *app.Revealing) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var v app.SealedValue
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if d.Decode(&v) != nil || v.Pseudonym == "" {
			return fmt.Errorf(`line %d: write {"pseudonym":"acc_3_…"}, for a sealed value with class, path and text beside it`, n)
		}
		if v.Text == "" {
			o.Pseudonyms = append(o.Pseudonyms, v.Pseudonym)
		} else {
			o.Sealed = append(o.Sealed, v)
		}
	}
	return lines.Err()
}

// revealFlags name a request.
type revealFlags struct {
	adminFlags
	ID string `arg:"" help:"Id of the request."`
}

type revealApprove struct{ revealFlags }

func (revealApprove) Help() string {
	return "Takes the role privacy-officer, and somebody else than who asked. The request can be opened for a day.\n\nExample:\n  nymstream reveal approve -c config/nymstream.yaml --token bob.token rvabcdefghij234567"
}

func (c *revealApprove) Run(ctx context.Context, std streams) error {
	if _, err := ask[app.RevealID](ctx, &c.adminFlags, std, "reveal approve", app.RevealID{ID: c.ID}); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "approved: whoever asked can open it within a day: nymstream reveal open %s\n", c.ID)
	return nil
}

type revealDeny struct{ revealFlags }

func (revealDeny) Help() string {
	return "Also a request that was approved and is not opened yet.\n\nExample:\n  nymstream reveal deny -c config/nymstream.yaml --token bob.token rvabcdefghij234567"
}

func (c *revealDeny) Run(ctx context.Context, std streams) error {
	if _, err := ask[app.RevealID](ctx, &c.adminFlags, std, "reveal deny", app.RevealID{ID: c.ID}); err != nil {
		return err
	}
	fmt.Fprintln(std.out, "denied")
	return nil
}

type revealList struct {
	adminFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (revealList) Help() string {
	return "Investigators see their own, privacy officers and auditors all.\n\nExample:\n  nymstream reveal list -c config/nymstream.yaml --token bob.token"
}

func (c *revealList) Run(ctx context.Context, std streams) error {
	all, err := ask[[]app.RevealSummary](ctx, &c.adminFlags, std, "reveal list", struct{}{})
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{r.ID, string(r.State), r.By, msText(r.At), r.Recipient, string(r.Reason), r.Case, fmt.Sprint(r.Count), r.Approver, msText(r.Until)}
	}
	return printList(std.out, c.Output, all, []string{"ID", "STATE", "BY", "AT", "RECIPIENT", "REASON", "CASE", "COUNT", "APPROVER", "UNTIL"}, rows)
}

type revealShow struct{ revealFlags }

func (revealShow) Help() string {
	return "Example:\n  nymstream reveal show -c config/nymstream.yaml --token bob.token rvabcdefghij234567"
}

func (c *revealShow) Run(ctx context.Context, std streams) error {
	shown, err := ask[json.RawMessage](ctx, &c.adminFlags, std, "reveal show", app.RevealID{ID: c.ID})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, shown, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, text.String())
	return err
}

type revealOpen struct {
	revealFlags
	Key        string `required:"" placeholder:"FILE" help:"Private reveal key (reveal.json, its KEK beside it). Where an instance runs it reads the file: it must be able to."`
	Passphrase string `env:"NYMSTREAM_REVEAL_PASSPHRASE" placeholder:"TEXT" help:"Passphrase of the reveal key's KEK (better by environment: NYMSTREAM_REVEAL_PASSPHRASE)."`
	Out        string `placeholder:"FILE" help:"What was found, in clear, as JSON Lines; default standard output."`
}

func (revealOpen) Help() string {
	return "Takes the role investigator. What was found is kept nowhere: this is the only copy.\n\n" +
		"Example:\n  nymstream reveal open -c config/nymstream.yaml --token ann.token rvabcdefghij234567 --key /mnt/officer/reveal.json --out found.jsonl"
}

func (c *revealOpen) Run(ctx context.Context, std streams) error {
	key, err := filepath.Abs(c.Key)
	if err != nil {
		return err
	}
	if _, err := os.Stat(key); err != nil && c.Token == "" {
		return err
	}
	out, closing, err := openOutput(c.Out, std.out)
	if err != nil {
		return err
	}
	o := struct {
		ID         string `json:"id"`
		Key        string `json:"key"`
		Passphrase string `json:"passphrase,omitempty"`
	}{c.ID, key, c.Passphrase}
	return errors.Join(c.do(ctx, std, "reveal open", o, out), closing())
}
