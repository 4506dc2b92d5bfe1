// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/app"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/policy"
)

type keysCommands struct {
	Init   keysInit   `cmd:"" help:"Make a keyring with keys for every recipient of the policy."`
	List   keysList   `cmd:"" help:"List keysets: role, recipient, epoch, from, to, status. Never a key."`
	Rotate keysRotate `cmd:"" help:"Wrap all keysets anew (--kek), or begin a new key for a role (--role). No pseudonym changes."`
	Epoch  keysEpoch  `cmd:"" help:"Begin a new epoch for a recipient: all its pseudonyms change."`

	Destroy      keysDestroy      `cmd:"" help:"Destroy the keys of an epoch that has ended."`
	ExportPublic keysExportPublic `cmd:"" help:"Write the public keys that verify certificates and audit logs."`
	Backup       keysBackup       `cmd:"" help:"Copy the wrapped keyring to a file."`
	Restore      keysRestore      `cmd:"" help:"Put a copy where there is no keyring."`
}

// keyringFlags say which keyring: that of a configuration, or one by its folder.
type keyringFlags struct {
	Config     string `short:"c" placeholder:"FILE" help:"Take keyring, tenant and policy from this configuration."`
	Keys       string `placeholder:"DIR" help:"Keyring, where there is no configuration."`
	Policy     string `short:"p" placeholder:"FILE" help:"Policy, where there is no configuration."`
	Tenant     string `placeholder:"NAME" help:"Tenant, where there is no configuration."`
	Passphrase string `env:"NYMSTREAM_PASSPHRASE" placeholder:"TEXT" help:"Passphrase of the KEK file (better by environment: NYMSTREAM_PASSPHRASE)."`
}

func (f *keyringFlags) keyring() (app.Keyring, error) {
	if f.Config != "" {
		c, err := config.Load(f.Config, os.LookupEnv)
		if err != nil {
			return app.Keyring{}, err
		}
		f.Policy = c.Policy
		return app.KeyringOf(c), nil
	}
	if f.Keys == "" {
		return app.Keyring{}, errors.New("which keyring? give -c CONFIG or --keys DIR")
	}
	return app.Keyring{Dir: f.Keys, Tenant: f.Tenant, Passphrase: f.Passphrase}, nil
}

func (f *keyringFlags) plan() (*policy.Plan, error) {
	if f.Policy == "" {
		return nil, errors.New("for which recipients? give -c CONFIG or -p POLICY")
	}
	return policy.Load(f.Policy, policy.Packs())
}

type keysInit struct{ keyringFlags }

func (keysInit) Help() string {
	return "Refuses where there is a keyring. The KEK file it makes is the root of all keys: back it up apart from the keyring.\n\nExample:\n  nymstream keys init -c config/nymstream.yaml"
}

func (c *keysInit) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	plan, err := c.plan()
	if err != nil {
		return err
	}
	if k.Tenant == "" {
		return errors.New("whose keys? give --tenant NAME, or -c CONFIG")
	}
	if err := k.Init(plan, time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "made a keyring for tenant %s with keys of %d recipients in %s\n", k.Tenant, len(plan.Recipients), k.Dir)
	return nil
}

type keysList struct {
	keyringFlags
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"table, json or yaml."`
}

func (keysList) Help() string {
	return "Example:\n  nymstream keys list -c config/nymstream.yaml -o json"
}

func (c *keysList) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	keys, err := k.Open()
	if err != nil {
		return err
	}
	entries := keys.List(time.Now())
	rows := make([][]string, len(entries))
	for i, e := range entries {
		epoch := e.Day
		if e.Epoch > 0 {
			epoch = fmt.Sprint(e.Epoch)
		}
		ids := make([]string, len(e.KeyIDs))
		for j, id := range e.KeyIDs {
			ids[j] = fmt.Sprint(id)
		}
		rows[i] = []string{string(e.Role), e.Recipient, epoch, moment(e.From), moment(e.To), string(e.Status), strings.Join(ids, ",")}
	}
	return printList(std.out, c.Output, entries, []string{"ROLE", "RECIPIENT", "EPOCH", "FROM", "TO", "STATUS", "KEYS"}, rows)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type keysRotate struct {
	keyringFlags
	KEK  bool   `name:"kek" xor:"what" required:"" help:"Make a new KEK and wrap every keyset with it."`
	Role string `xor:"what" required:"" placeholder:"ROLE" help:"Begin a new key: field or quarantine. Stateless, domain and seal keys change only by epochs."`
}

func (keysRotate) Help() string {
	return "Example:\n  nymstream keys rotate -c config/nymstream.yaml --kek"
}

func (c *keysRotate) Run(std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	if c.KEK {
		err = k.RotateKEK(time.Now())
	} else {
		err = k.Rotate(c.Role, time.Now())
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "rotated; pseudonyms stay as they are")
	return nil
}

type keysEpoch struct {
	keyringFlags
	Recipient string `placeholder:"NAME" help:"Recipient whose pseudonyms change."`
	At        string `placeholder:"TIME" help:"When it begins (RFC 3339); default in 24 hours, so that every instance has the keys by then."`
	Store     bool   `help:"A new store epoch instead (with -c): the secrets of people are sealed in it from then on."`
	Update    bool   `help:"Begin none: make what the policy will need within a day (new recipients, coming epochs, quarantine days)."`
}

func (keysEpoch) Help() string {
	return "Example:\n  nymstream keys epoch -c config/nymstream.yaml --recipient analytics --at 2027-01-01T00:00:00Z"
}

func (c *keysEpoch) Run(ctx context.Context, std streams) error {
	k, err := c.keyring()
	if err != nil {
		return err
	}
	now := time.Now()
	if c.Update {
		plan, err := c.plan()
		if err != nil {
			return err
		}
		if err := k.Update(plan, now); err != nil {
			return err
		}
		fmt.Fprintln(std.out, "made what the policy will need")
		return nil
	}
	if c.Store == (c.Recipient != "") {
		return errors.New("whose epoch? give --recipient NAME, or --store")
	}
	at := now.Add(24 * time.Hour)
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	if c.Config != "" { // where the audit log knows of it
		noted := adminFlags{Config: c.Config, Role: []string{"operator"}}
		return noted.tellDone(ctx, std, "keys epoch", app.EpochOf{Recipient: c.Recipient, Store: c.Store, At: at})
	}
	if c.Store {
		return errors.New("a store epoch needs -c CONFIG")
	}
	if err := k.NewEpoch(c.Recipient, at, now); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "recipient %s: a new epoch begins at %s\n", c.Recipient, at.UTC().Format(time.RFC3339))
	return nil
}
