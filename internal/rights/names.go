// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// personTypes are the identity types of people. A row does not say which it is of.
var personTypes = []string{"acc", "hdl", "eml", "phn", "ipa", "dev", "cke", "nam", "hsh", "gov"}

// handleTypes are those of what packs declare to be another name of an account.
var handleTypes = []string{"hdl"}

// row is one of a person's rows.
type row struct {
	key    subject.Key
	types  []string // which its pseudonyms may have: one, where it is known
	shared bool     // a handle that was other accounts' too: its records are not this person's alone
}

func (r row) identityType() string {
	if len(r.types) == 1 {
		return r.types[0]
	}
	return ""
}

// person is who was named, with every row of theirs. The row by which they were named comes last, after the account whose handles
// come first: until it is erased the others are found through it.
type person struct {
	named      row
	rows       []row
	handedOver int // handles that are another account's now: not theirs any more
	reason     Reason
}

func (p *person) keys() []subject.Key {
	keys := make([]subject.Key, len(p.rows))
	for i, r := range p.rows {
		keys[i] = r.key
	}
	return keys
}

func (p *person) has(key subject.Key) bool {
	return slices.ContainsFunc(p.rows, func(r row) bool { return r.key == key })
}

// Find gives the keys of a person's rows: that by which they are named last, before it their account where they are named by its
// handle, and first the account's handles, as far as no other account has them now.
func (s *Service) Find(ctx context.Context, who consent.Subject) ([]subject.Key, error) {
	named, err := s.name(who, true)
	if err != nil {
		return nil, err
	}
	p, err := s.resolve(ctx, named)
	return p.keys(), err
}

// name gives the row of somebody named by the class or identity type of an identifier. Strict: on an instance of the plan's only.
func (s *Service) name(who consent.Subject, strict bool) (row, error) {
	class := policy.Class(who.Type)
	if !class.Known() {
		class = policy.ClassOfType(who.Type)
	}
	if !class.OfSubject() {
		return row{}, fmt.Errorf("%w: identifiers of this type name no person; use one of %s", ErrInput, strings.Join(personClasses(), ", "))
	}
	instance := who.Instance
	if class.Everywhere() {
		instance = ""
	} else if strict && !s.knows(instance) {
		return row{}, fmt.Errorf("%w: %s needs an instance of the policy's sources: %s", ErrInput, class, strings.Join(s.instances(), ", "))
	}
	id, err := transform.NewStoredIdentity(s.Keys, instance, class.IdentityType(), true)
	if err != nil {
		return row{}, err
	}
	name, verdict := id.Name(nil, &transform.Value{Kind: transform.String, Text: []byte(who.ID)})
	defer clear(name)
	switch verdict {
	case transform.Done:
		return row{key: s.Directory.KeyOf(name), types: []string{id.Type()}}, nil
	case transform.Shaped:
		return row{}, fmt.Errorf("%w: the id looks like a pseudonym; only re-identification leads from one to a person", ErrInput)
	}
	return row{}, fmt.Errorf("%w: the id cannot be one of class %s", ErrInput, class)
}

func personClasses() []string {
	classes := make([]string, len(personTypes))
	for i, t := range personTypes {
		classes[i] = string(policy.ClassOfType(t))
	}
	return classes
}

func (s *Service) instances() (all []string) {
	for _, source := range s.Plan().Sources {
		all = append(all, source.Instance)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *Service) knows(instance string) bool { return slices.Contains(s.instances(), instance) }

// resolve finds the other rows of whoever has a row.
func (s *Service) resolve(ctx context.Context, named row) (person, error) {
	p := person{named: named}
	links, err := s.Directory.Links(ctx, named.key)
	if err != nil {
		return p, err
	}
	account, accounts := owner(links)
	named.shared = accounts > 1
	if err := s.addHandles(ctx, &p, named.key, links); err != nil {
		return p, err
	}
	if accounts > 0 {
		theirs, err := s.Directory.Links(ctx, account)
		if err != nil {
			return p, err
		}
		if err := s.addHandles(ctx, &p, account, theirs); err != nil {
			return p, err
		}
		p.rows = append(p.rows, row{key: account, types: personTypes})
	}
	p.rows = append(p.rows, named)
	return p, nil
}

// addHandles adds the handles of an account that no other has now.
func (s *Service) addHandles(ctx context.Context, p *person, account subject.Key, links []subject.Link) error {
	for _, l := range links {
		if l.Account || l.Key == p.named.key || p.has(l.Key) {
			continue
		}
		back, err := s.Directory.Links(ctx, l.Key)
		if err != nil {
			return err
		}
		newest, accounts := owner(back)
		if accounts > 0 && newest != account {
			p.handedOver++
			continue
		}
		p.rows = append(p.rows, row{key: l.Key, types: handleTypes, shared: accounts > 1})
	}
	return nil
}

// owner gives the account that a handle was seen with last, and with how many it was.
func owner(links []subject.Link) (newest subject.Key, accounts int) {
	var known []subject.Key
	until := int64(0)
	for _, l := range links {
		if !l.Account {
			continue
		}
		if len(known) == 0 || l.To > until {
			newest, until = l.Key, l.To
		}
		if !slices.Contains(known, l.Key) {
			known = append(known, l.Key)
		}
	}
	return newest, len(known)
}

// look reads people by their keys, past what is in memory.
func (s *Service) look(ctx context.Context, keys []subject.Key) ([]*subject.Person, error) {
	people := make([]*subject.Person, 0, len(keys))
	for part := range slices.Chunk(keys, 1<<10) {
		d := subject.NewDirectory(subject.Options{
			Store: s.Store, Keys: s.Keys, Cache: 1 << 14, Now: s.Now, Lookup: func(name []byte, out *subject.Key) { copy(out[:], name) },
		})
		names := make([][]byte, len(part))
		for i := range part {
			names[i] = part[i][:]
		}
		if err := d.Load(ctx, names); err != nil {
			return nil, err
		}
		for _, name := range names {
			p := d.Find(name)
			if p == nil {
				return nil, errContended // more of these keys in one shard than it holds
			}
			people = append(people, p)
		}
	}
	return people, nil
}
