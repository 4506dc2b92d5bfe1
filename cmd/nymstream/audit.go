// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/nymstream/nymstream/internal/app"
)

type auditCommands struct {
	Verify auditVerify `cmd:"" help:"Recompute audit logs whole and tell of every sign of tampering; or check a certificate of an erasure."`
	Show   auditShow   `cmd:"" help:"Show what was done: when, by whom, in which role, why."`
	Export auditExport `cmd:"" help:"Write entries of the instance's log as JSON Lines, with proofs if wanted."`
}

type auditVerify struct {
	Config      string   `short:"c" placeholder:"FILE" help:"Configuration. Not needed with --key."`
	Token       string   `placeholder:"FILE" help:"File with your token of http.admins: the running instance verifies (or the token itself by environment: NYMSTREAM_TOKEN)."`
	Role        []string `enum:"operator,privacy-officer,investigator,auditor" default:"operator,auditor" help:"In which roles you act where no instance runs: ${enum}."`
	Key         []string `placeholder:"FILE" help:"PEM file with public keys, of nymstream keys export-public: verifies with these alone, without configuration and keyring."`
	Dir         []string `arg:"" optional:"" help:"Folders of logs; default those of the configuration: the instance's, and those of commands beside it."`
	Since       []string `placeholder:"FILE" help:"Signed checkpoint that was kept elsewhere: the log must still begin with it."`
	Certificate string   `placeholder:"FILE" help:"Check this certificate instead."`
	Output      string   `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (auditVerify) Help() string {
	return "Exit code 1: something was changed. A log that was cut back to an earlier state shows that only against a checkpoint kept elsewhere.\n\n" +
		"Example:\n  nymstream audit verify -c config/nymstream.yaml --since /mnt/safe/checkpoint\n" +
		"  nymstream audit verify --key audit.pem /mnt/copy/audit"
}

// verify verifies by the instance or keyring of the configuration, or with the public keys that are given.
func (c *auditVerify) verify(ctx context.Context, std streams, o app.Verifying, into any) error {
	var out bytes.Buffer
	var err error
	switch {
	case len(c.Key) > 0:
		var keys []byte
		if keys, err = c.keys(); err == nil {
			err = app.VerifyWithKeys(ctx, keys, o, &out)
		}
	case c.Config == "":
		err = errors.New("who signed? give --config FILE, or --key FILE with public keys")
	default:
		f := adminFlags{Config: c.Config, Token: c.Token, Role: c.Role}
		err = f.do(ctx, std, "audit verify", o, &out)
	}
	if out.Len() > 0 {
		err = errors.Join(err, json.Unmarshal(out.Bytes(), into))
	}
	return err
}

func (c *auditVerify) Run(ctx context.Context, std streams) error {
	if c.Certificate != "" {
		return c.verifyCertificate(ctx, std)
	}
	o := app.Verifying{Dirs: c.Dir}
	for _, name := range c.Since {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		o.Since = append(o.Since, string(text))
	}
	var reports []app.AuditReport
	err := c.verify(ctx, std, o, &reports)
	if reports == nil {
		return err
	}
	rows := make([][]string, len(reports))
	for i, r := range reports {
		verdict := "whole"
		if !r.OK {
			verdict = "NOT WHOLE"
		}
		rows[i] = []string{r.Origin, verdict, fmt.Sprint(r.Entries), fmt.Sprint(r.Checkpoints), moment(r.Last), r.Dir}
		for _, p := range slices.Concat(r.Problems, r.Notes) {
			fmt.Fprintf(std.err, "%s: %s\n", r.Origin, p)
		}
	}
	return errors.Join(printList(std.out, c.Output, reports, []string{"LOG", "VERDICT", "ENTRIES", "CHECKPOINTS", "LAST", "FOLDER"}, rows), err)
}

// keys reads the PEM files.
func (c *auditVerify) keys() (all []byte, err error) {
	for _, name := range c.Key {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	return all, nil
}

func (c *auditVerify) verifyCertificate(ctx context.Context, std streams) error {
	signed, err := os.ReadFile(c.Certificate)
	if err != nil {
		return err
	}
	var cert json.RawMessage
	if err := c.verify(ctx, std, app.Verifying{Certificate: bytes.TrimSpace(signed)}, &cert); err != nil {
		return err
	}
	fmt.Fprintln(std.err, "the certificate is genuine")
	var text bytes.Buffer
	if err := json.Indent(&text, cert, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, text.String())
	return err
}

// entryFlags choose entries.
type entryFlags struct {
	adminFlags
	Subject     string `placeholder:"WHO" help:"Only about this person, as in mastodon:account:42."`
	SubjectHash string `placeholder:"HEX" help:"Only about this person, as certificates name them."`
	Act         string `placeholder:"ACT" help:"Only this act, as in erase or reveal-open."`
	Actor       string `placeholder:"NAME" help:"Only what this one did."`
	From        string `placeholder:"TIME" help:"Not before (RFC 3339)."`
	To          string `placeholder:"TIME" help:"Before (RFC 3339)."`
}

func (c *entryFlags) choosing() (o app.Choosing, err error) {
	o = app.Choosing{Hash: c.SubjectHash, Act: c.Act, Actor: c.Actor}
	if c.Subject != "" {
		s, err := app.ParseSubject(c.Subject)
		if err != nil {
			return o, err
		}
		o.Subject = &s
	}
	if o.From, err = timeOf("--from", c.From); err != nil {
		return o, err
	}
	o.To, err = timeOf("--to", c.To)
	return o, err
}

type auditShow struct {
	entryFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (auditShow) Help() string {
	return "It verifies nothing: `audit verify` does.\n\nExample:\n  nymstream audit show -c config/nymstream.yaml --act erase --from 2026-11-01T00:00:00Z"
}

func (c *auditShow) Run(ctx context.Context, std streams) error {
	o, err := c.choosing()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := c.do(ctx, std, "audit show", o, &out); err != nil {
		return err
	}
	items := []app.AuditItem{}
	var rows [][]string
	for lines := json.NewDecoder(&out); lines.More(); {
		var item app.AuditItem
		var e struct{ At, Actor, Role, Act, Recipient, Reason, Subject string }
		if err := lines.Decode(&item); err != nil {
			return err
		}
		if err := json.Unmarshal(item.Entry, &e); err != nil {
			return err
		}
		items = append(items, item)
		rows = append(rows, []string{item.Log, fmt.Sprint(item.Index), e.At, e.Actor, e.Role, e.Act, e.Recipient, e.Subject[:min(len(e.Subject), 8)], e.Reason})
	}
	return printList(std.out, c.Output, items, []string{"LOG", "INDEX", "AT", "ACTOR", "ROLE", "ACT", "RECIPIENT", "SUBJECT", "REASON"}, rows)
}

type auditExport struct {
	entryFlags
	Proofs bool   `help:"With each entry the proof that it is in the signed log."`
	Out    string `placeholder:"FILE" help:"Default standard output."`
}

func (auditExport) Help() string {
	return "Example:\n  nymstream audit export -c config/nymstream.yaml --token auditor.token --proofs --out audit.jsonl"
}

func (c *auditExport) Run(ctx context.Context, std streams) error {
	o, err := c.choosing()
	if err != nil {
		return err
	}
	o.Proofs = c.Proofs
	out, closing, err := openOutput(c.Out, std.out)
	if err != nil {
		return err
	}
	return errors.Join(c.do(ctx, std, "audit export", o, out), closing())
}
