// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/subject"
)

// Actor is who sends a command, and in which roles: operator, privacy-officer, investigator, auditor.
type Actor struct {
	Name  string
	Roles []string
}

// Roles lists every role.
func Roles() []string { return reveal.Roles() }

// Command is one of the command line, as an instance takes it: its name is that of the command line, such as "subject erase".
type Command struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

// NewCommand writes the arguments of a command.
func NewCommand(name string, args any) (Command, error) {
	raw, err := json.Marshal(args)
	return Command{name, raw}, err
}

// No is the error of a command that was understood and whose answer is no.
type No struct{ why error }

func (n No) Error() string { return n.why.Error() }
func (n No) Unwrap() error { return n.why }

func no(format string, args ...any) error { return No{fmt.Errorf(format, args...)} }

// Admin carries out commands about people, keys and the store. It is safe for concurrent use.
type Admin struct {
	config *config.Config
	keys   *keyring.Keyring
	plan   func() *policy.Plan // the plan at work
	people *people             // nil: none are kept, or no command needed them yet
	reveal *reveal.Service     // nil with people
	log    *audit.Log          // nil: none is configured
	logDir string              // of the instance's audit log, whoever writes here; "": none is configured
	stream func() *stream.Stream
	now    func() time.Time
	// replace puts a policy in the place of the file.
	replace func(context.Context, replacement) (Reloaded, error)
	join    func(context.Context) error // joins the other instances, before commands that need it; nil: this is an instance
}

// caller is who sent a command, and the role in which it is carried out.
type caller struct {
	Actor
	role string
}

func (c caller) rights() rights.Actor { return rights.Actor{Name: c.Name, Role: c.role} }

func (c caller) reveal() reveal.Actor { return reveal.Actor{Name: c.Name, Roles: c.Roles} }

// command is what an Admin can do.
type command struct {
	roles   []string // who may
	people  need     // of the store
	changes bool     // it changes what other instances are told of, or asks who they are
	run     func(ctx context.Context, a *Admin, by caller, args json.RawMessage, out io.Writer) error
}

// need is whether a command needs the store.
type need uint8

const (
	without need = iota
	wants        // where there is one
	needs
)

var (
	operators = []string{reveal.Operator}
	officers  = []string{reveal.PrivacyOfficer}
	staff     = []string{reveal.Operator, reveal.PrivacyOfficer}
	anyStaff  = []string{reveal.Operator, reveal.PrivacyOfficer, reveal.Auditor}
	readers   = []string{reveal.Auditor, reveal.PrivacyOfficer}
	asking    = []string{reveal.Investigator}
	watching  = []string{reveal.Investigator, reveal.PrivacyOfficer, reveal.Auditor}
)

// commands lists them by name.
var commands = map[string]command{
	"consent grant":  {staff, needs, true, with((*Admin).consentGrant)},
	"consent revoke": {staff, needs, true, with((*Admin).consentRevoke)},
	"consent show":   {staff, needs, false, with((*Admin).subjectStatus)},
	"consent import": {staff, needs, true, with((*Admin).consentImport)},
	"consent export": {staff, needs, false, with((*Admin).consentExport)},

	"subject status":     {staff, needs, false, with((*Admin).subjectStatus)},
	"subject pseudonyms": {staff, needs, false, with((*Admin).subjectPseudonyms)},
	"subject erase":      {staff, needs, true, with((*Admin).subjectErase)},
	"subject restrict":   {staff, needs, true, with((*Admin).subjectRestrict)},
	"subject unrestrict": {staff, needs, true, with((*Admin).subjectUnrestrict)},
	"subject object":     {staff, needs, true, with((*Admin).subjectObject)},
	"subject hold":       {officers, needs, true, with((*Admin).subjectHold)},
	"subject rectify":    {officers, needs, true, with((*Admin).subjectRectify)},
	"subject access":     {officers, needs, false, with((*Admin).subjectAccess)},
	"subject export":     {officers, needs, false, with((*Admin).subjectExport)},
	"subject requests":   {staff, needs, false, with((*Admin).subjectRequests)},

	"policy status":   {anyStaff, needs, true, with((*Admin).policyStatus)},
	"policy history":  {anyStaff, needs, false, with((*Admin).policyHistory)},
	"policy rollback": {operators, needs, false, with((*Admin).policyRollback)},

	"reveal request": {asking, needs, false, with((*Admin).revealRequest)},
	"reveal approve": {officers, needs, false, with((*Admin).revealApprove)},
	"reveal deny":    {officers, needs, false, with((*Admin).revealDeny)},
	"reveal list":    {watching, needs, false, with((*Admin).revealList)},
	"reveal show":    {[]string{reveal.PrivacyOfficer, reveal.Investigator}, needs, false, with((*Admin).revealShow)},
	"reveal open":    {asking, needs, false, with((*Admin).revealOpen)},

	"reveal honeytoken add":    {officers, needs, false, with((*Admin).honeytokenAdd)},
	"reveal honeytoken remove": {officers, needs, false, with((*Admin).honeytokenRemove)},
	"reveal honeytoken list":   {officers, needs, false, with((*Admin).honeytokenList)},

	"audit verify": {readers, without, false, with((*Admin).auditVerify)},
	"audit show":   {readers, without, false, with((*Admin).auditShow)},
	"audit export": {readers, without, false, with((*Admin).auditExport)},

	"report recipients":           {readers, without, false, with((*Admin).reportRecipients)},
	"report retention":            {readers, wants, false, with((*Admin).reportRetention)},
	"report requests":             {readers, needs, false, with((*Admin).reportRequests)},
	"report record-of-processing": {readers, without, false, with((*Admin).reportProcessing)},
	"report incident":             {readers, needs, false, with((*Admin).reportIncident)},
	"report notice":               {readers, without, false, with((*Admin).reportNotice)},

	"store stats":  {operators, needs, false, with((*Admin).storeStats)},
	"store backup": {operators, needs, false, with((*Admin).storeBackup)},
	"store rewrap": {operators, needs, false, with((*Admin).storeRewrap)},

	"upgrade status":   {operators, needs, true, with((*Admin).upgradeStatus)},
	"upgrade finalize": {operators, needs, true, with((*Admin).upgradeFinalize)},

	"keys epoch":         {operators, without, false, with((*Admin).keysEpoch)},
	"keys destroy-store": {operators, needs, false, with((*Admin).keysDestroyStore)},
	"keys destroy":       {operators, without, false, with((*Admin).keysDestroy)},
	"quarantine purge":   {operators, without, false, with((*Admin).quarantinePurge)},
	"resume":             {operators, without, false, with((*Admin).resume)},
}

// with reads a command's arguments.
func with[T any](run func(a *Admin, ctx context.Context, by caller, args T, out io.Writer) error) func(context.Context, *Admin, caller, json.RawMessage, io.Writer) error {
	return func(ctx context.Context, a *Admin, by caller, raw json.RawMessage, out io.Writer) error {
		var args T
		if len(raw) > 0 {
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			if d.Decode(&args) != nil { // the reason could quote what was given
				return errors.New("the arguments are not those of this command; use one release for both sides")
			}
		}
		return run(a, ctx, by, args, out)
	}
}

// Do carries out a command and writes its answer, JSON, to out. An error is a No; or of ErrDown; or it says what is wrong with
// the command.
func (a *Admin) Do(ctx context.Context, actor Actor, cmd Command, out io.Writer) error {
	c, known := commands[cmd.Name]
	if !known {
		return fmt.Errorf("no such command; there are %s", strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	}
	by := caller{Actor: actor}
	for _, r := range c.roles {
		if slices.Contains(actor.Roles, r) {
			by.role = r
			break
		}
	}
	if by.role == "" {
		return errors.Join(a.refuse(ctx, by, cmd.Name), no("%s takes the role %s", cmd.Name, strings.Join(c.roles, " or ")))
	}
	if c.people == needs && a.people == nil {
		return errors.New("nobody is kept here: the configuration has no store")
	}
	if c.changes && a.join != nil {
		if err := a.join(ctx); err != nil {
			return answered(err)
		}
	}
	return answered(c.run(ctx, a, by, cmd.Args, out))
}

// refuse notes that somebody lacks the role for a command.
func (a *Admin) refuse(ctx context.Context, by caller, name string) error {
	return a.note(ctx, by, audit.Entry{Act: audit.Deny, Reason: "role missing", Details: map[string]string{"kind": strings.ReplaceAll(name, " ", "-"), "outcome": "refused"}})
}

// note writes an entry where there is an audit log.
func (a *Admin) note(ctx context.Context, by caller, e audit.Entry) error {
	if a.log == nil {
		return nil
	}
	e.Actor, e.Role = by.Name, by.role
	if _, err := a.log.Append(ctx, e); err != nil {
		return fmt.Errorf("note it in the audit log: %w", err)
	}
	return nil
}

// answered tells apart what the exit codes do.
func answered(err error) error {
	if err == nil {
		return nil
	}
	for _, is := range []error{rights.ErrHeld, rights.ErrState, rights.ErrNotFound, reveal.ErrRefused, reveal.ErrNotFound, keyring.ErrInUse, keyring.ErrDestroyed, keyring.ErrExists} {
		if errors.Is(err, is) {
			return No{err}
		}
	}
	if errors.Is(err, event.ErrTransient) && !errors.Is(err, ErrDown) {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return err
}

// write answers with one JSON document.
func write(out io.Writer, v any) error { return json.NewEncoder(out).Encode(v) }

// hash names a person in answers, as the audit log does.
func (a *Admin) hash(k subject.Key) string { return a.people.audit.Subject(k) }

func (a *Admin) nowMs() int64 { return a.now().UnixMilli() }
