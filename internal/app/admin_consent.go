// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
)

// Saying is something that is said of people: a signal for each. Times are milliseconds since the Unix epoch.
type Saying struct {
	About
	Filing         // of a restriction or objection
	Kind    string `json:"kind,omitempty"` // default consent
	Purpose string `json:"purpose,omitempty"`
	Every   bool   `json:"every_purpose,omitempty"`
	Lift    bool   `json:"lift,omitempty"`    // the opposite: a hold or an objection ends
	At      int64  `json:"at,omitempty"`      // default now
	Expires int64  `json:"expires,omitempty"` // of what allows
	Source  string `json:"source,omitempty"`  // default officer
	Notice  string `json:"notice,omitempty"`
	ID      string `json:"id,omitempty"`
}

// Said tells what a saying came to.
type Said struct {
	Subjects  int  `json:"subjects"`
	Rows      int  `json:"rows"`
	Tightened bool `json:"tightened"` // somebody allows less than before

	Request string `json:"request,omitempty"` // id, where one was filed
}

// say notes one signal of each person.
func (a *Admin) say(ctx context.Context, by caller, o *Saying, kind consent.Kind, verdict consent.Verdict, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.At == 0 {
		o.At = a.nowMs()
	}
	if o.Source == "" {
		o.Source = "officer"
	}
	s := consent.Signal{ID: o.ID, Kind: kind, Purpose: o.Purpose, Verdict: verdict, At: o.At, Expires: o.Expires, Source: o.Source, Notice: o.Notice}
	var said Said
	for i, who := range o.Subjects {
		taken, err := a.people.rights.Say(ctx, by.rights(), who, o.Reason, s)
		if err != nil {
			return numbered(i, len(o.Subjects), err)
		}
		said.Subjects++
		said.Rows += len(taken.Keys)
		said.Tightened = said.Tightened || taken.Tightened
	}
	return write(out, said)
}

// purposeful are the kinds of consent that name a purpose.
var purposeful = []consent.Kind{consent.Consent, consent.Parental, consent.ParentalThirdParty}

// kindOf reads the kind of what is granted or revoked, and checks its purpose.
func (a *Admin) kindOf(o *Saying) (consent.Kind, error) {
	if o.Kind == "" {
		o.Kind = consent.Consent.String()
	}
	kind, known := consent.ParseKind(o.Kind)
	switch {
	case !known || !slices.Contains(append(purposeful, consent.Age, consent.Sale, consent.Sharing, consent.Sensitive), kind):
		return 0, errors.New("kind: use consent, parental, parental-third-party, age, sale, sharing or sensitive")
	case !slices.Contains(purposeful, kind) && (o.Purpose != "" || o.Every):
		return 0, fmt.Errorf("%s has no purpose: leave it out", kind)
	case !slices.Contains(purposeful, kind):
		return kind, nil
	case (o.Purpose == "") != o.Every:
		return 0, errors.New("for which purpose? give --purpose NAME, or --every-purpose")
	}
	return kind, a.checkPurpose(o.Purpose)
}

// checkPurpose takes "" and the policy's purposes.
func (a *Admin) checkPurpose(name string) error {
	var names []string
	for _, p := range a.plan().Purposes {
		names = append(names, p.Name)
	}
	if name != "" && !slices.Contains(names, name) {
		return fmt.Errorf("the policy has no such purpose; it has %s", list(names))
	}
	return nil
}

func (a *Admin) consentGrant(ctx context.Context, by caller, o Saying, out io.Writer) error {
	kind, err := a.kindOf(&o)
	if err != nil {
		return err
	}
	return a.say(ctx, by, &o, kind, consent.Allow, out)
}

func (a *Admin) consentRevoke(ctx context.Context, by caller, o Saying, out io.Writer) error {
	kind, err := a.kindOf(&o)
	if err != nil {
		return err
	}
	return a.say(ctx, by, &o, kind, consent.Deny, out)
}

// Records are JSON Lines as the signals topic has them.
type Records struct {
	First   int               `json:"first"` // number of the first line
	Records []json.RawMessage `json:"records"`
}

// Imported tells what records of signals came to.
type Imported struct {
	Records int      `json:"records"` // taken
	Signals int      `json:"signals"`
	Erased  int      `json:"erased"`            // rows
	Held    int      `json:"held"`              // rows to be erased that a legal hold keeps
	Unknown int      `json:"unknown"`           // signals that allow something for a purpose the policy does not know: they do not count
	Refused []string `json:"refused,omitempty"` // which lines, and why
}

// consentImport takes records of signals; those that are faulty are told of, and the others count.
func (a *Admin) consentImport(ctx context.Context, by caller, o Records, out io.Writer) error {
	var done Imported
	messages := make([]rights.Message, 0, len(o.Records))
	for i, raw := range o.Records {
		if string(raw) == "null" { // an empty line
			continue
		}
		if _, _, err := consent.DecodeSignals(raw, a.nowMs()); err != nil {
			done.Refused = append(done.Refused, fmt.Sprintf("line %d: %v", o.First+i, err))
			continue
		}
		messages = append(messages, rights.Message{Topic: "import", Offset: int64(o.First + i), Value: raw})
	}
	if err := a.note(ctx, by, audit.Entry{Act: audit.Signals, Details: map[string]string{"kind": "import"}, Numbers: map[string]uint64{"records": uint64(len(messages))}}); err != nil {
		return err
	}
	taken, err := a.people.rights.Take(ctx, messages)
	if err != nil {
		return err
	}
	done.Records, done.Signals, done.Erased, done.Held = taken.Records-taken.Refused, taken.Signals, taken.Erased, taken.Held
	done.Unknown = taken.Unknown
	if taken.Refused > 0 {
		done.Refused = append(done.Refused, fmt.Sprintf("%d records whose subject cannot be one of its class", taken.Refused))
	}
	if taken.Unknown > 0 {
		done.Refused = append(done.Refused, fmt.Sprintf("%d signals allow something for a purpose that the policy does not have", taken.Unknown))
	}
	return write(out, done)
}

// Exporting says whose signals are written.
type Exporting struct {
	About
	All bool `json:"all,omitempty"`
}

// consentExport writes what people said: of those named as records that can be imported, of all by their hashes.
func (a *Admin) consentExport(ctx context.Context, by caller, o Exporting, out io.Writer) error {
	if o.All {
		return a.exported(ctx, by, o.Reason, out)
	}
	if err := o.check(); err != nil {
		return err
	}
	for i, who := range o.Subjects {
		standing, err := a.standing(ctx, by, who, o.Reason)
		signals := signalsOf(standing)
		if err == nil && len(signals) > 0 {
			var record []byte
			if record, err = consent.EncodeSignals(who, signals); err == nil {
				_, err = out.Write(append(record, '\n'))
			}
		}
		if err != nil {
			return numbered(i, len(o.Subjects), err)
		}
	}
	return nil
}

// standing reads what a person said, past what is in memory, after the audit log knows of it.
func (a *Admin) standing(ctx context.Context, by caller, who Subject, reason string) (consent.Standing, error) {
	keys, err := a.people.rights.Find(ctx, who)
	if err != nil {
		return consent.Standing{}, err
	}
	key := keys[len(keys)-1]
	if err := a.note(ctx, by, audit.Entry{Act: audit.Access, Subject: a.hash(key), Reason: reason, Details: map[string]string{"kind": "consent"}}); err != nil {
		return consent.Standing{}, err
	}
	if err := a.reveal.Touched(ctx, by.reveal(), keys...); err != nil {
		return consent.Standing{}, err
	}
	d := subject.NewDirectory(subject.Options{Store: a.people.store, Keys: a.keys, Cache: 1 << 12, Lookup: func(name []byte, out *subject.Key) { copy(out[:], name) }})
	if err := d.Load(ctx, [][]byte{key[:]}); err != nil {
		return consent.Standing{}, err
	}
	if p := d.Find(key[:]); p != nil {
		return p.Standing, nil
	}
	return consent.Standing{}, fmt.Errorf("the row changes all the time: %w", event.ErrTransient)
}

// signalsOf gives signals that come to a standing. Where a consent to one purpose is younger than that to every purpose, because an
// earlier one had ended, a deny just before it keeps the two apart.
func signalsOf(s consent.Standing) (signals []consent.Signal) {
	every := map[consent.Kind]int64{}
	for m := range s.Marks() {
		add := func(v consent.Verdict, at, expires int64, source, notice string) {
			if at > 0 && m.Kind.Value(v) != "" {
				signals = append(signals, consent.Signal{Kind: m.Kind, Purpose: m.Purpose, Verdict: v, At: at, Expires: expires, Source: source, Notice: notice})
			}
		}
		if slices.Contains(purposeful, m.Kind) {
			if m.Purpose == "" {
				every[m.Kind] = m.Since
			} else if older := every[m.Kind]; older > 0 && older < m.Since && m.Denied < m.Since-1 {
				add(consent.Deny, m.Since-1, 0, "export", "")
			}
		}
		add(consent.Deny, m.Denied, 0, m.Refusal, "")
		if m.Since < m.Allowed {
			add(consent.Allow, m.Since, 0, m.Source, m.Notice)
		}
		add(consent.Allow, m.Allowed, m.Expires, m.Source, m.Notice)
	}
	slices.SortStableFunc(signals, func(a, b consent.Signal) int { return cmp.Compare(a.At, b.At) })
	return signals
}
