// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/signature"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Role says what a keyset is for.
type Role string

// The roles. Those of an epoch exist once for each recipient and epoch, RoleStore once for each store epoch, RoleQuarantine
// once for each day.
const (
	RoleKEK         Role = "kek"         // wraps the keysets of one epoch or day
	RoleStateless   Role = "stateless"   // subjects' secrets where there is no store
	RoleLookup      Role = "lookup"      // where a subject's row lies in the store
	RoleStore       Role = "store"       // what rows of the store keep secret
	RoleControl     Role = "control"     // messages between instances
	RoleCertificate Role = "certificate" // certificates of erasure
	RoleAudit       Role = "audit"       // the audit log's checkpoints
	RoleReveal      Role = "reveal"      // data keys of identities that can be re-identified
	RoleDomain      Role = "domain"      // pseudonyms
	RoleField       Role = "field"       // seals
	RoleSeal        Role = "seal"        // deterministic seals
	RoleQuarantine  Role = "quarantine"  // quarantined records
)

// template says which kind of key a role has.
func (r Role) template() *tinkpb.KeyTemplate {
	switch r {
	case RoleStateless, RoleLookup:
		return prf.AESCMACPRFKeyTemplate()
	case RoleControl:
		return mac.AESCMACTag128KeyTemplate()
	case RoleCertificate, RoleAudit:
		return signature.ED25519KeyWithoutPrefixTemplate()
	case RoleReveal:
		return hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template()
	case RoleDomain, RoleField:
		return prf.HKDFSHA256PRFKeyTemplate()
	case RoleSeal:
		return daead.AESSIVKeyTemplate()
	default:
		return aead.AES256GCMKeyTemplate()
	}
}

// newKeyset makes a keyset with one fresh key.
func newKeyset(r Role) (*keyset.Handle, error) {
	h, err := keyset.NewHandle(r.template())
	if err != nil {
		return nil, fmt.Errorf("new %s key: %w", r, err)
	}
	return h, nil
}

// newWrapped makes a keyset with one fresh key, wrapped.
func newWrapped(r Role, k *kek, ad []byte) ([]byte, error) {
	h, err := newKeyset(r)
	if err != nil {
		return nil, err
	}
	return wrap(h, k.aead, ad)
}

// withNewKey adds a fresh key, which is not used yet.
func withNewKey(h *keyset.Handle, r Role) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	if _, err := m.Add(r.template()); err != nil {
		return nil, fmt.Errorf("new %s key: %w", r, err)
	}
	return m.Handle()
}

// withNewestPrimary makes the key primary that was added last.
func withNewestPrimary(h *keyset.Handle, r Role) (*keyset.Handle, error) {
	newest, err := h.Entry(h.Len() - 1)
	if err != nil {
		return nil, fmt.Errorf("newest %s key: %w", r, err)
	}
	m := keyset.NewManagerFromHandle(h)
	if err := m.SetPrimary(newest.KeyID()); err != nil {
		return nil, fmt.Errorf("newest %s key: %w", r, err)
	}
	return m.Handle()
}

// withNewPrimary adds a fresh key, which is used from now on; the others still open what they sealed.
func withNewPrimary(h *keyset.Handle, r Role) (*keyset.Handle, error) {
	h, err := withNewKey(h, r)
	if err != nil {
		return nil, err
	}
	return withNewestPrimary(h, r)
}

// onlyPrimary leaves out every key but the primary one.
func onlyPrimary(h *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	info := h.KeysetInfo()
	for _, k := range info.GetKeyInfo() {
		if k.GetKeyId() == info.GetPrimaryKeyId() {
			continue
		}
		if err := m.Delete(k.GetKeyId()); err != nil {
			return nil, fmt.Errorf("remove old key: %w", err)
		}
	}
	return m.Handle()
}

// wrap encrypts a keyset with a KEK, in Tink's binary form.
func wrap(h *keyset.Handle, kek tink.AEAD, ad []byte) ([]byte, error) {
	var b bytes.Buffer
	a := attempt{AEAD: kek}
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), &a, ad); err != nil {
		return nil, fmt.Errorf("wrap keyset: %w", a.cause(err))
	}
	return b.Bytes(), nil
}

// unwrap is the inverse of wrap.
func unwrap(wrapped []byte, kek tink.AEAD, ad []byte) (*keyset.Handle, error) {
	a := attempt{AEAD: kek}
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), &a, ad)
	if err != nil {
		return nil, fmt.Errorf("unwrap keyset: %w", a.cause(err))
	}
	return h, nil
}

// attempt keeps the error of an AEAD, whose class Tink's readers and writers drop.
type attempt struct {
	tink.AEAD
	err error
}

func (a *attempt) Encrypt(plaintext, ad []byte) (sealed []byte, err error) {
	sealed, a.err = a.AEAD.Encrypt(plaintext, ad)
	return sealed, a.err
}

func (a *attempt) Decrypt(sealed, ad []byte) (plaintext []byte, err error) {
	plaintext, a.err = a.AEAD.Decrypt(sealed, ad)
	return plaintext, a.err
}

func (a *attempt) cause(err error) error {
	if a.err != nil {
		return a.err
	}
	return err
}

// keyIDs lists the ids of a keyset's keys, the primary one first.
func keyIDs(h *keyset.Handle) []uint32 {
	info := h.KeysetInfo()
	ids := []uint32{info.GetPrimaryKeyId()}
	for _, k := range info.GetKeyInfo() {
		if k.GetKeyId() != info.GetPrimaryKeyId() {
			ids = append(ids, k.GetKeyId())
		}
	}
	return ids
}
