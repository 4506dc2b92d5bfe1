// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func testKey(n int) (k Key) {
	binary.LittleEndian.PutUint32(k[:], uint32(n)*2654435761)
	binary.LittleEndian.PutUint16(k[4:], uint16(n))
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

// Few tags, so that cells collide, and gaps must be closed.
func TestIndexAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex()
		model := map[int]uint32{} // slot → tag
		tags := rapid.Uint32Range(0, 40)
		for i, add := range rapid.SliceOfN(rapid.Bool(), 1, 200).Draw(t, "adds") {
			if add || len(model) == 0 {
				tag := tags.Draw(t, "tag")
				x.insert(tag, i)
				model[i] = tag
			} else {
				slot := rapid.IntRange(0, i).Draw(t, "slot")
				x.remove(model[slot], slot)
				delete(model, slot)
			}
		}
		if x.used != len(model) {
			t.Fatalf("used %d, want %d", x.used, len(model))
		}
		for slot, tag := range model {
			if !found(&x, tag, slot) {
				t.Fatalf("slot %d of tag %d is lost", slot, tag)
			}
		}
		for tag := range uint32(41) {
			for i := 0; ; {
				slot, after := x.next(tag, i)
				if slot < 0 {
					break
				}
				if got, ok := model[slot]; !ok || got != tag {
					t.Fatalf("tag %d has slot %d, which has tag %d %v", tag, slot, got, ok)
				}
				i = after
			}
		}
	})
}

func found(x *index, tag uint32, slot int) bool {
	for i := 0; ; {
		n, after := x.next(tag, i)
		if n == slot || n < 0 {
			return n == slot
		}
		i = after
	}
}

func TestCacheFindsWhatWasPut(t *testing.T) {
	c := newCache(10_000)
	name := func(n int) []byte {
		return []byte(fmt.Sprintf("name %d%s", n, strings.Repeat("-", n%100))) // some longer than a slot has room for
	}
	for n := range 5000 {
		c.put(name(n), &Person{Key: testKey(n)}, c.begin())
	}
	var gone []Key
	for n := 0; n < 5000; n += 3 {
		gone = append(gone, testKey(n))
	}
	c.evict(gone)
	for n := range 5000 {
		p := c.find(name(n))
		if evicted := n%3 == 0; (p == nil) != evicted || p != nil && p.Key != testKey(n) {
			t.Fatalf("person %d: %v, evicted %v", n, p != nil, evicted)
		}
	}
	if got, want := c.people(), 5000-len(gone); got != want {
		t.Errorf("%d people, want %d", got, want)
	}
	if c.drop(); c.people() != 0 || c.find(name(1)) != nil {
		t.Error("somebody is there after a drop")
	}
}

func TestCacheIsBoundedAndKeepsThoseInUse(t *testing.T) {
	const limit = shardCount * leastPeople
	c := newCache(limit)
	favorite := []byte("in use")
	c.put(favorite, &Person{Key: testKey(0)}, c.begin())
	for n := 1; n < 10*limit; n++ {
		c.put(fmt.Appendf(nil, "%d", n), &Person{Key: testKey(n)}, c.begin())
		if c.find(favorite) == nil {
			t.Fatalf("evicted after %d others although it was in use", n)
		}
	}
	if got := c.people(); got > limit {
		t.Errorf("%d people, limit %d", got, limit)
	}
	if got := c.people(); got < limit*9/10 {
		t.Errorf("%d people only, limit %d", got, limit)
	}
}

// Whatever made a person go, the bytes of the name are not in the cache any more.
func TestCacheOverwritesNames(t *testing.T) {
	for _, length := range []int{20, inlineName, inlineName + 1, 200} {
		for way, remove := range map[string]func(*cache){
			"evict": func(c *cache) { c.evict([]Key{testKey(1)}) },
			"drop":  func(c *cache) { c.drop() },
			"clock": func(c *cache) {
				for n := range 100 * shardCount * leastPeople {
					c.put(fmt.Appendf(nil, "%d", n), &Person{Key: testKey(n + 2)}, c.begin())
				}
			},
			"growth": func(c *cache) {
				for n := range leastPeople * shardCount / 2 {
					c.put(fmt.Appendf(nil, "%d", n), &Person{Key: testKey(n + 2)}, c.begin())
				}
			},
		} {
			c := newCache(0)
			name := []byte(strings.Repeat("n", length))
			c.put(name, &Person{Key: testKey(1)}, c.begin())
			var slots []slot
			for i := range c.shards {
				if len(c.shards[i].slots) > 0 {
					slots = c.shards[i].slots[:cap(c.shards[i].slots)]
				}
			}
			held := slots[0].name()
			if string(held) != string(name) {
				t.Fatalf("%s: the name is not where the test looks for it", way)
			}
			remove(c)
			if way == "growth" && length > inlineName {
				continue // a long name stays where it is
			}
			if strings.Contains(string(held), "nnn") {
				t.Errorf("%s, %d bytes: the name is still there", way, length)
			}
		}
	}
}

func TestCacheKeepsTheNewerVersion(t *testing.T) {
	c := newCache(0)
	name := []byte("name")
	for _, version := range []uint64{2, 1, 3, 2} {
		c.put(name, &Person{Key: testKey(1), version: version}, c.begin())
	}
	if got := c.find(name).version; got != 3 {
		t.Errorf("version %d, want 3", got)
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	c := newCache(0)
	name := []byte("name")
	c.put(name, &Person{Key: testKey(1)}, c.begin())
	if n := testing.AllocsPerRun(100, func() { c.find(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two readers and a writer who evicts, or drops all, in every order of their steps. What was read before the write must not be
// found once the eviction is through. A reader looks at the mark and puts under a lock that removing waits for.
func TestEvictionWinsInEveryOrder(t *testing.T) {
	name, key := []byte("name"), testKey(1)
	evictions := map[string][2]func(*cache){
		"evict": {func(c *cache) { c.bar([]Key{key}) }, func(c *cache) { c.remove([]Key{key}) }},
		"drop": {
			func(c *cache) { raise(&c.dropped, c.newest.Add(1)) },
			func(c *cache) {
				for i := range c.shards {
					c.shards[i].drop()
				}
			},
		},
	}
	for way, evict := range evictions {
		orders, c := 0, newCache(0)
		interleave([]int{4, 4, 3}, func(order []int) {
			c.drop()
			stored := uint64(1)
			var began, read [2]uint64
			var barred [2]bool
			var step [3]int
			locked := -1
			for _, who := range order {
				if locked >= 0 && who != locked && step[who] == 2 {
					return // it would wait for the lock: another order has it later
				}
				switch {
				case who < 2 && step[who] == 0:
					began[who] = c.begin()
				case who < 2 && step[who] == 1:
					read[who] = stored
				case who < 2 && step[who] == 2:
					barred[who], locked = c.barred(key, began[who]), who
				case who < 2:
					if locked = -1; !barred[who] {
						h := maphash.Bytes(c.seed, name)
						c.shards[h>>(64-shardBits)].put(uint32(h), name, &Person{Key: key, version: read[who]})
					}
				case step[who] == 0:
					stored = 2
				default:
					evict[step[who]-1](c)
				}
				step[who]++
				if p := c.find(name); step[2] == 3 && p != nil && p.version < stored {
					t.Fatalf("%s, order %v: version %d is found after the eviction", way, order, p.version)
				}
			}
			orders++
		})
		if orders < 1000 {
			t.Errorf("%s: %d orders only", way, orders)
		}
	}
}

// interleave gives every order of steps of several processes, by the number of the process whose step is next.
func interleave(steps []int, fn func(order []int)) {
	left, total := append([]int(nil), steps...), 0
	for _, n := range steps {
		total += n
	}
	var order []int
	var next func()
	next = func() {
		if len(order) == total {
			fn(order)
			return
		}
		for who := range left {
			if left[who] > 0 {
				left[who]--
				order = append(order, who)
				next()
				order = order[:len(order)-1]
				left[who]++
			}
		}
	}
	next()
}

// The same with real goroutines, for the race detector.
func TestCacheUnderLoad(t *testing.T) {
	c := newCache(0)
	var stored [50]struct {
		sync.Mutex
		version uint64
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 5000 {
				n := i % len(stored)
				name, row := fmt.Appendf(nil, "%d", n), &stored[n]
				if i%7 != 0 {
					began := c.begin()
					row.Lock()
					version := row.version
					row.Unlock()
					c.put(name, &Person{Key: testKey(n), version: version}, began)
					c.find(name)
					continue
				}
				row.Lock()
				row.version++
				version := row.version
				row.Unlock()
				c.evict([]Key{testKey(n)})
				if p := c.find(name); p != nil && p.version < version {
					t.Errorf("version %d after version %d was evicted", p.version, version)
				}
			}
		})
	}
	wg.Wait()
}
