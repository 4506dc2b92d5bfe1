// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// auditDirs are the logs of a configuration: that of the instance, whose folder is given, and those of commands beside it.
func auditDirs(instance string) ([]string, error) {
	if instance == "" {
		return nil, errors.New("there is no audit log: the configuration has no audit.dir")
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(instance), "cli-*"))
	if err != nil {
		return nil, err
	}
	all = append(all, instance)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "checkpoint"))
		return err != nil
	})
	if len(all) == 0 {
		return nil, errors.New("there is no audit log yet beside audit.dir")
	}
	return all, nil
}

// AuditReport is what verification found of one log.
type AuditReport struct {
	Dir         string    `json:"dir"`
	Origin      string    `json:"origin"`
	OK          bool      `json:"ok"`
	Entries     uint64    `json:"entries"`
	Root        string    `json:"root"`
	Checkpoints int       `json:"checkpoints"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Problems    []string  `json:"problems,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
}

// Verifying says which logs are verified, or which certificate.
type Verifying struct {
	Dirs        []string `json:"dirs,omitempty"`        // default those of the configuration
	Since       []string `json:"since,omitempty"`       // checkpoints that were kept elsewhere
	Certificate []byte   `json:"certificate,omitempty"` // of an erasure: verified instead of logs
}

// verifyLogs verifies logs with the public keys of their signers. The error is a No where one of them is not whole.
func verifyLogs(ctx context.Context, dirs, since []string, keys []ed25519.PublicKey) ([]AuditReport, error) {
	found, err := audit.Verify(ctx, dirs, audit.VerifyOptions{Keys: keys, Since: since})
	if err != nil {
		return nil, err
	}
	reports := make([]AuditReport, len(found))
	for i, r := range found {
		reports[i] = AuditReport{r.Dir, r.Origin, r.OK(), r.Entries, r.Root, r.Checkpoints, r.First, r.Last, nil, r.Notes}
		for _, p := range r.Problems {
			reports[i].Problems = append(reports[i].Problems, p.String())
		}
		if r.Omitted > 0 {
			reports[i].Problems = append(reports[i].Problems, fmt.Sprintf("and %d more", r.Omitted))
		}
		if !r.OK() {
			err = no("an audit log is not whole")
		}
	}
	return reports, err
}

func (a *Admin) auditVerify(ctx context.Context, _ caller, o Verifying, out io.Writer) error {
	if len(o.Certificate) > 0 {
		return verify(ctx, a.keys.PublicKeys(keyring.RoleCertificate), o, out)
	}
	if len(o.Dirs) == 0 {
		var err error
		if o.Dirs, err = auditDirs(a.logDir); err != nil {
			return err
		}
	}
	return verify(ctx, a.keys.PublicKeys(keyring.RoleAudit), o, out)
}

// VerifyWithKeys verifies logs, or a certificate, with public keys in PEM: it takes neither configuration nor keyring.
func VerifyWithKeys(ctx context.Context, pem []byte, o Verifying, out io.Writer) error {
	keys, err := keyring.ParsePublicKeys(pem)
	if err != nil {
		return err
	}
	if len(o.Dirs) == 0 && len(o.Certificate) == 0 {
		return errors.New("which logs? name their folders, or --certificate FILE")
	}
	return verify(ctx, keys, o, out)
}

func verify(ctx context.Context, public []keyring.PublicKey, o Verifying, out io.Writer) error {
	if len(o.Certificate) > 0 {
		c, err := rights.VerifyCertificate(o.Certificate, public)
		if errors.Is(err, rights.ErrCertificate) {
			return No{err}
		}
		if err != nil {
			return err
		}
		return write(out, c)
	}
	keys := make([]ed25519.PublicKey, len(public))
	for i, k := range public {
		keys[i] = k.Key
	}
	reports, err := verifyLogs(ctx, o.Dirs, o.Since, keys)
	if reports == nil {
		return err
	}
	return errors.Join(write(out, reports), err)
}

// Choosing says which entries are shown.
type Choosing struct {
	Subject *Subject  `json:"about,omitempty"` // whom they are about
	Hash    string    `json:"subject_hash,omitempty"`
	Act     string    `json:"act,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	Proofs  bool      `json:"proofs,omitempty"` // of an export
}

func (a *Admin) filter(o *Choosing) (audit.Filter, error) {
	f := audit.Filter{Subject: o.Hash, Act: audit.Act(o.Act), Actor: o.Actor, From: o.From, To: o.To}
	if o.Act != "" && !slices.Contains(audit.Acts(), f.Act) {
		return f, fmt.Errorf("no such act; there are %v", audit.Acts())
	}
	if o.Subject == nil {
		return f, nil
	}
	key, err := personKey(a.keys, *o.Subject)
	f.Subject = subjectHash(a.keys)(key)
	return f, err
}

// personKey gives where a person's row lies.
func personKey(keys *keyring.Keyring, who Subject) (k subject.Key, err error) {
	class := policy.Class(who.Type)
	if !class.OfSubject() {
		return k, errors.New("subject: its class names no person")
	}
	if class.Everywhere() {
		who.Instance = ""
	}
	id, err := transform.NewStoredIdentity(keys, who.Instance, class.IdentityType(), true)
	if err != nil {
		return k, err
	}
	name, verdict := id.Name(nil, &transform.Value{Kind: transform.String, Text: []byte(who.ID)})
	defer clear(name)
	if verdict != transform.Done {
		return k, errors.New("subject: the id cannot be one of its class")
	}
	keys.LookupPRF().Sum((*[16]byte)(&k), name)
	return k, nil
}

// AuditItem is an entry and where it stands.
type AuditItem struct {
	Log   string          `json:"log"`
	Index uint64          `json:"index"`
	Entry json.RawMessage `json:"entry"`
}

func (a *Admin) auditShow(ctx context.Context, _ caller, o Choosing, out io.Writer) error {
	f, err := a.filter(&o)
	if err != nil {
		return err
	}
	dirs, err := auditDirs(a.logDir)
	if err != nil {
		return err
	}
	var items []AuditItem
	times := map[int]time.Time{}
	for _, dir := range dirs {
		for item, err := range audit.Show(ctx, dir, f) {
			if err != nil {
				return err
			}
			times[len(items)] = item.Entry.At
			items = append(items, AuditItem{filepath.Base(dir), item.Index, slices.Clone(item.Raw)})
		}
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return times[a].Compare(times[b]) })
	lines := json.NewEncoder(out)
	for _, i := range order {
		if err := lines.Encode(items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *Admin) auditExport(ctx context.Context, _ caller, o Choosing, out io.Writer) error {
	f, err := a.filter(&o)
	if err != nil {
		return err
	}
	return audit.Export(ctx, out, a.logDir, f, o.Proofs)
}
