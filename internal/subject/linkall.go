// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"fmt"
	"slices"
)

// Pair is a handle and its account, as an event showed them. At is the event's time, milliseconds since the Unix epoch.
type Pair struct {
	Handle, Account Key
	At              int64
}

// Link is LinkAll of one pair. Whom it would have erased stays as they are.
func (d *Directory) Link(ctx context.Context, handle, account Key, at int64) error {
	_, err := d.LinkAll(ctx, []Pair{{handle, account, at}})
	return err
}

// LinkAll notes that events showed handles to be accounts'. Each extends what is known, and parts the interval of another account in
// which its event lies. Of two accounts at one instant that with the lower key stays. Repeating it does nothing. Where either was
// erased or has expired, or the event is older than their life, nothing is noted.
//
// Erase are the handles of accounts whose life at the event's time was erased before the link was noted: erasing the account did not
// find them. A handle that is erased, or is known to be of an account that is not, is none of these.
//
// All are read at once, and both halves of a link are written in one commit, with as many others as nobody changes meanwhile. Pairs
// whose rows do not read, or are contended, are left out: the error is the first of theirs and their count, and holds for them alone.
// Any other error is the store's: nothing is known of what was noted then.
func (d *Directory) LinkAll(ctx context.Context, pairs []Pair) (erase []Key, err error) {
	var all linked
	if err := d.linkAll(ctx, pairs, &all); err != nil {
		return all.handles(), fmt.Errorf("link identifiers: %w", err)
	}
	if all.failed > 0 {
		err = fmt.Errorf("link identifiers: %d of %d pairs: %w", all.failed, len(pairs), all.first)
	}
	return all.handles(), err
}

// linked is what came of pairs.
type linked struct {
	erase  []Key
	failed int
	first  error // of those that failed
}

func (l *linked) handles() []Key {
	slices.SortFunc(l.erase, compareKeys)
	return slices.Compact(l.erase)
}

func (l *linked) fail(err error) {
	if l.failed++; l.failed == 1 {
		l.first = err
	}
}

func (l *linked) add(more *linked) {
	l.erase = append(l.erase, more.erase...)
	if l.failed == 0 {
		l.first = more.first
	}
	l.failed += more.failed
}

// linkAll tries halves where somebody else changed a row, so that others do not wait for it.
func (d *Directory) linkAll(ctx context.Context, pairs []Pair, all *linked) error {
	for range updateRounds {
		l := linking{Directory: d, rows: map[Key]*linkRow{}}
		done, err := l.try(ctx, pairs)
		if err != nil {
			return err
		}
		if done {
			all.add(&l.came)
			return nil
		}
		if half := len(pairs) / 2; half > 0 {
			if err := d.linkAll(ctx, pairs[:half], all); err != nil {
				return err
			}
			return d.linkAll(ctx, pairs[half:], all)
		}
	}
	all.fail(errContended)
	return nil
}

// linking is one attempt at pairs.
type linking struct {
	*Directory
	came  linked
	rows  map[Key]*linkRow
	order []*linkRow
}

type linkRow struct {
	row  Row
	body body
	was  []Link // as stored
	err  error  // why it does not read
}

// ended tells whether the life that an event at a time was of was erased.
func (r *linkRow) ended(at int64) bool { return r.body.state == StateErased || at < r.body.notBefore }

func (l *linking) try(ctx context.Context, pairs []Pair) (done bool, err error) {
	var keys []Key
	for _, p := range pairs {
		keys = append(keys, p.Handle, p.Account)
	}
	if err := l.load(ctx, keys); err != nil {
		return false, err
	}
	var others []Key // accounts that had a handle before, whose rows it may change too
	for _, p := range pairs {
		for _, o := range ofAccounts(l.rows[p.Handle].body.links) {
			others = append(others, o.Key)
		}
	}
	if err := l.load(ctx, others); err != nil {
		return false, err
	}
	var late []Key
	for _, p := range pairs {
		handle, account := l.rows[p.Handle], l.rows[p.Account]
		switch {
		case p.Handle == p.Account:
		case handle.err != nil:
			l.came.fail(handle.err)
		case account.err != nil:
			l.came.fail(account.err)
		case handle.ended(p.At) || handle.body.erasing():
		case account.ended(p.At):
			late = append(late, p.Handle)
		case handle.body.state == StateExpired || account.body.state == StateExpired:
		default:
			l.link(p, handle)
		}
	}
	for _, k := range late {
		if !slices.ContainsFunc(l.rows[k].body.links, l.stands) {
			l.came.erase = append(l.came.erase, k)
		}
	}
	changes := l.changes()
	if len(changes) == 0 {
		return true, nil
	}
	return l.store.Commit(ctx, changes)
}

// stands tells whether a link is to an account that is not erased. To erase the handle by its key would erase that account too.
func (l *linking) stands(link Link) bool {
	return link.Account && (l.rows[link.Key].err != nil || l.rows[link.Key].body.state != StateErased)
}

// load reads rows that were not read yet.
func (l *linking) load(ctx context.Context, keys []Key) error {
	var rows []Row
	for _, k := range keys {
		if l.rows[k] == nil {
			l.rows[k] = &linkRow{}
			rows = append(rows, Row{Key: k})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := l.store.Load(ctx, People, rows); err != nil {
		return err
	}
	for _, row := range rows {
		r := l.rows[row.Key]
		r.row, r.err = row, r.body.parse(row.Body)
		if r.err != nil {
			r.body = body{}
		}
		r.was = r.body.links
		l.order = append(l.order, r)
	}
	return nil
}

// link changes in memory what both rows say, and that of an account that loses a part of the handle.
func (l *linking) link(p Pair, handle *linkRow) {
	before := ofAccounts(handle.body.links)
	after := newest(observe(before, p.Account, p.At))
	accounts := []Key{p.Account}
	for _, o := range before {
		if slices.Contains(accounts, o.Key) || sameLinks(before, after, o.Key) {
			continue
		}
		if err := l.rows[o.Key].err; err != nil {
			l.came.fail(err)
			return
		}
		accounts = append(accounts, o.Key)
	}
	handle.body.links = asHandle(handle.body.links, after)
	for _, k := range accounts {
		if b := &l.rows[k].body; b.state != StateErased && b.state != StateExpired {
			b.links = asAccount(b.links, p.Handle, mirror(after, p.Handle, k))
		}
	}
}

func (l *linking) changes() (changes []Change) {
	for _, r := range l.order {
		if r.err != nil || slices.Equal(r.was, r.body.links) {
			continue
		}
		if r.body.state == StateNone {
			r.body.begin()
		}
		changes = append(changes, Change{People, Row{Key: r.row.Key, Version: r.row.Version, Body: l.encode(nil, &r.body)}})
	}
	return changes
}
