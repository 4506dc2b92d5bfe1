// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	stded25519 "crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParsePublicKeys reads Ed25519 keys as PublicKey.PEM writes them; text between them does not count. There must be one at least, and
// nothing else in PEM.
func ParsePublicKeys(text []byte) (all []PublicKey, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("PEM block %d is no public key", len(all)+1)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(stded25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("PEM block %d is no Ed25519 public key", len(all)+1)
		}
		all = append(all, PublicKey{ID: thumbprint(key), Key: key})
	}
	if len(all) == 0 {
		return nil, errors.New("no public key in PEM; `nymstream keys export-public` writes them")
	}
	return all, nil
}
