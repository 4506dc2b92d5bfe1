// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// People keeps what is known of people. It is safe for concurrent use; a subject.Directory is one.
type People interface {
	// Find gives a person by the identity's label and canonical identifier; nil: they are not at hand.
	Find(name []byte) *subject.Person
	// Load brings people at hand, also those of whom nothing is known.
	Load(ctx context.Context, names [][]byte) error
	// Create makes secrets for people who have none. What it has made is durable when it returns.
	Create(ctx context.Context, all []subject.Newcomer) error
	// Touch notes that people were seen on a day, counted from the Unix epoch.
	Touch(day int32, people []*subject.Person)
	// Link notes at a time that two people are one: a handle and its account.
	Link(handle, account subject.Key, at int64)
}

// registry answers the techniques' questions about people: for the record and recipient at hand, from what is known of them.
// What it misses is brought at hand for the whole rest of a batch at once.
type registry struct {
	people    People
	rewrite   *rewrite.Worker
	questions []consent.Question // by recipient
	question  *consent.Question  // of the recipient at hand
	signal    bool               // the event is a deletion: it tells of those who are known already, and of nobody else
	at        int64              // of the record
	known     []*subject.Person  // the record's people by number, as far as they were looked for
	told      []consent.Signal   // what the event itself says of those who act in it
	missing   missing
	seen      []*subject.Person // who is to be touched
}

// begin turns to another event of a record.
func (g *registry) begin(at, now int64) {
	g.at, g.known, g.told = at, g.known[:0], g.told[:0]
	for i := range g.questions {
		g.questions[i].EventTime, g.questions[i].Now = at, now
	}
}

// Secret implements transform.Registry.
func (g *registry) Secret(out *keyring.Secret, n int, id *transform.Identity, name []byte) transform.Verdict {
	p := g.person(n, name)
	if p == nil {
		return transform.Missed
	}
	reason, asked := g.refusal(n, p)
	switch {
	case !asked:
		return transform.Missed
	case reason != event.None:
		return transform.Barred
	case p.HasSecret:
		*out = p.Secret
		return transform.Done
	case g.signal:
		return transform.Barred
	}
	g.missing.newcomer(id, name)
	return transform.Missed
}

// person gives who has a name, and number n among the record's people where that is not below 0; nil: they are missed.
func (g *registry) person(n int, name []byte) *subject.Person {
	if n >= 0 {
		for len(g.known) <= n {
			g.known = append(g.known, nil)
		}
		if g.known[n] != nil {
			return g.known[n]
		}
	}
	p := g.people.Find(name)
	if p == nil {
		g.missing.name(name)
		return nil
	}
	if n >= 0 {
		g.known[n] = p
	}
	return p
}

// acting tells why the recipient may not have what the people do who act in the event; None: it may, or somebody is missed.
func (g *registry) acting() event.Reason {
	people := g.rewrite.People()
	reason := event.None
	for _, n := range g.rewrite.Acting() {
		_, name := people.Name(int(n))
		if p := g.person(int(n), name); p != nil && reason == event.None {
			reason, _ = g.refusal(int(n), p)
		}
	}
	return reason
}

// refusal tells why the recipient may not know of a person. Another name of somebody, an address or a handle, goes with the person
// whose name it is: it is refused where they are, and where they are not, only by what was said of the name itself. asked is false
// where somebody is missed.
func (g *registry) refusal(n int, p *subject.Person) (reason event.Reason, asked bool) {
	reason = g.ask(n, p)
	if n < 0 {
		return reason, true
	}
	people := g.rewrite.People()
	for range people.Len() { // names of names; a circle ends too
		of, _ := people.NameOf(n)
		if of < 0 || reason != event.None && !unsaid(reason, &p.Standing) {
			return reason, true
		}
		_, name := people.Name(of)
		if p = g.person(of, name); p == nil {
			return event.None, false
		}
		n, reason = of, g.ask(of, p)
	}
	return reason, true
}

// unsaid tells of reasons that hold because nobody said otherwise, and not because somebody said no.
func unsaid(r event.Reason, s *consent.Standing) bool {
	switch r {
	case event.NoConsent:
		return !s.Mentions(consent.Consent)
	case event.Minor:
		return !s.Mentions(consent.Age) && !s.Mentions(consent.Parental) && !s.Mentions(consent.ParentalThirdParty)
	}
	return false
}

func (g *registry) ask(n int, p *subject.Person) event.Reason {
	switch reason := p.Withholds(g.at); {
	case reason != event.None || g.signal:
		return reason
	case len(g.told) > 0 && slices.Contains(g.rewrite.Acting(), int32(n)):
		return p.Standing.AskWith(g.question, g.told)
	}
	return p.Standing.Ask(g.question)
}

// learn notes what the record says of people beside what it is about: that they were seen, and their other names.
func (g *registry) learn(now int64) {
	today, people := subject.Day(now), g.rewrite.People()
	for n, p := range g.known {
		if p == nil || !p.HasSecret {
			continue
		}
		if p.Overdue(today) {
			g.seen = append(g.seen, p)
		}
		if a, declared := people.NameOf(n); declared && a >= 0 && a < len(g.known) && g.known[a] != nil && g.known[a].HasSecret {
			g.people.Link(p.Key, g.known[a].Key, g.at)
		}
	}
}

// fetchTimeout bounds what one batch waits for the store before it is given up and done again.
const fetchTimeout = 10 * time.Second

// fetch brings what is missing at hand.
func (g *registry) fetch() error {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	err := g.missing.fetch(ctx, g.people)
	g.missing.reset()
	if err != nil && !errors.Is(err, event.ErrFatal) && !errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", event.ErrTransient, err)
	}
	return err
}

// missing are the people who were not at hand, and those who need a secret. It copies what it is told.
type missing struct {
	bytes     []byte
	names     []span
	newcomers []newcomer
}

type span struct{ from, to int }

type newcomer struct {
	id   *transform.Identity
	name span
}

func (m *missing) reset() { m.bytes, m.names, m.newcomers = m.bytes[:0], m.names[:0], m.newcomers[:0] }

func (m *missing) any() bool { return len(m.names)+len(m.newcomers) > 0 }

func (m *missing) keep(name []byte) span {
	from := len(m.bytes)
	m.bytes = append(m.bytes, name...)
	return span{from, len(m.bytes)}
}

func (m *missing) name(name []byte) { m.names = append(m.names, m.keep(name)) }

func (m *missing) newcomer(id *transform.Identity, name []byte) {
	m.newcomers = append(m.newcomers, newcomer{id, m.keep(name)})
}

func (m *missing) at(s span) []byte { return m.bytes[s.from:s.to:s.to] }

// fetch loads and creates, each person once.
func (m *missing) fetch(ctx context.Context, people People) error {
	if names := m.distinct(); len(names) > 0 {
		if err := people.Load(ctx, names); err != nil {
			return fmt.Errorf("load people: %w", err)
		}
	}
	if all := m.firsts(); len(all) > 0 {
		if err := people.Create(ctx, all); err != nil {
			return fmt.Errorf("make people's secrets: %w", err)
		}
	}
	return nil
}

func (m *missing) distinct() [][]byte {
	var out [][]byte
	seen := make(map[string]struct{}, len(m.names))
	for _, s := range m.names {
		name := m.at(s)
		if _, known := seen[string(name)]; !known {
			seen[string(name)] = struct{}{}
			out = append(out, name)
		}
	}
	return out
}

func (m *missing) firsts() []subject.Newcomer {
	var out []subject.Newcomer
	seen := make(map[string]struct{}, len(m.newcomers))
	for _, n := range m.newcomers {
		name := m.at(n.name)
		if _, known := seen[string(name)]; !known {
			seen[string(name)] = struct{}{}
			out = append(out, subject.Newcomer{Name: name, Instance: n.id.Instance(), Type: n.id.Type(), Canonical: n.id.CanonicalOf(name)})
		}
	}
	return out
}
