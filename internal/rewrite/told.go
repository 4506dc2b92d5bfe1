// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"slices"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// consentPlace is where events carry what people agreed to.
type consentPlace struct {
	form         string
	nodes, slots []int32
}

// agePlace is where an event tells the age, or the date of birth, of who acts.
type agePlace struct {
	birth        bool
	nodes, slots []int32
}

// ages notes where an event tells how old who acts in it is. What only some other field makes an age is passed over.
func (c *compiler) ages(e *policy.Event, k *kindOf) {
	for i := range e.Leaves {
		l := &e.Leaves[i]
		acts := l.Owner == nil || slices.ContainsFunc(e.Subjects, l.Owner.Matches)
		if l.Container || len(l.Case) > 0 || !acts || e.NoSubject || l.Class != policy.Age && l.Class != policy.Birth {
			continue
		}
		p := agePlace{birth: l.Class == policy.Birth}
		p.nodes, p.slots = c.mark(l.Path)
		k.ages = append(k.ages, p)
	}
}

// Consents gives how many places there are where the event at hand may carry what people agreed to.
func (w *Worker) Consents() int { return len(w.source.consents) }

// Consent gives what stands at such a place: its form, and the text of a string or the JSON of anything else, which is clear and
// valid until the next text; false: nothing stands there.
func (w *Worker) Consent(place int) (form string, value []byte, ok bool) {
	p := &w.source.consents[place]
	for i, n := range p.nodes {
		for at := w.slots[p.slots[i]]; at >= 0; at = w.following(at, n) {
			switch e := &w.tape[at]; {
			case e.kind == kind(transform.Null):
			case e.container() && e.kind != document:
				return p.form, w.payload[e.start:w.scanner.skip(int(e.start), 0)], true
			default:
				return p.form, w.text(e), true
			}
		}
	}
	return "", nil, false
}

// Ages hands out what the event at hand tells of the age of who acts: the text of an age, or of a date of birth. Both are clear and
// valid until the next text.
func (w *Worker) Ages(each func(text []byte, birth bool)) {
	for i := range w.kind.ages {
		p := &w.kind.ages[i]
		for j, n := range p.nodes {
			for at := w.slots[p.slots[j]]; at >= 0; at = w.following(at, n) {
				if e := &w.tape[at]; e.kind == kind(transform.String) || e.kind == kind(transform.Number) {
					each(w.text(e), p.birth)
				}
			}
		}
	}
}
