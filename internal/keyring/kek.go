// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// kek is the key-encryption key of a keyring. More than one key is in it only while it is being rotated.
type kek struct {
	opaque
	handle *keyset.Handle
	aead   tink.AEAD
	outer  tink.AEAD // wraps the KEKs of epochs and days: aead itself, or the KMS
}

func newKEK() (*kek, error) {
	h, err := newKeyset(RoleKEK)
	if err != nil {
		return nil, err
	}
	return kekOf(h)
}

func kekOf(h *keyset.Handle) (*kek, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return &kek{handle: h, aead: a, outer: a}, nil
}

// kekFile says where the KEK is and how it is protected.
type kekFile struct {
	opaque
	path       string
	passphrase []byte // empty: in clear
	work       int    // log₂ of scrypt's work; 0: age's default, about a second
}

const maxKEKSize = 1 << 20

// read refuses a file that others than its owner can read. Its errors never quote what the file holds.
func (f *kekFile) read() (*kek, error) {
	data, err := f.readPrivate()
	if err != nil {
		return nil, err
	}
	if encrypted(data) {
		if data, err = f.decrypt(data); err != nil {
			return nil, err
		}
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("kek %s: %w: it is no Tink keyset in JSON; restore it from a backup", f.path, ErrCorrupt)
	}
	k, err := kekOf(h)
	if err != nil {
		return nil, fmt.Errorf("kek %s: %w: its keyset does not encrypt; restore it from a backup", f.path, ErrCorrupt)
	}
	return k, nil
}

func (f *kekFile) readPrivate() ([]byte, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("kek %s: %w; without it the keyring cannot be opened: restore it from a backup", f.path, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("kek %s: %w (mode %04o); mend it with `chmod 600 %s`, and rotate the kek if others may have read it", f.path, ErrExposed, mode, f.path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKEKSize))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return data, nil
}

func encrypted(data []byte) bool { return bytes.HasPrefix(data, []byte(armor.Header)) }

func (f *kekFile) decrypt(data []byte) ([]byte, error) {
	if len(f.passphrase) == 0 {
		return nil, fmt.Errorf("kek %s: %w needed: the file is encrypted", f.path, ErrPassphrase)
	}
	id, err := age.NewScryptIdentity(string(f.passphrase))
	if err != nil {
		return nil, fmt.Errorf("kek %s: %w cannot be used", f.path, ErrPassphrase)
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), id)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, fmt.Errorf("kek %s: %w is wrong", f.path, ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("kek %s: %w: it is no age file; restore it from a backup", f.path, ErrCorrupt)
	}
	clear, err := io.ReadAll(io.LimitReader(r, maxKEKSize))
	if err != nil {
		return nil, fmt.Errorf("kek %s: %w: its end is missing or changed; restore it from a backup", f.path, ErrCorrupt)
	}
	return clear, nil
}

// write replaces the file at once or not at all.
func (f *kekFile) write(k *kek) error {
	var clear bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&clear)); err != nil {
		return fmt.Errorf("kek: %w", err)
	}
	data := clear.Bytes()
	if len(f.passphrase) > 0 {
		var err error
		if data, err = f.encrypt(data); err != nil {
			return fmt.Errorf("kek: %w", err)
		}
	}
	return writeFile(f.path, data)
}

func (f *kekFile) encrypt(clear []byte) ([]byte, error) {
	to, err := age.NewScryptRecipient(string(f.passphrase))
	if err != nil {
		return nil, err
	}
	if f.work > 0 {
		to.SetWorkFactor(f.work)
	}
	var b bytes.Buffer
	text := armor.NewWriter(&b)
	w, err := age.Encrypt(text, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(clear); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), text.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
