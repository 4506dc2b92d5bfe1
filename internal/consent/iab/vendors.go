// SPDX-License-Identifier: Apache-2.0

package iab

import "iter"

// maxID is the largest vendor id a 16-bit field holds.
const maxID = 1<<16 - 1

// coding is how a set of vendors is written.
type coding uint8

const (
	bitField  coding = iota // a bit an id
	ranges                  // spans of 16-bit ids, as in the TCF of the EU
	fibonacci               // spans of Fibonacci-coded offsets, as in the GPP
)

// VendorSet is a set of vendor ids. It reads the string it came from, which therefore must not change.
type VendorSet struct {
	bits   bits
	at     int // bit of the first flag or span
	n      int // flags or spans
	max    int
	coding coding
}

// readVendors reads a set that begins with its largest id and a flag for spans; spans says how those are written.
func readVendors(r *reader, spans coding) VendorSet {
	limit := r.uint(16)
	if !r.bool() {
		set := VendorSet{bits: r.bits, at: r.at, n: limit, max: limit, coding: bitField}
		r.skip(limit)
		return set
	}
	return readSpans(r, spans, limit)
}

// readSpans reads a number of spans and holds each of them to 1…limit.
func readSpans(r *reader, c coding, limit int) VendorSet {
	set := VendorSet{bits: r.bits, n: r.uint(12), max: limit, coding: c}
	set.at = r.at
	last := 0
	for range set.n {
		var first int
		first, last = readSpan(r, c, last)
		if r.err != nil {
			return VendorSet{}
		}
		if first < 1 || first > last || last > limit {
			r.fail(errSpan)
			return VendorSet{}
		}
	}
	return set
}

func readSpan(r *reader, c coding, previous int) (first, last int) {
	group := r.bool()
	if c == fibonacci {
		first = previous + r.fibonacci()
		last = first
		if group {
			last += r.fibonacci()
		}
		return first, last
	}
	first = r.uint(16)
	last = first
	if group {
		if last = r.uint(16); last <= first {
			r.fail(errSpan) // one id is no range
		}
	}
	return first, last
}

// Has reports whether id is in the set.
func (v *VendorSet) Has(id int) bool {
	if id < 1 || id > v.max {
		return false
	}
	if v.coding == bitField {
		return v.bits.uint(v.at+id-1, 1) == 1
	}
	for first, last := range v.spans() {
		if first <= id && id <= last {
			return true
		}
	}
	return false
}

// spans yields the spans of a set that is written so.
func (v *VendorSet) spans() iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		r := reader{bits: v.bits, at: v.at}
		last := 0
		for range v.n {
			var first int
			first, last = readSpan(&r, v.coding, last)
			if !yield(first, last) {
				return
			}
		}
	}
}

// All yields the ids of the set in the order they are written.
func (v *VendorSet) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		if v.coding == bitField {
			for id := 1; id <= v.n; id++ {
				if v.Has(id) && !yield(id) {
					return
				}
			}
			return
		}
		for first, last := range v.spans() {
			for id := first; id <= last; id++ {
				if !yield(id) {
					return
				}
			}
		}
	}
}
