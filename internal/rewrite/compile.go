// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// Program is a plan compiled for the hot path. It is immutable; every goroutine asks for a Worker of its own.
type Program struct {
	Plan    *policy.Plan
	sources []source
	options Options
}

// Options bounds what a payload may be, and what a worker keeps. Zero values take the defaults.
type Options struct {
	MaxDepth  int // nesting of objects and arrays; default 128
	MaxBytes  int // size of a payload; default 10 MiB, at most 1 GiB
	MaxFields int // named fields and their containers; default 131,072
	MaxOutput int // size of one recipient's output; default MaxBytes
	SealKeys  int // people whose sealing keys a worker keeps, 1.2 KB each; default 8192
	// Stored says that people's secrets are kept: workers are given a registry, which is asked about everybody whose data leaves.
	Stored bool
}

func (o *Options) validate() error {
	if o.MaxDepth == 0 {
		o.MaxDepth = 128
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 20
	}
	if o.MaxFields == 0 {
		o.MaxFields = 1 << 17
	}
	if o.MaxOutput == 0 {
		o.MaxOutput = o.MaxBytes
	}
	if min(o.MaxDepth, o.MaxBytes, o.MaxFields, o.MaxOutput) < 0 || o.MaxBytes > 1<<30 {
		return fmt.Errorf("limits: depth %d, %d bytes, %d fields and %d bytes of output must be positive, and a payload at most 1 GiB",
			o.MaxDepth, o.MaxBytes, o.MaxFields, o.MaxOutput)
	}
	return nil
}

// source is what one source's payloads are compiled to.
type source struct {
	trie   *trie
	events []kindOf
	flows  []flow
	key    *transform.Identity // of the record key; nil where the pack does not say

	consents []consentPlace
}

// kindOf is one event type of a source.
type kindOf struct {
	each     []*node // among whose elements it is looked for; none: whole records
	when     []condition
	key      *transform.Identity // of the record key; nil: the source's
	subjects []place
	none     bool // acts for nobody
	signal   bool
	same     []pair
	facets   []facet
	id       *place                // the event's own id: the object-id nearest to the root
	people   []*transform.Identity // by node: whom an identifier there names, if anybody asks
	ages     []agePlace
	selves   [][]*selfName // by node: names that the event's texts are searched for, by case; nil: no text is searched
	others   []*another    // by node: whose other name an identifier there is; nil: nobody's, or secrets are not stored
}

// another is a person's other name: an address, a device, a handle.
type another struct {
	owner    owner
	declared bool // the pack teaches that both are one person
}

// place is where an identifier stands and whose it is.
type place struct {
	nodes    []int32
	slots    []int32
	identity *transform.Identity
	whos     []who // whom it names depends on other fields
}

// pair is two spellings of one identifier inside the container that both share.
type pair struct {
	node, other int32
	climb       int // levels from node up to the shared container
}

// flow is what one recipient gets of a source.
type flow struct {
	index     int // into Plan.Flows
	recipient int
	events    []selection
	headers   []header
}

// selection is what one recipient gets of one event type.
type selection struct {
	selected bool
	only     []only
	keyFrom  []bool // see policy.FlowEvent
	ops      []*op  // by node; places that nothing is said about share one that drops
}

// header is one record header that the recipient may have.
type header struct {
	name      []byte
	technique transform.Technique
	pseudonym bool                // all that deletions may carry
	person    *transform.Identity // whom it names, where that is asked for before it leaves; a pseudonym asks by itself
}

type opVerb uint8

const (
	drop opVerb = iota
	write
	count
	presence
	writeMember   // a member whose name is data
	writeDocument // a string, with what is left of the document in it
	writeText     // a string that holds a document with other events: here it is one value
)

// op is what is done at one place for one recipient.
type op struct {
	technique transform.Technique // for a scalar; nil: dropped
	member    []byte              // `,"name":`
	short     [shortMember]byte   // its beginning
	verb      opVerb              // for a scalar or a counted container
	verbatim  transform.Verbatim  // what is copied without asking the technique
	guarded   bool                // but not a text with an @
	descends  bool                // something below is written
	nulls     bool                // the technique has an answer for null
	person    *transform.Identity // whom a pseudonym names; nil: the technique makes none
	owned     bool                // the technique needs the leaf's owner
	searched  bool                // the technique looks for the event's own names
	gated     bool                // the leaf is another person's than who acts: the registry is asked about them
	things    bool                // where nobody names that person, it may leave: it is about a thing
	owner     owner
	except    []literal
	leaf      int32    // index into Event.Leaves, for Trace
	choices   []choice // what is done depends on other fields: the first that holds; none holds: dropped
}

// owner tells how to find the identifier of the person a leaf belongs to: up some levels, then the node.
type owner struct {
	climb    int  // 0: the event's subject
	self     bool // the leaf names its owner
	node     int32
	identity *transform.Identity
	whos     []who
}

// Compile binds a plan to the keys. It refuses what the techniques refuse.
func Compile(plan *policy.Plan, keys *keyring.Keyring, o Options) (*Program, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &Program{Plan: plan, options: o, sources: make([]source, len(plan.Sources))}
	shared := detectors{}
	for i := range plan.Sources {
		c := compiler{plan: plan, keys: keys, stored: o.Stored, detectors: shared, source: &plan.Sources[i], identities: map[policy.Class]*transform.Identity{}}
		if err := c.compile(i, &p.sources[i]); err != nil {
			return nil, fmt.Errorf("source %s: %w", plan.Sources[i].Name, err)
		}
	}
	return p, nil
}

// compiler turns one source's declarations into its program.
type compiler struct {
	plan       *policy.Plan
	keys       *keyring.Keyring
	stored     bool
	source     *policy.Source
	identities map[policy.Class]*transform.Identity
	detectors  detectors

	patterns []event.Path
	trie     *trie
	at       map[string][]*node // nodes by the pattern that ends there
	nearbys  int                // conditions of cases so far
}

func (c *compiler) compile(index int, out *source) error {
	c.collect()
	c.trie = newTrie(c.patterns)
	if c.trie.codecs != nil {
		return fmt.Errorf("%s is decoded in two ways", c.trie.codecs)
	}
	c.at = map[string][]*node{}
	for _, n := range c.trie.nodes {
		for _, e := range n.ends {
			key := c.patterns[e].String()
			c.at[key] = append(c.at[key], n)
		}
	}
	out.trie = c.trie
	c.split()
	for i := range c.source.Events {
		k, err := c.kind(&c.source.Events[i])
		if err != nil {
			return fmt.Errorf("event %s: %w", c.source.Events[i].Name, err)
		}
		out.events = append(out.events, k)
	}
	for _, p := range c.source.Consents {
		nodes, slots := c.mark(p.Path)
		out.consents = append(out.consents, consentPlace{p.Form, nodes, slots})
	}
	if class := c.source.Key.Class; class.Identifier() {
		id, err := c.identity(class)
		if err != nil {
			return err
		}
		out.key = id
	}
	for i := range c.plan.Flows {
		f := &c.plan.Flows[i]
		if f.Source != index {
			continue
		}
		compiled, err := c.flow(i, f, out.events)
		if err != nil {
			return fmt.Errorf("recipient %s: %w", c.plan.Recipients[f.Recipient].Name, err)
		}
		out.flows = append(out.flows, compiled)
	}
	return nil
}

// collect lists every path that any event of the source names, once.
func (c *compiler) collect() {
	known := map[string]bool{}
	add := func(p event.Path) {
		if key := p.String(); len(p) > 0 && !known[key] {
			known[key] = true
			c.patterns = append(c.patterns, p)
		}
	}
	conditions := func(cs []policy.Condition) {
		for i := range cs {
			add(cs[i].Path)
		}
	}
	for _, p := range c.source.Each {
		add(p)
	}
	for _, p := range c.source.Consents {
		add(p.Path)
	}
	for i := range c.source.Events {
		e := &c.source.Events[i]
		conditions(e.When)
		for _, s := range e.Subjects {
			add(s)
		}
		for _, f := range e.Facets {
			for _, w := range f.Words {
				conditions(w.When)
			}
		}
		for j := range e.Leaves {
			l := &e.Leaves[j]
			add(l.Path)
			add(l.Owner)
			add(l.Same)
			for k := range l.Case {
				conditions(l.Case[k].When)
			}
		}
	}
}

// places gives the nodes where a path can stand. More than one where [*] and [n] overlap.
func (c *compiler) places(p event.Path) []*node { return c.at[p.String()] }

// mark makes a scan record whatever stands at the path, and note where it first does.
func (c *compiler) mark(p event.Path) (nodes, slots []int32) {
	for _, n := range c.places(p) {
		n.marked = true
		nodes, slots = append(nodes, n.id), append(slots, c.trie.probe(n))
	}
	return nodes, slots
}

func (c *compiler) kind(e *policy.Event) (kindOf, error) {
	k := kindOf{each: c.eventNodes(e.Each), none: e.NoSubject, signal: e.Signal != "", when: c.conditions(e.When), people: make([]*transform.Identity, len(c.trie.nodes))}
	if class := e.Key.Class; class.Identifier() {
		id, err := c.identity(class)
		if err != nil {
			return k, err
		}
		k.key = id
	}
	for _, f := range e.Facets {
		compiled := facet{name: f.Name, otherwise: f.Else}
		for _, w := range f.Words {
			compiled.words = append(compiled.words, facetWord{w.Word, w.Always, c.conditions(w.When)})
		}
		k.facets = append(k.facets, compiled)
	}
	c.ages(e, &k)
	for _, path := range e.Subjects {
		id, err := c.personAt(e, path)
		if err != nil {
			return k, fmt.Errorf("subject %s: %w", path, err)
		}
		whos, err := c.whos(e, path)
		if err != nil {
			return k, err
		}
		nodes, slots := c.mark(path)
		k.subjects = append(k.subjects, place{nodes, slots, id, whos})
		if whos == nil {
			k.name(nodes, id)
		}
	}
	for i := range e.Leaves {
		l := &e.Leaves[i]
		for _, n := range c.places(l.Path) {
			if l.Container {
				n.marked = true
			} else {
				n.scalar = true
			}
		}
		if len(l.Case) == 0 {
			c.pairs(&k, l)
		}
		if l.Class == policy.ObjectID && !l.Container && (k.id == nil || len(l.Path) < len(c.trie.nodes[k.id.nodes[0]].path)) {
			id, err := c.identity(l.Class)
			if err != nil {
				return k, err
			}
			nodes, slots := c.mark(l.Path)
			k.id = &place{nodes: nodes, slots: slots, identity: id}
		}
	}
	return k, c.others(e, &k)
}

// others notes where identifiers stand that belong to somebody whom another identifier names.
func (c *compiler) others(e *policy.Event, k *kindOf) error {
	if !c.stored {
		return nil
	}
	k.others = make([]*another, len(c.trie.nodes))
	for i := range e.Leaves {
		l := &e.Leaves[i]
		if !l.Class.OfSubject() || l.Container || l.Templates != nil || slices.Equal(l.Owner, l.Path) || l.Owner == nil && len(e.Subjects) == 0 {
			continue
		}
		who, err := c.owner(e, l)
		if err != nil {
			return err
		}
		for _, n := range c.places(l.Path) {
			k.others[n.id] = &another{who, l.Alias}
		}
		if who.climb > 0 && who.whos == nil {
			k.name([]int32{who.node}, who.identity)
		}
	}
	return nil
}

// name notes who is named at the places, unless somebody else is already.
func (k *kindOf) name(nodes []int32, id *transform.Identity) {
	for _, n := range nodes {
		if id.OfSubject() && k.people[n] == nil {
			k.people[n] = id
		}
	}
}

// pairs notes the other spelling of an identifier that must agree with the leaf.
func (c *compiler) pairs(k *kindOf, l *policy.Leaf) {
	if l.Same == nil {
		return
	}
	for _, n := range c.places(l.Path) {
		best := pair{climb: farthest}
		for _, o := range c.places(l.Same) {
			if shared := commonPlace(n, o, c.trie); shared >= 0 {
				n.scalar, o.scalar = true, true
				if climb := int(n.depth - c.trie.nodes[shared].depth); climb < best.climb {
					best = pair{n.id, o.id, climb}
				}
			}
		}
		if best.climb < farthest {
			k.same = append(k.same, best)
		}
	}
}

// commonPlace gives the id of the nearest place that encloses both, if they meet inside the same array element.
func commonPlace(a, b *node, t *trie) int32 {
	for x := a.up; x != none; x = t.nodes[x].up {
		for y := b.up; y != none; y = t.nodes[y].up {
			if x == y {
				return x
			}
		}
	}
	return none
}

func (c *compiler) conditions(in []policy.Condition) []condition {
	out := make([]condition, len(in))
	for i, p := range in {
		out[i] = condition{exists: p.Exists, absent: p.Absent, every: p.Every, prefix: p.Prefix, equals: literals(p.Equals)}
		out[i].nodes, out[i].slots = c.mark(p.Path)
	}
	return out
}

// identity gives the one Identity of a class on this source's platform instance.
func (c *compiler) identity(class policy.Class) (*transform.Identity, error) {
	if id := c.identities[class]; id != nil {
		return id, nil
	}
	instance := c.source.Instance
	if class.Everywhere() {
		instance = ""
	}
	make := transform.NewIdentity
	if c.stored {
		make = transform.NewStoredIdentity
	}
	id, err := make(c.keys, instance, class.IdentityType(), class.OfSubject())
	if err != nil {
		return nil, fmt.Errorf("identity of class %s: %w", class, err)
	}
	c.identities[class] = id
	return id, nil
}
