// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// compiler joins a policy to its packs.
type compiler struct {
	reader
	file     *file
	policy   string // name of the policy's file
	dir      string // packs that are files stand relative to it
	builtin  fs.FS
	read     []string         // packs that are files
	packs    map[string]*pack // by how the policy names them; nil: faulty
	sources  []joinedSource   // sorted by name
	flows    []*joinedFlow
	expanded *expansion // the last, for its memory
	warnings faults
	plan     *Plan
}

// joinedSource is a source whose pack has been expanded.
type joinedSource struct {
	Source
	faulty     bool
	containers []map[string]container // of each event: what encloses its leaves, by path; made when first asked for
}

// run gives the plan; it is worth nothing when faults were found.
func (c *compiler) run() *Plan {
	c.plan = &Plan{Controller: c.file.controller, Ages: c.file.ages, Purposes: c.file.purposes}
	slices.SortFunc(c.plan.Purposes, func(a, b Purpose) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.file.sources, func(a, b sourceSpec) int { return cmp.Compare(a.name, b.name) })
	slices.SortFunc(c.file.recipients, func(a, b recipientSpec) int { return cmp.Compare(a.Name, b.Name) })
	c.packs = map[string]*pack{}
	for i := range c.file.sources {
		c.sources = append(c.sources, c.source(&c.file.sources[i]))
	}
	c.topics()
	for i := range c.file.recipients {
		c.recipient(i, &c.file.recipients[i])
	}
	c.measure()
	for _, f := range c.flows {
		c.decide(f)
	}
	c.keys()
	if len(c.problems) == 0 {
		c.warn()
	}
	c.assemble()
	return c.plan
}

func (c *compiler) assemble() {
	for i := range c.sources {
		c.plan.Sources = append(c.plan.Sources, c.sources[i].Source)
	}
	for i := range c.file.recipients {
		c.plan.Recipients = append(c.plan.Recipients, c.file.recipients[i].Recipient)
	}
	slices.SortStableFunc(c.flows, func(a, b *joinedFlow) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.recipient, b.recipient))
	})
	for _, f := range c.flows {
		c.plan.Flows = append(c.plan.Flows, Flow{Source: f.source, Recipient: f.recipient, Events: f.events, Headers: f.headers})
	}
	c.plan.Warnings = c.warnings.sorted()
	c.plan.Files = append([]string{c.policy}, c.read...)
}

// source expands a source's pack and applies what the policy adds to it.
func (c *compiler) source(s *sourceSpec) joinedSource {
	out := joinedSource{Source: Source{Name: s.name, Instance: s.instance, Format: s.format}, faulty: s.faulty}
	for _, t := range s.topics {
		out.Topics = append(out.Topics, t.text)
	}
	slices.Sort(out.Topics)
	if s.pack == nil {
		out.faulty = true
		return out
	}
	p := c.pack(s.pack)
	if p == nil {
		out.faulty = true
		return out
	}
	before := len(c.problems)
	out.Pack = p.id()
	if out.Instance == "" {
		out.Instance = p.name
	}
	if p.key != nil {
		out.Key = *p.key.leaf
		out.Key.Rule = p.id() + " record key"
	}
	for _, h := range p.headers {
		l := *h.spec.leaf
		l.Rule = p.id() + " header " + h.name
		out.Headers = append(out.Headers, HeaderLeaf{h.name, l})
	}
	slices.SortFunc(out.Headers, func(a, b HeaderLeaf) int { return cmp.Compare(a.Name, b.Name) })
	out.Consents = p.consents
	used := make([]bool, len(s.reclassify))
	for _, at := range p.each {
		out.Each = append(out.Each, at.path)
	}
	for i := range p.events {
		e := &p.events[i]
		if len(p.each) == 0 || e.whole {
			out.Events = append(out.Events, c.expand(p, e, nil, s, used, &out.Source))
		}
		for _, at := range e.in {
			out.Events = append(out.Events, c.expand(p, e, at.path, s, used, &out.Source))
		}
	}
	c.unusedReclassifications(s, &out.Source, used)
	out.faulty = out.faulty || len(c.problems) > before
	out.containers = make([]map[string]container, len(out.Events))
	return out
}

func (c *compiler) expand(p *pack, e *packEvent, each event.Path, s *sourceSpec, used []bool, out *Source) Event {
	x := newExpansion(c.faults, p.id(), p.shapes, e.name, c.expanded)
	x.policy = c.policy
	c.expanded = x
	return x.run(p, e, each, s, used, out)
}

func (c *compiler) unusedReclassifications(s *sourceSpec, out *Source, used []bool) {
	for i := range s.reclassify {
		if !used[i] {
			path := s.reclassify[i].path.String()
			c.add(s.reclassify[i].at, fmt.Sprintf("%s is no field of pack %s", path, out.Pack), cmp.Or(nearest(path, leafPaths(out.Events, nil)), "declare it under `add:`"))
		}
	}
	slices.SortFunc(out.Reclassified, func(a, b Reclassification) int { return cmp.Compare(a.Path.String(), b.Path.String()) })
	out.Reclassified = slices.CompactFunc(out.Reclassified, func(a, b Reclassification) bool { return a.Path.String() == b.Path.String() })
}

// container is an object or array that encloses leaves.
type container struct {
	path  event.Path
	array bool // its elements have leaves; the same place may hold an object too
}

// enclosing gives the containers of an event.
func (s *joinedSource) enclosing(e int) map[string]container {
	if s.containers[e] != nil {
		return s.containers[e]
	}
	out := map[string]container{}
	s.containers[e] = out
	for i := range s.Events[e].Leaves {
		path := s.Events[e].Leaves[i].Path
		for n := 1; n < len(path); n++ {
			key := path[:n].String()
			if path[n].Kind == event.Decoded {
				continue
			}
			array := path[n].Kind == event.Each || path[n].Kind == event.Index
			out[key] = container{path[:n:n], array || out[key].array}
		}
	}
	return out
}

// leafPaths lists the paths of the events' leaves, of all events where selected is nil.
func leafPaths(events []Event, selected []bool) []string {
	var out []string
	for i := range events {
		if selected != nil && !selected[i] {
			continue
		}
		for j := range events[i].Leaves {
			out = append(out, events[i].Leaves[j].Path.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// topics checks that every topic is used once.
func (c *compiler) topics() {
	first := map[string]place{}
	raw := map[string]bool{}
	for i := range c.file.sources {
		for _, t := range c.file.sources[i].topics {
			if at, twice := first[t.text]; twice {
				c.add(t.place, fmt.Sprintf("topic %s is used twice", t.text), fmt.Sprintf("it already stands at line %d; a topic belongs to one source", at.line))
				continue
			}
			first[t.text], raw[t.text] = t.place, true
		}
	}
	for i := range c.file.recipients {
		r := &c.file.recipients[i]
		if r.Topic == "" {
			continue
		}
		if at, twice := first[r.Topic]; twice && raw[r.Topic] {
			c.add(r.topic.place, fmt.Sprintf("topic %s of recipient %s is also a source's, at line %d", r.Topic, r.Name, at.line), "clean and raw data never share a topic")
		} else if twice {
			c.add(r.topic.place, fmt.Sprintf("topic %s is used twice", r.Topic), fmt.Sprintf("it already stands at line %d; a recipient has a topic of its own", at.line))
		} else {
			first[r.Topic] = r.topic.place
		}
	}
}
