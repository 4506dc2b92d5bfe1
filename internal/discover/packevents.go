// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// events writes one event for each kind, and one for whatever else comes.
func (w *packWriter) events(p *Proposal) []entry {
	every := w.event(p, "")
	var out []entry
	names := map[string]bool{"other": true}
	add := func(word string, when []entry) {
		name := eventName(word)
		if names[name] || len(out) >= w.style.events {
			return
		}
		names[name] = true
		out = append(out, entry{key: yamlKey(name), inside: append([]entry{{key: "when", inside: when}}, w.event(p, word)...)})
	}
	for _, word := range p.Event.Words {
		add(word, []entry{{key: yamlKey(p.Event.Path), text: quoted(word)}})
	}
	for _, member := range p.Event.Members {
		path := event.Path{{Name: member}}
		add(member, []entry{{key: yamlKey(relative(path, true)), text: "{exists: true}"}})
	}
	return append(out, entry{key: "other", inside: every})
}

func eventName(word string) string {
	name := strings.Join(tokens(word), "-")
	if !packName.MatchString(name) {
		return "event-" + strings.Trim(name, "-")
	}
	return name
}

func (w *packWriter) event(p *Proposal, member string) []entry {
	pick := func(paths []string) []string {
		if !slices.Contains(p.Event.Members, member) {
			return paths
		}
		own := slices.DeleteFunc(slices.Clone(paths), func(s string) bool {
			return slices.ContainsFunc(p.Event.Members, func(m string) bool { return m != member && strings.HasPrefix(s, "$."+m+".") })
		})
		return own
	}
	var out []entry
	subjects := slices.DeleteFunc(slices.Clone(pick(p.Subject)), func(s string) bool { return !w.known[s] })
	times := slices.DeleteFunc(slices.Clone(pick(p.Times)), func(s string) bool { return !w.known[s] })
	switch len(subjects) {
	case 0:
		out = append(out, entry{key: "subject", text: "none", comment: "nothing seems to name the acting person"})
	case 1:
		out = append(out, entry{key: "subject", text: quoted(subjects[0])})
	default:
		var list []string
		for _, s := range subjects {
			list = append(list, quoted(s))
		}
		out = append(out, entry{key: "subject", text: "[" + strings.Join(list, ", ") + "]", comment: "the first that is present counts"})
	}
	if len(times) > 0 {
		out = append(out, entry{key: "time", text: quoted(times[0])})
	}
	return out
}
