// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"github.com/nymstream/nymstream/internal/event"
)

// elements walks the events of one record. Where the source splits its records, the worker's tape shows one element at a time,
// with what encloses it, as if the payload held nothing else; so nothing else knows about elements.
type elements struct {
	whole    []entry   // the payload's tape; the worker's own holds the element at hand
	array    *node     // the elements among which the one at hand is; nil: the whole record
	todo     []element // those not yet shown, last first
	position int       // where it stands in the payload
	copied   int       // entries copied for the elements of this record
	around   int       // bytes around them, each time that they were shown
	begun    bool
}

// element is an element of an array of events, and the array and element entries on the way to it, outermost first.
type element struct {
	array *node
	way   []int32
}

// mostCopies bounds how often what encloses the elements is copied, in tapes of the largest size.
const mostCopies = 8

// begin forgets the record before.
func (w *Worker) begin() {
	w.array, w.todo, w.copied, w.begun = nil, w.todo[:0], 0, false
	w.around = 0
}

// Next turns to the next event of the payload that was read: the record itself, or the next element of its arrays of events.
// It reports false when there is none left. A fault comes as *event.Poison.
func (w *Worker) Next() (bool, error) {
	if !w.begun {
		w.begun = true
		if !w.source.trie.splits {
			return true, nil
		}
		w.whole = append(w.whole[:0], w.tape...)
		w.list(0, nil)
		if len(w.todo) == 0 {
			return true, nil
		}
	}
	last := len(w.todo) - 1
	if last < 0 {
		return false, nil
	}
	e := w.todo[last]
	w.todo = w.todo[:last]
	w.position = int(w.whole[e.way[len(e.way)-1]].start)
	w.array, w.kind, w.subject = e.array, nil, none
	w.tape = w.tape[:0]
	w.show(0, none, e.way)
	if w.copied += len(w.tape); w.copied > mostCopies*w.maxFields || w.repeated() > mostCopies*w.program.options.MaxBytes {
		return false, &event.Poison{Reason: event.TooLarge, Offset: -1}
	}
	w.probe()
	return true, nil
}

// Element gives where the element at hand stands in the payload; false: the whole record is at hand.
func (w *Worker) Element() (from, to int, ok bool) {
	if w.array == nil {
		return 0, 0, false
	}
	end := w.scanner.skip(w.position, 0)
	return w.position, end, true
}

// repeated counts the bytes around the elements so far, each time that they are shown: they are written for every element.
func (w *Worker) repeated() int {
	from, to, _ := w.Element()
	for i := range w.tape {
		if e := &w.tape[i]; !e.container() && (int(e.start) < from || int(e.start) >= to) {
			w.around += int(e.end - e.start)
		}
	}
	return w.around
}

// list notes the elements below an entry, last first. An element that holds elements of its own is none itself.
func (w *Worker) list(at int32, way []int32) (any bool) {
	e := &w.whole[at]
	n := w.source.trie.nodes[e.node]
	if !n.leads {
		return false
	}
	way = append(way, at)
	children := w.children(at)
	for i := len(children) - 1; i >= 0; i-- {
		if w.list(children[i], way) {
			any = true
		}
	}
	if !any && n.events {
		w.todo = append(w.todo, element{n, append([]int32(nil), way...)})
		any = true
	}
	return any
}

// children gives the entries directly below one.
func (w *Worker) children(at int32) []int32 {
	var out []int32
	if !w.whole[at].container() {
		return nil
	}
	for i := at + 1; i < w.whole[at].end; {
		out = append(out, i)
		if e := &w.whole[i]; e.container() {
			i = e.end
		} else {
			i++
		}
	}
	return out
}

// show copies an entry to the worker's tape with all that is below it, but of what leads to elements only what is on the way.
func (w *Worker) show(at, up int32, way []int32) {
	e := w.whole[at]
	e.up = up
	here := int32(len(w.tape))
	w.tape = append(w.tape, e)
	if !e.container() {
		return
	}
	onWay := len(way) > 0 && way[0] == at
	if onWay && len(way) > 1 && e.kind == array {
		w.show(way[1], here, way[1:])
		w.tape[here].count, w.tape[here].end = 1, int32(len(w.tape))
		return
	}
	for i := at + 1; i < e.end; {
		child := &w.whole[i]
		next := i + 1
		if child.container() {
			next = child.end
		}
		switch {
		case onWay && len(way) > 1 && way[1] == i:
			w.show(i, here, way[1:])
		case onWay && len(way) > 1 && w.source.trie.nodes[child.node].leads:
		default:
			w.show(i, here, nil)
		}
		i = next
	}
	w.tape[here].end = int32(len(w.tape))
}

// probe notes again where the first occurrences stand.
func (w *Worker) probe() {
	for i := range w.slots {
		w.slots[i] = none
	}
	for i := range w.tape {
		if slot := w.source.trie.nodes[w.tape[i].node].slot; slot >= 0 && w.slots[slot] == none {
			w.slots[slot] = int32(i)
		}
	}
	for i := range w.found {
		w.found[i].container = none
	}
}

// eventNodes gives the places of the elements that events are looked for among.
func (c *compiler) eventNodes(path event.Path) []*node {
	if path == nil {
		return nil
	}
	return c.places(path)
}

// split notes which arrays hold events.
func (c *compiler) split() {
	for _, path := range c.source.Each {
		for _, n := range c.places(path) {
			c.trie.splits = true
			n.events = true
			n.leads, n.scalar, n.marked = true, true, true
			for up := n.up; up != none; up = c.trie.nodes[up].up {
				c.trie.nodes[up].leads = true
			}
		}
	}
}
