// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Reason is why people are erased. The list is closed.
type Reason string

const (
	OnRequest   Reason = "request"           // of the person
	OnWithdrawn Reason = "consent-withdrawn" //
	OnPlatform  Reason = "platform"          // the account was deleted there
	OnRetention Reason = "retention"         // inactive for longer than their data is kept
	OnOrder     Reason = "order"             // of an authority
	OnTest      Reason = "test"
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{OnRequest, OnWithdrawn, OnPlatform, OnRetention, OnOrder, OnTest}
}

// Erasure says who is to be erased, and why.
type Erasure struct {
	Subjects []consent.Subject
	Keys     []subject.Key // of people of whom nothing else is known
	Reason   Reason
	Ground   string // for audit log and certificate: one line of at most 200 characters without a personal value, or ""
	Request  string // id of the request that asks for it, or ""
	By       Actor
	At       int64 // as of when, milliseconds since the Unix epoch; default now: what was consented to later goes on
	DryRun   bool  // only tell what it would come to
}

func (s *Service) checkErasure(o *Erasure) error {
	if err := o.By.check(); err != nil {
		return err
	}
	if o.At == 0 {
		o.At = s.nowMs()
	}
	switch {
	case !slices.Contains(Reasons(), o.Reason):
		return fmt.Errorf("%w: reason: use one of %v", ErrInput, Reasons())
	case len(o.Subjects)+len(o.Keys) == 0:
		return fmt.Errorf("%w: nobody is named who is to be erased", ErrInput)
	case o.At < 0 || o.At > s.nowMs():
		return fmt.Errorf("%w: at lies in the future; an erasure holds from now on or from before", ErrInput)
	}
	return nil
}

// Erase ends people's lives, with those of their handles and account. When it returns without error the store holds nothing of them
// but tombstones, the ledger has the erasure, and the announcement is out; RunOutbox tells recipients. After an error it may be done in
// part, and is finished by repeating it, which does no harm. Nobody is erased while one of them is under a legal hold: ErrHeld.
func (s *Service) Erase(ctx context.Context, o Erasure) (Certificate, error) {
	if err := s.checkErasure(&o); err != nil {
		return Certificate{}, err
	}
	signer, err := s.Keys.Signer(keyring.RoleCertificate)
	if err != nil {
		return Certificate{}, fmt.Errorf("key of certificates: %w", err)
	}
	people, err := s.named(ctx, &o)
	if err != nil {
		return Certificate{}, fmt.Errorf("erase: %w", err)
	}
	if err := s.checkHolds(ctx, &o, people); err != nil {
		return Certificate{}, err
	}
	handedOver := 0
	for i := range people {
		handedOver += people[i].handedOver
	}
	if o.DryRun {
		all, err := s.foretell(ctx, &o, people)
		return s.certificate(&o, all, handedOver), err
	}
	all, err := s.erasePeople(ctx, cause{o.Reason, o.Ground, o.Request, o.By}, people, func(subject.Key) int64 { return o.At })
	if err != nil {
		return Certificate{}, fmt.Errorf("erase: %w", err)
	}
	c := s.certificate(&o, all, handedOver)
	return c, c.sign(signer)
}

// named finds everybody's rows, each person once.
func (s *Service) named(ctx context.Context, o *Erasure) (people []person, err error) {
	rows := make([]row, 0, len(o.Subjects)+len(o.Keys))
	for _, who := range o.Subjects {
		r, err := s.name(who, true)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	for _, k := range o.Keys {
		rows = append(rows, row{key: k, types: personTypes})
	}
	for i, r := range rows {
		if slices.ContainsFunc(rows[:i], func(other row) bool { return other.key == r.key }) {
			continue
		}
		p, err := s.resolve(ctx, r)
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

// ErrHeld means that a legal hold forbids erasing somebody.
var ErrHeld = subject.ErrHeld

// sourceWord is how senders name themselves; anything else is not repeated.
var sourceWord = regexp.MustCompile(`^[a-z][a-z:_.-]{0,63}$`)

// checkHolds refuses to erase anybody while one of them is held.
func (s *Service) checkHolds(ctx context.Context, o *Erasure, people []person) error {
	for i := range people {
		p := &people[i]
		found, err := s.look(ctx, p.keys())
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		for _, one := range found {
			if !one.Standing.Refuses(consent.Hold, s.nowMs()) {
				continue
			}
			e := audit.Entry{Act: audit.Deny, Subject: s.SubjectHash(one.Key), Reason: o.Ground, Details: details(o.Request, "erase", "held")}
			if err := s.note(ctx, o.By, e); err != nil {
				return err
			}
			return fmt.Errorf("%w%s", ErrHeld, holdSource(one.Standing))
		}
	}
	return nil
}

// holdSource tells who ordered a hold, as far as that is a word.
func holdSource(standing consent.Standing) string {
	for m := range standing.Marks() {
		if m.Kind == consent.Hold && sourceWord.MatchString(m.Refusal) {
			return " (ordered by " + m.Refusal + ")"
		}
	}
	return ""
}

// details are those of an entry about one person.
func details(request, kind, outcome string) map[string]string {
	d := map[string]string{"kind": kind}
	if request != "" {
		d["request"] = request
	}
	if outcome != "" {
		d["outcome"] = outcome
	}
	return d
}

// foretell gives the receipts that erasing people would make.
func (s *Service) foretell(ctx context.Context, o *Erasure, people []person) (all []*receipt, err error) {
	topics := s.topics()
	for i := range people {
		found, err := s.look(ctx, people[i].keys())
		if err != nil {
			return nil, err
		}
		for n, one := range found {
			issued, err := s.issued(one, people[i].rows[n].types)
			if err != nil {
				return nil, err
			}
			rec := &receipt{Entry: s.entry(people[i].rows[n], one.Generation+1, o.At, o.Reason)}
			rec.count(issued, topics)
			all = append(all, rec)
		}
	}
	return all, nil
}

// cause is why people are erased, and who says so.
type cause struct {
	reason  Reason
	ground  string
	request string
	by      Actor
}

// of is the cause for one person, who may have a reason of their own.
func (c cause) of(p *person) cause {
	if p.reason != "" {
		c.reason = p.reason
	}
	return c
}

// erasePeople ends lives, each as of its row's time; 0: not this row's. It gives a receipt for each row, that was erased before too. What
// was erased before an error is announced and entered into the ledger nevertheless.
func (s *Service) erasePeople(ctx context.Context, c cause, people []person, at func(subject.Key) int64) (all []*receipt, err error) {
	var keys []subject.Key
	known := map[subject.Key]bool{}
	var noted notes
	for i := range people {
		var done []*receipt
		if i%notedTogether == 0 {
			if noted, err = s.noteAll(ctx, c, people[i:min(i+notedTogether, len(people))], at); err != nil {
				break
			}
		}
		done, err = s.erasePerson(ctx, c.of(&people[i]), &people[i], at, noted)
		for _, rec := range done {
			if !known[rec.Entry.Key] {
				known[rec.Entry.Key] = true
				all = append(all, rec)
			}
		}
		if keys = append(keys, people[i].keys()...); err != nil {
			break
		}
	}
	var pending []*receipt
	for _, rec := range all {
		if rec.Pending {
			pending = append(pending, rec)
		}
	}
	_, announced := s.announce(ctx, keys, true, "erase")
	return all, errors.Join(err, announced, s.enter(ctx, pending))
}

// errGrown means that a person was found to have another row while they were erased.
var errGrown = errors.New("another identifier of the person was learned meanwhile")

// erasePerson erases a person's rows in their order, with those that are learned of meanwhile.
func (s *Service) erasePerson(ctx context.Context, c cause, p *person, at func(subject.Key) int64, noted notes) (all []*receipt, err error) {
	first := p.keys()
	for range rounds {
		all = all[:0]
		for _, r := range p.rows {
			t := at(r.key)
			if t == 0 && !slices.Contains(first, r.key) {
				t = at(p.named.key)
			}
			if t == 0 {
				continue
			}
			rec, rowErr := s.eraseRow(ctx, c, p, r, t, all, noted)
			if err = rowErr; err != nil {
				break
			}
			all = append(all, rec)
		}
		if err == nil {
			return s.withEarlier(ctx, all)
		}
		if !errors.Is(err, errGrown) {
			return all, err
		}
		again, err := s.resolve(ctx, p.named)
		if err != nil {
			return all, err
		}
		again.reason = p.reason
		*p = again
	}
	return all, errContended
}

// withEarlier adds receipts of rows that were erased by a call before, and to which no link leads any more.
func (s *Service) withEarlier(ctx context.Context, all []*receipt) ([]*receipt, error) {
	for i := 0; i < len(all); i++ {
		for _, earlier := range all[i].With {
			if slices.ContainsFunc(all, func(rec *receipt) bool { return rec.Entry.Key == earlier.Key }) {
				continue
			}
			rec, err := s.receiptOf(ctx, earlier.Key, earlier.Generation)
			if err != nil {
				return all, err
			}
			if rec != nil {
				all = append(all, rec)
			}
		}
	}
	return all, nil
}

// eraseRow ends the life in one row, after the audit log has it: what was not noted yet is noted here. It gives a receipt that is pending where the ledger may lack it. Before
// are those of the person's rows that come before it.
func (s *Service) eraseRow(ctx context.Context, c cause, p *person, r row, at int64, before []*receipt, noted notes) (*receipt, error) {
	if !noted[noteOf{r.key, c.reason}] {
		if err := s.noteErasure(ctx, c, r.key); err != nil {
			return nil, err
		}
	}
	var rec *receipt
	erased, err := s.Directory.EraseWith(ctx, r.key, at, func(was *subject.Person) (changes []subject.Change, err error) {
		if err := s.unchanged(ctx, p, r.key); err != nil {
			return nil, err
		}
		rec, changes, err = s.compose(ctx, was, r.types, s.begin(r, was, at, c.reason, before))
		return changes, err
	})
	if err != nil || erased.Was != nil {
		return rec, err
	}
	if rec, err = s.receiptOf(ctx, r.key, erased.Generation); err != nil {
		return nil, err
	}
	if rec == nil || rec.Entry.ErasedAt < erased.At {
		newer := &receipt{Entry: s.entry(r, erased.Generation, erased.At, c.reason), Made: s.nowMs(), Pending: true}
		if rec != nil {
			newer.Recipients, newer.With = rec.Recipients, rec.With
		}
		rec = newer
	}
	return rec, nil
}

// begin begins a receipt of a row whose life ends now. The tombstone's generation is one more than theirs.
func (s *Service) begin(r row, was *subject.Person, at int64, reason Reason, before []*receipt) *receipt {
	rec := &receipt{Entry: s.entry(r, was.Generation+1, at, reason), Made: s.nowMs(), Pending: true}
	for _, b := range before {
		rec.With = append(rec.With, ref{b.Entry.Key, b.Entry.Generation})
	}
	return rec
}

// unchanged tells whether the rows that belong to a person are still those known. It is asked after the row at hand was read and before
// it is written, so that a link that is learned in between loses that write.
func (s *Service) unchanged(ctx context.Context, p *person, key subject.Key) error {
	now, err := s.resolve(ctx, p.named)
	if err != nil {
		return err
	}
	if !now.has(key) || slices.ContainsFunc(now.rows, func(r row) bool { return !p.has(r.key) }) {
		return errGrown
	}
	return nil
}
