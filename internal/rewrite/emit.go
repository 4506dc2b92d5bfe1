// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"bytes"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// container writes what the recipient may have of an object or array. It tells whether anything inside was written;
// the root is written even when nothing was, other containers are taken back by the caller.
// The loop is long because it is the hot path: one pass over the entries, no call for what is dropped (BenchmarkProcess).
func (w *Worker) container(dst []byte, at int32) (_ []byte, any bool) {
	tape, ops := w.tape, w.ops
	list := tape[at].kind == array
	if list {
		dst = append(dst, '[')
	} else {
		dst = append(dst, '{')
	}
	end := tape[at].end
	for i := at + 1; i < end; {
		e := &tape[i]
		o := ops[e.node]
		here := i
		i++
		if e.container() {
			i = e.end
			if !o.descends && o.verb < count {
				continue
			}
		} else if o.verb == drop {
			continue
		}
		start := len(dst)
		switch {
		case !list:
			dst = o.appendMember(dst, any)
		case any:
			dst = append(dst, ',')
		}
		before := len(dst)
		var written bool
		switch {
		case o.verb >= count:
			dst, written = w.measure(dst, here, o)
		case e.container():
			dst, written = w.container(dst, here)
		case e.exact && e.end-e.start <= o.verbatim[e.kind] && !(o.guarded && bytes.IndexByte(e.raw(w.payload), '@') >= 0): // BenchmarkProcess
			dst, written = append(dst, e.raw(w.payload)...), true
		default:
			dst, written = w.leaf(dst, here, o)
		}
		if len(dst) > w.most && w.fault == nil {
			w.fault = &event.Poison{Reason: event.OutputTooLarge, Offset: -1}
		}
		if w.fault != nil {
			return dst, false
		}
		if w.Trace != nil && (!e.container() || o.verb == count || o.verb == presence || o.verb == writeText) {
			w.trace(e, o, here, dst[before:], written)
		}
		if !written {
			dst = dst[:start]
			continue
		}
		any = true
	}
	if list {
		return append(dst, ']'), any
	}
	return append(dst, '}'), any
}

// shortMember is how long a member's name may be, with all that stands around it, to be copied whole.
const shortMember = 32

// appendMember writes the name of a member and its colon, after a comma where another member stands before.
// A copy of a fixed size is two instructions, where one of the name's size is a call (BenchmarkProcess).
func (o *op) appendMember(dst []byte, comma bool) []byte {
	if !comma {
		return append(dst, o.member[1:]...)
	}
	if n := len(dst); len(o.member) <= shortMember && cap(dst)-n >= shortMember {
		*(*[shortMember]byte)(dst[n : n+shortMember]) = o.short
		return dst[:n+len(o.member)]
	}
	return append(dst, o.member...)
}

// leaf writes one scalar.
func (w *Worker) leaf(dst []byte, at int32, o *op) ([]byte, bool) {
	if o.choices != nil {
		if o = w.choose(at, o); o == nil || o.verb == drop {
			return dst, false
		}
		if o.verb == count || o.verb == presence {
			return w.measure(dst, at, o)
		}
	}
	e := &w.tape[at]
	if e.kind == kind(transform.Null) && !o.nulls {
		return dst, false
	}
	if o.gated && w.barred(at, o) {
		return dst, false
	}
	if o.owned {
		w.own(at, &o.owner)
	}
	if o.searched {
		w.searchFor()
	}
	v := w.value(e)
	for i := range o.except {
		if o.except[i].kind == e.kind && o.except[i].text == string(v.Text) {
			return append(dst, v.Raw...), true
		}
	}
	dst, verdict := o.technique.Append(dst, v, w.scope)
	switch verdict {
	case transform.Done:
		return dst, true
	case transform.Barred, transform.Missed:
	case transform.Shaped:
		w.fault = &event.Poison{Reason: event.PseudonymShaped, Rule: w.source.trie.nodes[e.node].path.String(), Offset: int(e.start)}
	default:
		w.unfit(e.node, o)
	}
	return dst, false
}

// own tells the techniques whose the leaf is.
func (w *Worker) own(at int32, o *owner) {
	to := &w.scope.Owner
	to.Known = false
	if n := w.whose(at, o); n >= 0 {
		w.scope.People.Own(to, n, w.scope.Secrets)
	}
}

// whose gives the number of the person a leaf belongs to; below 0: it cannot be told.
func (w *Worker) whose(at int32, o *owner) int {
	id, identity := w.subject, w.who
	switch {
	case o.self:
		id, identity = at, o.identity
	case o.climb > 0:
		id, identity = w.inside(w.enclosing(at, o.climb), o.node), o.identity
	}
	if o.whos != nil && id >= 0 {
		identity = w.whoAt(id, o.whos)
	}
	if id < 0 || !w.tape[id].identifier() || identity == nil || !identity.OfSubject() {
		return -1
	}
	return w.person(id, identity)
}

// barred tells whether the recipient may not know of the person a leaf belongs to. Who cannot be told cannot be asked: then only
// what is about things leaves.
func (w *Worker) barred(at int32, o *op) bool {
	n := w.whose(at, &o.owner)
	if n < 0 {
		return !o.things
	}
	return w.scope.People.Answer(n, w.scope.Secrets) != transform.Done
}

// measure writes how many elements an array has, or that something is there; and what is no plain object or array.
func (w *Worker) measure(dst []byte, at int32, o *op) ([]byte, bool) {
	e := &w.tape[at]
	switch {
	case o.verb == writeText && (e.kind == object || e.kind == array): // no text: on the tape because a condition looks here
		return dst, false
	case o.verb == writeText:
		return w.leaf(dst, at, o)
	case e.kind == member && o.verb == writeMember:
		return w.appendNamed(dst, at)
	case e.kind == document && o.verb == writeDocument:
		return w.appendDocument(dst, at)
	case o.verb >= writeMember:
		if e.kind != kind(transform.Null) {
			w.misfits[w.flow]++
		}
		return dst, false
	case e.kind == kind(transform.Null), o.gated && w.barred(at, o):
		return dst, false
	case o.verb == presence:
		return append(dst, "true"...), true
	case e.kind == array:
		return transform.AppendCount(dst, int(e.count)), true
	}
	w.misfits[w.flow]++
	return dst, false
}

func (w *Worker) trace(e *entry, o *op, at int32, after []byte, written bool) {
	if o.choices != nil {
		if o = w.choose(at, o); o == nil {
			o = &op{leaf: undecided}
		}
	}
	step := Step{Leaf: int(o.leaf), Offset: int(e.start), Verdict: transform.Misfit}
	switch {
	case e.kind == document:
		step.Before = w.payload[e.start : w.closing(e)+1]
	case !e.container():
		step.Before = e.raw(w.payload)
	}
	if o.searched {
		step.Found = w.scope.Findings(step.Before)
	}
	if o.verb == drop {
		step.Verdict = transform.Done // one of its cases held, and no rule lets it leave
	}
	if written {
		step.After, step.Verdict = after, transform.Done
	}
	w.Trace(step)
}
