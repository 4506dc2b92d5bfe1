// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/consent/iab"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// ask prepares what every recipient asks about people. Where nothing is kept of people, nobody's age is known and nobody's consent
// but what an event says itself.
func (p *Pipeline) ask() {
	stored := p.options.People != nil
	for i := range p.plan.Recipients {
		r := &p.plan.Recipients[i]
		purpose := &p.plan.Purposes[r.Purpose]
		basis := purpose.Basis
		if p.options.AssumeConsent && basis == policy.BasisConsent {
			basis = assumedBasis
		}
		minors, _ := consent.ParseMinorRule(r.Minors)
		p.questions = append(p.questions, consent.Question{
			Purpose: consent.PurposeOf(purpose.Name), Basis: basis, Sale: purpose.Sale, Sharing: purpose.Sharing,
			ThirdParty: r.Role == policy.ThirdParty, Sensitive: p.sensitive(i), Minors: minors,
			UnknownAgeIsAdult: p.plan.Ages.UnknownIsAdult || !stored, TrustEvents: purpose.Accepts != nil,
		})
	}
	for i := range p.plan.Purposes {
		purpose := &p.plan.Purposes[i]
		needs := iab.PurposeNeeds{Purpose: purpose.Name}
		if a := purpose.Accepts; a != nil {
			needs.TCF, needs.Vendor, needs.Categories, needs.Google = a.TCF, a.Vendor, a.Categories, a.Google
		}
		p.mappings.Purposes = append(p.mappings.Purposes, needs)
	}
}

// assumedBasis stands for consent where people are assumed to have agreed: it asks for none, and minds objections.
const assumedBasis = "legitimate-interest"

// sensitive tells whether the recipient gets something whose use people may have limited (Cal. Civ. Code 1798.121).
func (p *Pipeline) sensitive(recipient int) bool {
	for i := range p.plan.Flows {
		f := &p.plan.Flows[i]
		if f.Recipient != recipient {
			continue
		}
		for j := range f.Events {
			for k, d := range f.Events[j].Decisions {
				leaves := d.Technique.Name != "" && d.Technique.Name != policy.Drop
				if leaves && p.plan.Sources[f.Source].Events[j].Leaves[k].Class.Sensitive() {
					return true
				}
			}
		}
	}
	return false
}

// open takes in what the event says of its people's consent.
func (w *Worker) open(rec *event.Record, source, kind int, now int64) {
	at := rec.Time
	if at < 0 {
		at = now
	}
	g := &w.registry
	g.begin(at, now)
	g.signal = w.pipeline.plan.Sources[source].Events[kind].Signal != ""
	w.rewrite.Ages(w.ageTold)
	for place := range w.rewrite.Consents() {
		if form, value, ok := w.rewrite.Consent(place); ok {
			g.told = append(g.told, iab.Read(iab.Form(form), value, &w.pipeline.mappings, at)...)
		}
	}
}

// ask tells why a recipient may not have the event because of the people who act in it; None: it may.
func (w *Worker) ask(e *policy.Event, recipient int) event.Reason {
	g := &w.registry
	g.question = &g.questions[recipient]
	switch {
	case e.NoSubject:
		return event.None
	case w.stored:
		return g.acting()
	case e.Signal != "":
		return event.None
	case len(g.told) > 0:
		return w.unasked.AskWith(g.question, g.told)
	}
	return w.unasked.Ask(g.question)
}

// close tells of people what the event says of their accounts, and remembers what it teaches of them.
func (w *Worker) close(rec *event.Record, source, kind int, now int64, sink event.Sink) error {
	g := &w.registry
	if w.stored && !g.missing.any() {
		g.learn(now)
	}
	e := &w.pipeline.plan.Sources[source].Events[kind]
	if w.pipeline.options.Signals == 0 || e.Signal == "" {
		return nil
	}
	said := signalsOf(e.Signal, w.pipeline.plan.Sources[source].Pack, g.at)
	if len(said) == 0 {
		return nil
	}
	people := w.rewrite.People()
	for _, n := range w.rewrite.Acting() {
		id, name := people.Name(int(n))
		who := consent.Subject{Instance: id.Instance(), Type: string(policy.ClassOfType(id.Type())), ID: string(id.CanonicalOf(name))}
		value, err := consent.EncodeSignals(who, said)
		if err != nil {
			if w.pipeline.options.PassedOver != nil { // an identifier that no signal can carry: longer than any platform's
				w.pipeline.options.PassedOver()
			}
			continue
		}
		out := event.Output{Value: value, Time: now}
		if err := sink.Forward(w.pipeline.options.Signals, rec, &out); err != nil {
			return err
		}
	}
	return nil
}

// grounds are why a platform restricts an account, by the words of packs: each is lifted by itself.
var grounds = map[string]string{
	"account-deactivated": "platform:deactivated", "account-suspended": "platform:suspended", "account-protected": "platform:protected",
	"account-leaving": "platform:leaving", // deleted, and can come back for a time; after it whoever tidies up erases
}

// signalsOf gives what a deletion says of the account it names.
func signalsOf(word, pack string, at int64) []consent.Signal {
	s := consent.Signal{Verdict: consent.Deny, At: at, Source: "event:" + strings.SplitN(pack, "@", 2)[0]}
	switch word {
	case "account-deleted":
		s.Kind = consent.Erasure
	case "consent-withdrawn":
		s.Kind = consent.Consent
	case "account-deactivated", "account-suspended", "account-protected", "account-leaving":
		s.Kind, s.Purpose = consent.Restriction, grounds[word]
	case "account-restored":
		s.Kind, s.Verdict, s.Purpose = consent.Restriction, consent.Allow, grounds["account-deactivated"]
		other := s
		other.Purpose = grounds["account-suspended"]
		return []consent.Signal{s, other}
	case "account-returned":
		s.Kind, s.Verdict, s.Purpose = consent.Restriction, consent.Allow, grounds["account-leaving"]
	case "account-unprotected":
		s.Kind, s.Verdict, s.Purpose = consent.Restriction, consent.Allow, grounds["account-protected"]
	default:
		return nil // about an object, or told to recipients only
	}
	return []consent.Signal{s}
}
