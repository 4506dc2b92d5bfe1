// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

const defaultCache = 1 << 20

// Options of a Directory. Store and Keys are required.
type Options struct {
	Store  Store
	Keys   *keyring.Keyring
	Lookup func(name []byte, out *Key) // default: the PRF of the keyring's lookup key
	Cache  int                         // people held in memory, default 1<<20; at least 4096, which must hold those of one batch
	Now    func() time.Time            // default: time.Now
}

// Directory is what the house knows of people: those in use in memory, all of them in the store. A name is label ‖ canonical
// identifier, as the lookup key's PRF reads it: clear. It is safe for concurrent use.
type Directory struct {
	store    Store
	keys     *keyring.Keyring
	lookup   func(name []byte, out *Key)
	now      func() time.Time
	cache    *cache
	dataKeys dataKeys
	format   atomic.Int32 // that is written, see UseFormat
}

// NewDirectory makes a directory with nobody in memory.
func NewDirectory(o Options) *Directory {
	d := &Directory{store: o.Store, keys: o.Keys, lookup: o.Lookup, now: o.Now}
	if d.lookup == nil {
		prf := o.Keys.LookupPRF()
		d.lookup = func(name []byte, out *Key) { prf.Sum((*[16]byte)(out), name) }
	}
	if d.now == nil {
		d.now = time.Now
	}
	if o.Cache == 0 {
		o.Cache = defaultCache
	}
	d.cache = newCache(o.Cache)
	return d
}

// Find gives the person of a name, or nil when they are not at hand: Load gets them. It neither allocates nor computes keys.
func (d *Directory) Find(name []byte) *Person { return d.cache.find(name) }

// KeyOf gives the key of a name.
func (d *Directory) KeyOf(name []byte) (k Key) {
	d.lookup(name, &k)
	return k
}

// People counts those in memory.
func (d *Directory) People() int { return d.cache.people() }

// Evict forgets people, because their rows have changed; what was read of them before is not taken in any more.
func (d *Directory) Evict(keys []Key) { d.cache.evict(keys) }

// DropAll forgets everybody, because rows may have changed unnoticed.
func (d *Directory) DropAll() { d.cache.drop() }

// loadRounds is how often Load reads people again who were evicted while it read.
const loadRounds = 3

// Load brings people in memory, in one round trip to the store. Those without a row come as empty persons. Whoever is evicted
// again and again meanwhile is left out: Find says so, and Load may be called again.
func (d *Directory) Load(ctx context.Context, names [][]byte) error {
	rows := make([]Row, len(names))
	for range loadRounds {
		began := d.cache.begin()
		for i, name := range names {
			rows[i] = Row{}
			d.lookup(name, &rows[i].Key)
		}
		if err := d.store.Load(ctx, People, rows); err != nil {
			return fmt.Errorf("load people: %w", err)
		}
		var again [][]byte
		for i := range rows {
			p, err := d.person(&rows[i])
			if err != nil {
				return fmt.Errorf("load people: %w", err)
			}
			if !d.cache.put(names[i], p, began) {
				again = append(again, names[i])
			}
		}
		if len(again) == 0 {
			return nil
		}
		names, rows = again, rows[:len(again)]
	}
	return nil
}

// person reads a row.
func (d *Directory) person(row *Row) (*Person, error) {
	var b body
	if err := b.parse(row.Body); err != nil {
		return nil, err
	}
	p := new(Person)
	return p, d.fillPerson(p, row, &b)
}

// fillPerson sets p to a row whose body is b. A secret that was sealed in a destroyed epoch is gone: the person has none.
func (d *Directory) fillPerson(p *Person, row *Row, b *body) error {
	*p = Person{Key: row.Key, Standing: b.standing, ErasedAt: b.erasedAt, NotBefore: b.notBefore, Generation: b.generation,
		LastSeen: b.lastSeen, State: b.state, Erasing: b.erasing(), version: row.Version}
	if len(b.secret) == 0 {
		return nil
	}
	has, err := d.open(&p.Secret, row.Key, b)
	p.HasSecret = has
	return err
}

// open opens the secret of a row; false: its epoch was destroyed.
func (d *Directory) open(out *keyring.Secret, key Key, b *body) (bool, error) {
	k, err := d.keys.StoreKeyOf(b.epoch)
	if errors.Is(err, keyring.ErrDestroyed) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store epoch %d: %w", b.epoch, err)
	}
	if len(b.secret) != len(out)+keyring.SealOverhead {
		return false, ErrDamaged
	}
	var place [placeSize]byte
	if _, err := k.Open(out[:0], b.secret, appendPlace(place[:0], key, b.generation)); err != nil {
		*out = keyring.Secret{}
		return false, fmt.Errorf("a person's secret in store epoch %d: %w: %w", b.epoch, err, ErrDamaged)
	}
	return true, nil
}

// storeKey lends the key that seals.
func (d *Directory) storeKey() (*keyring.StoreKey, error) {
	if k := d.keys.StoreEpoch(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("the keyring has no store epoch yet; extend it: %w", keyring.ErrNoKey)
}

// errContended means that others changed the same rows again and again.
var errContended = fmt.Errorf("others change the same rows all the time: %w", event.ErrTransient)
