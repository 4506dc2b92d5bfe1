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
	Tenant     string
	Recipients []Recipient
	KEKFile    string    // default: the file kek in the keyring's directory; one that exists is used as it is
	Passphrase []byte    // not empty: the kek file is encrypted with it (age, scrypt)
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
	file := kekFile{path: o.KEKFile, passphrase: o.Passphrase, work: o.scryptWork}
	if file.path == "" {
		file.path = filepath.Join(dir, kekName)
	}
	k, err := file.readOrMake()
	if err != nil {
		return err
	}
	c, err := newContents(o.Tenant, o.Recipients, k, o.Now)
	if err != nil {
		return err
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	return writeFile(path, data)
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
	c, err := newContents(tenant, o.Recipients, kek, now)
	if err != nil {
		return nil, err
	}
	k := &Keyring{kek: kek}
	return k, k.keep(c, kek)
}

func newContents(tenant string, recipients []Recipient, k *kek, now time.Time) (*contents, error) {
	c := &contents{Format: formatVersion, Tenant: tenant, ID: rand.Text(), Canonicalization: newestCanonicalization, Created: stamp(now)}
	h, err := newKeyset(RoleStateless)
	if err != nil {
		return nil, err
	}
	c.Stateless.Created = stamp(now)
	if c.Stateless.Keyset, err = wrap(h, k.aead, wrapLabel(tenant, RoleStateless, "", "")); err != nil {
		return nil, err
	}
	for _, r := range recipients {
		if err := c.addRecipient(r, k.aead, now); err != nil {
			return nil, err
		}
	}
	if err := c.extendQuarantine(k.aead, now); err != nil {
		return nil, err
	}
	return c, c.prove(k)
}
