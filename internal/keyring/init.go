// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// InitOptions say what a new keyring holds. Tenant and Now are required.
type InitOptions struct {
	opaque
	Tenant     string
	Recipients []Recipient
	KEKFile    string // default: the file kek in the keyring's directory; one that exists is used as it is
	Passphrase []byte // not empty: the kek file is encrypted with it (age, scrypt)
	KMS        KMS    // instead of a kek file
	Reveal     RevealOptions
	Now        time.Time // when first epochs are planned from

	scryptWork int // tests make it cheap
}

func (o InitOptions) validate() error {
	if o.Tenant == "" {
		return errors.New("keyring: a tenant is needed; it is part of every label and cannot change later")
	}
	if o.Now.IsZero() {
		return errors.New("keyring: the time of creation is needed")
	}
	return nil
}

// Init makes a keyring in dir, which it creates if need be. One that is there already is never touched: ErrExists.
func Init(dir string, o InitOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	release, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer release()
	path := filepath.Join(dir, fileName)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("keyring %s %w", path, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	c := newContents(o.Tenant, o.Now)
	k, err := o.kek(dir, c)
	if err != nil {
		return err
	}
	if err := c.fill(o.Recipients, k, o.Now); err != nil {
		return err
	}
	if err := c.makeReveal(o.Reveal.in(dir), o.Now); err != nil {
		return err
	}
	if err := c.prove(k); err != nil {
		return err
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

// kek gives the KEK of a new keyring.
func (o InitOptions) kek(dir string, c *contents) (*kek, error) {
	if o.KMS.URI != "" {
		key, err := o.KMS.open()
		if err != nil {
			return nil, err
		}
		return c.wrapByKMS(key)
	}
	file := kekFile{path: o.KEKFile, passphrase: o.Passphrase, work: o.scryptWork}
	if file.path == "" {
		file.path = filepath.Join(dir, kekName)
	}
	return file.readOrMake()
}

// readOrMake uses the KEK that an interrupted Init or the operator left there, or makes one.
func (f *kekFile) readOrMake() (*kek, error) {
	if _, err := os.Lstat(f.path); err == nil {
		return f.read()
	}
	k, err := newKEK()
	if err != nil {
		return nil, err
	}
	return k, f.write(k)
}

// Ephemeral makes a keyring with fresh keys that lives in memory only and ends with the process.
// Each recipient has one endless epoch, so that records of any age are served.
func Ephemeral(tenant string, recipients []string, now time.Time) (*Keyring, error) {
	o := InitOptions{Tenant: tenant, Now: now}
	for _, name := range recipients {
		o.Recipients = append(o.Recipients, Recipient{Name: name})
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	kek, err := newKEK()
	if err != nil {
		return nil, err
	}
	c := newContents(tenant, now)
	if err := c.fill(o.Recipients, kek, now); err != nil {
		return nil, err
	}
	k := &Keyring{kek: kek}
	return k, k.keep(c, kek)
}

func newContents(tenant string, now time.Time) *contents {
	return &contents{Format: formatVersion, Tenant: tenant, ID: rand.Text(), Canonicalization: newestCanonicalization, Created: stamp(now)}
}

// fill makes the keys of new contents.
func (c *contents) fill(recipients []Recipient, k *kek, now time.Time) (err error) {
	c.Stateless.Created = stamp(now)
	if c.Stateless.Keyset, err = newWrapped(RoleStateless, k, wrapLabel(c.Tenant, RoleStateless, "", "")); err != nil {
		return err
	}
	for _, r := range recipients {
		if err := c.addRecipient(r, k, now); err != nil {
			return err
		}
	}
	return c.extend(k, now)
}
