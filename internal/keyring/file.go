// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	formatVersion = 1
	fileName      = "keyring.json"
	lockName      = "lock"
	kekName       = "kek"
)

// Canonicalizations are the versions of the canonicalization rules that this program knows. A keyring keeps the one
// it began with: another spelling of an identifier would be another pseudonym.
const (
	newestCanonicalization = 1
	oldestCanonicalization = 1
)

// contents is keyring.json. Wrapped keysets are Tink EncryptedKeyset messages.
type contents struct {
	Format           int              `json:"format"`
	Tenant           string           `json:"tenant"`
	ID               string           `json:"keyring"`
	Canonicalization int              `json:"canonicalization"`
	Created          time.Time        `json:"created"`
	KMS              *kmsEntry        `json:"kms,omitempty"` // absent: a kek file
	Stateless        wrapped          `json:"stateless"`
	Lookup           *wrapped         `json:"lookup,omitempty"` // this and the next four: absent until Extend makes them
	Store            *storeKeys       `json:"store,omitempty"`
	Control          *controlEntry    `json:"control,omitempty"`
	Certificate      *signerEntry     `json:"certificate,omitempty"`
	Audit            *signerEntry     `json:"audit,omitempty"`
	Reveal           *revealEntry     `json:"reveal,omitempty"`
	Recipients       []recipientEntry `json:"recipients"`
	Quarantine       []dayEntry       `json:"quarantine"`
	// QuarantineDestroyed is the day before which all quarantine keys are gone.
	QuarantineDestroyed string `json:"quarantine_destroyed,omitempty"`

	Proof []byte `json:"proof,omitempty"` // authenticates everything above under the KEK
}

// wrapped is one keyset with its own date.
type wrapped struct {
	Created time.Time `json:"created"`
	Keyset  []byte    `json:"keyset"`
}

type recipientEntry struct {
	Name   string       `json:"name"`
	Renew  duration     `json:"renew"`
	Epochs []epochEntry `json:"epochs"` // without gap, by time
}

// epochEntry holds the keysets of an epoch, which reaches from From to To. Both are zero where it has no bound.
// Of a destroyed one only the dates stay.
type epochEntry struct {
	Number  int       `json:"epoch"`
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	Created time.Time `json:"created"`
	KEK     []byte    `json:"kek,omitempty"` // wrapped by the kek file or the KMS; the three below by this one
	Domain  []byte    `json:"domain,omitempty"`
	Field   []byte    `json:"field,omitempty"`
	Seal    []byte    `json:"seal,omitempty"`

	Destroyed time.Time `json:"destroyed,omitzero"`
}

// dayEntry holds the quarantine keyset of one day (UTC).
type dayEntry struct {
	Day     string    `json:"day"`
	Created time.Time `json:"created"`
	KEK     []byte    `json:"kek"`
	Keyset  []byte    `json:"keyset"`
}

// duration is written as Go writes it: 2160h0m0s.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

func (c *contents) recipient(name string) *recipientEntry {
	i := slices.IndexFunc(c.Recipients, func(r recipientEntry) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Recipients[i]
}

// parseContents reads a keyring.json and refuses what this program does not know. path is for messages.
func parseContents(data []byte, path string) (*contents, error) {
	damaged := func(what string) error {
		return fmt.Errorf("keyring %s: %w: %s; restore it from a backup", path, ErrCorrupt, what)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, damaged("it is no complete JSON object")
	}
	if head.Format != formatVersion {
		return nil, fmt.Errorf("keyring %s: %w %d; this program reads %d: use the release that wrote it or a newer one",
			path, ErrFormat, head.Format, formatVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var c contents
	if err := d.Decode(&c); err != nil {
		return nil, damaged("its fields are not those of format 1")
	}
	if c.Canonicalization < oldestCanonicalization || c.Canonicalization > newestCanonicalization {
		return nil, fmt.Errorf("keyring %s: %w of its canonicalization rules: %d; this program knows %d to %d: use a newer release",
			path, ErrFormat, c.Canonicalization, oldestCanonicalization, newestCanonicalization)
	}
	return &c, nil
}

// authenticated is what the proof covers: the contents without it, behind a label.
func (c *contents) authenticated() ([]byte, error) {
	bare := *c
	bare.Proof = nil
	body, err := json.Marshal(&bare)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return append(AppendLabel(nil, "keyring", c.Tenant, c.ID), body...), nil
}

func (c *contents) prove(k *kek) error {
	ad, err := c.authenticated()
	if err != nil {
		return err
	}
	if c.Proof, err = k.aead.Encrypt(nil, ad); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

func (c *contents) proven(k *kek) bool {
	ad, err := c.authenticated()
	if err != nil {
		return false
	}
	_, err = k.aead.Decrypt(c.Proof, ad)
	return err == nil
}

func readContents(dir string) ([]byte, error) {
	path := filepath.Join(dir, fileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keyring %s: %w; make a keyring with `nymstream keys init`", path, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return data, nil
}

func (c *contents) encode() ([]byte, error) {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return append(data, '\n'), nil
}

// writeFile replaces a file durably: a crash leaves the old one or the new one. Only the owner may read it.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
