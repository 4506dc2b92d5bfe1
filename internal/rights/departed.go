// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/subject"
)

// departing are the grounds of a restriction by which a platform says that somebody has left and may come back for a time. When it is
// over, they are erased.
var departing = map[string]time.Duration{
	"x:delete":         30 * day, // of X's compliance streams: user_delete, which user_undelete takes back
	"platform:leaving": 30 * day, // what a pack's signal account-leaving comes to, for X the same
}

// departure is somebody who has left, and since when for good, in milliseconds since the Unix epoch.
type departure struct {
	key  subject.Key
	from int64
}

// EraseDeparted erases people whose accounts their platform has deleted for good: who was restricted on such a ground for its time
// without coming back. It gives how many people it erased; who is under a legal hold waits for the next call. It reads everybody's row.
func (s *Service) EraseDeparted(ctx context.Context) (n int, err error) {
	var gone []departure
	now := s.nowMs()
	err = s.Directory.Scan(ctx, func(v *subject.View) error {
		if from := departed(&v.Person, now); from != 0 {
			gone = append(gone, departure{v.Key, from})
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look for departed people: %w", err)
	}
	for _, d := range gone {
		_, err := s.Erase(ctx, Erasure{Keys: []subject.Key{d.key}, Reason: OnPlatform, By: s.service(), At: d.from})
		switch {
		case errors.Is(err, ErrHeld):
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}

// departed gives since when somebody is gone for good; 0: they are not, or were erased since they left, or must be kept.
func departed(p *subject.Person, now int64) (from int64) {
	for m := range p.Standing.Marks() {
		if m.Kind == consent.Hold && p.Standing.Refuses(consent.Hold, now) {
			return 0
		}
		after, is := departing[m.Purpose]
		if m.Kind != consent.Restriction || !is || m.Denied == 0 || m.Since != 0 {
			continue
		}
		if end := m.Denied + after.Milliseconds(); end <= now && p.ErasedAt < m.Denied {
			from = max(from, end)
		}
	}
	return from
}
