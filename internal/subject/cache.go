// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	shardBits   = 6
	shardCount  = 1 << shardBits
	leastPeople = 64 // of a shard
	inlineName  = 70 // bytes; a slot is one and a half cache lines
	markCount   = 1 << 14
)

// cache holds people in use by their clear names. It is bounded: when a shard is full, the next person that nobody asked for
// since the hand of its clock last came by makes room.
//
// What was read from the store may be older than an eviction. So evictions are numbered: a reader takes the number of the
// newest before it reads, and what it read is taken in only if its key was not evicted since. An eviction marks its keys
// first and removes them then; putting looks at the mark while it holds the shard that removing must hold too. Whichever
// comes first, what was read before the eviction is not there after it. Marks are shared by keys that agree in 14 bits: that
// may refuse a person needlessly, and never takes one in wrongly.
type cache struct {
	seed    maphash.Seed
	shards  [shardCount]shard
	newest  atomic.Uint64 // number of the newest eviction
	dropped atomic.Uint64 // of the newest that was of everybody
	evicted [markCount]atomic.Uint64
}

type shard struct {
	mu          sync.RWMutex
	names, keys index
	slots       []slot
	free        []int
	limit, hand int
	_           [64]byte // no two locks in one cache line
}

// slot is where a person lies. The name's bytes are overwritten when the person goes.
type slot struct {
	person *Person // nil: free
	long   *[]byte // a name that is longer than inlineName
	tag    uint32  // of the name
	used   uint32  // atomic; since the hand came by
	length uint16
	inline [inlineName]byte
}

func newCache(people int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		s.limit = max((people+shardCount-1)/shardCount, leastPeople)
		s.names, s.keys = newIndex(), newIndex()
	}
	return c
}

func (c *cache) find(name []byte) *Person {
	h := maphash.Bytes(c.seed, name)
	s := &c.shards[h>>(64-shardBits)]
	s.mu.RLock()
	i := s.find(uint32(h), name)
	if i < 0 {
		s.mu.RUnlock()
		return nil
	}
	p, used := s.slots[i].person, &s.slots[i].used
	if atomic.LoadUint32(used) == 0 {
		atomic.StoreUint32(used, 1)
	}
	s.mu.RUnlock()
	return p
}

// begin gives the number that put wants of people who are read from now on.
func (c *cache) begin() uint64 { return c.newest.Load() }

// put takes a person in, unless their key was evicted since began: false. A newer version of the row stays.
func (c *cache) put(name []byte, p *Person, began uint64) bool {
	h := maphash.Bytes(c.seed, name)
	s := &c.shards[h>>(64-shardBits)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.barred(p.Key, began) {
		return false
	}
	s.put(uint32(h), name, p)
	return true
}

// evict removes people, and all that was read of them before now.
func (c *cache) evict(keys []Key) {
	c.bar(keys)
	c.remove(keys)
}

// bar numbers an eviction and marks its keys.
func (c *cache) bar(keys []Key) {
	n := c.newest.Add(1)
	for i := range keys {
		raise(c.mark(keys[i]), n)
	}
}

func (c *cache) remove(keys []Key) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for k := range keys {
			s.remove(&keys[k])
		}
		s.mu.Unlock()
	}
}

// barred tells whether the key was evicted since began.
func (c *cache) barred(k Key, began uint64) bool {
	return c.mark(k).Load() > began || c.dropped.Load() > began
}

// drop removes everybody, and all that was read before now.
func (c *cache) drop() {
	raise(&c.dropped, c.newest.Add(1))
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.drop()
		s.mu.Unlock()
	}
}

func (c *cache) mark(k Key) *atomic.Uint64 {
	return &c.evicted[binary.LittleEndian.Uint16(k[4:])%markCount]
}

func raise(mark *atomic.Uint64, n uint64) {
	for {
		old := mark.Load()
		if old >= n || mark.CompareAndSwap(old, n) {
			return
		}
	}
}

// people counts those who are held.
func (c *cache) people() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += s.names.used
		s.mu.RUnlock()
	}
	return n
}

// find gives the slot of a name, or -1.
func (s *shard) find(tag uint32, name []byte) int {
	for i := 0; ; {
		n, after := s.names.next(tag, i)
		if n < 0 || string(s.slots[n].name()) == string(name) {
			return n
		}
		i = after
	}
}

func (s *shard) put(tag uint32, name []byte, p *Person) {
	if i := s.find(tag, name); i >= 0 {
		if s.slots[i].person.version <= p.version {
			s.slots[i].person = p
		}
		return
	}
	i := s.room()
	s.slots[i].set(tag, name, p)
	s.names.insert(tag, i)
	s.keys.insert(keyTag(&p.Key), i)
}

func (s *shard) drop() {
	for i := range s.slots {
		s.slots[i].wipe()
	}
	s.slots, s.free, s.hand = nil, nil, 0
	s.names, s.keys = newIndex(), newIndex()
}

// room gives a free slot.
func (s *shard) room() int {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if n := len(s.slots); n < s.limit {
		if n == cap(s.slots) {
			old := s.slots
			s.slots = append(make([]slot, 0, min(max(2*n, firstCells), s.limit)), old...)
			clear(old)
		}
		s.slots = s.slots[:n+1]
		return n
	}
	for {
		i := s.hand
		s.hand = (s.hand + 1) % len(s.slots)
		if s.slots[i].used == 0 {
			s.take(i)
			return i
		}
		s.slots[i].used = 0
	}
}

// take frees a slot without listing it as free.
func (s *shard) take(i int) {
	s.names.remove(s.slots[i].tag, i)
	s.keys.remove(keyTag(&s.slots[i].person.Key), i)
	s.slots[i].wipe()
}

// remove takes a person out under every name they have here.
func (s *shard) remove(k *Key) {
	for i := 0; ; {
		n, after := s.keys.next(keyTag(k), i)
		if n < 0 {
			return
		}
		if i = after; s.slots[n].person.Key == *k {
			s.take(n)
			s.free = append(s.free, n)
			i = 0
		}
	}
}

func keyTag(k *Key) uint32 { return binary.LittleEndian.Uint32(k[:]) }

func (s *slot) name() []byte {
	if s.long != nil {
		return *s.long
	}
	return s.inline[:s.length]
}

func (s *slot) set(tag uint32, name []byte, p *Person) {
	s.person, s.tag = p, tag
	if len(name) > inlineName {
		long := append([]byte(nil), name...)
		s.long = &long
		return
	}
	s.length = uint16(copy(s.inline[:], name))
}

// wipe overwrites the name. The person may still be in use and is left to the garbage collector.
func (s *slot) wipe() {
	if s.long != nil {
		clear(*s.long)
	}
	*s = slot{}
}
