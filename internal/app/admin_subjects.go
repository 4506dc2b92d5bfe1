// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
)

// Subject is a person as people name them: clear.
type Subject = consent.Subject

// maxSubjects bounds those of one command.
const maxSubjects = 10_000

// ParseSubject reads mastodon:account:42, or email:ann@example.org where the class names one person on every platform. Its errors
// do not quote the text.
func ParseSubject(text string) (Subject, error) {
	first, rest, _ := strings.Cut(text, ":")
	if person(first) && rest != "" {
		return Subject{Type: first, ID: rest}, nil
	}
	class, id, _ := strings.Cut(rest, ":")
	if first == "" || !person(class) || id == "" {
		return Subject{}, errors.New("subject: write INSTANCE:CLASS:ID as in mastodon:account:42, or CLASS:ID as in email:ann@example.org")
	}
	return Subject{Instance: first, Type: class, ID: id}, nil
}

func person(class string) bool {
	c := policy.Class(class)
	return c.Known() && c.OfSubject()
}

// ReadSubjects reads JSON Lines, each {"instance": …, "type": …, "id": …}.
func ReadSubjects(in io.Reader) (all []Subject, err error) {
	err = eachLine(in, func(n int, line []byte) error {
		var s Subject
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if d.Decode(&s) != nil || s.Type == "" || s.ID == "" {
			return fmt.Errorf(`line %d: no subject; write {"instance":"mastodon","type":"account","id":"42"}`, n)
		}
		if all = append(all, s); len(all) > maxSubjects {
			return fmt.Errorf("more than %d subjects; split the file", maxSubjects)
		}
		return nil
	})
	return all, err
}

// maxLine bounds a line of subjects or signals.
const maxLine = 1 << 20

// eachLine hands out the lines that are not empty, with their numbers.
func eachLine(in io.Reader, fn func(n int, line []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := fn(n, line); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// About names people, and why something is done about them.
type About struct {
	Subjects []Subject `json:"subjects"`
	Reason   string    `json:"reason,omitempty"` // for the audit log: no personal value
}

func (o *About) check() error {
	switch {
	case len(o.Subjects) == 0:
		return errors.New("whom is it about? give --subject or -i FILE")
	case len(o.Subjects) > maxSubjects:
		return fmt.Errorf("more than %d subjects; split them", maxSubjects)
	}
	return nil
}

// numbered says which of several subjects an error is about.
func numbered(i, of int, err error) error {
	if err == nil || of == 1 {
		return err
	}
	return fmt.Errorf("subject %d: %w", i+1, err)
}

// Mark is what a person's signals of one kind and purpose came to.
type Mark struct {
	Kind    string    `json:"kind"`
	Purpose string    `json:"purpose,omitempty"` // "": every purpose, or none where the kind has none
	Value   string    `json:"value"`
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	Source  string    `json:"source,omitempty"`
	Notice  string    `json:"notice,omitempty"`
}

// markOf says what holds now.
func markOf(m consent.Mark, now int64) Mark {
	out := Mark{Kind: m.Kind.String(), Purpose: m.Purpose, Value: m.Kind.Value(consent.Deny), Since: at(m.Denied), Source: m.Refusal}
	switch {
	case m.Since == 0:
	case m.Expires != 0 && m.Expires <= now:
		if m.Denied == 0 {
			out.Value, out.Since, out.Source = "expired", at(m.Expires), m.Source
		}
		out.Expires = at(m.Expires)
	default:
		out.Value, out.Since, out.Expires, out.Source, out.Notice = m.Kind.Value(consent.Allow), at(m.Since), at(m.Expires), m.Source, m.Notice
	}
	return out
}

func marksOf(s consent.Standing, now int64) []Mark {
	marks := []Mark{}
	for m := range s.Marks() {
		marks = append(marks, markOf(m, now))
	}
	return marks
}

// at gives a time; zero: none.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

var stateNames = map[subject.State]string{
	subject.StateNone: "unknown", subject.StateLive: "live", subject.StateErased: "erased", subject.StateExpired: "expired",
}

// approach raises an alarm where somebody is about to get the data of a honeytoken.
func (a *Admin) approach(ctx context.Context, by caller, who Subject) error {
	keys, err := a.people.rights.Find(ctx, who)
	if err != nil {
		return err
	}
	return a.reveal.Touched(ctx, by.reveal(), keys...)
}

// Shown is what is known of one of the people asked for.
type Shown struct {
	Number int `json:"subject"` // from 1
	rights.Standing
}

// subjectStatus tells what is known of people, in the order in which they were given.
func (a *Admin) subjectStatus(ctx context.Context, by caller, o About, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	all := make([]Shown, len(o.Subjects))
	for i, who := range o.Subjects {
		err := a.approach(ctx, by, who)
		if err == nil {
			all[i].Number = i + 1
			all[i].Standing, err = a.people.rights.Show(ctx, by.rights(), who, o.Reason)
		}
		if err != nil {
			return numbered(i, len(o.Subjects), err)
		}
	}
	return write(out, all)
}

// Issued is a pseudonym of one of the people asked for.
type Issued struct {
	Number    int    `json:"subject"` // from 1
	Recipient string `json:"recipient"`
	Epoch     int    `json:"epoch"`
	Type      string `json:"type"`
	Pseudonym string `json:"pseudonym"`
}

func (a *Admin) subjectPseudonyms(ctx context.Context, by caller, o About, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	all := []Issued{}
	for i, who := range o.Subjects {
		if err := a.approach(ctx, by, who); err != nil {
			return numbered(i, len(o.Subjects), err)
		}
		issued, err := a.people.rights.Pseudonyms(ctx, by.rights(), who, o.Reason)
		if err != nil {
			return numbered(i, len(o.Subjects), err)
		}
		for _, p := range issued {
			all = append(all, Issued{i + 1, p.Recipient, p.Epoch, p.Type, p.Text})
		}
	}
	return write(out, all)
}

func (a *Admin) subjectRestrict(ctx context.Context, by caller, o Saying, out io.Writer) error {
	return a.wished(ctx, by, &o, rights.Restrict, out)
}

func (a *Admin) subjectUnrestrict(ctx context.Context, by caller, o Saying, out io.Writer) error {
	return a.wished(ctx, by, &o, rights.Unrestrict, out)
}

func (a *Admin) subjectObject(ctx context.Context, by caller, o Saying, out io.Writer) error {
	if (o.Purpose == "") != o.Every {
		return errors.New("to which purpose? give --purpose NAME, or --every-purpose")
	}
	if err := a.checkPurpose(o.Purpose); err != nil {
		return err
	}
	if o.Lift { // they give up a right: nobody owes them an answer by a deadline
		return a.say(ctx, by, &o, consent.Objection, consent.Allow, out)
	}
	return a.wished(ctx, by, &o, rights.Object, out)
}

// wished files a request to restrict or to object, and does it.
func (a *Admin) wished(ctx context.Context, by caller, o *Saying, kind rights.RequestType, out io.Writer) error {
	o.Received = cmp.Or(o.Received, o.At)
	done, err := a.serve(ctx, by, o.Subjects, o.Filing, kind, rights.Order{By: by.rights(), Ground: o.Reason, Purpose: o.Purpose, Source: o.Source})
	if err != nil {
		return err
	}
	return write(out, Said{len(done.Request.Subjects), len(done.Taken.Keys), done.Taken.Tightened, done.Request.ID})
}

func (a *Admin) subjectHold(ctx context.Context, by caller, o Saying, out io.Writer) error {
	return a.say(ctx, by, &o, consent.Hold, liftedOr(consent.Deny, o.Lift), out)
}

func liftedOr(v consent.Verdict, lift bool) consent.Verdict {
	if lift {
		return consent.Allow
	}
	return v
}

// exported writes what was said of everybody, by hashes.
func (a *Admin) exported(ctx context.Context, by caller, reason string, out io.Writer) error {
	if err := a.note(ctx, by, audit.Entry{Act: audit.Access, Reason: reason, Details: map[string]string{"kind": "consent-of-all"}}); err != nil {
		return err
	}
	lines, now := json.NewEncoder(out), a.nowMs()
	return a.people.directory.Scan(ctx, func(v *subject.View) error {
		if v.Standing.Empty() {
			return nil
		}
		return lines.Encode(struct {
			Hash  string `json:"subject_hash"`
			State string `json:"state"`
			Marks []Mark `json:"marks"`
		}{a.hash(v.Key), stateNames[v.State], marksOf(v.Standing, now)})
	})
}
