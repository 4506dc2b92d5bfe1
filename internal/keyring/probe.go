// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nymstream/nymstream/internal/event"
)

// Probe tries the KEK: one call of the KMS, or a look at the kek file. ErrKEKRevoked, which is fatal, means that the KEK is gone
// for this process: Wipe, and stop. event.ErrTransient means that the KMS cannot be reached: stop after a time of grace.
func (k *Keyring) Probe(ctx context.Context) error {
	err := k.current.Load().probe(ctx, k.path())
	if !errors.Is(err, ErrKEKRevoked) {
		return err
	}
	if k.Reload() != nil { // another process may have wrapped the keyring anew
		return err
	}
	return k.current.Load().probe(ctx, k.path())
}

func (s *snapshot) probe(ctx context.Context, path string) error {
	switch {
	case s.wiped():
		return ErrNoKey
	case s.kms != nil:
		return s.contents.probeKMS(ctx, s.kms, path)
	case s.kekFile == "": // in memory
		return nil
	}
	_, err := os.Lstat(s.kekFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kek %s: %w: the file is gone; restore it from a backup", s.kekFile, ErrKEKRevoked)
	}
	if err != nil {
		return fmt.Errorf("kek: %w: %w", event.ErrTransient, err)
	}
	return nil
}

func (c *contents) probeKMS(ctx context.Context, key *kmsKey, path string) error {
	text, err := key.decrypt(ctx, c.KMS.Probe, probeLabel(c.Tenant))
	switch {
	case errors.Is(err, errRefused): // it opened this once: the key was replaced
		return fmt.Errorf("keyring %s: %w: %w", path, ErrKEKRevoked, err)
	case err != nil:
		return fmt.Errorf("keyring %s: %w", path, err)
	case string(text) != probeText:
		return fmt.Errorf("keyring %s: kek %s: %w: it answers what it was not asked", path, key.uri, event.ErrTransient)
	}
	return nil
}

// Wipe forgets every key. Whoever asks for one afterwards gets ErrNoKey, which is fatal; lenders without an error give nil.
// Keys that were lent before are their borrowers' to forget. A wiped keyring stays so: open it anew once its KEK is back.
func (k *Keyring) Wipe() {
	k.isWiped.Store(true)
	k.forget() // at once; a change that is under way may take a call of a KMS, and keeps nothing
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget()
	k.kek, k.kms, k.file.passphrase = nil, nil, nil
}

// forget keeps what is no secret and names the keyring.
func (k *Keyring) forget() {
	c := k.current.Load().contents
	k.current.Store(&snapshot{contents: &contents{Format: c.Format, Tenant: c.Tenant, ID: c.ID, Canonicalization: c.Canonicalization, Created: c.Created}})
}

func (s *snapshot) wiped() bool { return s.stateless == nil }
