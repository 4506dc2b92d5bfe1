// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature/ed25519"
)

// Signer signs for one role with Ed25519 (RFC 8032). It is immutable and safe for concurrent use.
type Signer struct {
	opaque
	key    stded25519.PrivateKey
	public PublicKey
	keyIDs []uint32
}

// Sign gives the 64 bytes of a signature of msg.
func (s *Signer) Sign(msg []byte) []byte { return stded25519.Sign(s.key, msg) }

// Public is what verifies the signatures.
func (s *Signer) Public() PublicKey { return s.public }

// PublicKey verifies signatures of one role.
type PublicKey struct {
	ID      string               // its JWK thumbprint (RFC 7638, RFC 8037)
	Key     stded25519.PublicKey // 32 bytes
	Created time.Time
	Retired time.Time // zero: in use
}

// Verify tells whether the key's owner signed msg.
func (p PublicKey) Verify(msg, signature []byte) bool {
	return stded25519.Verify(p.Key, msg, signature)
}

// PEM gives the key as SubjectPublicKeyInfo (RFC 8410), as openssl reads it.
func (p PublicKey) PEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(p.Key)
	if err != nil {
		panic("keyring: an Ed25519 key has 32 bytes") // not reachable
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// JWK gives the key as a JSON Web Key (RFC 8037).
func (p PublicKey) JWK() []byte {
	out, err := json.Marshal(struct {
		Curve string `json:"crv"`
		Kty   string `json:"kty"`
		X     string `json:"x"`
		ID    string `json:"kid"`
		Alg   string `json:"alg"`
		Use   string `json:"use"`
	}{"Ed25519", "OKP", base64.RawURLEncoding.EncodeToString(p.Key), p.ID, "EdDSA", "sig"})
	if err != nil {
		panic("keyring: strings are JSON") // not reachable
	}
	return out
}

// thumbprint is RFC 7638's name of an Ed25519 key: its required members in the order of their names.
func thumbprint(key stded25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Signer lends the key that signs for RoleCertificate or RoleAudit. ErrNoKey, which is fatal, means another role, a keyring
// that has none yet (Extend makes it), or Wipe.
func (k *Keyring) Signer(role Role) (*Signer, error) {
	if s := k.current.Load().signers[role]; s != nil {
		return s, nil
	}
	return nil, ErrNoKey
}

// PublicKeys lists every key that ever signed for RoleCertificate or RoleAudit, the oldest first.
func (k *Keyring) PublicKeys(role Role) []PublicKey {
	e := *k.current.Load().contents.signer(role)
	if e == nil {
		return nil
	}
	out := make([]PublicKey, len(e.Public))
	for i, p := range e.Public {
		out[i] = PublicKey{ID: thumbprint(p.Key), Key: slices.Clone(p.Key), Created: p.Created, Retired: p.Retired}
	}
	return out
}

// signerEntry holds the private key that signs, and in clear the public keys of all that ever did.
type signerEntry struct {
	wrapped
	Public []publicEntry `json:"public"`
}

type publicEntry struct {
	Key     []byte    `json:"key"`
	Created time.Time `json:"created"`
	Retired time.Time `json:"retired,omitzero"`
}

// signer points at the entry of a signing role; other roles have an empty one.
func (c *contents) signer(role Role) **signerEntry {
	switch role {
	case RoleCertificate:
		return &c.Certificate
	case RoleAudit:
		return &c.Audit
	}
	return new(*signerEntry)
}

// newSigner gives a role a key that signs from now on; the private one before it is gone.
func (c *contents) newSigner(role Role, k *kek, now time.Time) error {
	h, err := newKeyset(role)
	if err != nil {
		return err
	}
	s, err := signerOf(h)
	if err != nil {
		return err
	}
	e := c.signer(role)
	if *e == nil {
		*e = new(signerEntry)
	}
	(*e).Created = stamp(now)
	if (*e).Keyset, err = wrap(h, k.aead, wrapLabel(c.Tenant, role, "", "")); err != nil {
		return err
	}
	for i := range (*e).Public {
		if p := &(*e).Public[i]; p.Retired.IsZero() {
			p.Retired = stamp(now)
		}
	}
	(*e).Public = append((*e).Public, publicEntry{Key: s.public.Key, Created: stamp(now)})
	return nil
}

// openSigner unwraps the key that signs for a role.
func (c *contents) openSigner(role Role, k *kek) (*Signer, error) {
	e := *c.signer(role)
	h, err := unwrap(e.Keyset, k.aead, wrapLabel(c.Tenant, role, "", ""))
	if err != nil {
		return nil, err
	}
	s, err := signerOf(h)
	if err != nil {
		return nil, err
	}
	if len(e.Public) == 0 || !s.public.Key.Equal(stded25519.PublicKey(e.Public[len(e.Public)-1].Key)) {
		return nil, errors.New("its public key is another")
	}
	s.public.Created = e.Created
	return s, nil
}

func signerOf(h *keyset.Handle) (*Signer, error) {
	primary, err := h.Primary()
	if err != nil {
		return nil, err
	}
	key, ok := primary.Key().(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its primary key is no Ed25519 key")
	}
	private := stded25519.NewKeyFromSeed(key.PrivateKeyBytes().Data(insecuresecretdataaccess.Token{}))
	public := private.Public().(stded25519.PublicKey)
	return &Signer{key: private, public: PublicKey{ID: thumbprint(public), Key: public}, keyIDs: keyIDs(h)}, nil
}
