// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/daead/aessiv"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/aescmacprf"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Domain holds the keys of one recipient in one epoch: what makes pseudonyms and seals.
// Its keys never change; it is safe for concurrent use. Two domains are the same when their pointers are.
type Domain struct {
	opaque
	tenant    string
	recipient string
	epoch     int
	number    string // epoch in decimal
	tag       uint64
	keyIDs    map[Role][]uint32

	master *master
	mu     sync.Mutex                // held while a type key is derived
	types  atomic.Pointer[[]typePRF] // a dozen at most; grows by copying, so that readers need no lock

	formats atomic.Pointer[[]*FF1] // one for each class and alphabet that was asked for

	field         map[uint32]*master // by key id
	fieldPrimary  uint32
	deterministic *siv
	opener        tink.DeterministicAEAD
}

// typePRF is the PRF of one identity type.
type typePRF struct {
	letters uint32
	prf     *PRF
}

// Recipient names the reader whose keys these are.
func (d *Domain) Recipient() string { return d.recipient }

// Epoch counts the recipient's epochs from 1.
func (d *Domain) Epoch() int { return d.epoch }

// Tag is a number that tells most domains apart, for tables that hold several. It says nothing about keys.
func (d *Domain) Tag() uint64 { return d.tag }

// EpochText is Epoch in decimal, as pseudonyms and labels carry it.
func (d *Domain) EpochText() string { return d.number }

// TypePRF lends the PRF of one identity type, which has three letters. Its key is HKDF(master, label(tenant, recipient, epoch, type)),
// derived when the type is first asked for; later calls neither lock nor allocate.
func (d *Domain) TypePRF(identityType string) *PRF {
	letters := pack(identityType)
	for _, t := range *d.types.Load() { // a dozen at most: faster than a map (BenchmarkTypePRF)
		if t.letters == letters {
			return t.prf
		}
	}
	return d.deriveType(identityType)
}

// pack makes a number of the three letters of an identity type. Two types never share one: anything longer would.
func pack(identityType string) uint32 {
	if len(identityType) != 3 {
		panic("keyring: an identity type has three letters")
	}
	return uint32(identityType[0]) | uint32(identityType[1])<<8 | uint32(identityType[2])<<16
}

func (d *Domain) deriveType(identityType string) *PRF {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := *d.types.Load()
	for _, t := range known {
		if t.letters == pack(identityType) {
			return t.prf
		}
	}
	var key [32]byte
	d.master.derive(&key, AppendLabel(nil, "type", d.tenant, d.recipient, d.number, identityType))
	p, err := importCMAC(key[:])
	if err != nil {
		panic("keyring: AES takes any 32 bytes") // not reachable
	}
	grown := append(slices.Clip(slices.Clone(known)), typePRF{pack(identityType), p})
	d.types.Store(&grown)
	return p
}

// importCMAC makes derived bytes an AES-CMAC-PRF key: Tink's own key derivation does not offer this kind.
func importCMAC(bytes []byte) (*PRF, error) {
	key, err := aescmacprf.NewKey(secretdata.NewBytesFromData(bytes, insecuresecretdataaccess.Token{}))
	if err != nil {
		return nil, err
	}
	return newPRF(key)
}

// openDomain unwraps the keysets of one epoch.
func (c *contents) openDomain(recipient string, e *epochEntry, k *kek) (*Domain, error) {
	place := epochPlace(e.Number)
	own, err := c.openOwnKEK(e.KEK, k, recipient, place)
	if err != nil {
		return nil, err
	}
	d := &Domain{tenant: c.Tenant, recipient: recipient, epoch: e.Number, number: place, keyIDs: make(map[Role][]uint32)}
	name := sha256.Sum256(AppendLabel(nil, "tag", recipient, place))
	d.tag = binary.LittleEndian.Uint64(name[:])
	d.types.Store(&[]typePRF{})
	for _, part := range []struct {
		role Role
		take func(*keyset.Handle) error
	}{{RoleDomain, d.takeDomain}, {RoleField, d.takeField}, {RoleSeal, d.takeSeal}} {
		h, err := unwrap(*e.keyset(part.role), own.aead, wrapLabel(c.Tenant, part.role, recipient, place))
		if err != nil {
			return nil, err
		}
		if err := part.take(h); err != nil {
			return nil, fmt.Errorf("%s keyset: %w", part.role, err)
		}
		d.keyIDs[part.role] = keyIDs(h)
	}
	return d, nil
}

func (d *Domain) takeDomain(h *keyset.Handle) error {
	all, primary, err := masters(h)
	d.master = all[primary]
	return err
}

func (d *Domain) takeField(h *keyset.Handle) (err error) {
	d.field, d.fieldPrimary, err = masters(h)
	return err
}

func (d *Domain) takeSeal(h *keyset.Handle) error {
	primary, err := h.Primary()
	if err != nil {
		return err
	}
	key, ok := primary.Key().(*aessiv.Key)
	if !ok {
		return fmt.Errorf("its primary key is no AES-SIV key")
	}
	if d.deterministic, err = newSIV(key); err != nil {
		return err
	}
	d.opener, err = daead.New(h)
	return err
}
