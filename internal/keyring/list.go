// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"slices"
	"time"
)

// Entry describes one keyset for people. It holds no secret.
type Entry struct {
	Role      Role      `json:"role"`
	Recipient string    `json:"recipient,omitempty"`
	Epoch     int       `json:"epoch,omitempty"` // of the recipient or, for RoleStore, of the store
	Day       string    `json:"day,omitempty"`   // quarantine
	From      time.Time `json:"from,omitzero"`   // zero: since ever
	To        time.Time `json:"to,omitzero"`     // zero: no end planned
	KeyIDs    []uint32  `json:"key_ids"`         // the primary key's first
	Created   time.Time `json:"created"`
	Destroyed time.Time `json:"destroyed,omitzero"` // its keys are gone since
	Status    Status    `json:"status"`
}

// Status says whether a keyset serves records of now.
type Status string

const (
	Upcoming  Status = "upcoming"
	Current   Status = "current"
	Ended     Status = "ended"
	Destroyed Status = "destroyed"
)

// List describes every keyset: those a tenant has one of first, then store epochs, then recipients in the order they were
// added, then quarantine days. After Wipe it is empty.
func (k *Keyring) List(now time.Time) []Entry {
	s := k.current.Load()
	list := append(s.listSingles(), s.listStore()...)
	for _, r := range s.contents.Recipients {
		for _, p := range s.recipients[r.Name] {
			for _, role := range []Role{RoleDomain, RoleField, RoleSeal} {
				e := Entry{
					Role: role, Recipient: r.Name, Epoch: p.entry.Number, From: p.entry.From, To: p.entry.To,
					Created: p.entry.Created, Destroyed: p.entry.Destroyed, Status: statusAt(p.entry.From, p.entry.To, now),
				}
				if p.domain == nil {
					e.Status = Destroyed
				} else {
					e.KeyIDs = slices.Clone(p.domain.keyIDs[role])
				}
				list = append(list, e)
			}
		}
	}
	for i, d := range s.contents.Quarantine {
		q := s.quarantine[i]
		to := q.from.Add(day)
		list = append(list, Entry{
			Role: RoleQuarantine, Day: d.Day, From: q.from, To: to,
			KeyIDs: slices.Clone(q.keyIDs), Created: d.Created, Status: statusAt(q.from, to, now),
		})
	}
	return list
}

func (s *snapshot) listSingles() (list []Entry) {
	c := s.contents
	add := func(role Role, created time.Time) {
		list = append(list, Entry{Role: role, KeyIDs: slices.Clone(s.keyIDs[role]), Created: created, Status: Current})
	}
	if s.stateless != nil {
		add(RoleStateless, c.Stateless.Created)
	}
	if c.Lookup != nil {
		add(RoleLookup, c.Lookup.Created)
	}
	if c.Control != nil {
		add(RoleControl, c.Control.Created)
	}
	for _, role := range []Role{RoleCertificate, RoleAudit} {
		if e := *c.signer(role); e != nil {
			add(role, e.Created)
		}
	}
	if c.Reveal != nil {
		add(RoleReveal, c.Reveal.Created)
	}
	return list
}

func (s *snapshot) listStore() (list []Entry) {
	if s.contents.Store == nil {
		return nil
	}
	for _, e := range s.contents.Store.Epochs {
		entry := Entry{Role: RoleStore, Epoch: e.Number, From: e.From, Created: e.Created, Destroyed: e.Destroyed}
		switch current := s.contents.Store.Current; {
		case !e.Destroyed.IsZero():
			entry.Status = Destroyed
		case e.Number > current:
			entry.Status = Upcoming
		case e.Number == current:
			entry.Status = Current
		default:
			entry.Status = Ended
		}
		if key := s.store[e.Number]; key != nil {
			entry.KeyIDs = slices.Clone(key.keyIDs)
		}
		list = append(list, entry)
	}
	return list
}

func statusAt(from, to, now time.Time) Status {
	switch {
	case now.Before(from):
		return Upcoming
	case to.IsZero() || now.Before(to):
		return Current
	}
	return Ended
}

// Recipients lists the recipients with the length of their epochs, in the order they were added.
func (k *Keyring) Recipients() []Recipient {
	c := k.current.Load().contents
	rs := make([]Recipient, len(c.Recipients))
	for i, r := range c.Recipients {
		rs[i] = Recipient{Name: r.Name, Renew: time.Duration(r.Renew)}
	}
	return rs
}
