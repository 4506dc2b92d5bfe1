// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/detect/names"
	"github.com/nymstream/nymstream/internal/detect/span"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// selfName is a place where a name of somebody stands that the event's texts are searched for.
type selfName struct {
	identity *transform.Identity // whom it names; nil: its owner
	owner    owner
	nobody   bool     // whose it is cannot be told
	rank     int      // who acts comes first, then those of whom nobody says whose they are, then others
	cases    []clause // when it is a name
}

const ranks = 3

// How much an event's texts are searched for: so many names, by rank and then in the order in which they stand; of each so many
// bytes.
const (
	mostSelves  = 64
	longestSelf = 256
)

// treatments are what a policy's words for them mean.
var treatments = map[string]transform.Treatment{
	policy.Tag: transform.AsTag, policy.Mask: transform.AsMask, policy.Pseudonym: transform.AsPseudonym,
	policy.Surrogate: transform.AsSurrogate, policy.Keep: transform.AsIs, policy.HostOnly: transform.AsHost,
}

// pseudonymous are the kinds found in texts that have pseudonyms, with the classes whose they are.
var pseudonymous = map[span.Kind]policy.Class{span.Handle: policy.Handle, span.Email: policy.Email, span.Phone: policy.Phone, span.IP: policy.IP}

// inText makes the technique that looks for personal data in a text.
func (c *compiler) inText(l *policy.Leaf, rule *policy.TextRule) (transform.Technique, error) {
	d, err := c.detectors.detector(rule)
	if err != nil {
		return nil, err
	}
	o := transform.TextOptions{Detector: d}
	if o.Markup, err = detect.ParseMarkup(l.Markup); err != nil {
		return nil, err
	}
	for k := span.Email; k < span.Kinds; k++ {
		o.Treat[k] = treatments[rule.Action(k.String())]
	}
	for k, class := range pseudonymous {
		if o.Identities[k], err = c.identity(class); err != nil {
			return nil, err
		}
	}
	o.Account, err = c.identity(policy.Account)
	return transform.NewText(o), err
}

// detectors are made once for all texts that one rule is for: a worker has a scanner of each.
type detectors map[string]*detect.Detector

func (d detectors) detector(rule *policy.TextRule) (*detect.Detector, error) {
	key := fmt.Sprintf("%q %q %q", rule.Names, rule.Allow, rule.Deny)
	if d[key] != nil {
		return d[key], nil
	}
	o := detect.Options{Allow: rule.Allow}
	tagger, err := names.Of(rule.Names)
	if err != nil {
		return nil, err
	}
	if tagger != nil {
		o.Names = tagger
	}
	for _, e := range rule.Deny {
		kind, ok := span.Named(e.Kind)
		if !ok {
			return nil, fmt.Errorf("unknown kind %s", e.Kind)
		}
		o.Deny = append(o.Deny, detect.Listed{Text: e.Text, Kind: kind})
	}
	made, err := detect.New(o)
	if err == nil {
		d[key] = made
	}
	return made, err
}

// naming are the classes of what names people in texts.
var naming = []policy.Class{policy.Handle, policy.PersonName, policy.Email, policy.Phone}

// selves notes where names of people stand, if some recipient gets a text that is searched for them.
func (c *compiler) selves(e *policy.Event, f *policy.Flow, decisions []policy.Decision, k *kindOf) error {
	searched := func(d policy.Decision) bool { return d.Technique.Name == policy.InText }
	if k.selves != nil || !slices.ContainsFunc(decisions, searched) && !slices.ContainsFunc(f.Headers, searched) {
		return nil
	}
	k.selves = make([][]*selfName, len(c.trie.nodes))
	for i := range e.Leaves {
		l := &e.Leaves[i]
		if l.Container || l.Templates != nil || !slices.Contains(naming, l.Class) {
			continue
		}
		for _, n := range c.places(l.Path) {
			s, err := c.self(e, l, n)
			if err != nil {
				return err
			}
			n.scalar = true
			k.selves[n.id] = append(k.selves[n.id], s)
		}
	}
	return nil
}

// self compiles whom a name at a place names.
func (c *compiler) self(e *policy.Event, l *policy.Leaf, n *node) (s *selfName, err error) {
	s = &selfName{cases: c.clauses(n, l.Case)}
	switch {
	case l.Owner == nil:
		s.rank = 1
	case !slices.ContainsFunc(e.Subjects, l.Owner.Matches):
		s.rank = 2
	}
	switch {
	case l.Class != policy.PersonName:
		s.identity, err = c.identity(l.Class)
	case l.Owner == nil && len(e.Subjects) == 0:
		s.nobody = true
	default:
		s.owner, err = c.owner(e, l)
	}
	return s, err
}

// searchFor has the event's own names looked for in its texts. They are collected once for an event, by the first text that leaves.
func (w *Worker) searchFor() {
	if w.selvesRead {
		return
	}
	w.selvesRead, w.selfText = true, w.selfText[:0]
	for rank := range ranks {
		for at := range w.tape {
			if s := w.selfAt(int32(at)); s != nil && s.rank == rank && !w.search(int32(at)) {
				return
			}
		}
	}
}

// selfAt gives what an entry of the tape names, as its case is; nil: it is no name.
func (w *Worker) selfAt(at int32) *selfName {
	e := &w.tape[at]
	if w.kind.selves[e.node] == nil || !e.identifier() {
		return nil
	}
	for _, s := range w.kind.selves[e.node] {
		if w.clauses(at, s.cases) {
			return s
		}
	}
	return nil
}

// search adds a name to those that are looked for; false: there may be no more.
func (w *Worker) search(at int32) bool {
	self, text := &w.scope.Self, w.text(&w.tape[at])
	if len(text) > longestSelf { // it would be a search for all the words in it
		end := longestSelf
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	if len(text) == 0 || slices.ContainsFunc(self.Names, func(n detect.Identity) bool { return string(n.Text) == string(text) }) {
		return true
	}
	from := len(w.selfText)
	w.selfText = append(w.selfText, text...) // decoded texts are valid only until the next
	self.Names = append(self.Names, detect.Identity{Text: w.selfText[from:len(w.selfText):len(w.selfText)], Ref: int(at)})
	return len(self.Names) < mostSelves
}

// named gives the number of the person that a name on the tape names; below 0: it cannot be told. A name that no rule lets leave
// by itself is told whose other name it is now.
func (w *Worker) named(at int) int {
	s := w.selfAt(int32(at))
	switch {
	case s == nil || s.nobody:
		return -1
	case s.identity == nil:
		return w.whose(int32(at), &s.owner)
	}
	n := w.person(int32(at), s.identity)
	if w.kind.others == nil || w.kind.others[w.tape[at].node] == nil {
		return n
	}
	o := w.kind.others[w.tape[at].node]
	if of := w.whose(int32(at), &o.owner); of >= 0 && of != n {
		w.scope.People.Relate(n, of, o.declared)
	}
	return n
}
