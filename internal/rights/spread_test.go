// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Each deletion event comes at a moment of its own within Spread, also after restarts, by whoever runs the outbox; what is announced
// tells nothing of these moments.
func TestDeletionEventsAreSpread(t *testing.T) {
	f := newFamily(t)
	const spread = 10 * time.Minute
	_, err := f.service(func(o *Options) { o.Spread = spread }).Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	all := len(f.outbox())
	if all <= len(f.rows) {
		t.Fatalf("%d rows for %d pseudonyms", all, len(f.told))
	}
	s := f.service() // another process, without Spread
	moments, published, next := 0, 0, int64(0)
	f.announced = nil
	for step := range int(spread/time.Second) + 1 {
		if step == 200 {
			s, f.announced = f.service(), nil
		}
		run, err := s.RunOutbox(t.Context())
		must(t, err)
		if step%200 == 0 && published < all && len(f.announced) != 1 {
			t.Errorf("announced %d times by a new process, want once", len(f.announced))
		}
		if next != 0 && run.Published > 0 != (next <= f.now.UnixMilli()) {
			t.Errorf("step %d: %d published, the next was due %s", step, run.Published, stamp(next))
		}
		if published += run.Published; run.Published > 0 {
			moments++
		}
		if run.Waiting != all-published || (run.Next == 0) != (run.Waiting == 0) {
			t.Fatalf("step %d: %+v, want %d to wait", step, run, all-published)
		}
		next, f.now = run.Next, f.now.Add(time.Second)
	}
	if published != all || moments < all*3/4 {
		t.Errorf("%d of %d published, at %d moments", published, all, moments)
	}
	if len(f.announced) > 1 {
		t.Errorf("announced %d times: once for each event", len(f.announced))
	}
	f.check(true)
}

// Rows are sealed anew with their moments.
func TestResealKeepsMoments(t *testing.T) {
	f := newFamily(t)
	f.keys = freshKeys(t)
	f.create(account("44"))
	s := f.service(func(o *Options) { o.Spread = 100 * day })
	_, err := s.Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("44")}, Reason: OnRequest, By: officer})
	must(t, err)
	moments := func() (all []int64) {
		p, err := f.service().readOutbox(t.Context())
		must(t, err)
		for _, d := range p.deletions {
			all = append(all, d.Due)
		}
		return all
	}
	before := moments()
	must(t, f.keys.NewStoreEpoch(f.now))
	f.now = f.now.Add(keyring.Notice)
	must(t, f.keys.Extend(f.now))
	if n, err := s.Reseal(t.Context()); err != nil || n < len(before) {
		t.Fatalf("%d sealed anew, %v", n, err)
	}
	if len(before) == 0 || before[0] == 0 || !slices.Equal(moments(), before) {
		t.Error("sealed anew they are due at other moments")
	}
}

// slowAudit answers after a while, as a log whose entries wait for a checkpoint.
type slowAudit struct {
	auditLog
	pause time.Duration
}

func (a slowAudit) Append(ctx context.Context, e audit.Entry) (uint64, error) {
	time.Sleep(a.pause)
	return a.auditLog.Append(ctx, e)
}

func TestAWaveOfErasuresDoesNotWaitForEachEntry(t *testing.T) {
	w := newWorld(t)
	var records []Message
	var keys []subject.Key
	for i := range 300 {
		who := account(fmt.Sprint(i))
		keys = append(keys, w.create(who))
		records = append(records, send(t, who, says(consent.Erasure, consent.Deny, at(0)))...)
	}
	s := w.service(func(o *Options) { o.Audit = slowAudit{auditLog{w}, 100 * time.Millisecond} })
	began := time.Now()
	taken, err := s.Take(t.Context(), records)
	must(t, err)
	if took := time.Since(began); taken.Erased != 300 || took > 3*time.Second {
		t.Errorf("%d erased in %s", taken.Erased, took)
	}
	noted := map[string]int{}
	for _, e := range w.entries {
		noted[e.Subject]++
	}
	for _, k := range keys {
		if noted[s.SubjectHash(k)] != 1 {
			t.Fatalf("a person's erasure was noted %d times", noted[s.SubjectHash(k)])
		}
	}
}

// Nobody is erased whose erasure the audit log does not have.
func TestAWaveIsNotErasedUnnoted(t *testing.T) {
	w := newWorld(t)
	var records []Message
	var keys []subject.Key
	for i := range 80 {
		who := account(fmt.Sprint(i))
		keys = append(keys, w.create(who))
		records = append(records, send(t, who, says(consent.Erasure, consent.Deny, at(0)))...)
	}
	w.refuse = errCrash
	_, err := w.service().Take(t.Context(), records)
	wantErr(t, err, errCrash)
	for _, k := range keys {
		if w.person(k).State == subject.StateErased {
			t.Fatal("erased, and not noted")
		}
	}
	w.refuse = nil
	taken, err := w.service().Take(t.Context(), records)
	must(t, err)
	if taken.Erased != len(keys) {
		t.Errorf("%d erased by the second try", taken.Erased)
	}
}
