// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
)

// master is an HKDF-PRF key (HKDF with SHA-256): the same bytes as Tink's, without extracting anew for each derived key.
// It is safe for concurrent use.
type master struct {
	opaque
	expanders sync.Pool // *expander, keyed with the pseudorandom key that HKDF extracted
}

type expander struct {
	mac   hash.Hash
	block [1]byte // HKDF-Expand's block counter: always the first
	sum   [sha256.Size]byte
}

func newMaster(key *hkdfprf.Key) (*master, error) {
	params, ok := key.Parameters().(*hkdfprf.Parameters)
	if !ok || params.HashType() != hkdfprf.SHA256 {
		return nil, fmt.Errorf("key is no HKDF-PRF with SHA-256")
	}
	extracted, err := hkdf.Extract(sha256.New, key.KeyBytes().Data(insecuresecretdataaccess.Token{}), params.Salt())
	if err != nil {
		return nil, fmt.Errorf("HKDF-PRF key: %w", err)
	}
	m := new(master)
	m.expanders.New = func() any { return &expander{mac: hmac.New(sha256.New, extracted), block: [1]byte{1}} }
	return m, nil
}

// masters gives every key of an HKDF-PRF keyset by its id, and the primary one's id.
func masters(h *keyset.Handle) (all map[uint32]*master, primary uint32, err error) {
	all = make(map[uint32]*master, h.Len())
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, 0, err
		}
		key, ok := e.Key().(*hkdfprf.Key)
		if !ok {
			return nil, 0, fmt.Errorf("key %d is no HKDF-PRF key", e.KeyID())
		}
		if all[e.KeyID()], err = newMaster(key); err != nil {
			return nil, 0, err
		}
		if e.IsPrimary() {
			primary = e.KeyID()
		}
	}
	return all, primary, nil
}

// derive sets key to the first 32 bytes of HKDF-Expand for info, which are its first block.
func (m *master) derive(key *[32]byte, info []byte) {
	e := m.expanders.Get().(*expander)
	defer m.expanders.Put(e)
	e.mac.Reset()
	e.mac.Write(info)
	e.mac.Write(e.block[:])
	*key = [32]byte(e.mac.Sum(e.sum[:0]))
}
