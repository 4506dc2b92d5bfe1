// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// file is what a policy's file says, before its packs are joined to it.
type file struct {
	controller Controller
	ages       Ages
	purposes   []Purpose
	sources    []sourceSpec
	recipients []recipientSpec
}

type sourceSpec struct {
	format     string
	at         place
	faulty     bool // it could not be read whole: what follows from it is not checked
	name       string
	instance   string
	topics     []*node
	pack       *node // name@version or ./path
	add        []field
	reclassify []reclassification
}

type reclassification struct {
	path   event.Path
	at     place
	spec   *spec
	reason string
}

type recipientSpec struct {
	Recipient
	at      place
	faulty  bool // it could not be read whole: what follows from it is not checked
	purpose *node
	topic   *node
	keyAt   *node // nil: not said
	from    []fromSpec
	classes []rule
	paths   map[string][]rule // by source
	headers map[string][]headerRule
	rulesAt map[string]place // of paths and headers, by source

	complete bool // every flow of it could be joined
}

type fromSpec struct {
	source *node
	events []*node // nil: all
	only   []onlySpec
}

type onlySpec struct {
	facet *node
	words []*node
}

// rule is one line of `classes:` or `paths:`.
type rule struct {
	at        place
	name      string     // for people: classes.account, paths.$.user.email
	class     Class      // of a class rule
	path      event.Path // of a path rule
	technique Technique
	clear     string
	spelling  string // made by spelled when first asked for: thousands of leaves have the same rule
}

type headerRule struct {
	key  *node
	rule rule
}

// file reads a policy.
func (r reader) file(n *node) *file {
	o, ok := r.object(n, "the policy", "language", "controller", "ages", "purposes", "sources", "recipients")
	if !ok || !r.language(o) {
		return nil
	}
	f := &file{}
	if n := r.need(o, "controller", "write {name: …, contact: …, dpo: …}"); n != nil {
		f.controller = r.controller(n)
	}
	f.ages.MinorBelow = ofAge
	if n := o.take("ages"); n != nil {
		f.ages = r.ages(n)
	}
	if n := r.need(o, "purposes", "a recipient gets data for a purpose"); n != nil {
		for _, e := range r.names(n, "purposes") {
			f.purposes = append(f.purposes, r.purpose(e))
		}
	}
	if n := r.need(o, "sources", "say which raw topics there are"); n != nil {
		for _, e := range r.names(n, "sources") {
			before := len(r.problems)
			s := r.source(e)
			s.faulty = len(r.problems) > before
			f.sources = append(f.sources, s)
		}
	}
	if n := r.need(o, "recipients", "say who gets what"); n != nil {
		for _, e := range r.names(n, "recipients") {
			before := len(r.problems)
			s := r.recipient(e)
			s.faulty = len(r.problems) > before
			f.recipients = append(f.recipients, s)
		}
	}
	return f
}

func (r reader) controller(n *node) (c Controller) {
	o, ok := r.object(n, "controller", "name", "contact", "dpo")
	if !ok {
		return c
	}
	if v := r.need(o, "name", "who answers for this data?"); v != nil {
		c.Name, _ = r.text(v, "name")
	}
	if v := r.need(o, "contact", "how do people reach the controller?"); v != nil {
		c.Contact, _ = r.text(v, "contact")
	}
	if v := o.take("dpo"); v != nil {
		c.DPO, _ = r.text(v, "dpo")
	}
	return c
}

var bases = []string{BasisConsent, "contract", "legal-obligation", "vital-interest", "public-task", "legitimate-interest"}

func (r reader) purpose(e pair) Purpose {
	p := Purpose{Name: e.key.text}
	o, ok := r.object(e.value, "purpose "+p.Name, "basis", "description", "sale", "sharing", "accepts", "dpv")
	if !ok {
		return p
	}
	if v := r.need(o, "basis", "write one of the bases of GDPR Art. 6: consent, legitimate-interest …"); v != nil {
		p.Basis, _ = r.word(v, "basis", bases...)
	}
	if v := r.need(o, "description", "say in one sentence what the data is for"); v != nil {
		p.Description, _ = r.text(v, "description")
	}
	if v := o.take("sale"); v != nil {
		p.Sale, _ = r.flag(v, "sale")
	}
	if v := o.take("sharing"); v != nil {
		p.Sharing, _ = r.flag(v, "sharing")
	}
	if v := o.take("accepts"); v != nil {
		p.Accepts = r.accepts(v)
	}
	if v := o.take("dpv"); v != nil {
		p.DPV, _ = r.text(v, "dpv")
	}
	return p
}

func (r reader) source(e pair) sourceSpec {
	s := sourceSpec{at: e.key.place, name: e.key.text}
	o, ok := r.object(e.value, "source "+s.name, "topics", "format", "instance", "pack", "add", "reclassify")
	if !ok {
		return s
	}
	if v := r.need(o, "topics", "write [topic]"); v != nil {
		for _, item := range r.list(v, "topics") {
			if _, ok := r.topic(item); ok {
				s.topics = append(s.topics, item)
			}
		}
	}
	s.format = r.format(o, SourceFormats)
	if v := o.take("instance"); v != nil {
		s.instance, _ = r.text(v, "instance")
	}
	s.pack = r.need(o, "pack", "write name@version, or ./pack.yaml")
	if v := o.take("add"); v != nil {
		s.add = r.fields(v, fromRoot)
	}
	if v := o.take("reclassify"); v != nil {
		s.reclassify = r.reclassify(v)
	}
	return s
}

var topicSpelling = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (r reader) topic(n *node) (string, bool) {
	t, ok := r.text(n, "topic")
	if ok && (!topicSpelling.MatchString(t) || t == "." || t == "..") {
		r.add(n.place, fmt.Sprintf("%q is no topic", t), "a topic has 1 to 249 of a-z, A-Z, 0-9, ., - and _")
		return "", false
	}
	return t, ok
}

// reclassify reads path → what the field is after all, with the reason that a weaker class needs.
func (r reader) reclassify(n *node) []reclassification {
	var out []reclassification
	for _, e := range r.pathKeys(n, "reclassify") {
		c := reclassification{at: e.key.place}
		path, ok := r.path(e.key, fromRoot)
		value := *e.value
		value.pairs = nil
		for _, p := range e.value.pairs {
			if p.key.text == "reason" {
				c.reason, _ = r.text(p.value, "reason")
				continue
			}
			value.pairs = append(value.pairs, p)
		}
		c.path, c.spec = path, r.spec(&value, fromRoot)
		if c.spec != nil && c.spec.leaf == nil {
			r.add(e.value.place, "reclassify says what a single field is: it takes no shape", "name a class")
			continue
		}
		if ok && c.spec != nil {
			out = append(out, c)
		}
	}
	return out
}

var (
	roles       = []string{string(Processor), string(Controls), string(ThirdParty)}
	recordTimes = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
)

func (r reader) recipient(e pair) recipientSpec {
	s := recipientSpec{at: e.key.place, paths: map[string][]rule{}, headers: map[string][]headerRule{}, rulesAt: map[string]place{}}
	s.Name, s.Minors, s.PartitionBy, s.RecordTime = e.key.text, "withhold", "key", time.Hour
	o, ok := r.object(e.value, "recipient "+s.Name, "role", "purpose", "topic", "pseudonyms", "retention", "minors",
		"key", "partition_by", "record_time", "format", "from", "classes", "paths", "headers")
	if !ok {
		return s
	}
	if v := r.need(o, "role", "write processor, controller or third-party"); v != nil {
		role, _ := r.word(v, "role", roles...)
		s.Role = Role(role)
	}
	s.purpose = r.need(o, "purpose", "name one of the purposes above")
	if s.topic = r.need(o, "topic", "name the topic that it reads"); s.topic != nil {
		s.Topic, _ = r.topic(s.topic)
	}
	if v := o.take("pseudonyms"); v != nil {
		r.pseudonyms(v, &s)
	}
	if v := r.need(o, "retention", "say how long it keeps the data: 395d"); v != nil {
		s.Retention, _ = r.duration(v, "retention")
	}
	if v := o.take("minors"); v != nil {
		s.Minors, _ = r.word(v, "minors", "withhold", "with-parental-consent", "allow")
	}
	if v := o.take("key"); v != nil {
		s.keyAt = v
		s.Key, _ = r.word(v, "key", KeySubject, KeyEvent, KeySource, KeyNone)
	}
	if v := o.take("partition_by"); v != nil {
		s.PartitionBy, _ = r.word(v, "partition_by", "key", "source")
	}
	if v := o.take("record_time"); v != nil {
		word, _ := r.word(v, "record_time", "minute", "hour", "day")
		s.RecordTime = recordTimes[word]
	}
	s.Format = r.format(o, RecipientFormats)
	r.selection(o, &s)
	r.rules(o, &s)
	return s
}

// What records are wrapped in: those of sources, and those of recipients.
var (
	SourceFormats    = []string{"json", "form", "avro", "protobuf", "json-schema", "cloudevents"}
	RecipientFormats = []string{"json", "avro"}
)

func (r reader) format(o object, known []string) string {
	v := o.take("format")
	if v == nil {
		return "json"
	}
	word, _ := r.word(v, "format", known...)
	return word
}

func (r reader) pseudonyms(n *node, s *recipientSpec) {
	o, _ := r.object(n, "pseudonyms", "renew", "overlap")
	if v := o.take("renew"); v != nil {
		s.Renew, _ = r.duration(v, "renew")
	}
	v := o.take("overlap")
	if v == nil {
		return
	}
	overlap, ok := r.duration(v, "overlap")
	switch {
	case ok && o.take("renew") == nil:
		r.add(v.place, "overlap without renew", "say how long an epoch is: {renew: 90d, overlap: 7d}")
	case ok && s.Renew > 0 && overlap >= s.Renew:
		r.add(v.place, "overlap is not shorter than renew", "late records must not wait for more than one epoch")
	default:
		s.Overlap = overlap
	}
}

// selection reads which events of which sources the recipient gets.
func (r reader) selection(o object, s *recipientSpec) {
	n := r.need(o, "from", "name the sources it gets: {mastodon: {}}")
	if n == nil {
		return
	}
	for _, e := range r.names(n, "from") {
		f := fromSpec{source: e.key}
		if e.value.kind == scalarNode && e.value.scalar == null {
			r.add(e.value.place, "source "+e.key.text+" of from has no value", "write {} to get all of its events")
			continue
		}
		fo, ok := r.object(e.value, "source "+e.key.text+" of from", "events", "only")
		if !ok {
			continue
		}
		if v := fo.take("events"); v != nil {
			if f.events = r.list(v, "events"); f.events == nil {
				continue
			}
		}
		if v := fo.take("only"); v != nil {
			for _, w := range r.names(v, "only") {
				f.only = append(f.only, onlySpec{w.key, r.list(w.value, "words of facet "+w.key.text)})
			}
		}
		s.from = append(s.from, f)
	}
	if n.kind == mappingNode && len(n.pairs) == 0 {
		r.add(n.place, "the recipient gets nothing", "name the sources it gets: {mastodon: {}}")
	}
}

// rules reads classes, paths and headers.
func (r reader) rules(o object, s *recipientSpec) {
	if v := o.take("classes"); v != nil {
		for _, e := range r.entries(v, "classes") {
			class, known := r.class(e.key)
			t, clear, ok := r.technique(e.value)
			if known && ok {
				s.classes = append(s.classes, rule{at: e.key.place, name: "classes." + string(class), class: class, technique: t, clear: clear})
			}
		}
	}
	if v := o.take("paths"); v != nil {
		for _, e := range r.names(v, "paths") {
			s.rulesAt[e.key.text] = e.key.place
			for _, p := range r.pathKeys(e.value, "paths") {
				if rule, ok := r.pathRule(p); ok {
					s.paths[e.key.text] = append(s.paths[e.key.text], rule)
				}
			}
		}
	}
	if v := o.take("headers"); v != nil {
		for _, e := range r.names(v, "headers") {
			s.rulesAt[e.key.text] = e.key.place
			for _, h := range r.entries(e.value, "headers") {
				if t, clear, ok := r.technique(h.value); ok {
					s.headers[e.key.text] = append(s.headers[e.key.text], headerRule{h.key,
						rule{at: h.key.place, name: "headers." + h.key.text, technique: t, clear: clear}})
				}
			}
		}
	}
	if o.take("classes") == nil && o.take("paths") == nil && o.take("headers") == nil {
		r.add(s.at, "recipient "+s.Name+" has no rules: nothing would leave", "write classes: or paths:")
	}
}

// pathRule reads one line of paths. Only here `.*` is allowed, and with drop one `..`.
func (r reader) pathRule(p pair) (rule, bool) {
	path, good := r.anyPath(p.key, fromRoot)
	t, clear, ok := r.technique(p.value)
	if !good || !ok {
		return rule{}, false
	}
	out := rule{at: p.key.place, name: "paths." + path.String(), path: path, technique: t, clear: clear}
	descents := 0
	for i, s := range path {
		if s.Kind == event.Descend {
			descents++
			ok = ok && !slices.ContainsFunc(path[i+1:], func(s event.Segment) bool { return s.Kind != event.Name && s.Kind != event.Descend })
		}
	}
	switch {
	case descents == 0:
		return out, true
	case t.Name != Drop:
		r.add(p.key.place, fmt.Sprintf("`..` with %s", t.Name), "only drop may reach down to any depth; name every step")
	case descents > 1 || !ok:
		r.add(p.key.place, "after `..` stand names only, and only once", "write $..name")
	default:
		return out, true
	}
	return rule{}, false
}
