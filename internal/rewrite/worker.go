// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"hash/maphash"
	"slices"

	"github.com/nymstream/nymstream/internal/detect"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/transform"
)

// Worker reads payloads and writes what recipients may have, one payload at a time: Read, then Event, then the rest.
// It keeps its buffers, so that a steady stream allocates nothing. Not safe for concurrent use.
type Worker struct {
	// Trace, when set, is told about every leaf that Append decides. For policy explain.
	Trace func(Step)

	scanner
	program *Program
	source  *source
	kind    *kindOf
	kindAt  int
	subject int32   // tape index of the first acting subject, or none
	acting  []int32 // people who act
	path    int     // index of the subject path where it was found
	who     *transform.Identity

	found     [8]found
	most      int // length of dst at which an output is too large
	scope     *transform.Scope
	current   transform.Value
	decoded   []byte // an unescaped string
	other     []byte
	fault     *event.Poison
	misfits   []uint64 // by flow of the plan
	unfitting []misfit
	marked    struct {
		misfits   []uint64
		unfitting int
	}
	flow    int // of the plan, whose leaves are written
	headers []byte
	asked   keyring.Secret // of whom a header names
	quoted  []byte
	ops     []*op
	inner   []byte              // a document before it is encoded into its string
	names   map[uint64]struct{} // of members whose names are data, written so far
	seed    maphash.Seed
	answers map[answered]bool // to conditions of cases, of the element at hand

	selvesRead bool // whether the event's own names were collected
	selfText   []byte
	elements
}

// Step is one decided leaf of a trace. Before and After are clear and sanitized JSON; After is nil where the leaf was dropped.
type Step struct {
	Leaf          int // index into Event.Leaves
	Offset        int // of the leaf's token in the payload
	Before, After []byte
	Verdict       transform.Verdict
	Found         []detect.Finding // in a text that was searched
}

// MaxBytes is the size above which a payload is refused.
func (p *Program) MaxBytes() int { return p.options.MaxBytes }

// Worker makes a worker of the program.
func (p *Program) Worker() *Worker {
	w := &Worker{program: p, misfits: make([]uint64, len(p.Plan.Flows)), scope: transform.NewScope(transform.ScopeOptions{Keys: p.options.SealKeys})}
	w.unfitting = make([]misfit, 0, mostMisfits)
	w.answers = map[answered]bool{}
	w.scope.Self.Person = w.named
	w.names, w.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	w.maxDepth, w.maxFields = p.options.MaxDepth, p.options.MaxFields
	return w
}

// Read checks a payload whole and takes in its named fields. The payload must stay as it is until the next Read.
// A fault comes as *event.Poison.
func (w *Worker) Read(source int, payload []byte) error {
	w.source, w.kind, w.subject = &w.program.sources[source], nil, none
	for i := range w.found {
		w.found[i].container = none
	}
	w.begin()
	if len(payload) > w.program.options.MaxBytes {
		return &event.Poison{Reason: event.TooLarge, Offset: -1}
	}
	if !w.run(payload, w.source.trie) {
		p := &event.Poison{Reason: w.reason, Offset: w.at}
		if w.place >= 0 {
			p.Rule = w.source.trie.nodes[w.place].path.String()
		}
		return p
	}
	return nil
}

// Event gives the first event type of the source that the element at hand is, as an index into Source.Events.
// Two spellings of an identifier that disagree come as *event.Poison.
func (w *Worker) Event() (index int, known bool, err error) {
	for i := range w.source.events {
		k := &w.source.events[i]
		if !k.among(w.array) || !w.all(k.when) {
			continue
		}
		w.kind, w.kindAt = k, i
		for j := range k.same {
			if !w.agree(&k.same[j]) {
				path := w.source.trie.nodes[k.same[j].node].path.String()
				return i, true, &event.Poison{Reason: event.IDsDisagree, Rule: path, Offset: -1}
			}
		}
		w.collect()
		err := w.findSubject()
		if k.others != nil {
			w.relate()
		}
		return i, true, err
	}
	return 0, false, nil
}

// emptied gives an empty map. One that was large once is not cleared for every record that comes after.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	const usual = 1 << 10
	switch {
	case len(m) > usual:
		return map[K]V{}
	case len(m) > 0:
		clear(m)
	}
	return m
}

// among tells whether the event is looked for where the element at hand stands.
func (k *kindOf) among(array *node) bool {
	if array == nil {
		return len(k.each) == 0
	}
	return slices.Contains(k.each, array)
}

// collect takes in the people whom the event names, as far as anybody asks for them.
func (w *Worker) collect() {
	w.scope.NewEvent()
	w.selvesRead, w.quoted = false, w.quoted[:0]
	w.answers = emptied(w.answers)
	tape, people := w.tape, w.kind.people
	for i := range tape {
		e := &tape[i]
		e.subject = 0
		if id := people[e.node]; id != nil && e.identifier() {
			e.subject = int32(w.scope.People.Add(id, w.value(e))) + 1
		}
	}
}

// person gives the number of the person that an identifier names under this identity.
func (w *Worker) person(at int32, id *transform.Identity) int {
	e := &w.tape[at]
	if n := int(e.subject) - 1; n >= 0 && w.scope.People.Is(n, id) {
		return n
	}
	n := w.scope.People.Add(id, w.value(e))
	if e.subject == 0 {
		e.subject = int32(n) + 1
	}
	return n
}

// findSubject looks for who acts: all who stand at the first of the event's subject paths where somebody does.
func (w *Worker) findSubject() error {
	w.subject, w.who, w.acting = none, nil, w.acting[:0]
	for i := range w.kind.subjects {
		p := &w.kind.subjects[i]
		for j, n := range p.nodes {
			for at := w.slots[p.slots[j]]; at >= 0; at = w.following(at, n) {
				if err := w.act(i, at); err != nil {
					return err
				}
			}
		}
		if w.subject >= 0 {
			return nil
		}
	}
	return nil
}

// act takes in who stands at a subject path, if anybody does. The first is whose the event is.
func (w *Worker) act(path int, at int32) error {
	p := &w.kind.subjects[path]
	identity := p.identity
	if !w.tape[at].identifier() {
		return nil
	}
	if p.whos != nil {
		if identity = w.whoAt(at, p.whos); identity == nil {
			return nil
		}
	}
	verdict, n := transform.Done, int32(none)
	if identity.OfSubject() {
		n = int32(w.person(at, identity))
		verdict = w.scope.People.Verdict(int(n))
	}
	switch verdict {
	case transform.Done:
		if w.subject < 0 {
			w.subject, w.path, w.who = at, path, identity
		}
		if n >= 0 {
			w.acting = append(w.acting, n)
		}
	case transform.Shaped:
		return &event.Poison{Reason: event.PseudonymShaped, Rule: w.source.trie.nodes[w.tape[at].node].path.String(), Offset: int(w.tape[at].start)}
	}
	return nil
}

// relate tells of the people whom the event names which of them are other names of others.
func (w *Worker) relate() {
	others := w.kind.others
	for at := range w.tape {
		e := &w.tape[at]
		if e.subject == 0 || others[e.node] == nil {
			continue
		}
		o := others[e.node]
		if n := w.whose(int32(at), &o.owner); n >= 0 && n != int(e.subject)-1 {
			w.scope.People.Relate(int(e.subject)-1, n, o.declared)
		}
	}
}

// Ask has a registry asked about everybody whose data leaves. The program was compiled with Stored.
func (w *Worker) Ask(r transform.Registry) { w.scope.Secrets = r }

// People gives those whom the event names. Call it after Event.
func (w *Worker) People() *transform.Subjects { return &w.scope.People }

// Acting gives the numbers of those who act in the event, valid until the next one. Who acts for a thing, such as a page, is not
// among them.
func (w *Worker) Acting() []int32 { return w.acting }

// HasSubject tells whether somebody acts in the event, or the pack says that nobody does.
func (w *Worker) HasSubject() bool { return w.subject >= 0 || w.kind.none }

// Splits tells whether the source's records hold several events each.
func (w *Worker) Splits(source int) bool { return w.program.sources[source].trie.splits }

// Flows gives the number of flows of the payload's source.
func (w *Worker) Flows(source int) int { return len(w.program.sources[source].flows) }

// Flow gives the indexes of a flow's entry and recipient in the plan.
func (w *Worker) Flow(source, flow int) (index, recipient int) {
	f := &w.program.sources[source].flows[flow]
	return f.index, f.recipient
}

// Admits tells whether the flow's from: and only: name the event. Call it after Event.
func (w *Worker) Admits(flow int) bool {
	f := &w.source.flows[flow]
	return w.admits(&f.events[w.kindAt], w.kind)
}

// Append writes what the flow's recipient may have of the payload, with the keys of its domain.
// Faults come as *event.Poison; dst is then as it was.
func (w *Worker) Append(dst []byte, flow int, d *keyring.Domain) ([]byte, error) {
	f := &w.source.flows[flow]
	s := &f.events[w.kindAt]
	w.flow = f.index
	w.ops, w.scope.Domain, w.fault = s.ops, d, nil
	w.scope.People.Turn()
	start := len(dst)
	w.most = start + w.program.options.MaxOutput
	w.names = emptied(w.names)
	dst, _ = w.container(dst, 0)
	if w.fault != nil {
		return dst[:start], w.fault
	}
	return dst, nil
}

// AppendSubject writes the pseudonym of the acting subject, for an output key; nothing when nobody acts, or when
// no rule lets that pseudonym leave.
func (w *Worker) AppendSubject(dst []byte, flow int, d *keyring.Domain) ([]byte, transform.Verdict) {
	if w.subject < 0 || !w.keyFrom(flow, w.path) {
		return dst, transform.Misfit
	}
	return w.pseudonym(dst, w.subject, w.who, d)
}

// AppendEventID writes the pseudonym of the event's own id, for an output key; nothing when it has none, or when
// no rule lets it leave.
func (w *Worker) AppendEventID(dst []byte, flow int, d *keyring.Domain) ([]byte, transform.Verdict) {
	if w.kind.id == nil || !w.keyFrom(flow, 0) {
		return dst, transform.Misfit
	}
	at := w.find(w.kind.id)
	if at < 0 {
		return dst, transform.Misfit
	}
	return w.pseudonym(dst, at, w.kind.id.identity, d)
}

func (w *Worker) keyFrom(flow, path int) bool {
	from := w.source.flows[flow].events[w.kindAt].keyFrom
	return path < len(from) && from[path]
}

// NoPayload forgets the payload before: what follows is about a record without one.
func (w *Worker) NoPayload() { w.kind, w.subject = nil, none }

// AppendSourceKey writes the pseudonym of the record's key; nothing where the pack does not say what the key is,
// or no rule lets it leave. It needs no payload.
func (w *Worker) AppendSourceKey(dst []byte, source, flow int, key []byte, d *keyring.Domain) ([]byte, transform.Verdict) {
	s := &w.program.sources[source]
	identity := s.key
	if w.kind != nil && w.kind.key != nil {
		identity = w.kind.key
	}
	events := s.flows[flow].events
	leaves := false
	if w.kind != nil {
		leaves = len(events[w.kindAt].keyFrom) > 0 && events[w.kindAt].keyFrom[0]
	}
	for i := range events { // without a payload: what the pack calls the key of events that do not say otherwise
		leaves = leaves || w.kind == nil && s.events[i].key == nil && len(events[i].keyFrom) > 0 && events[i].keyFrom[0]
	}
	if identity == nil || len(key) == 0 || !leaves {
		return dst, transform.Misfit
	}
	w.scope.Domain = d
	w.current = transform.Value{Kind: transform.String, Text: key}
	return identity.AppendPseudonym(dst, &w.current, w.scope)
}

func (w *Worker) pseudonym(dst []byte, at int32, id *transform.Identity, d *keyring.Domain) ([]byte, transform.Verdict) {
	w.scope.Domain = d
	return id.AppendPseudonym(dst, w.value(&w.tape[at]), w.scope)
}

// unfit counts a value that is not what its class says, and remembers where for MisfitPlaces.
func (w *Worker) unfit(node int32, o *op) {
	w.misfits[w.flow]++
	if len(w.unfitting) < cap(w.unfitting) {
		w.unfitting = append(w.unfitting, misfit{w.source, node, o.leaf, w.kindAt})
	}
}

// misfit is where a value did not fit.
type misfit struct {
	source *source
	node   int32
	leaf   int32
	kind   int
}

// mostMisfits is how many places are remembered until somebody asks.
const mostMisfits = 64

// Mark remembers what was counted so far.
func (w *Worker) Mark() {
	w.marked.misfits = append(w.marked.misfits[:0], w.misfits...)
	w.marked.unfitting = len(w.unfitting)
}

// Undo takes back what was counted since Mark: records that are decided again are counted then.
func (w *Worker) Undo() {
	copy(w.misfits, w.marked.misfits)
	w.unfitting = w.unfitting[:w.marked.unfitting]
}

// MisfitPlaces tells of places, some of them more than once, where a value was not what its class says since the last call: the
// source, the path, and the leaf of its event.
func (w *Worker) MisfitPlaces(each func(source int, path event.Path, kind, leaf int)) {
	for _, m := range w.unfitting {
		for i := range w.program.sources {
			if &w.program.sources[i] == m.source {
				each(i, m.source.trie.nodes[m.node].path, m.kind, int(m.leaf))
			}
		}
	}
	w.unfitting = w.unfitting[:0]
}

// Misfits tells of every flow of the plan how many leaves were dropped since the last call because their value
// was not what their class says.
func (w *Worker) Misfits(each func(flow int, leaves uint64)) {
	for i, n := range w.misfits {
		if n > 0 {
			each(i, n)
			w.misfits[i] = 0
		}
	}
}

// Places gives the canonical paths of the source that scans record, for coverage.
func (p *Program) Places(source int) []event.Path {
	var out []event.Path
	for _, n := range p.sources[source].trie.nodes {
		out = append(out, n.path)
	}
	return out
}

// Trim gives back what an unusually large payload made the worker take. Call it between batches.
func (w *Worker) Trim() {
	const usual = 1 << 20
	if cap(w.tape) > usual/32 {
		w.tape = nil
	}
	w.scope.Trim()
	if cap(w.whole) > usual/32 {
		w.whole = nil
	}
	for _, b := range []*[]byte{&w.decoded, &w.other, &w.headers, &w.quoted, &w.key, &w.inner, &w.arena, &w.selfText} {
		if cap(*b) > usual {
			*b = nil
		}
	}
}

// value gives a scalar as techniques take it, valid until the next value.
func (w *Worker) value(e *entry) *transform.Value {
	v := &w.current
	if e.kind == document {
		text := w.literal(e)
		v.Kind, v.Text, v.Raw, v.Subject = transform.String, text, w.payload[e.start:w.closing(e)+1], 0
		return v
	}
	raw := e.raw(w.payload)
	v.Kind, v.Raw, v.Text, v.Subject = transform.Kind(e.kind), raw, raw, e.subject
	if e.kind == kind(transform.String) {
		if v.Text = raw[1 : len(raw)-1]; !e.exact {
			w.decoded = transform.AppendUnescaped(w.decoded[:0], v.Text)
			v.Text = w.decoded
		}
	}
	return v
}

// closing gives where the closing quote of a string that holds a document stands.
func (w *Worker) closing(e *entry) int32 {
	end, _ := w.scanner.text(int(e.start) + 1)
	return int32(end)
}

// literal gives the text of a string that holds a document, valid until the next text.
func (w *Worker) literal(e *entry) []byte {
	w.decoded = transform.AppendUnescaped(w.decoded[:0], w.payload[e.start+1:w.closing(e)])
	return w.decoded
}

// unquoted gives the decoded text of a string, valid until the next one.
func (w *Worker) unquoted(e *entry) []byte {
	text := w.payload[e.start+1 : e.end-1]
	if !e.exact {
		w.decoded = transform.AppendUnescaped(w.decoded[:0], text)
		return w.decoded
	}
	return text
}

// text gives the decoded text of a scalar, valid until the next text.
func (w *Worker) text(e *entry) []byte {
	switch {
	case e.kind == document:
		return w.literal(e)
	case e.container():
		return nil
	case e.kind == kind(transform.String):
		return w.unquoted(e)
	}
	return e.raw(w.payload)
}
