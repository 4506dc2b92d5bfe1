// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
)

// adminFlags say where a command about people, keys or the store is carried out, and by whom.
type adminFlags struct {
	Config string   `short:"c" required:"" placeholder:"FILE" help:"Configuration."`
	Token  string   `placeholder:"FILE" help:"File with your token of http.admins: the running instance carries the command out (or the token itself by environment: NYMSTREAM_TOKEN)."`
	Role   []string `enum:"operator,privacy-officer,investigator,auditor" default:"operator,auditor" help:"In which roles you act where no instance runs: ${enum}."`
	NoWait bool     `help:"Where no instance runs: leave it to the next one to tell recipients."`
}

// door says where the command is carried out: for which instance, and by whom.
func (f *adminFlags) door(std streams) (*config.Config, app.DoorOptions, error) {
	o := app.DoorOptions{Roles: f.Role, NoWait: f.NoWait, Tell: func(text string) { fmt.Fprintln(std.err, "note:", text) }}
	c, err := config.Load(f.Config, os.LookupEnv)
	if err != nil {
		return nil, o, err
	}
	token := os.Getenv("NYMSTREAM_TOKEN")
	if f.Token != "" {
		raw, err := os.ReadFile(f.Token)
		if err != nil {
			return nil, o, err
		}
		token = string(raw)
	}
	o.Token = strings.TrimSpace(token)
	return c, o, nil
}

// do carries out one command, whose answer goes to out.
func (f *adminFlags) do(ctx context.Context, std streams, name string, args any, out io.Writer) error {
	cmd, err := app.NewCommand(name, args)
	if err != nil {
		return err
	}
	c, o, err := f.door(std)
	if err != nil {
		return err
	}
	return app.Administer(ctx, c, o, cmd, out)
}

// ask carries out one command and reads its answer.
func ask[T any](ctx context.Context, f *adminFlags, std streams, name string, args any) (answer T, err error) {
	var out bytes.Buffer
	err = f.do(ctx, std, name, args, &out)
	if out.Len() > 0 {
		err = errors.Join(err, json.Unmarshal(out.Bytes(), &answer))
	}
	return answer, err
}

// tellDone carries out a command that answers in words.
func (f *adminFlags) tellDone(ctx context.Context, std streams, name string, args any) error {
	done, err := ask[app.Done](ctx, f, std, name, args)
	if err == nil {
		fmt.Fprintln(std.out, done.Done)
	}
	return err
}

// aboutFlags name people.
type aboutFlags struct {
	Subject []string `sep:"none" placeholder:"WHO" help:"INSTANCE:CLASS:ID as in mastodon:account:42, or CLASS:ID as in email:ann@example.org."`
	In      string   `short:"i" placeholder:"FILE" help:"JSON Lines, each {\"instance\":…,\"type\":…,\"id\":…}; - is standard input."`
}

func (f *aboutFlags) subjects(std streams) (all []app.Subject, err error) {
	for i, text := range f.Subject {
		s, err := app.ParseSubject(text)
		if err != nil {
			return nil, fmt.Errorf("--subject %d: %w", i+1, err)
		}
		all = append(all, s)
	}
	if f.In != "" {
		in, _, err := openInput(f.In, std.in)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		more, err := app.ReadSubjects(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.In, err)
		}
		all = append(all, more...)
	}
	if len(all) == 0 {
		return nil, errors.New("whom is it about? give --subject INSTANCE:CLASS:ID, or -i FILE")
	}
	return all, nil
}

// whyFlags say why, for the audit log.
type whyFlags struct {
	Reason string `placeholder:"TEXT" help:"Why, for the audit log: one line without personal values, such as a ticket."`
}

// timeOf reads a time of a flag; "": zero.
func timeOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s: write a time as in 2026-11-23T14:05:00Z", flag)
	}
	return t, nil
}

// msOf reads a time of a flag as milliseconds since the Unix epoch; "": 0.
func msOf(flag, text string) (int64, error) {
	t, err := timeOf(flag, text)
	if err != nil || t.IsZero() {
		return 0, err
	}
	return t.UnixMilli(), nil
}

// msText writes milliseconds since the Unix epoch; 0: nothing.
func msText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return moment(time.UnixMilli(ms))
}

// openOutput makes a file that only its owner reads, or gives standard output.
func openOutput(path string, stdout io.Writer) (io.Writer, func() error, error) {
	if path == "" || path == "-" {
		return stdout, func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
