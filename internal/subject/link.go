// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Link says that a handle was an account's, from the first to the last event that showed it. A handle is one account's at a time;
// both rows have the link. Times are event times, milliseconds since the Unix epoch, and both belong to the interval.
type Link struct {
	Key      Key // of the other
	From, To int64
	Account  bool // the other is the account, this the handle
}

// mostLinks of a row are kept as a handle, and as many as an account: the newest.
const mostLinks = 64

// Links lists what is known of the other identifiers of a handle or account.
func (d *Directory) Links(ctx context.Context, key Key) ([]Link, error) {
	_, bodies, err := d.bodies(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("look up links: %w", err)
	}
	return bodies[0].links, nil
}

// Linked lists the keys that Links has, each once. It does not follow theirs: a handle may have been another person's before.
func (d *Directory) Linked(ctx context.Context, key Key) ([]Key, error) {
	links, err := d.Links(ctx, key)
	var keys []Key
	for _, l := range links {
		if !slices.Contains(keys, l.Key) {
			keys = append(keys, l.Key)
		}
	}
	return keys, err
}

func (d *Directory) bodies(ctx context.Context, keys ...Key) ([]Row, []body, error) {
	rows, bodies := make([]Row, len(keys)), make([]body, len(keys))
	for i, k := range keys {
		rows[i].Key = k
	}
	if err := d.store.Load(ctx, People, rows); err != nil {
		return nil, nil, err
	}
	for i := range rows {
		if err := bodies[i].parse(rows[i].Body); err != nil {
			return nil, nil, err
		}
	}
	return rows, bodies, nil
}

// observe gives a handle's links after an event showed it to be an account's. They are in the order of time and do not overlap.
func observe(links []Link, account Key, at int64) []Link {
	seen := Link{Key: account, From: at, To: at, Account: true}
	i, _ := slices.BinarySearchFunc(links, at, func(l Link, at int64) int { return cmp.Compare(l.To, at) })
	out := slices.Clone(links[:i])
	rest := links[i:] // the first of these contains at, or begins after it
	if len(rest) > 0 && rest[0].From <= at {
		l := rest[0]
		if l.Key == account || l.From == l.To && compareKeys(l.Key, account) < 0 {
			return links
		}
		rest = rest[1:]
		if l.From < at {
			out = append(out, Link{Key: l.Key, From: l.From, To: at - 1, Account: true})
		}
		out = append(out, seen)
		if at < l.To {
			out = append(out, Link{Key: l.Key, From: at + 1, To: l.To, Account: true})
		}
		return joined(append(out, rest...))
	}
	return joined(append(append(out, seen), rest...))
}

// joined makes one of neighbors of the same account.
func joined(links []Link) []Link {
	out := links[:0]
	for _, l := range links {
		if n := len(out); n > 0 && out[n-1].Key == l.Key {
			out[n-1].To = l.To
			continue
		}
		out = append(out, l)
	}
	return out
}

// ofAccounts gives the links of a row as a handle.
func ofAccounts(links []Link) (out []Link) {
	for _, l := range links {
		if l.Account {
			out = append(out, l)
		}
	}
	return out
}

// mirror gives the account's half of a handle's links.
func mirror(links []Link, handle, account Key) (out []Link) {
	for _, l := range links {
		if l.Key == account {
			out = append(out, Link{Key: handle, From: l.From, To: l.To})
		}
	}
	return out
}

func sameLinks(a, b []Link, account Key) bool {
	return slices.Equal(mirror(a, Key{}, account), mirror(b, Key{}, account))
}

// asHandle replaces what a row says as a handle.
func asHandle(links, now []Link) []Link {
	out := slices.DeleteFunc(slices.Clone(links), func(l Link) bool { return l.Account })
	return append(out, now...)
}

// asAccount replaces what a row says of a handle as an account. Several handles may be an account's at a time.
func asAccount(links []Link, handle Key, now []Link) []Link {
	out := slices.DeleteFunc(slices.Clone(links), func(l Link) bool { return l.Account || l.Key == handle })
	out = append(out, now...)
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From), compareKeys(a.Key, b.Key))
	})
	return append(newest(out), ofAccounts(links)...)
}

// newest leaves out the oldest links above the bound.
func newest(links []Link) []Link { return links[max(0, len(links)-mostLinks):] }

func compareKeys(a, b Key) int { return slices.Compare(a[:], b[:]) }
