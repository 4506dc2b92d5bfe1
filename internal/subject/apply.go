// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"context"
	"fmt"

	"github.com/nymstream/nymstream/internal/consent"
)

// Said is what was said about one person.
type Said struct {
	Key     Key
	Signals []consent.Signal
}

// Applied is what signals came to. Its key is to be announced even when nothing changed: whoever wrote the row before may have
// ended before it could say so.
type Applied struct {
	Key       Key
	Changed   bool // the row is another one now
	Tightened bool // an answer may have become stricter
	Erase     bool // the person is to be erased now, as of ErasedAs: call EraseWith, whose repetition does no harm
	Held      bool // the person is to be erased, and a legal hold forbids it
	ErasedAs  int64
}

// Apply merges signals into a person's row, and makes one without a secret where there is none.
func (d *Directory) Apply(ctx context.Context, key Key, signals ...consent.Signal) (Applied, error) {
	all, err := d.ApplyAll(ctx, []Said{{key, signals}})
	if err != nil {
		return Applied{Key: key}, err
	}
	return all[0], nil
}

// ApplyAll is Apply for many people in two round trips to the store. It answers once for each key, in the order of their first mention.
func (d *Directory) ApplyAll(ctx context.Context, all []Said) ([]Applied, error) {
	keys, signals := gather(all)
	applied := make([]Applied, len(keys))
	now := d.now().UnixMilli()
	err := d.update(ctx, keys, func(i int, b *body) (bool, error) {
		a := &applied[i]
		*a = Applied{Key: keys[i]}
		b.standing, a.Changed, a.Tightened = b.standing.Merge(signals[i]...)
		if a.Changed && b.state == StateNone {
			b.begin()
		}
		b.rise()
		if b.erasing() {
			a.Held = b.standing.Refuses(consent.Hold, now)
			a.Erase, a.Tightened, a.ErasedAs = !a.Held, true, b.erasureAsked()
		}
		return a.Changed, nil
	})
	d.cache.evict(keys)
	if err != nil {
		return nil, fmt.Errorf("apply signals: %w", err)
	}
	return applied, nil
}

// gather puts what was said about one person together.
func gather(all []Said) (keys []Key, signals [][]consent.Signal) {
	at := make(map[Key]int, len(all))
	for _, s := range all {
		i, known := at[s.Key]
		if !known {
			i = len(keys)
			at[s.Key] = i
			keys, signals = append(keys, s.Key), append(signals, nil)
		}
		signals[i] = append(signals[i], s.Signals...)
	}
	return keys, signals
}

// erasing tells whether an erasure was asked for that is not done.
func (b *body) erasing() bool { return !b.standing.Empty() && b.erasureAsked() > b.erasedAt }

// erasureAsked gives the time of the newest request to erase the person that stands; 0: none.
func (b *body) erasureAsked() int64 {
	for m := range b.standing.Marks() {
		if m.Kind == consent.Erasure && m.Denied > m.Allowed {
			return m.Denied
		}
	}
	return 0
}

// rise begins a new life for somebody erased who has consented since, or whose parent has. Signals that come late can move its
// beginning to the first of those consents that is known, as if they had come in the order of their times.
func (b *body) rise() {
	if b.erasedAt == 0 {
		return
	}
	for _, s := range consentsAfter(b.standing, b.erasedAt) {
		switch {
		case s.Verdict == consent.Deny || s.Kind == consent.ParentalThirdParty:
		case b.state == StateErased:
			b.state, b.notBefore = StateLive, s.At
		case s.At < b.notBefore:
			b.notBefore = s.At
		}
	}
}

// consentsAfter gives what a standing knows of consents that were given or withdrawn after a time, as the signals that said so.
func consentsAfter(s consent.Standing, at int64) (signals []consent.Signal) {
	for m := range s.Marks() {
		switch m.Kind {
		case consent.Consent, consent.Parental, consent.ParentalThirdParty:
		default:
			continue
		}
		if m.Denied > at {
			signals = append(signals, consent.Signal{Kind: m.Kind, Purpose: m.Purpose, At: m.Denied, Source: m.Refusal})
		}
		if m.Allowed <= max(at, m.Denied) {
			continue
		}
		allow := consent.Signal{Kind: m.Kind, Purpose: m.Purpose, Verdict: consent.Allow, At: m.Allowed, Expires: m.Expires, Source: m.Source, Notice: m.Notice}
		if first := allow; m.Since > at && m.Since < m.Allowed {
			first.At = m.Since
			signals = append(signals, first)
		}
		signals = append(signals, allow)
	}
	return signals
}
