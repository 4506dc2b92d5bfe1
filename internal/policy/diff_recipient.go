// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// recipients compares what each recipient gets, and on what terms.
func (d *comparison) recipients() {
	for i := range d.next.Recipients {
		b := &d.next.Recipients[i]
		a := find(d.old.Recipients, b.Name, recipientName)
		if a == nil {
			p := d.next.Purposes[b.Purpose]
			d.add(More, b.Name, "", "%s is a new recipient: %s, for %s (%s), topic %s, kept for %s, minors %s", b.Name, b.Role, p.Name, p.Basis, b.Topic, days(b.Retention), b.Minors)
		} else {
			d.terms(a, b)
		}
		d.flows(b.Name)
	}
	for i := range d.old.Recipients {
		if r := &d.old.Recipients[i]; find(d.next.Recipients, r.Name, recipientName) == nil {
			d.add(Less, r.Name, "", "%s is no longer a recipient", r.Name)
		}
	}
}

// terms compares everything about a recipient but the fields it gets.
func (d *comparison) terms(a, b *Recipient) {
	name := b.Name
	if a.Role != b.Role {
		direction := More
		if b.Role == Processor {
			direction = Less
		}
		d.add(direction, name, "", "%s is now a %s, no longer a %s", name, b.Role, a.Role)
	}
	d.purpose(name, &d.old.Purposes[a.Purpose], &d.next.Purposes[b.Purpose])
	if a.Topic != b.Topic {
		d.add(More, name, "", "%s is now written to topic %s, no longer to %s: others may read it there", name, b.Topic, a.Topic)
	}
	if a.Retention != b.Retention {
		d.add(longer(a.Retention, b.Retention), name, "", "%s keeps its data for %s, no longer for %s", name, days(b.Retention), days(a.Retention))
	}
	minors := []string{"withhold", "with-parental-consent", "allow"}
	if a.Minors != b.Minors {
		direction := More
		if slices.Index(minors, b.Minors) < slices.Index(minors, a.Minors) {
			direction = Less
		}
		d.add(direction, name, "", "minors of %s: %s, no longer %s", name, b.Minors, a.Minors)
	}
	if a.Renew != b.Renew {
		direction := longer(a.Renew, b.Renew)
		if a.Renew == 0 || b.Renew == 0 { // 0 is never
			direction = longer(b.Renew, a.Renew)
		}
		d.add(direction, name, "", "pseudonyms of %s are renewed %s, no longer %s", name, renewal(b.Renew), renewal(a.Renew))
	}
	if a.Overlap != b.Overlap {
		d.add(longer(a.Overlap, b.Overlap), name, "", "pseudonyms of %s serve late records for %s, no longer for %s", name, days(b.Overlap), days(a.Overlap))
	}
	if a.RecordTime != b.RecordTime {
		d.add(longer(b.RecordTime, a.RecordTime), name, "", "timestamps of records of %s are cut to %s, no longer to %s", name, days(b.RecordTime), days(a.RecordTime))
	}
	if a.Key != b.Key {
		direction := Other
		if b.Key == KeySource {
			direction = More // it may be of something that no field carries
		}
		d.add(direction, name, "", "record keys of %s: %s, no longer %s", name, b.Key, a.Key)
	}
	if a.PartitionBy != b.PartitionBy {
		d.add(Other, name, "", "records of %s are partitioned by %s, no longer by %s", name, b.PartitionBy, a.PartitionBy)
	}
	if a.Format != b.Format {
		d.add(Other, name, "", "records of %s are wrapped in %s, no longer in %s", name, b.Format, a.Format)
	}
	known := []string{"Name", "Format", "Role", "Purpose", "Topic", "Retention", "Minors", "Renew", "Overlap", "RecordTime", "Key", "PartitionBy", "Hash"}
	if !same(*a, *b, known...) {
		d.add(More, name, "", "%s is declared differently otherwise", name)
	}
}

func longer(a, b time.Duration) Direction {
	if b > a {
		return More
	}
	return Less
}

// purpose compares why a recipient gets data.
func (d *comparison) purpose(recipient string, a, b *Purpose) {
	if a.Name != b.Name {
		d.add(More, recipient, "", "%s now gets data for %s, no longer for %s: %s", recipient, b.Name, a.Name, b.Description)
	}
	switch {
	case a.Basis == b.Basis:
	case a.Basis == BasisConsent:
		d.add(More, recipient, "", "%s no longer needs consent: its purpose rests on %s", recipient, b.Basis)
	case b.Basis == BasisConsent:
		d.add(Less, recipient, "", "%s now gets events of those only who consented", recipient)
	default:
		d.add(More, recipient, "", "the purpose of %s rests on %s, no longer on %s: others may object, or fewer", recipient, b.Basis, a.Basis)
	}
	switch {
	case a.Sale && !b.Sale:
		d.add(More, recipient, "", "an opt-out of sale no longer withholds events from %s", recipient)
	case b.Sale && !a.Sale:
		d.add(Less, recipient, "", "an opt-out of sale now withholds events from %s", recipient)
	}
	switch {
	case a.Sharing && !b.Sharing:
		d.add(More, recipient, "", "an opt-out of sharing no longer withholds events from %s", recipient)
	case b.Sharing && !a.Sharing:
		d.add(Less, recipient, "", "an opt-out of sharing now withholds events from %s", recipient)
	}
	switch {
	case same(a.Accepts, b.Accepts):
	case b.Accepts == nil:
		d.add(Less, recipient, "", "nothing inside events counts as consent any more for %s", recipient)
	default:
		d.add(More, recipient, "", "other answers inside events count as consent for %s", recipient)
	}
	if a.Name == b.Name && !same(*a, *b, "Name", "Basis", "Description", "DPV", "Sale", "Sharing", "Accepts") {
		d.add(More, recipient, "", "the purpose of %s is declared differently", recipient)
	}
}

// SpellDuration writes a duration as a policy does: 395d, 24h, 30m.
func SpellDuration(d time.Duration) string { return days(d) }

func days(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0 && d > 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

func renewal(d time.Duration) string {
	if d == 0 {
		return "only by command"
	}
	return "every " + days(d)
}

// share is what one recipient gets of one source; all of it is nil where it gets nothing.
type share struct {
	source *Source
	flow   *Flow
}

func shareOf(p *Plan, recipient, source string) share {
	for i := range p.Flows {
		f := &p.Flows[i]
		if p.Recipients[f.Recipient].Name == recipient && p.Sources[f.Source].Name == source {
			return share{&p.Sources[f.Source], f}
		}
	}
	return share{}
}

// event gives an event that the share has, or nil.
func (s share) event(name string) (*Event, *FlowEvent) {
	if s.flow == nil {
		return nil, nil
	}
	for i := range s.source.Events {
		if s.source.Events[i].Name == name && s.flow.Events[i].Selected {
			return &s.source.Events[i], &s.flow.Events[i]
		}
	}
	return nil, nil
}

// names lists the events of the share.
func (s share) names() []string {
	var out []string
	if s.flow != nil {
		for i := range s.flow.Events {
			if s.flow.Events[i].Selected {
				out = append(out, s.source.Events[i].Name)
			}
		}
	}
	return out
}

// flows compares what a recipient gets of every source.
func (d *comparison) flows(recipient string) {
	sources := map[string]bool{}
	for _, p := range []*Plan{d.old, d.next} {
		for i := range p.Sources {
			sources[p.Sources[i].Name] = true
		}
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		a, b := shareOf(d.old, recipient, source), shareOf(d.next, recipient, source)
		if a.flow != nil || b.flow != nil {
			d.flow(recipient, source, a, b)
		}
	}
}

func (d *comparison) flow(recipient, source string, a, b share) {
	switch {
	case a.flow == nil:
		d.add(More, recipient, source, "%s now also receives events of %s: %s", recipient, source, strings.Join(b.names(), ", "))
	case b.flow == nil:
		d.add(Less, recipient, source, "%s no longer receives events of %s", recipient, source)
		return
	default:
		if added := without(b.names(), a.names()); len(added) > 0 {
			d.add(More, recipient, source, "%s now also receives these events of %s: %s", recipient, source, strings.Join(added, ", "))
		}
		if gone := without(a.names(), b.names()); len(gone) > 0 {
			d.add(Less, recipient, source, "%s no longer receives these events of %s: %s", recipient, source, strings.Join(gone, ", "))
		}
	}
	d.filters(recipient, source, a, b)
	d.headers(recipient, source, a, b)
	t := tally{having: map[string][]string{}, found: map[string]map[difference][]string{}}
	for _, name := range b.names() {
		oldEvent, oldShare := a.event(name)
		event, next := b.event(name)
		t.event(oldEvent, oldShare, event, next)
	}
	d.out = append(d.out, t.changes(recipient, source)...)
}

// filters compares `only:` of the events that the recipient got before, too.
func (d *comparison) filters(recipient, source string, a, b share) {
	type filter struct {
		direction Direction
		what      string
	}
	events := map[filter][]string{}
	for _, name := range b.names() {
		_, before := a.event(name)
		_, after := b.event(name)
		if before == nil || same(before.Only, after.Only) {
			continue
		}
		direction := Less
		for _, o := range before.Only {
			if now := find(after.Only, o.Facet, func(o *Only) string { return o.Facet }); now == nil || len(without(now.Words, o.Words)) > 0 {
				direction = More
			}
		}
		f := filter{direction, fmt.Sprintf("only %s, no longer only %s", spellFilter(after.Only), spellFilter(before.Only))}
		events[f] = append(events[f], name)
	}
	for _, f := range slices.SortedFunc(maps.Keys(events), func(x, y filter) int { return cmp.Compare(x.what, y.what) }) {
		d.out = append(d.out, Change{Direction: f.direction, Recipient: recipient, Source: source, Events: events[f],
			What: fmt.Sprintf("%s receives of %s (%s) %s", recipient, source, strings.Join(events[f], ", "), f.what)})
	}
}

func spellFilter(only []Only) string {
	if len(only) == 0 {
		return "what `from:` names"
	}
	return SpellOnly(only)
}

// SpellOnly says in words what `only:` lets pass: "visibility public or unlisted"; "" for everything.
func SpellOnly(only []Only) string {
	var parts []string
	for _, o := range only {
		parts = append(parts, o.Facet+" "+strings.Join(o.Words, " or "))
	}
	return strings.Join(parts, " and ")
}

func (d *comparison) headers(recipient, source string, a, b share) {
	before := map[string]fate{}
	if a.flow != nil {
		for i := range a.source.Headers {
			before[a.source.Headers[i].Name] = fate{&a.source.Headers[i].Leaf, &a.flow.Headers[i]}
		}
	}
	for i := range b.source.Headers {
		name := b.source.Headers[i].Name
		after := fate{&b.source.Headers[i].Leaf, &b.flow.Headers[i]}
		if x, changed := differ(before[name], after); changed {
			d.add(x.direction, recipient, source, "%s", x.sentence(recipient, "the header "+name, source, nil))
		}
		delete(before, name)
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if x, changed := differ(before[name], fate{}); changed {
			d.add(x.direction, recipient, source, "%s", x.sentence(recipient, "the header "+name, source, nil))
		}
	}
}

// tally collects the fields of one share that leave differently, so that one line of a policy is one sentence.
type tally struct {
	having map[string][]string                // the events that have a path
	found  map[string]map[difference][]string // by path: what differs, and in which events
}

func (t *tally) event(a *Event, before *FlowEvent, b *Event, after *FlowEvent) {
	old := map[string]fate{}
	if a != nil {
		for i := range a.Leaves {
			old[leafKey(&a.Leaves[i])] = fate{&a.Leaves[i], &before.Decisions[i]}
		}
	}
	note := func(key string, from, to fate) {
		path := pathOfKey(key)
		if !slices.Contains(t.having[path], b.Name) {
			t.having[path] = append(t.having[path], b.Name)
		}
		if x, changed := differ(from, to); changed {
			if t.found[path] == nil {
				t.found[path] = map[difference][]string{}
			}
			if !slices.Contains(t.found[path][x], b.Name) {
				t.found[path][x] = append(t.found[path][x], b.Name)
			}
		}
	}
	for i := range b.Leaves {
		key := leafKey(&b.Leaves[i])
		note(key, old[key], fate{&b.Leaves[i], &after.Decisions[i]})
		delete(old, key)
	}
	for key, from := range old {
		note(key, from, fate{})
	}
}

// changes gives one change for all fields that differ alike.
func (t *tally) changes(recipient, source string) Changes {
	type group struct {
		difference
		events string // "": every event that has the path
	}
	paths := map[group]map[string]bool{}
	for path, differences := range t.found {
		for x, events := range differences {
			g := group{difference: x}
			if len(events) < len(t.having[path]) {
				g.events = strings.Join(events, ", ")
			}
			if paths[g] == nil {
				paths[g] = map[string]bool{}
			}
			paths[g][path] = true
		}
	}
	part := comparison{}
	for _, g := range slices.SortedFunc(maps.Keys(paths), func(x, y group) int {
		return cmp.Or(cmp.Compare(x.prefix, y.prefix), cmp.Compare(x.suffix, y.suffix), cmp.Compare(x.events, y.events), cmp.Compare(x.direction, y.direction))
	}) {
		var events []string
		if g.events != "" {
			events = strings.Split(g.events, ", ")
		}
		c := Change{Direction: g.direction, Recipient: recipient, Source: source, Events: events}
		part.fields(c, paths[g], func(fields string) string { return g.sentence(recipient, fields, source, events) })
	}
	return part.out
}
