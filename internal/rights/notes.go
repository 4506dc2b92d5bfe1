// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/subject"
)

const (
	notedTogether = 256 // people whose erasures are noted before the first of them is erased
	notedAtOnce   = 64  // entries that wait for the audit log
)

// noteOf names one entry about an erasure.
type noteOf struct {
	key    subject.Key
	reason Reason
}

// notes are entries that the audit log has.
type notes map[noteOf]bool

// noteAll notes the erasures of people, many at once: the audit log answers only when an entry is durable. After an error none of them
// may be erased.
func (s *Service) noteAll(ctx context.Context, c cause, people []person, at func(subject.Key) int64) (notes, error) {
	noted := notes{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(notedAtOnce)
	for i := range people {
		why := c.of(&people[i])
		for _, r := range people[i].rows {
			n := noteOf{r.key, why.reason}
			if at(r.key) == 0 || noted[n] {
				continue
			}
			noted[n] = true
			group.Go(func() error { return s.noteErasure(ctx, why, r.key) })
		}
	}
	return noted, group.Wait()
}

// noteErasure notes that the life in one row ends.
func (s *Service) noteErasure(ctx context.Context, c cause, key subject.Key) error {
	return s.note(ctx, c.by, audit.Entry{Act: audit.Erase, Subject: s.SubjectHash(key), Reason: c.ground, Details: details(c.request, string(c.reason), "")})
}
