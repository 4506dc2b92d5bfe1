// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// SealOverhead is how many bytes longer than its plaintext what StoreKey seals is.
const SealOverhead = FieldOverhead

// StoreKey seals what rows of the store keep secret, in one store epoch: AES-256-GCM in Tink's wire format.
// It is immutable and safe for concurrent use. Begin another epoch long before 2³² seals (NIST SP 800-38D, 8.3).
type StoreKey struct {
	opaque
	epoch  int
	gcm    gcm
	keyIDs []uint32
}

// Epoch is the store epoch that rows remember, counted from 1.
func (s *StoreKey) Epoch() int { return s.epoch }

// Seal appends plaintext sealed under a random nonce and bound to ad. It does not allocate where dst has room for
// SealOverhead more bytes than plaintext, which must not overlap that room.
func (s *StoreKey) Seal(dst, plaintext, ad []byte) []byte {
	dst = append(slices.Grow(dst, SealOverhead+len(plaintext)), s.gcm.prefix[:]...)
	start := len(dst)
	dst = dst[:start+NonceSize]
	nonce := dst[start:]
	_, _ = rand.Read(nonce) // never fails: it ends the process instead
	return s.gcm.aead.Seal(dst, nonce, plaintext, ad)
}

// Open appends what Seal sealed. It does not allocate where dst has room.
func (s *StoreKey) Open(dst, sealed, ad []byte) ([]byte, error) { return s.gcm.open(dst, sealed, ad) }

// StoreEpoch lends the key of the newest store epoch that serves, to seal with. It is nil where the keyring has none yet
// (Extend makes it) and after Wipe.
func (k *Keyring) StoreEpoch() *StoreKey {
	s := k.current.Load()
	if s.contents.Store == nil {
		return nil
	}
	return s.store[s.contents.Store.Current]
}

// StoreKeyOf lends the key of one store epoch, to open what was sealed in it. ErrDestroyed means that nobody can open that any
// more; ErrNoKey, which is fatal, that this keyring does not know the epoch.
func (k *Keyring) StoreKeyOf(epoch int) (*StoreKey, error) {
	s := k.current.Load()
	if key := s.store[epoch]; key != nil {
		return key, nil
	}
	if e := s.contents.storeEpoch(epoch); e != nil && !e.Destroyed.IsZero() {
		return nil, ErrDestroyed
	}
	return nil, ErrNoKey
}

// NewStoreEpoch makes a store epoch that Extend takes into use once every instance has had Notice to learn its key.
// Rows of older epochs are to be sealed anew then, and those epochs destroyed.
func (k *Keyring) NewStoreEpoch(now time.Time) error {
	return k.change(func(c *contents, kek *kek) error {
		if c.Store == nil {
			return c.makeStore(kek, now)
		}
		if last := c.Store.newest(); last.Number > c.Store.Current {
			return fmt.Errorf("keyring: store epoch %d is made already and serves from %s on", last.Number, last.From.Format(time.RFC3339))
		}
		return c.addStoreEpoch(kek, stamp(now).Add(Notice), now)
	})
}

// DestroyStoreEpoch removes the keys of a store epoch for good; a tombstone stays. The caller knows that no row needs it: whatever
// is sealed in it is lost. The epoch that serves is refused, and so is any other for Notice after it began to serve, since
// instances that do not know that yet still seal in the one before.
func (k *Keyring) DestroyStoreEpoch(epoch int, now time.Time) error {
	return k.change(func(c *contents, _ *kek) error {
		e := c.storeEpoch(epoch)
		switch {
		case e == nil:
			return fmt.Errorf("keyring: no store epoch %d", epoch)
		case !e.Destroyed.IsZero():
			return fmt.Errorf("keyring: store epoch %d: %w", epoch, ErrDestroyed)
		case epoch >= c.Store.Current:
			return fmt.Errorf("keyring: store epoch %d is in use: %w; begin a new one and seal all rows anew first", epoch, ErrInUse)
		case now.Before(c.Store.Since.Add(Notice)):
			return fmt.Errorf("keyring: store epoch %d may be in use until %s: %w; instances learn of the new one by then",
				epoch, c.Store.Since.Add(Notice).Format(time.RFC3339), ErrInUse)
		}
		*e = storeEntry{Number: e.Number, From: e.From, Created: e.Created, Destroyed: stamp(now)}
		return nil
	})
}

// storeKeys are the store epochs, by number.
type storeKeys struct {
	Current int          `json:"current"` // the epoch that seals
	Since   time.Time    `json:"since"`   // when it began to
	Epochs  []storeEntry `json:"epochs"`
}

// storeEntry is one store epoch; of a destroyed one only the dates stay.
type storeEntry struct {
	Number    int       `json:"epoch"`
	From      time.Time `json:"from"` // not before it seals
	Created   time.Time `json:"created"`
	KEK       []byte    `json:"kek,omitempty"`
	Keyset    []byte    `json:"keyset,omitempty"`
	Destroyed time.Time `json:"destroyed,omitzero"`
}

func (s *storeKeys) newest() *storeEntry { return &s.Epochs[len(s.Epochs)-1] }

// ripe tells whether a coming epoch may be taken into use.
func (s *storeKeys) ripe(now time.Time) bool {
	last := s.newest()
	return last.Number > s.Current && !now.Before(last.From)
}

func (c *contents) storeEpoch(n int) *storeEntry {
	if c.Store == nil {
		return nil
	}
	i := slices.IndexFunc(c.Store.Epochs, func(e storeEntry) bool { return e.Number == n })
	if i < 0 {
		return nil
	}
	return &c.Store.Epochs[i]
}

// makeStore makes the first store epoch, which serves at once.
func (c *contents) makeStore(k *kek, now time.Time) error {
	c.Store = &storeKeys{Current: 1, Since: stamp(now)}
	return c.addStoreEpoch(k, now, now)
}

func (c *contents) addStoreEpoch(k *kek, from, now time.Time) error {
	e := storeEntry{Number: len(c.Store.Epochs) + 1, From: stamp(from), Created: stamp(now)}
	own, wrappedKEK, err := c.newOwnKEK(k, "", storePlace(e.Number))
	if err != nil {
		return err
	}
	e.KEK = wrappedKEK
	if e.Keyset, err = newWrapped(RoleStore, own, wrapLabel(c.Tenant, RoleStore, "", strconv.Itoa(e.Number))); err != nil {
		return err
	}
	c.Store.Epochs = append(c.Store.Epochs, e)
	return nil
}

// storePlace names the KEK of a store epoch among those of quarantine days.
func storePlace(epoch int) string { return "store " + strconv.Itoa(epoch) }

// extendStore makes the first store epoch, or takes a coming one into use.
func (c *contents) extendStore(k *kek, now time.Time) error {
	if c.Store == nil {
		return c.makeStore(k, now)
	}
	if c.Store.ripe(now) {
		c.Store.Current, c.Store.Since = c.Store.newest().Number, stamp(now)
	}
	return nil
}

// openStoreEpoch unwraps the key of one store epoch.
func (c *contents) openStoreEpoch(e *storeEntry, k *kek) (*StoreKey, error) {
	own, err := c.openOwnKEK(e.KEK, k, "", storePlace(e.Number))
	if err != nil {
		return nil, err
	}
	h, err := unwrap(e.Keyset, own.aead, wrapLabel(c.Tenant, RoleStore, "", strconv.Itoa(e.Number)))
	if err != nil {
		return nil, err
	}
	return storeKeyOf(e.Number, h)
}

func storeKeyOf(epoch int, h *keyset.Handle) (*StoreKey, error) {
	primary, err := h.Primary()
	if err != nil {
		return nil, err
	}
	key, ok := primary.Key().(*aesgcm.Key)
	if !ok {
		return nil, errors.New("its primary key is no AES-GCM key")
	}
	g, err := newGCM(primary.KeyID(), key.KeyBytes().Data(insecuresecretdataaccess.Token{}))
	if err != nil {
		return nil, err
	}
	return &StoreKey{epoch: epoch, gcm: g, keyIDs: keyIDs(h)}, nil
}

// sameStoreKey finds the key of a store epoch if its keyset has not changed.
func (s *snapshot) sameStoreKey(e *storeEntry) *StoreKey {
	if s == nil {
		return nil
	}
	if was := s.contents.storeEpoch(e.Number); was != nil && bytes.Equal(was.Keyset, e.Keyset) {
		return s.store[e.Number]
	}
	return nil
}
