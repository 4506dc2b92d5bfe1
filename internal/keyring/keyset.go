// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Role says what a keyset is for.
type Role string

// The roles. Those of an epoch exist once for each recipient and epoch, RoleQuarantine once for each day.
const (
	RoleKEK        Role = "kek"        // wraps the keysets of one epoch or day
	RoleStateless  Role = "stateless"  // subjects' secrets where there is no store
	RoleDomain     Role = "domain"     // pseudonyms
	RoleField      Role = "field"      // seals
	RoleSeal       Role = "seal"       // deterministic seals
	RoleQuarantine Role = "quarantine" // quarantined records
)

// template says which kind of key a role has.
func (r Role) template() *tinkpb.KeyTemplate {
	switch r {
	case RoleStateless:
		return prf.AESCMACPRFKeyTemplate()
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

// withNewPrimary adds a fresh key, which is used from now on; the others still open what they sealed.
func withNewPrimary(h *keyset.Handle, r Role) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(r.template())
	if err != nil {
		return nil, fmt.Errorf("new %s key: %w", r, err)
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("new %s key: %w", r, err)
	}
	return m.Handle()
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
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), kek, ad); err != nil {
		return nil, fmt.Errorf("wrap keyset: %w", err)
	}
	return b.Bytes(), nil
}

// unwrap is the inverse of wrap.
func unwrap(wrapped []byte, kek tink.AEAD, ad []byte) (*keyset.Handle, error) {
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), kek, ad)
	if err != nil {
		return nil, fmt.Errorf("unwrap keyset: %w", err)
	}
	return h, nil
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
