// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/binary"

	"github.com/nymstream/nymstream/internal/keyring"
)

// ways is how many keys one bucket of the cache holds.
const ways = 4

// defaultKeys take 10 MB once all are kept.
const defaultKeys = 8192

// keyCache keeps the sealing keys of the subjects that were seen last. Buckets are chosen by the subject's secret, which is
// random already; in a full one, the first key that was not used since the hand last passed gives way.
type keyCache struct {
	mask    uint64
	tags    [][ways]uint64 // what a look-up reads first: one cache line, whatever the bucket holds
	buckets []*[ways]cachedKey
	hands   []uint8
}

// cachedKey is a subject's sealing key in one domain, with what its seals are bound to before and after the place of the leaf.
type cachedKey struct {
	domain     *keyring.Domain
	identity   *Identity
	secret     keyring.Secret
	key        *keyring.FieldKey
	head, tail []byte
	used       bool
}

func newKeyCache(limit int) *keyCache {
	if limit <= 0 {
		limit = defaultKeys
	}
	n := 1
	for n*ways < limit {
		n *= 2
	}
	return &keyCache{mask: uint64(n - 1), tags: make([][ways]uint64, n), buckets: make([]*[ways]cachedKey, n), hands: make([]uint8, n)}
}

// tag is never 0, which marks an empty way.
func tag(d *keyring.Domain, o *Owner) uint64 {
	return binary.LittleEndian.Uint64(o.Secret[:])*(d.Tag()|1) | 1<<63
}

func (c *keyCache) bucket(tag uint64) uint64 { return tag >> 20 & c.mask }

func (c *keyCache) find(d *keyring.Domain, o *Owner) *cachedKey {
	t := tag(d, o)
	at := c.bucket(t)
	for i, have := range c.tags[at] {
		if have != t {
			continue
		}
		if e := &c.buckets[at][i]; e.domain == d && e.identity == o.Identity && e.secret == o.Secret {
			e.used = true
			return e
		}
	}
	return nil
}

// add gives the entry in which the owner's key is to be kept; it holds what is left of another's.
func (c *keyCache) add(d *keyring.Domain, o *Owner) *cachedKey {
	t := tag(d, o)
	at := c.bucket(t)
	if c.buckets[at] == nil {
		c.buckets[at] = new([ways]cachedKey)
	}
	way := c.free(at)
	e := &c.buckets[at][way]
	c.tags[at][way] = t
	e.domain, e.identity, e.secret, e.used = d, o.Identity, o.Secret, false
	return e
}

// free chooses the way of a bucket that gives way.
func (c *keyCache) free(at uint64) int {
	for i, have := range c.tags[at] {
		if have == 0 {
			return i
		}
	}
	for {
		way := int(c.hands[at])
		c.hands[at] = (c.hands[at] + 1) % ways
		e := &c.buckets[at][way]
		if !e.used {
			return way
		}
		e.used = false
	}
}
