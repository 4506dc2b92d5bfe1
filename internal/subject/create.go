// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/keyring"
)

// Newcomer is somebody whose event may be forwarded and who has no secret yet.
type Newcomer struct {
	Name           []byte // as Find takes it: clear
	Instance, Type string // of the identity
	Canonical      []byte // clear; nil: the identity is not to be kept, so that nobody can re-identify the person
}

// Format hides the newcomer, whatever the verb.
func (Newcomer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[clear]") }

// Create makes secrets for those who have none, live or begin a new life, and brings all of them in memory. What it made is
// durable when it returns. Who was created by somebody else meanwhile gets that secret; who is erased, or about to be, stays
// without one. Identities are kept only where the keyring has a reveal key.
func (d *Directory) Create(ctx context.Context, all []Newcomer) error {
	if len(all) == 0 {
		return nil
	}
	c := creation{Directory: d, began: d.cache.begin(), today: Day(d.now().UnixMilli())}
	if err := c.prepare(ctx, all); err != nil {
		return fmt.Errorf("create people: %w", err)
	}
	for range updateRounds {
		if err := c.make(); err != nil {
			return fmt.Errorf("create people: %w", err)
		}
		if len(c.made) == 0 {
			return nil
		}
		lost, err := d.store.Swap(ctx, People, c.rows[:len(c.made)])
		if err != nil {
			return fmt.Errorf("create people: %w", err)
		}
		c.settle(lost)
	}
	return fmt.Errorf("create people: %w", errContended)
}

// creation is one call of Create.
type creation struct {
	*Directory
	began   uint64
	today   int32
	key     *keyring.StoreKey
	dataKey *dataKey

	people []*Newcomer // still to be settled
	rows   []Row       // of each
	made   []*Person   // of the first rows: what they say once they are written

	bodies               []byte // room for a round's
	sealed, plain, place []byte
}

// prepare gets the rows and the keys. A row that is not there is not looked for when memory says so: writing finds out.
func (c *creation) prepare(ctx context.Context, all []Newcomer) (err error) {
	if c.key, err = c.storeKey(); err != nil {
		return err
	}
	seen := make(map[Key]struct{}, len(all))
	var unknown []Row
	var strangers []*Newcomer
	identities, reveal := false, c.keys.RevealPublic()
	for i := range all {
		n := &all[i]
		p := c.cache.find(n.Name)
		if p != nil && (p.HasSecret || p.State == StateErased || p.Erasing) {
			continue
		}
		row := Row{}
		if p != nil {
			row.Key = p.Key
		} else {
			c.lookup(n.Name, &row.Key)
		}
		if _, twice := seen[row.Key]; twice {
			continue
		}
		seen[row.Key] = struct{}{}
		identities = identities || n.Canonical != nil && reveal != nil
		if p != nil && p.version == 0 {
			c.people, c.rows = append(c.people, n), append(c.rows, row)
		} else {
			strangers, unknown = append(strangers, n), append(unknown, row)
		}
	}
	if identities {
		if c.dataKey, err = c.dataKeys.lend(ctx, c.store, reveal, c.now()); err != nil {
			return err
		}
	}
	if len(unknown) > 0 {
		if err := c.store.Load(ctx, People, unknown); err != nil {
			return err
		}
	}
	c.people, c.rows = append(c.people, strangers...), append(c.rows, unknown...)
	return nil
}

// make turns rows of people who get a secret into what is to be written, and takes in the others as they are.
func (c *creation) make() error {
	c.made, c.bodies = c.made[:0], make([]byte, 0, len(c.rows)*bodyRoom)
	for i := range c.rows {
		row, n := c.rows[i], c.people[i]
		var b body
		if err := b.parse(row.Body); err != nil {
			return err
		}
		p := new(Person)
		if err := c.fillPerson(p, &row, &b); err != nil {
			return err
		}
		if p.HasSecret || p.State == StateErased || p.Erasing {
			c.cache.put(n.Name, p, c.began)
			continue
		}
		if b.begin(); len(b.secret) > 0 {
			b.generation++ // sealed in a destroyed epoch: lost, and what it stood for too
		}
		c.give(p, n, &b)
		start := len(c.bodies)
		c.bodies = c.encode(c.bodies, &b)
		row.Body = c.bodies[start:len(c.bodies):len(c.bodies)]
		at := len(c.made)
		c.rows[at], c.people[at] = row, n
		c.made = append(c.made, p)
	}
	return nil
}

// bodyRoom is what the body of a newcomer usually needs, in bytes.
const bodyRoom = 192

// begin makes a row live.
func (b *body) begin() {
	if b.state == StateNone {
		b.generation = 1
	}
	b.state = StateLive
}

// give makes a secret for p and seals it into b.
func (c *creation) give(p *Person, n *Newcomer, b *body) {
	fill(p.Secret[:])
	c.place = appendPlace(c.place[:0], p.Key, b.generation)
	c.sealed = c.key.Seal(c.sealed[:0], p.Secret[:], c.place)
	b.epoch, b.secret, b.lastSeen = c.key.Epoch(), c.sealed, c.today
	if b.identity = nil; n.Canonical != nil && c.dataKey != nil {
		b.dataKey = c.dataKey.number
		end := len(c.sealed)
		c.sealed, c.plain = c.dataKey.seal(c.sealed, c.plain, n, c.place)
		b.secret, b.identity = c.sealed[:end], c.sealed[end:]
	}
	p.Generation, p.LastSeen, p.State, p.HasSecret = b.generation, c.today, StateLive, true
}

// settle takes in those who were written, and leaves the others, with what the store has of them.
func (c *creation) settle(lost []int) {
	slices.Sort(lost)
	left := 0
	for i, p := range c.made {
		if left < len(lost) && lost[left] == i {
			c.rows[left], c.people[left] = c.rows[i], c.people[i]
			left++
			continue
		}
		p.version = c.rows[i].Version
		c.cache.put(c.people[i].Name, p, c.began)
	}
	c.rows, c.people = c.rows[:left], c.people[:left]
	clear(c.plain)
}
