// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/consent"
)

// ErrHeld means that a legal hold forbids erasing the person.
var ErrHeld = errors.New("a legal hold forbids erasing this person; release it first")

// Erased is a person who was erased. Its key is to be announced, also when it was erased before.
type Erased struct {
	Key        Key
	Generation uint32
	At         int64   // of the newest erasure, milliseconds since the Unix epoch
	Was        *Person // who they were; nil: there was no life to be ended. The only copy of their secret: use it and let it go
}

// Erase is EraseWith without more to be written.
func (d *Directory) Erase(ctx context.Context, key Key, at int64) (Erased, error) {
	return d.EraseWith(ctx, key, at, nil)
}

// EraseWith ends a person's life as of a time: secret, sealed identity and links leave the row, which stays as a tombstone. Of their
// standing remains what consent.Standing.AfterErasure keeps. Somebody without a row gets a tombstone too. A life that began by a
// consent after that time goes on, as if erasure and consent had come in order; and so does, without a secret, that of somebody
// whose consent is newer than the erasure. Repeating it does nothing.
//
// What more gives for who they were, who may have no secret, is written in the same commit, or neither is. It is called again when
// somebody else wrote the row meanwhile: only what it gave last counts.
func (d *Directory) EraseWith(ctx context.Context, key Key, at int64, more func(was *Person) ([]Change, error)) (Erased, error) {
	for range updateRounds {
		e, done, err := d.erase(ctx, key, at, more)
		if err != nil {
			return Erased{Key: key}, fmt.Errorf("erase a person: %w", err)
		}
		if done {
			return e, nil
		}
	}
	return Erased{Key: key}, fmt.Errorf("erase a person: %w", errContended)
}

func (d *Directory) erase(ctx context.Context, key Key, at int64, more func(was *Person) ([]Change, error)) (e Erased, done bool, err error) {
	defer d.cache.evict([]Key{key})
	rows := []Row{{Key: key}}
	if err := d.store.Load(ctx, People, rows); err != nil {
		return e, false, err
	}
	var b body
	if err := b.parse(rows[0].Body); err != nil {
		return e, false, err
	}
	if b.standing.Refuses(consent.Hold, d.now().UnixMilli()) {
		return e, false, ErrHeld
	}
	was := new(Person)
	if err := d.fillPerson(was, &rows[0], &b); err != nil && !errors.Is(err, ErrDamaged) {
		return e, false, err // the secret is needed for deletion events; what is damaged can be erased only
	}
	ended, changed := b.erase(at)
	e = Erased{Key: key, Generation: b.generation, At: b.erasedAt}
	if !changed {
		return e, true, nil
	}
	changes := []Change{{People, Row{Key: key, Version: rows[0].Version, Body: d.encode(nil, &b)}}}
	if ended {
		e.Was = was
		if more != nil {
			others, err := more(was)
			if err != nil {
				return e, false, err
			}
			changes = append(changes, others...)
		}
	}
	done, err = d.store.Commit(ctx, changes)
	return e, done, err
}

// erase makes b a tombstone as of a time, or what has begun since. Ended tells whether a life ended.
func (b *body) erase(at int64) (ended, changed bool) {
	if at <= b.erasedAt {
		return false, false
	}
	b.erasedAt = at
	newer := consentsAfter(b.standing, at)
	b.standing, _, _ = b.standing.AfterErasure(at).Merge(newer...)
	if ended = b.state != StateErased && b.notBefore <= at; ended {
		b.end(StateErased)
		b.notBefore = 0
	}
	b.rise()
	return ended, true
}

// end takes from a row all that tells who the person is.
func (b *body) end(as State) {
	b.state, b.secret, b.identity, b.links = as, nil, nil, nil
	b.generation++
}
