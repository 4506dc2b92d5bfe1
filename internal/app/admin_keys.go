// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/stream"
)

// EpochOf names an epoch that begins or is destroyed.
type EpochOf struct {
	Recipient string    `json:"recipient,omitempty"`
	Store     bool      `json:"store,omitempty"` // of the store instead of a recipient
	Epoch     int       `json:"epoch,omitempty"` // to be destroyed
	At        time.Time `json:"at,omitzero"`     // when it begins
}

// Done says in words what was done.
type Done struct {
	Done string `json:"done"`
}

func (a *Admin) keysEpoch(ctx context.Context, by caller, o EpochOf, out io.Writer) error {
	if o.Store == (o.Recipient != "") {
		return errors.New("whose epoch? give --recipient NAME, or --store")
	}
	e := audit.Entry{Act: audit.KeyEpoch, Recipient: o.Recipient, Details: map[string]string{"kind": "begin"}}
	if o.Store {
		e.Details["keyset"] = string(keyring.RoleStore)
	} else {
		e.Details["from"] = o.At.UTC().Format(time.RFC3339)
	}
	if err := a.note(ctx, by, e); err != nil {
		return err
	}
	if o.Store {
		if err := a.keys.NewStoreEpoch(a.now()); err != nil {
			return err
		}
		return write(out, Done{fmt.Sprintf("a new store epoch begins in %s; then run `nymstream store rewrap`", keyring.Notice)})
	}
	if err := a.keys.NewEpoch(o.Recipient, o.At, a.now()); err != nil {
		return err
	}
	return write(out, Done{fmt.Sprintf("recipient %s: a new epoch begins at %s", o.Recipient, o.At.UTC().Format(time.RFC3339))})
}

func (a *Admin) keysDestroy(ctx context.Context, by caller, o EpochOf, out io.Writer) error {
	if o.Recipient == "" || o.Epoch < 1 {
		return errors.New("which epoch? give --epoch N, and --recipient NAME or --store")
	}
	e := audit.Entry{Act: audit.KeyDestroy, Recipient: o.Recipient, Details: map[string]string{"epoch": strconv.Itoa(o.Epoch)}}
	if err := a.note(ctx, by, e); err != nil {
		return err
	}
	var overlap time.Duration
	for _, r := range a.plan().Recipients {
		if r.Name == o.Recipient {
			overlap = r.Overlap
		}
	}
	if err := a.keys.DestroyEpoch(o.Recipient, o.Epoch, overlap, a.now()); err != nil {
		return err
	}
	return write(out, Done{fmt.Sprintf("recipient %s, epoch %d: its keys are destroyed; %s", o.Recipient, o.Epoch, afterDestroying)})
}

const afterDestroying = "run `nymstream keys rotate --kek`, and destroy copies of the KEK before it"

// keysDestroyStore destroys a store epoch after everything was sealed anew.
func (a *Admin) keysDestroyStore(ctx context.Context, by caller, o EpochOf, out io.Writer) error {
	if _, err := a.rewrap(ctx, by); err != nil {
		return err
	}
	e := audit.Entry{Act: audit.KeyDestroy, Details: map[string]string{"epoch": strconv.Itoa(o.Epoch), "keyset": string(keyring.RoleStore)}}
	if err := a.note(ctx, by, e); err != nil {
		return err
	}
	if err := a.keys.DestroyStoreEpoch(o.Epoch, a.now()); err != nil {
		return err
	}
	return write(out, Done{fmt.Sprintf("store epoch %d: its keys are destroyed; %s", o.Epoch, afterDestroying)})
}

// Day names a day, as in 2026-11-23.
type Day struct {
	Before string `json:"before"`
}

// quarantinePurge destroys the keys of quarantine days: what lies there cannot be opened any more.
func (a *Admin) quarantinePurge(ctx context.Context, by caller, o Day, out io.Writer) error {
	e := audit.Entry{Act: audit.KeyDestroy, Details: map[string]string{"keyset": string(keyring.RoleQuarantine), "to": o.Before}}
	if _, err := time.Parse(time.DateOnly, o.Before); err != nil {
		return errors.New("--before: write a day as in 2026-11-23")
	}
	if err := a.note(ctx, by, e); err != nil {
		return err
	}
	if err := a.keys.DestroyQuarantineBefore(o.Before, a.now()); err != nil {
		return err
	}
	return write(out, Done{"what was quarantined before " + o.Before + " cannot be opened any more"})
}

// Resuming says where a stopped partition goes on.
type Resuming struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	At        int64  `json:"at"` // offset
}

func (a *Admin) resume(ctx context.Context, by caller, o Resuming, out io.Writer) error {
	e := audit.Entry{Act: audit.Replay, Details: map[string]string{"kind": "resume", "topic": o.Topic}, Numbers: map[string]uint64{"partition": uint64(max(o.Partition, 0)), "offset": uint64(max(o.At, 0))}}
	if err := a.note(ctx, by, e); err != nil {
		return err
	}
	var err error
	if running := a.stream(); running != nil {
		err = running.Resume(ctx, o.Topic, o.Partition, o.At)
	} else {
		var conn stream.Connection
		if conn, err = connection(a.config); err == nil {
			err = stream.ResumeAt(ctx, conn, a.config.Group, o.Topic, o.Partition, o.At)
		}
	}
	if err != nil {
		return err
	}
	return write(out, Done{fmt.Sprintf("%s/%d goes on at %d", o.Topic, o.Partition, o.At)})
}

// PublicKeys lists the keys that verify certificates or audit logs, as PEM.
func (k Keyring) PublicKeys(role string) (string, error) {
	keys, err := k.Open()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, p := range keys.PublicKeys(keyring.Role(role)) {
		until := "in use"
		if !p.Retired.IsZero() {
			until = "retired " + p.Retired.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(&text, "%s %s, %s since %s, %s\n%s", role, p.ID, "Ed25519", p.Created.UTC().Format(time.RFC3339), until, p.PEM())
	}
	return text.String(), nil
}

// keyringFile is the keyring's file in its folder. Its keysets are wrapped: without the KEK it opens nothing.
const keyringFile = "keyring.json"

// Backup writes the keyring's file, which it has opened, to a new file. The KEK is not in it.
func (k Keyring) Backup(to string) error {
	if _, err := k.Open(); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(k.Dir, keyringFile))
	if err != nil {
		return err
	}
	return writeNew(to, data)
}

// Restore puts a backup where there is no keyring, and opens it with the KEK.
func (k Keyring) Restore(from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(k.Dir, keyringFile)
	if err := writeNew(path, data); err != nil {
		return err
	}
	if _, err := k.Open(); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeNew writes a file that was not there before.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
