// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// Reason is why somebody is to be revealed. The list is closed.
type Reason string

const (
	LegalOrder     Reason = "legal-order" // the one that also answers of people whose erasure a legal hold delays
	Fraud          Reason = "fraud"
	Safety         Reason = "safety"
	SubjectRequest Reason = "subject-request"
	Incident       Reason = "incident" // people are to be told that their data leaked; the one that takes a Span
	Test           Reason = "test"
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{LegalOrder, Fraud, Safety, SubjectRequest, Incident, Test}
}

const (
	mostAsked  = 1000    // pseudonyms and sealed values of one request
	mostSealed = 1 << 20 // bytes of its sealed values together
	mostPeople = 1 << 20 // pseudonyms of a span
	mostOpens  = 10
)

// Ask is what is to be revealed: pseudonyms of people, sealed values, or everybody in the records of a span.
type Ask struct {
	Recipient  string // whose pseudonyms they are
	Pseudonyms []string
	Sealed     []Sealed
	Span       *Span // with reason Incident, and nothing else
	Reason     Reason
	Case       string // reference of the case: letters, digits and . _ / # -, at most 40
	Opens      int    // how often it may be opened, 1 to 10; default 1
}

// Format hides what is asked for, whatever the verb: pseudonyms beside a case.
func (a Ask) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[ask]") }

// Sealed is a sealed value as it stands in a recipient's record, beside the pseudonym of whose it is.
type Sealed struct {
	Recipient string `json:"recipient,omitempty"` // default: the ask's
	Class     string `json:"class"`
	Path      string `json:"path"` // of the rule, as the plan spells it: $.user.email
	Pseudonym string `json:"pseudonym"`
	Text      string `json:"text"` // without quotes
}

// Span is a time in which records were written to a recipient's topic: From is within, To is not.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (s *Span) check(now time.Time) error {
	switch {
	case s.From.IsZero() || !s.From.Before(s.To):
		return fmt.Errorf("%w: a span needs a begin, and an end after it", ErrInput)
	case s.To.After(now):
		return fmt.Errorf("%w: the span ends in the future; its records are not all written yet", ErrInput)
	}
	return nil
}

// holds tells whether a record may have been written in the span: its time is the processing time truncated to a step.
func (s *Span) holds(recordMs int64, step time.Duration) bool {
	return recordMs < s.To.UnixMilli() && recordMs+max(step.Milliseconds(), 1) > s.From.UnixMilli()
}

// complete checks an ask, and sets what was left out.
func (s *Service) complete(a Ask) (Ask, error) {
	if !slices.Contains(Reasons(), a.Reason) {
		return a, fmt.Errorf("%w: reason: one of %v", ErrInput, Reasons())
	}
	if err := checkCase(a.Case); err != nil {
		return a, fmt.Errorf("%w: case: %w", ErrInput, err)
	}
	if a.Opens == 0 {
		a.Opens = 1
	}
	n := len(a.Pseudonyms) + len(a.Sealed)
	switch {
	case a.Opens < 1 || a.Opens > mostOpens:
		return a, fmt.Errorf("%w: opens: 1 to %d", ErrInput, mostOpens)
	case n > mostAsked:
		return a, fmt.Errorf("%w: more than %d pseudonyms and sealed values; ask for those the case needs", ErrInput, mostAsked)
	case a.Span != nil && (n > 0 || a.Reason != Incident):
		return a, fmt.Errorf("%w: a span is for reason %s, without pseudonyms", ErrInput, Incident)
	case a.Span == nil && n == 0:
		return a, fmt.Errorf("%w: nothing is asked for; give pseudonyms or sealed values", ErrInput)
	}
	if a.Span != nil {
		span := *a.Span
		a.Span = &span
		return a, s.checkSpan(a.Recipient, a.Span)
	}
	a.Pseudonyms = distinct(a.Pseudonyms)
	for i, text := range a.Pseudonyms {
		if err := s.checkPseudonym(a.Recipient, text); err != nil {
			return a, fmt.Errorf("%w: pseudonym %d: %w", ErrInput, i+1, err)
		}
	}
	return a, s.completeSealed(&a)
}

func (s *Service) completeSealed(a *Ask) error {
	a.Sealed = slices.Clone(a.Sealed)
	size := 0
	for i := range a.Sealed {
		v := &a.Sealed[i]
		if v.Recipient == "" {
			v.Recipient = a.Recipient
		}
		if size += len(v.Text); size > mostSealed {
			return fmt.Errorf("%w: sealed values of more than %d bytes together", ErrInput, mostSealed)
		}
		if !policy.Class(v.Class).Known() || v.Path == "" || v.Text == "" {
			return fmt.Errorf("%w: sealed value %d: give its class, the rule's path and its text", ErrInput, i+1)
		}
		if err := s.checkPseudonym(v.Recipient, v.Pseudonym); err != nil {
			return fmt.Errorf("%w: sealed value %d: its pseudonym: %w", ErrInput, i+1, err)
		}
	}
	return nil
}

// checkPseudonym takes a person's pseudonym of a recipient's epoch that there is. Its errors do not quote it.
func (s *Service) checkPseudonym(recipient, text string) error {
	p, ok := transform.ParsePseudonym([]byte(text))
	if !ok {
		return errors.New("is none; give it as the record has it, as in acc_3_… with 26 characters at the end")
	}
	if !policy.ClassOfType(p.Type).OfSubject() {
		return fmt.Errorf("names no person: type %s", p.Type)
	}
	if err := s.checkRecipient(recipient); err != nil {
		return err
	}
	_, err := s.Keys.EpochDomain(recipient, p.Epoch)
	switch {
	case errors.Is(err, keyring.ErrDestroyed):
		return fmt.Errorf("epoch %d of %s was destroyed; nobody can open it", p.Epoch, recipient)
	case errors.Is(err, keyring.ErrNoKey):
		return fmt.Errorf("%s has no epoch %d; is it another recipient's?", recipient, p.Epoch)
	}
	return err
}

func (s *Service) checkRecipient(name string) error {
	var names []string
	for _, r := range s.Keys.Recipients() {
		if r.Name == name {
			return nil
		}
		names = append(names, r.Name)
	}
	return fmt.Errorf("the keyring has no such recipient; it has %s", strings.Join(names, ", "))
}

// distinct gives each text once, in the order of their first mention.
func distinct(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	var out []string
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}

var (
	caseShape   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/#-]{0,39}$`)
	digitsShape = regexp.MustCompile(`[0-9]{9}|[0-9](?:[._/#-]*[0-9]){10}`) // as of a phone or an account
)

// checkCase takes a case's reference, which is kept in clear: no e-mail address, no phone number, no pseudonym.
func checkCase(text string) error {
	switch {
	case !caseShape.MatchString(text):
		return errors.New("write a reference of letters, digits and . _ / # -, at most 40, as in FRAUD-2026-118; no names, no addresses")
	case !strings.ContainsFunc(text, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }), digitsShape.MatchString(text):
		return errors.New("a long number, as of a phone or an account; write a reference as in FRAUD-2026-118")
	case len(pseudonymsIn(nil, []byte(strings.ToLower(text)))) > 0:
		return errors.New("a pseudonym; write the case's reference")
	}
	return nil
}
