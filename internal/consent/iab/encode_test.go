// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"slices"
	"strings"
)

// writer is the reader's opposite, written apart from it, so that tests can make strings and spell parsed ones again.
type writer struct{ text strings.Builder }

func (w *writer) uint(v, n int) {
	for i := n - 1; i >= 0; i-- {
		w.text.WriteByte('0' + byte(v>>i&1))
	}
}

func (w *writer) bool(b bool) {
	if b {
		w.uint(1, 1)
	} else {
		w.uint(0, 1)
	}
}

func (w *writer) ids(ids IDs, n int) {
	for id := 1; id <= n; id++ {
		w.bool(ids.Has(id))
	}
}

func (w *writer) letters(l Letters) {
	w.uint(int(l[0]-'A'), 6)
	w.uint(int(l[1]-'A'), 6)
}

// fibonacci writes the Zeckendorf form of v ≥ 1, lowest place first, and the closing 1.
func (w *writer) fibonacci(v int) {
	worths := []int{1, 2}
	for worths[len(worths)-1] <= v {
		worths = append(worths, worths[len(worths)-1]+worths[len(worths)-2])
	}
	code := ""
	for _, worth := range slices.Backward(worths) {
		if worth <= v {
			v -= worth
			code = "1" + code
		} else if code != "" {
			code = "0" + code
		}
	}
	w.text.WriteString(code + "1")
}

// chars gives the bits as base64url, filled up to a multiple of pad bits and then of 6.
func (w *writer) chars(pad int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := w.text.String()
	for _, n := range []int{pad, 6} {
		for len(text)%n != 0 {
			text += "0"
		}
	}
	var out strings.Builder
	for ; text != ""; text = text[6:] {
		v := 0
		for _, c := range text[:6] {
			v = v<<1 | int(c-'0')
		}
		out.WriteByte(alphabet[v])
	}
	return out.String()
}

func (w *writer) vendors(v *VendorSet) {
	w.uint(v.max, 16)
	w.bool(v.coding != bitField)
	if v.coding != bitField {
		w.spans(v)
		return
	}
	for id := 1; id <= v.max; id++ {
		w.bool(v.Has(id))
	}
}

func (w *writer) spans(v *VendorSet) {
	w.uint(v.n, 12)
	previous := 0
	for first, last := range v.spans() {
		w.bool(first != last)
		if v.coding == fibonacci {
			w.fibonacci(first - previous)
			if first != last {
				w.fibonacci(last - first)
			}
		} else {
			w.uint(first, 16)
			if first != last {
				w.uint(last, 16)
			}
		}
		previous = last
	}
}

// asFlags is a set of vendors written a bit each, for strings that tests make.
func asFlags(ids ...int) VendorSet {
	limit := 0
	for _, id := range ids {
		limit = max(limit, id)
	}
	var w writer
	for id := 1; id <= limit; id++ {
		w.bool(slices.Contains(ids, id))
	}
	return VendorSet{bits: bits(w.chars(6)), n: limit, max: limit, coding: bitField}
}

// asSpans is a set of vendors written as spans, given as pairs of first and last.
func asSpans(c coding, pairs ...[2]int) VendorSet {
	var w writer
	previous, limit := 0, 0
	for _, p := range pairs {
		w.bool(p[0] != p[1])
		if c == fibonacci {
			w.fibonacci(p[0] - previous)
			if p[0] != p[1] {
				w.fibonacci(p[1] - p[0])
			}
		} else {
			w.uint(p[0], 16)
			if p[0] != p[1] {
				w.uint(p[1], 16)
			}
		}
		previous, limit = p[1], max(limit, p[1])
	}
	return VendorSet{bits: bits(w.chars(6)), n: len(pairs), max: limit, coding: c}
}

// restricted is one restriction of a publisher.
type restricted struct {
	purpose int
	kind    Restriction
	vendors VendorSet
}

func asRestrictions(c coding, all ...restricted) restrictions {
	var w writer
	for i := range all {
		w.uint(all[i].purpose, 6)
		w.uint(int(all[i].kind), 2)
		if c == fibonacci {
			w.vendors(&all[i].vendors)
		} else {
			w.spans(&all[i].vendors)
		}
	}
	return restrictions{bits: bits(w.chars(6)), n: len(all), coding: c}
}

func (w *writer) restrictions(all *restrictions) {
	w.uint(all.n, 12)
	r := reader{bits: all.bits, at: all.at}
	for range all.n {
		purpose, kind, vendors := readRestriction(&r, all.coding)
		w.uint(purpose, 6)
		w.uint(int(kind), 2)
		if all.coding == fibonacci {
			w.vendors(&vendors)
		} else {
			w.spans(&vendors)
		}
	}
}

func (w *writer) tool(tc *TC) {
	w.uint(tc.Version, 6)
	w.uint(int(tc.Created/100), 36)
	w.uint(int(tc.LastUpdated/100), 36)
	w.uint(tc.CMP, 12)
	w.uint(tc.CMPVersion, 12)
	w.uint(tc.Screen, 6)
	w.letters(tc.Language)
	w.uint(tc.VendorList, 12)
	w.uint(tc.Policy, 6)
}

// encodeTC writes a TC string, or a Canadian one where its version is 1, each segment filled up to pad bits.
func encodeTC(tc *TC, pad int) string {
	var w writer
	w.tool(tc)
	canada := tc.Version == 1
	if !canada {
		w.bool(tc.ServiceSpecific)
	}
	w.bool(tc.NonStandardTexts)
	w.ids(tc.SpecialFeatures, 12)
	w.ids(tc.Purposes, 24)
	w.ids(tc.PurposesLI, 24)
	if !canada {
		w.bool(tc.PurposeOneHidden)
		w.letters(tc.Country)
	}
	w.vendors(&tc.Vendors)
	w.vendors(&tc.VendorsLI)
	w.restrictions(&tc.restrictions)
	return w.chars(pad) + encodeSegments(tc, pad)
}

func encodeSegments(tc *TC, pad int) string {
	out := ""
	if tc.HasDisclosed {
		var w writer
		w.uint(1, 3)
		w.vendors(&tc.Disclosed)
		out += "." + w.chars(pad)
	}
	if tc.HasPublisher {
		var w writer
		p := &tc.Publisher
		w.uint(3, 3)
		w.ids(p.Purposes, 24)
		w.ids(p.PurposesLI, 24)
		w.uint(p.CustomCount, 6)
		for i := range p.CustomCount {
			w.uint(int(p.Custom>>i&1), 1)
		}
		for i := range p.CustomCount {
			w.uint(int(p.CustomLI>>i&1), 1)
		}
		out += "." + w.chars(pad)
	}
	return out
}

// encodeUS writes a US section with the values of each field in the order of the layout.
func encodeUS(us *US) string {
	var w writer
	w.uint(us.Version, 6)
	at := slices.IndexFunc(layouts, func(l layout) bool { return l.section == us.Section && l.version == us.Version })
	for _, f := range layouts[at].fields {
		switch f {
		case sensitiveData:
			for _, a := range us.SensitiveData[:us.SensitiveCategories] {
				w.uint(int(a), 2)
			}
		case knownChild:
			for _, a := range us.KnownChild[:us.ChildActivities] {
				w.uint(int(a), 2)
			}
		default:
			w.uint(int(*us.single(f)), 2)
		}
	}
	out := w.chars(8)
	if us.HasGPC {
		var w writer
		w.uint(1, 2)
		w.bool(us.GPC)
		out += "." + w.chars(8)
	}
	return out
}

// encodeGPP writes a GPP string of the sections, by their numbers.
func encodeGPP(sections map[int]string) string {
	ids := make([]int, 0, len(sections))
	for id := range sections {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var w writer
	w.uint(3, 6)
	w.uint(1, 6)
	w.uint(len(ids), 12)
	previous, rest := 0, ""
	for _, id := range ids {
		w.bool(false)
		w.fibonacci(id - previous)
		previous = id
		rest += "~" + sections[id]
	}
	return w.chars(6) + rest
}
