// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// keys settles what each recipient's output key is made of: never of what no rule lets leave as a pseudonym.
// Events that could not have one are keyless; where that is all of them, `key:` is refused, or none by default.
func (c *compiler) keys() {
	for i := range c.file.recipients {
		s := &c.file.recipients[i]
		if !s.complete || s.Key == KeyNone {
			continue
		}
		stated := s.Key != ""
		if !stated {
			s.Key = KeySubject
		}
		missing, some := c.keyless(s)
		switch {
		case missing == "":
		case some:
			c.warnings.add(s.keyPlace(), fmt.Sprintf("some records of recipient %s carry no key: %s", s.Name, missing), "pseudonymize it to have a key in all records")
		case stated:
			c.add(s.keyPlace(), fmt.Sprintf("key: %s, but %s", s.Key, missing), "pseudonymize it, or write `key: none`")
		default:
			s.Key = KeyNone
			c.warnings.add(s.at, fmt.Sprintf("records of recipient %s carry no key: %s", s.Name, missing), "say `key: none`, or pseudonymize it")
		}
	}
}

func (s *recipientSpec) keyPlace() place {
	if s.keyAt != nil {
		return s.keyAt.place
	}
	return s.at
}

// keyless settles what each event's key may be made of. It gives the first event that has no key and why, and whether other events have keys.
func (c *compiler) keyless(s *recipientSpec) (missing string, some bool) {
	for _, f := range c.flows {
		if f.spec != s {
			continue
		}
		source := &c.sources[f.source]
		for i := range source.Events {
			e, fe := &source.Events[i], &f.events[i]
			if !fe.Selected {
				continue
			}
			var why string
			switch s.Key {
			case KeySource:
				key := source.Key.Class
				if e.Key.Class != "" {
					key = e.Key.Class
				}
				fe.KeyFrom = []bool{s.pseudonymizes(key)}
				why = fmt.Sprintf("no class rule pseudonymizes the record key of source %s", source.Name)
			case KeyEvent:
				fe.KeyFrom, why = keyFrom(e, fe, eventIDs(e))
			default:
				fe.KeyFrom, why = keyFrom(e, fe, e.Subjects)
			}
			switch {
			case slices.Contains(fe.KeyFrom, true):
				some = true
			case missing == "" && len(fe.KeyFrom) > 0:
				missing = why
			}
		}
	}
	return missing, some
}

// keyFrom tells of each path whether it leaves as a pseudonym, and why not.
func keyFrom(e *Event, fe *FlowEvent, paths []event.Path) (from []bool, why string) {
	for _, p := range paths {
		all := true
		for i := range e.Leaves {
			if slices.Equal(e.Leaves[i].Path, p) && e.Leaves[i].Class.Identifier() {
				all = all && fe.Decisions[i].Technique.Name == Pseudonym
			}
		}
		from = append(from, all)
		if !from[len(from)-1] && why == "" {
			why = fmt.Sprintf("%s of event %s does not leave as a pseudonym", p, e.Name)
		}
	}
	return from, why
}

// eventIDs gives the event's own id: the object-id nearest to the root, the first where several are as near.
func eventIDs(e *Event) []event.Path {
	var nearest event.Path
	for i := range e.Leaves {
		if l := &e.Leaves[i]; l.Class == ObjectID && (nearest == nil || len(l.Path) < len(nearest)) {
			nearest = l.Path
		}
	}
	if nearest == nil {
		return nil
	}
	return []event.Path{nearest}
}

func (s *recipientSpec) pseudonymizes(class Class) bool {
	return slices.ContainsFunc(s.classes, func(r rule) bool { return r.class == class && r.technique.Name == Pseudonym })
}
