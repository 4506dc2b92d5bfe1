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
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const revealName = "reveal.json"

// RevealOptions say where the private reveal key lies: File, and beside it the file of its KEK, which is named .kek
// instead of .json. The key and the keyring need not be on the same machine.
type RevealOptions struct {
	opaque
	File       string // default: reveal.json in the keyring's directory
	Passphrase []byte // not empty: the KEK's file is encrypted with it (age, scrypt)

	scryptWork int // tests make it cheap
}

func (o RevealOptions) in(dir string) RevealOptions {
	if o.File == "" {
		o.File = filepath.Join(dir, revealName)
	}
	return o
}

func (o RevealOptions) kekFile() kekFile {
	return kekFile{path: strings.TrimSuffix(o.File, ".json") + ".kek", passphrase: o.Passphrase, work: o.scryptWork}
}

// RevealWrapper encrypts data keys to the reveal key: HPKE (RFC 9180) with X25519, HKDF-SHA256 and AES-256-GCM, in Tink's
// wire format. It holds no secret and is safe for concurrent use. One call costs about 0.1 ms.
type RevealWrapper struct {
	encrypt tink.HybridEncrypt
	keyIDs  []uint32
}

// RevealPublic lends what wraps to the reveal key. It is nil where the keyring has none (MakeReveal makes it).
func (k *Keyring) RevealPublic() *RevealWrapper { return k.current.Load().reveal }

// Wrap encrypts a data key; whoever unwraps it must know context.
func (w *RevealWrapper) Wrap(dataKey, context []byte) ([]byte, error) {
	wrapped, err := w.encrypt.Encrypt(dataKey, context)
	if err != nil {
		return nil, fmt.Errorf("wrap data key: %w", err)
	}
	return wrapped, nil
}

// RevealKey opens what RevealWrapper wrapped. Only those who re-identify have it.
type RevealKey struct {
	opaque
	decrypt tink.HybridDecrypt
}

// Unwrap is the inverse of Wrap.
func (r *RevealKey) Unwrap(wrapped, context []byte) ([]byte, error) {
	dataKey, err := r.decrypt.Decrypt(wrapped, context)
	if err != nil {
		return nil, fmt.Errorf("unwrap data key: %w", errSealed)
	}
	return dataKey, nil
}

// OpenReveal reads the private reveal key at path.
func OpenReveal(path string, passphrase []byte) (*RevealKey, error) {
	_, h, err := readReveal(RevealOptions{File: path, Passphrase: passphrase})
	if err != nil {
		return nil, err
	}
	d, err := hybrid.NewHybridDecrypt(h)
	if err != nil {
		return nil, revealDamaged(path, "its keyset does not decrypt")
	}
	return &RevealKey{decrypt: d}, nil
}

// MakeReveal gives a keyring that has none a reveal key; one that has gives ErrExists. Call it where the private key may lie,
// and move that away from where records are processed. A file that is there already is used as it is.
func (k *Keyring) MakeReveal(o RevealOptions, now time.Time) error {
	return k.changeReveal(o, func(c *contents, o RevealOptions) error {
		if c.Reveal != nil {
			return fmt.Errorf("keyring %s: its reveal key %w", k.path(), ErrExists)
		}
		return c.makeReveal(o, now)
	})
}

// RotateReveal wraps with a new reveal key from now on; the private ones before it stay in the file to open what they wrapped.
func (k *Keyring) RotateReveal(o RevealOptions, now time.Time) error {
	return k.changeReveal(o, func(c *contents, o RevealOptions) error {
		f, h, err := readReveal(o)
		if err != nil {
			return err
		}
		if f.Tenant != c.Tenant {
			return revealTenant(o.File, f.Tenant)
		}
		if h, err = withNewPrimary(h, RoleReveal); err != nil {
			return err
		}
		if err := f.write(o, h); err != nil {
			return err
		}
		return c.takeReveal(h, now)
	})
}

func (k *Keyring) changeReveal(o RevealOptions, edit func(*contents, RevealOptions) error) error {
	if k.dir == "" {
		return errors.New("keyring: one in memory has no reveal key; make a keyring with `nymstream keys init`")
	}
	return k.change(func(c *contents, _ *kek) error { return edit(c, o.in(k.dir)) })
}

// revealFile is reveal.json.
type revealFile struct {
	Format  int       `json:"format"`
	Tenant  string    `json:"tenant"`
	Created time.Time `json:"created"`
	Keyset  []byte    `json:"keyset"` // private, wrapped by the KEK beside it
}

// revealEntry is what the keyring has of the reveal key: Tink's public keyset.
type revealEntry struct {
	Created time.Time `json:"created"`
	Public  []byte    `json:"public"`
}

func (c *contents) makeReveal(o RevealOptions, now time.Time) error {
	if _, err := os.Lstat(o.File); err == nil { // an interrupted call or the operator left it
		f, h, err := readReveal(o)
		if err != nil {
			return err
		}
		if f.Tenant != c.Tenant {
			return revealTenant(o.File, f.Tenant)
		}
		return c.takeReveal(h, f.Created)
	}
	h, err := newKeyset(RoleReveal)
	if err != nil {
		return err
	}
	f := revealFile{Format: formatVersion, Tenant: c.Tenant, Created: stamp(now)}
	if err := f.write(o, h); err != nil {
		return err
	}
	return c.takeReveal(h, now)
}

// takeReveal keeps the public half of h.
func (c *contents) takeReveal(h *keyset.Handle, now time.Time) error {
	public, err := h.Public()
	if err != nil {
		return fmt.Errorf("reveal key: %w", err)
	}
	var b bytes.Buffer
	if err := public.WriteWithNoSecrets(keyset.NewBinaryWriter(&b)); err != nil {
		return fmt.Errorf("reveal key: %w", err)
	}
	c.Reveal = &revealEntry{Created: stamp(now), Public: b.Bytes()}
	return nil
}

func (c *contents) openReveal() (*RevealWrapper, error) {
	h, err := keyset.ReadWithNoSecrets(keyset.NewBinaryReader(bytes.NewReader(c.Reveal.Public)))
	if err != nil {
		return nil, err
	}
	e, err := hybrid.NewHybridEncrypt(h)
	if err != nil {
		return nil, err
	}
	return &RevealWrapper{encrypt: e, keyIDs: keyIDs(h)}, nil
}

// write wraps h by the KEK beside the file, which is made if need be.
func (f *revealFile) write(o RevealOptions, h *keyset.Handle) error {
	file := o.kekFile()
	k, err := file.readOrMake()
	if err != nil {
		return err
	}
	if f.Keyset, err = wrap(h, k.aead, wrapLabel(f.Tenant, RoleReveal, "", "")); err != nil {
		return err
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("reveal key: %w", err)
	}
	return writeFile(o.File, append(data, '\n'))
}

func readReveal(o RevealOptions) (*revealFile, *keyset.Handle, error) {
	data, err := os.ReadFile(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("reveal key %s: %w; say where it is, or restore it from a backup", o.File, ErrMissing)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reveal key: %w", err)
	}
	var f revealFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, nil, revealDamaged(o.File, "it is no complete JSON object")
	}
	if f.Format != formatVersion {
		return nil, nil, fmt.Errorf("reveal key %s: %w %d; this program reads %d: use the release that wrote it or a newer one",
			o.File, ErrFormat, f.Format, formatVersion)
	}
	file := o.kekFile()
	k, err := file.read()
	if err != nil {
		return nil, nil, err
	}
	h, err := unwrap(f.Keyset, k.aead, wrapLabel(f.Tenant, RoleReveal, "", ""))
	if err != nil {
		return nil, nil, fmt.Errorf("reveal key %s: %w; use the kek file that belongs to it", o.File, ErrWrongKEK)
	}
	return &f, h, nil
}

func revealDamaged(path, what string) error {
	return fmt.Errorf("reveal key %s: %w: %s; restore it from a backup", path, ErrCorrupt, what)
}

func revealTenant(path, tenant string) error {
	return fmt.Errorf("%w: reveal key %s belongs to %q", ErrTenant, path, tenant)
}
