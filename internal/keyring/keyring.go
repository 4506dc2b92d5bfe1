// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// ClockSkew is how far ahead of this machine's clock a broker's timestamp may be.
const ClockSkew = 5 * time.Minute

// Keyring lends keys. It is safe for concurrent use: lenders read a snapshot and never wait for a change.
type Keyring struct {
	opaque
	dir     string // "" for an ephemeral keyring
	current atomic.Pointer[snapshot]
	isWiped atomic.Bool

	mu   sync.Mutex // held while the keyring changes
	file kekFile
	kms  *kmsKey // nil: the file
	kek  *kek
}

// OpenOptions say which keyring is expected. The zero value takes any with its kek file in clear beside it.
type OpenOptions struct {
	opaque
	Tenant     string // not empty: a keyring of another tenant is refused
	KEKFile    string // default: the file kek in the keyring's directory
	Passphrase []byte // of an encrypted kek file
	KMS        KMS    // instead of a kek file
}

// Open reads the keyring of a directory and opens every key in it, or refuses it with the reason and the mend. A KMS is asked
// once for each epoch, day and store epoch that was not destroyed, and once for all the rest; where it cannot be reached the
// error is of class event.ErrTransient, and where it refuses its key ErrKEKRevoked.
func Open(dir string, o OpenOptions) (*Keyring, error) {
	k := &Keyring{dir: dir}
	if err := k.locate(o); err != nil {
		return nil, err
	}
	raw, err := readContents(dir)
	if err != nil {
		return nil, err
	}
	c, err := parseContents(raw, k.path())
	if err != nil {
		return nil, err
	}
	if o.Tenant != "" && o.Tenant != c.Tenant {
		return nil, fmt.Errorf("%w: %s belongs to %q, and the configuration says %q", ErrTenant, k.path(), c.Tenant, o.Tenant)
	}
	kek, err := k.openKEK(c)
	if err != nil {
		return nil, err
	}
	return k, k.take(c, kek, raw)
}

// locate takes over where the KEK is.
func (k *Keyring) locate(o OpenOptions) (err error) {
	k.file = kekFile{path: o.KEKFile, passphrase: o.Passphrase}
	if k.file.path == "" {
		k.file.path = filepath.Join(k.dir, kekName)
	}
	k.kms = nil
	if o.KMS.URI != "" {
		k.kms, err = o.KMS.open()
	}
	return err
}

// openKEK gets the KEK of contents from its file or the KMS.
func (k *Keyring) openKEK(c *contents) (*kek, error) {
	switch {
	case k.kms == nil && c.KMS == nil:
		return k.file.read()
	case k.kms == nil:
		return nil, fmt.Errorf("keyring %s: %w: it is wrapped by %s; configure that as keyring.kek.uri", k.path(), ErrWrongKEK, c.KMS.URI)
	case c.KMS == nil:
		return nil, fmt.Errorf("keyring %s: %w: it is wrapped by a kek file, not by %s; move it to the KMS first", k.path(), ErrWrongKEK, k.kms.uri)
	}
	kek, err := c.openByKMS(k.kms)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", k.path(), err)
	}
	return kek, nil
}

func (k *Keyring) path() string { return filepath.Join(k.dir, fileName) }

// ID tells keyrings apart: instances that share work must agree on it.
func (k *Keyring) ID() string { return k.current.Load().contents.ID }

// Tenant is part of every label.
func (k *Keyring) Tenant() string { return k.current.Load().contents.Tenant }

// Canonicalization is the version of the rules by which identifiers are spelled; the keyring keeps the one it began with.
func (k *Keyring) Canonicalization() int { return k.current.Load().contents.Canonicalization }

// DomainAt lends the keys of the recipient's epoch at the record's broker timestamp, so that a replay finds the same ones.
// A record of an epoch that ended more than overlap ago, or was destroyed, gives ErrEpochEnded, one from the future ErrFuture;
// a recipient or time without key gives ErrNoKey, which is fatal. It neither locks nor allocates.
func (k *Keyring) DomainAt(recipient string, overlap time.Duration, recordMs, nowMs int64) (*Domain, error) {
	if recordMs > nowMs+ClockSkew.Milliseconds() {
		return nil, ErrFuture
	}
	p := k.current.Load().at(recipient, recordMs)
	if p == nil {
		return nil, ErrNoKey
	}
	if p.to < nowMs && nowMs-p.to > overlap.Milliseconds() {
		return nil, ErrEpochEnded
	}
	return p.lend()
}

// LatestDomain lends the keys of the epoch that nowMs lies in.
func (k *Keyring) LatestDomain(recipient string, nowMs int64) (*Domain, error) {
	if p := k.current.Load().at(recipient, nowMs); p != nil {
		return p.lend()
	}
	return nil, ErrNoKey
}

// EpochDomain lends the keys of one epoch, ended or not. A destroyed one gives ErrDestroyed.
func (k *Keyring) EpochDomain(recipient string, epoch int) (*Domain, error) {
	for _, p := range k.current.Load().recipients[recipient] {
		if p.entry.Number == epoch {
			return p.lend()
		}
	}
	return nil, ErrNoKey
}
