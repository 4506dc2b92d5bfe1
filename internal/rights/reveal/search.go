// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"context"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// search finds the people whose pseudonyms are looked for: one pass over all live rows computes, of each, the pseudonym in every
// domain that is asked for (about 50 ns each, beside the microseconds that opening the secret takes).
type search struct {
	reason  Reason
	now     int64 // milliseconds since the Unix epoch
	domains []searchDomain
	left    int // pseudonyms that were not found yet
	digest  [16]byte
}

// searchDomain is a recipient's epoch and an identity type.
type searchDomain struct {
	*keyring.Domain
	identity string
	prf      *keyring.PRF
	items    map[[16]byte][]int // by pseudonym
}

// newSearch looks for the items' pseudonyms. It marks those of destroyed epochs, which cannot be found.
func (s *Service) newSearch(reason Reason, items []Item) (*search, error) {
	q := &search{reason: reason, now: s.nowMs()}
	type name struct {
		recipient, identity string
		epoch               int
	}
	at := map[name]int{}
	for i := range items {
		it := &items[i]
		p, ok := transform.ParsePseudonym([]byte(it.Pseudonym))
		if !ok {
			return nil, ErrDamaged // they were checked when they were asked for
		}
		n := name{it.Recipient, p.Type, p.Epoch}
		d, known := at[n]
		if !known {
			domain, err := s.Keys.EpochDomain(n.recipient, n.epoch)
			switch {
			case errors.Is(err, keyring.ErrDestroyed):
				it.State = Destroyed
				continue
			case errors.Is(err, keyring.ErrNoKey): // only a span's records can name an epoch that never was
				continue
			case err != nil:
				return nil, fmt.Errorf("recipient %s, epoch %d: %w", n.recipient, n.epoch, err)
			}
			d = len(q.domains)
			at[n] = d
			q.domains = append(q.domains, searchDomain{domain, p.Type, domain.TypePRF(p.Type), map[[16]byte][]int{}})
		}
		items := q.domains[d].items
		if items[p.Digest] == nil {
			q.left++
		}
		items[p.Digest] = append(items[p.Digest], i)
	}
	return q, nil
}

// answers tells whether a row may be looked at: of a live person, who is not about to be erased. Where a legal hold is what delays
// an erasure, a legal order is answered.
func (q *search) answers(p *subject.Person) bool {
	if p.State != subject.StateLive || !p.HasSecret {
		return false
	}
	return !p.Erasing || q.reason == LegalOrder && p.Standing.Refuses(consent.Hold, q.now)
}

// match hands out the items that name a person, domain by domain.
func (q *search) match(p *subject.Person, fn func(d *searchDomain, items []int) error) error {
	if !q.answers(p) {
		return nil
	}
	for i := range q.domains {
		d := &q.domains[i]
		d.prf.Sum(&q.digest, p.Secret[:])
		if items := d.items[q.digest]; items != nil {
			if err := fn(d, items); err != nil {
				return err
			}
		}
	}
	return nil
}

// errAll ends a scan early: everybody was found.
var errAll = errors.New("all are found")

// scan gives the keys of the people who were found.
func (s *Service) scan(ctx context.Context, q *search) (keys []subject.Key, err error) {
	if q.left == 0 {
		return nil, nil
	}
	err = s.Directory.Scan(ctx, func(v *subject.View) error {
		n := len(keys)
		err := q.match(&v.Person, func(*searchDomain, []int) error {
			if len(keys) == n {
				keys = append(keys, v.Key)
			}
			q.left--
			return nil
		})
		if err == nil && q.left == 0 {
			err = errAll
		}
		return err
	})
	if errors.Is(err, errAll) {
		err = nil
	}
	return keys, err
}

// look hands out the people of some rows as the store has them now. fn may use the store.
func (s *Service) look(ctx context.Context, keys []subject.Key, fn func(*subject.View) error) error {
	if len(keys) == 0 {
		return nil
	}
	some := subject.NewDirectory(subject.Options{Store: someRows{s.Store, keys}, Keys: s.Keys, Cache: 1, Now: s.Now})
	return some.Scan(ctx, fn)
}

// someRows is a store whose scan hands out some rows only.
type someRows struct {
	subject.Store
	keys []subject.Key
}

// blockRows is how many rows are read at a time.
const blockRows = 512

func (s someRows) Scan(ctx context.Context, space subject.Space, _ subject.Key, fn func([]subject.Row) error) error {
	for left := s.keys; len(left) > 0; {
		block := left[:min(blockRows, len(left))]
		left = left[len(block):]
		rows := make([]subject.Row, len(block))
		for i, k := range block {
			rows[i].Key = k
		}
		if err := s.Load(ctx, space, rows); err != nil {
			return err
		}
		there := rows[:0]
		for _, r := range rows {
			if r.Version > 0 {
				there = append(there, r)
			}
		}
		if err := fn(there); err != nil {
			return err
		}
	}
	return nil
}
