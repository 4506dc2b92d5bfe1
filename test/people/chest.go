// SPDX-License-Identifier: Apache-2.0

//go:build people

package people

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// chest is the store seen by somebody who has the keys: its rows, and what their secrets were.
type chest struct {
	p          *place
	rows       subject.Store
	keys       *keyring.Keyring
	directory  *subject.Directory
	account    *transform.Identity
	handle     *transform.Identity
	people     int
	remembered map[int]sealedSecret
}

// sealedSecret is what a row held: everything but the key of its store epoch that is needed to open it.
type sealedSecret struct {
	key    subject.Key
	place  []byte // what it is bound to
	epoch  int
	sealed []byte
	secret keyring.Secret
}

// openChest opens keys and store.
func openChest(p *place, db *database, people int) *chest {
	p.t.Helper()
	keys, err := keyring.Open(filepath.Join(p.dir, "keys"), keyring.OpenOptions{Tenant: "test"})
	if err != nil {
		p.t.Fatal(err)
	}
	account, err := transform.NewStoredIdentity(keys, "mastodon", "acc", true)
	if err != nil {
		p.t.Fatal(err)
	}
	handle, err := transform.NewStoredIdentity(keys, "mastodon", "hdl", true)
	if err != nil {
		p.t.Fatal(err)
	}
	return &chest{p: p, rows: db.rows, keys: keys, account: account, handle: handle, people: people, remembered: map[int]sealedSecret{},
		directory: subject.NewDirectory(subject.Options{Store: db.rows, Keys: keys})}
}

// accountName and handleName are what the directory knows a person's rows by.
func (c *chest) accountName(person int) []byte { return c.name(c.account, accountID(person)) }
func (c *chest) handleName(person int) []byte  { return c.name(c.handle, handleOfPerson(person)) }

func (c *chest) name(of *transform.Identity, text string) []byte {
	name, verdict := of.Name(nil, &transform.Value{Kind: transform.String, Text: []byte(text)})
	if verdict != transform.Done {
		c.p.t.Fatal("an identifier of the test is none")
	}
	return name
}

// awaitLinks waits until the store has learned the handles of the first people, and tells how long that took: only then an erasure by the
// account can end the handle's row too.
func (c *chest) awaitLinks(n int) {
	c.p.t.Helper()
	began := time.Now()
	for person := range n {
		c.p.until("the link of a handle and its account", 90*time.Second, func() bool {
			links, err := c.directory.Links(c.p.t.Context(), c.directory.KeyOf(c.accountName(person)))
			return err == nil && len(links) > 0
		})
	}
	c.p.t.Logf("the links of %d people were in the store %v after all had been created", n, time.Since(began).Round(100*time.Millisecond))
}

// find gives a row of a person as the store has it now.
func (c *chest) find(name []byte) *subject.Person {
	c.p.t.Helper()
	c.directory.DropAll()
	if err := c.directory.Load(c.p.t.Context(), [][]byte{name}); err != nil {
		c.p.t.Fatal(err)
	}
	return c.directory.Find(name)
}

// remember reads the sealed secrets of the first people, as a thief of the database would.
func (c *chest) remember(n int) {
	c.p.t.Helper()
	for person := range n {
		rows := []subject.Row{{Key: c.directory.KeyOf(c.accountName(person))}}
		if err := c.rows.Load(c.p.t.Context(), subject.People, rows); err != nil {
			c.p.t.Fatal(err)
		}
		s, ok := secretIn(rows[0])
		found := c.find(c.accountName(person))
		if !ok || found == nil || !found.HasSecret {
			c.p.t.Fatalf("person %d has no secret after a post of theirs was forwarded", person)
		}
		s.secret = found.Secret
		c.remembered[person] = s
	}
}

// secretIn reads the sealed secret from a person's row: format, state, generation, erased at, not before, last seen, length, store
// epoch, sealed secret.
func secretIn(row subject.Row) (s sealedSecret, ok bool) {
	if len(row.Body) < 2 || row.Body[0] != 1 {
		return s, false
	}
	r := bytes.NewReader(row.Body[2:])
	generation, e1 := binary.ReadUvarint(r)
	_, e2 := binary.ReadVarint(r)
	_, e3 := binary.ReadVarint(r)
	_, e4 := binary.ReadUvarint(r)
	size, e5 := binary.ReadUvarint(r)
	epoch, e6 := binary.ReadUvarint(r)
	s = sealedSecret{key: row.Key, epoch: int(epoch), sealed: make([]byte, min(size, 1<<10))}
	_, e7 := r.Read(s.sealed)
	s.place = binary.BigEndian.AppendUint32(row.Key[:], uint32(generation))
	return s, errors.Join(e1, e2, e3, e4, e5, e6, e7) == nil && size == 32+keyring.SealOverhead
}

// judgeTombstones wants erased people's rows without a secret, and everybody else's with theirs.
func (c *chest) judgeTombstones(erased int) {
	c.p.t.Helper()
	alive, handles, lost := 0, 0, 0
	gone := func(p *subject.Person) bool { return p != nil && p.State == subject.StateErased && !p.HasSecret }
	for person := range erased {
		if !gone(c.find(c.accountName(person))) {
			alive++
		}
		if !gone(c.find(c.handleName(person))) {
			handles++
		}
	}
	rest := (c.people - erased) / 50
	for person := erased; person < c.people; person += max(1, rest) {
		if found := c.find(c.accountName(person)); found == nil || found.State != subject.StateLive || !found.HasSecret {
			lost++
		}
	}
	if alive+handles+lost > 0 {
		c.p.t.Errorf("accounts of %d erased people live on in the store, handles of %d; of %d others nothing does", alive, handles, lost)
	}
}

// judgeThief seals everything anew, destroys the old store epoch, and wants nothing to open of what the database's files still hold.
func (c *chest) judgeThief(db *database) {
	c.p.t.Helper()
	found := c.scan(db)
	before := c.usable(found)
	keeper := c.people - 1
	secret := c.find(c.accountName(keeper)).Secret
	now := time.Now()
	if err := errors.Join(c.keys.NewStoreEpoch(now.Add(-3*keyring.Notice)), c.keys.Extend(now.Add(-2*keyring.Notice))); err != nil {
		c.p.t.Fatal(err)
	}
	began := time.Now()
	n, err := c.directory.Rewrap(c.p.t.Context(), nil)
	if err != nil {
		c.p.t.Fatal(err)
	}
	resealed, err := rights.New(rights.Options{Directory: c.directory, Store: c.rows, Keys: c.keys}).Reseal(c.p.t.Context())
	if err != nil {
		c.p.t.Fatal(err)
	}
	took := time.Since(began)
	if err := c.keys.DestroyStoreEpoch(1, now); err != nil {
		c.p.t.Fatal(err)
	}
	if c.keys, err = keyring.Open(filepath.Join(c.p.dir, "keys"), keyring.OpenOptions{Tenant: "test"}); err != nil {
		c.p.t.Fatal(err)
	}
	c.directory = subject.NewDirectory(subject.Options{Store: c.rows, Keys: c.keys})
	after := c.scan(db)
	usable := c.usable(after)
	c.p.t.Logf("%d secrets and %d other rows were sealed anew within %v", n, resealed, took.Round(time.Millisecond))
	c.p.t.Logf("sealed secrets of the %d erased people in base and pg_wal: %d before the store epoch was destroyed, of which %d opened; %d after, of which %d open",
		len(c.remembered), len(found), before, len(after), usable)
	if len(found) == 0 || before != len(found) {
		c.p.t.Errorf("want remains in the files that open as long as their epoch lives, else the test shows nothing: %d found, %d open", len(found), before)
	}
	if usable > 0 {
		c.p.t.Errorf("%d secrets of erased people open after their store epoch was destroyed, want 0", usable)
	}
	if _, err := c.keys.StoreKeyOf(1); !errors.Is(err, keyring.ErrDestroyed) {
		c.p.t.Errorf("want ErrDestroyed for the old store epoch, got %v", err)
	}
	if now := c.find(c.accountName(keeper)); now == nil || !now.HasSecret || now.Secret != secret {
		c.p.t.Error("somebody who was not erased has another secret, or none, after all was sealed anew")
	}
}

// scan gives the people whose sealed secrets lie in the files.
func (c *chest) scan(db *database) (found []int) {
	c.p.t.Helper()
	persons := map[string]int{}
	var prefix []byte // of Tink: version and key id
	for person, s := range c.remembered {
		persons[string(s.sealed)] = person
		prefix = s.sealed[:5]
	}
	seen := map[int]bool{}
	places, size := 0, 0
	err := db.files(func(_ string, content []byte) {
		size += len(content)
		for at := 0; ; at++ {
			next := bytes.Index(content[at:], prefix)
			if next < 0 {
				return
			}
			if at += next; at+32+keyring.SealOverhead > len(content) {
				return
			}
			if person, ours := persons[string(content[at:at+32+keyring.SealOverhead])]; ours {
				places++
				seen[person] = true
			}
		}
	})
	if err != nil {
		c.p.t.Fatal(err)
	}
	for person := range seen {
		found = append(found, person)
	}
	c.p.t.Logf("the files of the database, %d MB: %d places with a sealed secret of an erased person", size>>20, places)
	return found
}

// usable counts whose secret opens with any key of the keyring.
func (c *chest) usable(people []int) (n int) {
	for _, person := range people {
		s := c.remembered[person]
		for epoch := 1; epoch <= 3; epoch++ {
			k, err := c.keys.StoreKeyOf(epoch)
			if err != nil {
				continue
			}
			if opened, err := k.Open(nil, s.sealed, s.place); err == nil && bytes.Equal(opened, s.secret[:]) {
				n++
				break
			}
		}
	}
	return n
}
