// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/store/embedded"
	"github.com/nymstream/nymstream/internal/subject"
)

// quiet are topics and a control log that several use at once.
type quiet struct {
	*world
	mu sync.Mutex
}

// Several instances that erase the same people, and run the outbox meanwhile, on the store of the demo: each is erased once, and nobody
// is forgotten.
func TestErasedByMany(t *testing.T) {
	w := newWorld(t)
	w.store.Hook(nil)
	q := &quiet{world: w}
	kept, err := embedded.Open(t.TempDir(), embedded.Options{})
	must(t, err)
	defer kept.Close()
	service := func() *Service {
		return w.service(func(o *Options) {
			o.Store, o.Topics, o.Control, o.Audit = kept, lockedTopics{q}, lockedControl{q}, lockedAudit{q}
			o.Directory = subject.NewDirectory(subject.Options{Store: kept, Keys: w.keys, Now: o.Now})
		})
	}
	const people = 20
	for i := range people {
		id := fmt.Sprint(i)
		name := append(w.keys.SubjectLabel("mastodon", "acc"), id...)
		must(t, service().Directory.Create(t.Context(), []subject.Newcomer{{Name: name, Instance: "mastodon", Type: "acc", Canonical: []byte(id)}}))
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			s := service()
			for i := range people {
				var err error
				if n%2 == 0 {
					_, err = s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account(fmt.Sprint(i))}, Reason: OnRequest, By: officer})
				} else {
					_, err = s.Take(t.Context(), send(t, account(fmt.Sprint(i)), says(consent.Erasure, consent.Deny, at(0))))
				}
				if err == nil && i%5 == n {
					_, err = s.RunOutbox(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s := service()
	_, err = s.RunOutbox(t.Context())
	must(t, err)
	for i := range people {
		r, err := s.name(account(fmt.Sprint(i)), true)
		must(t, err)
		found, err := s.look(t.Context(), []subject.Key{r.key})
		must(t, err)
		if p := found[0]; p.HasSecret || p.Generation != 2 || !w.entered(r.key) {
			t.Errorf("generation %d, secret %v, in the ledger %v", p.Generation, p.HasSecret, w.entered(r.key))
		}
		rec, err := s.receiptOf(t.Context(), r.key, 2)
		must(t, err)
		if rec == nil || rec.Pending || rec.Recipients[0].Events != 3 {
			t.Errorf("receipt %+v", rec)
		}
	}
	events := 0
	for _, messages := range w.topics["out.analytics"] {
		events += len(messages)
	}
	if events < people*3 {
		t.Errorf("%d deletion events, want %d or more", events, people*3)
	}
}

type (
	lockedTopics  struct{ *quiet }
	lockedControl struct{ *quiet }
	lockedAudit   struct{ *quiet }
)

func (q lockedTopics) Append(ctx context.Context, topic string, messages []Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.world.Append(ctx, topic, messages)
}

func (q lockedControl) Announce(ctx context.Context, keys []subject.Key, tightened bool, why string) (int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.world.Announce(ctx, keys, tightened, why)
}

func (q lockedControl) Settled(ctx context.Context, offset int64) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.world.Settled(ctx, offset)
}

func (q lockedAudit) Append(ctx context.Context, e audit.Entry) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return auditLog{q.world}.Append(ctx, e)
}
