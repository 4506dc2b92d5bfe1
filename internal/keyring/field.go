// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
)

// FieldKey is the AES-256-GCM key of one subject in one domain. It is immutable and safe for concurrent use.
type FieldKey struct {
	opaque
	gcm gcm
}

// FieldKey derives the key that seals leaves of the subject that salt stands for: HKDF(field master, salt),
// as Tink's keyset derivation does it. It costs several times as much as a seal: keep it.
func (d *Domain) FieldKey(salt []byte) (*FieldKey, error) {
	return newFieldKey(d.fieldPrimary, d.field[d.fieldPrimary], salt)
}

func newFieldKey(id uint32, m *master, salt []byte) (*FieldKey, error) {
	var key [32]byte
	m.derive(&key, salt)
	return fieldKeyOf(id, key[:])
}

func fieldKeyOf(id uint32, key []byte) (*FieldKey, error) {
	g, err := newGCM(id, key)
	if err != nil {
		return nil, fmt.Errorf("field key: %w", err)
	}
	return &FieldKey{gcm: g}, nil
}

// Seal appends plaintext in Tink's wire format, bound to ad. nonce must be fresh random bytes, used once.
// It does not allocate where dst has room for FieldOverhead more bytes than plaintext.
func (k *FieldKey) Seal(dst []byte, nonce *[NonceSize]byte, plaintext, ad []byte) []byte {
	return k.gcm.seal(dst, nonce, plaintext, ad)
}

// OpenField opens what the FieldKey of the same salt sealed, under whichever key of the keyset.
func (d *Domain) OpenField(salt, sealed, ad []byte) ([]byte, error) {
	if len(sealed) < FieldOverhead || sealed[0] != tinkPrefix {
		return nil, errSealed
	}
	id := keyIDOf(sealed)
	m, ok := d.field[id]
	if !ok {
		return nil, errSealed
	}
	k, err := newFieldKey(id, m, salt)
	if err != nil {
		return nil, err
	}
	return k.gcm.open(nil, sealed, ad)
}

// FieldKeyset gives the key of one subject as a Tink keyset in JSON, in clear, for programs that open seals without nymstream.
// Whoever has it can read that subject's sealed leaves of this domain.
func (d *Domain) FieldKeyset(salt []byte) ([]byte, error) {
	h, err := d.fieldKeyset(salt)
	if err != nil {
		return nil, fmt.Errorf("field keyset: %w", err)
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("field keyset: %w", err)
	}
	return b.Bytes(), nil
}

func (d *Domain) fieldKeyset(salt []byte) (*keyset.Handle, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: NonceSize, TagSizeInBytes: tagSize, Variant: aesgcm.VariantTink})
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	for id, master := range d.field {
		var bytes [32]byte
		master.derive(&bytes, salt)
		key, err := aesgcm.NewKey(secretdata.NewBytesFromData(bytes[:], insecuresecretdataaccess.Token{}), id, params)
		if err != nil {
			return nil, err
		}
		if _, err := m.AddKey(key); err != nil {
			return nil, err
		}
	}
	if err := m.SetPrimary(d.fieldPrimary); err != nil {
		return nil, err
	}
	return m.Handle()
}

// SealDeterministic appends plaintext under AES-SIV in Tink's wire format: equal plaintexts and ad give equal bytes.
// plaintext must not overlap the room of dst.
func (d *Domain) SealDeterministic(dst, plaintext, ad []byte) []byte {
	return d.deterministic.seal(dst, plaintext, ad)
}

// OpenDeterministic is the inverse of SealDeterministic.
func (d *Domain) OpenDeterministic(sealed, ad []byte) ([]byte, error) {
	plaintext, err := d.opener.DecryptDeterministically(sealed, ad)
	if err != nil {
		return nil, errSealed
	}
	return plaintext, nil
}
