// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/nymstream/nymstream/internal/detect"
	kinds "github.com/nymstream/nymstream/internal/detect/span"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/transform"
)

// telling are the kinds of personal data that are surely meant where they are found in a field that should hold none.
var telling = []kinds.Kind{kinds.Email, kinds.Phone, kinds.Card, kinds.IBAN, kinds.NationalID, kinds.IP, kinds.MAC, kinds.Crypto, kinds.Secret}

// surely is the score from which a finding in a plain field counts.
const surely = .8

// clearFields are the places of one source whose texts some recipient gets as they are, because the pack says that they are
// not personal.
type clearFields map[string]bool

// fieldsInClear finds them for every source of a plan.
func fieldsInClear(plan *policy.Plan) []clearFields {
	all := make([]clearFields, len(plan.Sources))
	for i := range all {
		all[i] = clearFields{}
	}
	for i := range plan.Flows {
		f := &plan.Flows[i]
		for j := range f.Events {
			for k := range f.Events[j].Decisions {
				l := &plan.Sources[f.Source].Events[j].Leaves[k]
				if d := &f.Events[j].Decisions[k]; f.Events[j].Selected && d.Technique.Name == policy.Keep && l.Class == policy.Plain && readsText(l, d) {
					all[f.Source][anyElement(l.Path).String()] = true
				}
			}
		}
	}
	return all
}

// readsText tells whether texts leave there that nobody listed.
func readsText(l *policy.Leaf, d *policy.Decision) bool {
	t := d.Technique.Type
	if t == nil {
		t = l.Type
	}
	return t == nil || t.Kind > policy.TypeBoolean && len(t.Enum) == 0
}

// anyElement gives a path with [*] for every index.
func anyElement(p event.Path) event.Path {
	out := make(event.Path, len(p))
	for i, s := range p {
		if s.Kind == event.Index {
			s = event.Segment{Kind: event.Each}
		}
		out[i] = s
	}
	return out
}

// anyName puts .* for the names that are data, in place.
func anyName(p event.Path, data []bool) event.Path {
	for i, is := range data {
		if is {
			p[i] = event.Segment{Kind: event.Members}
		}
	}
	return p
}

// newGuard makes the scanner that looks through fields which should hold nothing personal.
func newGuard() *detect.Scanner {
	d, err := detect.New(detect.Options{Kinds: telling, MinScore: surely})
	if err != nil {
		panic(err) // constants that a test has tried
	}
	return d.Scanner()
}

// personal looks for personal data in the texts of a payload that leave as they are. A path is told once it held some in a few
// samples: one finding may be chance.
func (d *Drift) personal(source string, leaves []rewrite.Leaf, fields clearFields) {
	if len(fields) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	once := map[string]bool{} // an array of a thousand elements is one sample
	for i := range leaves {
		l := &leaves[i]
		if !l.Named || len(l.Raw) < 2 || l.Raw[0] != '"' {
			continue
		}
		path := anyName(anyElement(l.Path), l.Data).String()
		if !fields[path] || once[path] {
			continue
		}
		d.text = transform.AppendUnescaped(d.text[:0], l.Raw[1:len(l.Raw)-1])
		found := d.guard.Find(d.text, detect.Plain)
		if len(found) == 0 {
			continue
		}
		once[path] = true
		note := DriftNote{Source: source, Kind: DriftPersonal, Path: path, Class: found[0].Kind.String()}
		if d.data[note]++; d.data[note] >= enoughTimes {
			d.note(note)
		}
	}
}
