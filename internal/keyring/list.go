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
	Epoch     int       `json:"epoch,omitempty"`
	Day       string    `json:"day,omitempty"` // quarantine
	From      time.Time `json:"from,omitzero"` // zero: since ever
	To        time.Time `json:"to,omitzero"`   // zero: no end planned
	KeyIDs    []uint32  `json:"key_ids"`       // the primary key's first
	Created   time.Time `json:"created"`
	Status    Status    `json:"status"`
}

// Status says whether a keyset serves records of now.
type Status string

const (
	Upcoming Status = "upcoming"
	Current  Status = "current"
	Ended    Status = "ended"
)

// List describes every keyset: stateless first, then recipients in the order they were added, then quarantine days.
func (k *Keyring) List(now time.Time) []Entry {
	s := k.current.Load()
	list := []Entry{{Role: RoleStateless, KeyIDs: slices.Clone(s.keyIDs), Created: s.contents.Stateless.Created, Status: Current}}
	for _, r := range s.contents.Recipients {
		for _, p := range s.recipients[r.Name] {
			for _, role := range []Role{RoleDomain, RoleField, RoleSeal} {
				list = append(list, Entry{
					Role: role, Recipient: r.Name, Epoch: p.entry.Number, From: p.entry.From, To: p.entry.To,
					KeyIDs: slices.Clone(p.domain.keyIDs[role]), Created: p.entry.Created, Status: statusAt(p.entry.From, p.entry.To, now),
				})
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
