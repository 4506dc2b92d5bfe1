// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// Open reveals what an approved request asks for: to who asked, in the role investigator, within a day of the approval, as often
// as was approved. key is the private reveal key. The result is not kept; an opening counts when it is handed out.
//
// Who is found is noted first; then their rows are read anew and opened, so that whoever was erased meanwhile is not in the result.
// Honeytokens raise an alarm, and are handed out like others.
func (s *Service) Open(ctx context.Context, by Actor, id string, key *keyring.RevealKey) (*Result, error) {
	role, err := s.may(ctx, by, stepOpen, shaped(id), Investigator)
	if err != nil {
		return nil, err
	}
	r, _, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if rule := r.mayOpen(by, s.nowMs()); rule != "" {
		return nil, s.refuse(ctx, by, stepOpen, id, rule)
	}
	if rule := s.fits(key); rule != "" {
		return nil, s.refuse(ctx, by, stepOpen, id, rule)
	}
	honey, err := s.honeytokens(ctx)
	if err != nil {
		return nil, err
	}
	items, err := s.wanted(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(items) > r.Count {
		return nil, s.refuse(ctx, by, stepOpen, id, "the span holds more people than were approved; ask again")
	}
	q, err := s.newSearch(r.Reason, items)
	if err != nil {
		return nil, fmt.Errorf("reveal: %w", err)
	}
	people, err := s.scan(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reveal: %w", err)
	}
	if err := s.touched(ctx, by, id, honey, people); err != nil {
		return nil, err
	}
	if err := s.notePeople(ctx, by, role, r, people); err != nil {
		return nil, err
	}
	n, err := s.fill(ctx, q, people, items, key)
	if err != nil {
		return nil, fmt.Errorf("reveal: %w", err)
	}
	e := r.entry(audit.RevealOpen)
	e.Details["approver"] = r.Approver
	e.Numbers["people"] = uint64(n)
	if err := s.note(ctx, by, role, e); err != nil {
		return nil, err
	}
	left, err := s.consume(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return &Result{Request: id, Items: items, OpensLeft: left}, nil
}

// mayOpen names the rule that forbids opening the request, or "".
func (r *request) mayOpen(by Actor, now int64) string {
	switch state := r.state(now); {
	case !by.is(r.By):
		return "only who asked opens"
	case state == Requested:
		return "it is not approved yet"
	case state == Expired:
		return "its time is over; ask again"
	case state != Approved:
		return "it is " + string(state) + " already"
	case by.is(r.Approver):
		return "who approved cannot open"
	}
	return ""
}

// fits names what is wrong with a reveal key, or "".
func (s *Service) fits(key *keyring.RevealKey) string {
	public := s.Keys.RevealPublic()
	if public == nil {
		return "the keyring has no reveal key; make one"
	}
	if key == nil {
		return "it takes the private reveal key"
	}
	probe, label := make([]byte, 32), keyring.AppendLabel(nil, "reveal probe")
	_, _ = rand.Read(probe) // never fails
	wrapped, err := public.Wrap(probe, label)
	if err == nil {
		_, err = key.Unwrap(wrapped, label)
	}
	if err != nil {
		return "the reveal key given is not the keyring's present one"
	}
	return ""
}

// wanted lists what a request asks for; of a span, whom its records name now.
func (s *Service) wanted(ctx context.Context, r *request) (items []Item, err error) {
	pseudonyms := r.Pseudonyms
	if r.Span != nil {
		if pseudonyms, err = s.spanPseudonyms(ctx, r.Recipient, r.Span); err != nil {
			return nil, err
		}
	}
	for _, p := range pseudonyms {
		items = append(items, Item{Recipient: r.Recipient, Pseudonym: p, State: Unknown})
	}
	for i := range r.Sealed {
		v := &r.Sealed[i]
		items = append(items, Item{Recipient: v.Recipient, Pseudonym: v.Pseudonym, Path: v.Path, State: Unknown, sealed: v})
	}
	return items, nil
}

// fill answers the items about people as their rows are now, and tells how many people there are still.
func (s *Service) fill(ctx context.Context, q *search, people []subject.Key, items []Item, key *keyring.RevealKey) (n int, err error) {
	o := opener{Service: s, key: key, dataKeys: map[subject.Key][]byte{}}
	defer o.forget()
	err = s.look(ctx, people, func(v *subject.View) error {
		there := false
		err := q.match(&v.Person, func(d *searchDomain, found []int) error {
			there = true
			for _, i := range found {
				if err := o.fill(ctx, &items[i], d, v); err != nil {
					return err
				}
			}
			return nil
		})
		if there {
			n++
		}
		return err
	})
	return n, err
}

// opener opens what lies in rows.
type opener struct {
	*Service
	key      *keyring.RevealKey
	dataKeys map[subject.Key][]byte // by row; nil: it does not unwrap
}

func (o *opener) forget() {
	for _, k := range o.dataKeys {
		clear(k)
	}
}

// fill answers one item about the person it names.
func (o *opener) fill(ctx context.Context, it *Item, d *searchDomain, v *subject.View) error {
	it.key = v.Key
	if it.sealed != nil {
		return o.value(it, d, v)
	}
	if len(v.Identity) == 0 {
		it.State = NoIdentity
		return nil
	}
	dataKey, err := o.dataKey(ctx, v.DataKey)
	if err != nil {
		return err
	}
	it.State = NotOpened
	if dataKey == nil {
		return nil
	}
	who, err := subject.OpenIdentity(dataKey, v.Key, v.Generation, v.Identity)
	if err != nil || !o.names(&who, v.Key) {
		return nil // NotOpened says it
	}
	it.State, it.Who = Found, consent.Subject{Instance: who.Instance, Type: className(who.Type), ID: string(who.Canonical)}
	clear(who.Canonical)
	return nil
}

// names tells whether an identity is that of the row: anybody can seal one to the public key.
func (o *opener) names(who *subject.Identity, key subject.Key) bool {
	name := append(o.Keys.SubjectLabel(who.Instance, who.Type), who.Canonical...)
	defer clear(name)
	return o.Directory.KeyOf(name) == key
}

// className gives the class of three letters, as people name a subject.
func className(identityType string) string {
	if c := policy.ClassOfType(identityType); c != "" {
		return string(c)
	}
	return identityType
}

// dataKey unwraps the data key of a row, once.
func (o *opener) dataKey(ctx context.Context, at subject.Key) ([]byte, error) {
	if k, known := o.dataKeys[at]; known {
		return k, nil
	}
	row, err := o.loadRow(ctx, subject.DataKeys, at)
	if err != nil {
		return nil, err
	}
	var k []byte
	if _, wrapped, err := subject.ParseDataKey(row.Body); err == nil {
		k, _ = o.key.Unwrap(wrapped, subject.DataKeyContext(at)) // nil: sealed to an older key that is not in the file
	}
	o.dataKeys[at] = k
	return k, nil
}

// value opens a sealed value with its owner's secret.
func (o *opener) value(it *Item, d *searchDomain, v *subject.View) error {
	id, err := transform.NewStoredIdentity(o.Keys, "", d.identity, true)
	if err != nil {
		return err
	}
	owner := transform.Owner{Known: true, Identity: id, Secret: v.Secret}
	value, err := transform.OpenSeal(d.Domain, owner, it.sealed.Class, it.sealed.Path, []byte(it.sealed.Text))
	if it.State = NotOpened; err == nil {
		it.State, it.Value = Found, value.Raw
	}
	return nil
}

// notesAtOnce is how many entries wait for the audit log together.
const notesAtOnce = 256

// notePeople writes an entry for each person who was found: so it can be told who was revealed, and to whom.
func (s *Service) notePeople(ctx context.Context, by Actor, role string, r *request, people []subject.Key) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	room := make(chan struct{}, notesAtOnce)
	for _, k := range people {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			e := r.entry(audit.RevealOpen)
			e.Subject, e.Numbers = s.SubjectHash(k), nil
			if err := s.note(ctx, by, role, e); err != nil {
				mu.Lock()
				failed = cmp.Or(failed, err)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return failed
}

// consume counts an opening, if it is allowed still, and gives how many are left.
func (s *Service) consume(ctx context.Context, by Actor, id string) (left int, err error) {
	for range rounds {
		r, row, err := s.load(ctx, id)
		if err != nil {
			return 0, err
		}
		now := s.nowMs()
		if rule := r.mayOpen(by, now); rule != "" {
			return 0, s.refuse(ctx, by, stepOpen, id, rule)
		}
		r.OpenedAt = append(r.OpenedAt, now)
		if left = r.Opens - len(r.OpenedAt); left == 0 {
			r.forget()
		}
		done, err := s.swap(ctx, r, row)
		if err != nil || done {
			return left, err
		}
	}
	return 0, errContended
}
