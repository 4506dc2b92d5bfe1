// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Reseal brings what rights keep sealed under the newest store epoch, so that older ones can be destroyed, removes receipts of erasures
// nobody needs any more, and whom requests were about that ended long ago. It gives how many rows it sealed anew. What somebody else changes meanwhile is sealed anew by that.
func (s *Service) Reseal(ctx context.Context) (n int, err error) {
	var requests []string
	var outbox, old []subject.Row
	err = s.Store.Scan(ctx, subject.Outbox, subject.Key{}, func(rows []subject.Row) error {
		for _, r := range rows {
			r.Body = append([]byte(nil), r.Body...)
			outbox = append(outbox, r)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal the outbox anew: %w", err)
	}
	for _, r := range outbox {
		done, gone, err := s.resealOutbox(ctx, r)
		if err != nil {
			return n, fmt.Errorf("seal the outbox anew: %w", err)
		}
		if gone {
			old = append(old, r)
		}
		if done {
			n++
		}
	}
	if err := s.remove(ctx, old); err != nil {
		return n, err
	}
	all, err := s.Requests(ctx, true)
	if err != nil {
		return n, err
	}
	for _, r := range all {
		if len(r.Subjects) > 0 {
			requests = append(requests, r.ID)
		}
	}
	for _, id := range requests {
		_, err := s.change(ctx, id, func(r *Request) error {
			r.forget(s.nowMs())
			return nil
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// receiptLife is how long a certificate can be made again, in milliseconds.
const receiptLife = int64(30 * day / 1e6)

// resealOutbox seals one row anew, or says that it is not needed any more.
func (s *Service) resealOutbox(ctx context.Context, r subject.Row) (done, gone bool, err error) {
	use, v := useDeletions, any(new(deletions))
	if r.Key[0] != deletionRow {
		use, v = useReceipt, new(receipt)
	}
	err = s.open(use, r.Key, r.Body, v)
	if errors.Is(err, keyring.ErrDestroyed) {
		return false, r.Key[0] == receiptRow, nil
	}
	if err != nil {
		return false, false, err
	}
	if rec, is := v.(*receipt); is && r.Key[0] == receiptRow && s.nowMs()-rec.Made > receiptLife {
		return false, true, nil
	}
	if k := s.Keys.StoreEpoch(); k != nil && sealedIn(r.Body) == k.Epoch() {
		return false, false, nil
	}
	if r.Body, err = s.seal(use, r.Key, v); err != nil {
		return false, false, err
	}
	lost, err := s.Store.Swap(ctx, subject.Outbox, []subject.Row{r})
	return len(lost) == 0, false, err
}
