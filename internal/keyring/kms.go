// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/nymstream/nymstream/internal/event"
)

// KMS says which key of a key management service wraps the keyring's KEKs. The zero value means that a kek file does.
// The key is symmetric; who uses it needs the rights to encrypt and to decrypt with it, no others.
type KMS struct {
	opaque
	URI         string        // awskms:arn:aws:kms:…, gcpkms:projects/…/cryptoKeys/NAME or vault:https://HOST:PORT/transit/keys/NAME
	Token       string        // vault, OpenBao
	TokenFile   string        // the same in a file that is read before each call, so that an agent can renew it
	Namespace   string        // vault, OpenBao
	CAFile      string        // vault, OpenBao: certificates in PEM instead of the system's
	Credentials string        // awskms, gcpkms: a credentials file instead of what the environment offers
	Endpoint    string        // awskms, gcpkms: another address than the provider's; gcpkms: http:// means no authentication either
	Timeout     time.Duration // of one call, retries included; 0: DefaultKMSTimeout
}

// DefaultKMSTimeout is how long a KMS may take for one call.
const DefaultKMSTimeout = 5 * time.Second

// ErrKEKRevoked is what a KMS answers whose key is disabled, deleted or denied: wipe the keys and stop. A kek file that is gone
// answers the same.
var ErrKEKRevoked = fmt.Errorf("the key-encryption key was revoked: %w", event.ErrFatal)

// errRefused is a KMS's answer to a ciphertext that is not its key's, or not of this place.
var errRefused = errors.New("the KMS does not open this: another key, another place, or changed")

// kmsKey is one key of a KMS: a tink.AEAD whose errors are of class ErrKEKRevoked, errRefused or event.ErrTransient.
// It is safe for concurrent use.
type kmsKey struct {
	opaque
	uri     string
	timeout time.Duration
	remote  tink.AEADWithContext
	class   func(error) error // a call that was not answered is transient
}

// open reaches for the key; it does not call the KMS yet.
func (o KMS) open() (*kmsKey, error) {
	k := &kmsKey{uri: o.URI, timeout: o.Timeout}
	if k.timeout <= 0 {
		k.timeout = DefaultKMSTimeout
	}
	scheme, rest, _ := strings.Cut(o.URI, ":")
	var err error
	switch scheme {
	case "awskms":
		k.remote, k.class, err = openAWS(rest, o)
	case "gcpkms":
		k.remote, k.class, err = openGCP(rest, o)
	case "vault":
		k.remote, k.class, err = openVault(rest, o)
	default:
		err = errors.New("use awskms:arn:aws:kms:…, gcpkms:projects/… or vault:https://HOST:PORT/transit/keys/NAME")
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: kek %s: %w", o.URI, err)
	}
	return k, nil
}

func (k *kmsKey) Encrypt(plaintext, ad []byte) ([]byte, error) {
	return k.call(context.Background(), func(ctx context.Context) ([]byte, error) { return k.remote.EncryptWithContext(ctx, plaintext, ad) })
}

func (k *kmsKey) Decrypt(sealed, ad []byte) ([]byte, error) {
	return k.decrypt(context.Background(), sealed, ad)
}

func (k *kmsKey) decrypt(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	return k.call(ctx, func(ctx context.Context) ([]byte, error) { return k.remote.DecryptWithContext(ctx, sealed, ad) })
}

func (k *kmsKey) call(ctx context.Context, do func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	out, err := do(ctx)
	if err == nil {
		return out, nil
	}
	return nil, fmt.Errorf("kek %s: %w: %s", k.uri, k.class(err), oneLine(err))
}

// oneLine keeps what a KMS says fit for a log.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// kmsEntry says which key of a KMS wraps the keyring, and holds what that key wraps beside the KEKs of epochs and days:
// a KEK for all that is never destroyed by itself, and a known text to try the key with.
type kmsEntry struct {
	URI   string `json:"uri"`
	KEK   []byte `json:"kek"`
	Probe []byte `json:"probe"`
}

const probeText = "nymstream"

func probeLabel(tenant string) []byte { return wrapLabel(tenant, RoleKEK, "", "probe") }

// wrapByKMS gives contents a fresh KEK that the KMS wraps.
func (c *contents) wrapByKMS(key *kmsKey) (*kek, error) {
	k, err := newKEK()
	if err != nil {
		return nil, err
	}
	k.outer = key
	e := &kmsEntry{URI: key.uri}
	if e.KEK, err = wrap(k.handle, key, wrapLabel(c.Tenant, RoleKEK, "", "")); err != nil {
		return nil, err
	}
	if e.Probe, err = key.Encrypt([]byte(probeText), probeLabel(c.Tenant)); err != nil {
		return nil, err
	}
	c.KMS = e
	return k, nil
}

// openByKMS is the inverse of wrapByKMS.
func (c *contents) openByKMS(key *kmsKey) (*kek, error) {
	h, err := unwrap(c.KMS.KEK, key, wrapLabel(c.Tenant, RoleKEK, "", ""))
	switch {
	case errors.Is(err, event.ErrTransient), errors.Is(err, event.ErrFatal):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w; configure the key that it was wrapped by, %s", ErrWrongKEK, err, c.KMS.URI)
	}
	k, err := kekOf(h)
	if err != nil {
		return nil, err
	}
	k.outer = key
	return k, nil
}
