// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Ends of a national number.
const (
	trunk uint8 = 1 << iota // with the trunk prefix
	plain                   // without
)

// Ends of an international number.
const (
	valid    uint8 = 1 << iota
	possible       // of a length its calling code has
)

// compile gives the two automata of plan.bin: digits after '+', and national numbers as they are written.
func compile() ([]byte, error) {
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, err
	}
	l := newLanguages()
	var world, national int32
	for _, m := range c.GetMetadata() {
		code, plan := strconv.Itoa(int(m.GetCountryCode())), l.plan(m)
		world = l.union(world, l.after(code, l.as(valid, plan)))
		world = l.union(world, l.after(code, l.as(possible, l.lengths(m.GetGeneralDesc()))))
		if m.GetId() != "001" { // a code of no region has no national form
			national = l.union(national, l.national(m, plan))
		}
	}
	return l.encode(world, national)
}

// national is the numbers of a plan as a region writes them: by its formats, and as digits only.
func (l *languages) national(m *phonenumbers.PhoneMetadata, plan int32) int32 {
	numbers := l.as(plain, plan)
	for _, f := range m.GetNumberFormat() {
		numbers = l.union(numbers, l.layouts(f, plan))
	}
	prefix := m.GetNationalPrefix()
	if prefix == "" {
		return numbers
	}
	numbers = l.union(numbers, l.after(prefix, l.as(trunk, plan)))
	if m.GetCountryCode() == 1 { // its formats leave out that the prefix is written apart
		numbers = l.union(numbers, l.after(prefix+"_", l.as(trunk, numbers)))
	}
	return numbers
}

// plan is the valid national significant numbers of a region.
func (l *languages) plan(m *phonenumbers.PhoneMetadata) int32 {
	of := int32(0)
	for _, d := range []*phonenumbers.PhoneNumberDesc{m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail()} {
		of = l.union(of, l.desc(d, m.GetGeneralDesc()))
	}
	return l.intersect(of, l.desc(m.GetGeneralDesc(), m.GetGeneralDesc()))
}

// desc is the numbers of one type; one that names no lengths has the general ones.
func (l *languages) desc(d, general *phonenumbers.PhoneNumberDesc) int32 {
	if d.GetNationalNumberPattern() == "" || d.GetNationalNumberPattern() == "NA" {
		return 0
	}
	lengths := d.GetPossibleLength()
	if len(lengths) == 0 {
		lengths = general.GetPossibleLength()
	}
	d = &phonenumbers.PhoneNumberDesc{PossibleLength: lengths, NationalNumberPattern: d.NationalNumberPattern}
	return l.intersect(l.lengths(d), l.match(d.GetNationalNumberPattern()))
}

// lengths is all digits of the lengths a type can have.
func (l *languages) lengths(d *phonenumbers.PhoneNumberDesc) int32 {
	of := int32(0)
	for _, n := range d.GetPossibleLength() {
		if n > 0 {
			of = l.union(of, l.match(fmt.Sprintf(`\d{%d}`, n)))
		}
	}
	return of
}

var (
	group = regexp.MustCompile(`\$(\d)`)
	other = regexp.MustCompile(`[^\d_$]+`)
)

// layouts is the numbers of a plan as a format prints them.
func (l *languages) layouts(f *phonenumbers.NumberFormat, plan int32) int32 {
	if lead := f.GetLeadingDigitsPattern(); len(lead) > 0 {
		plan = l.intersect(plan, l.match(`(?:`+lead[len(lead)-1]+`)\d{0,17}`))
	}
	groups, printed := split(f.GetPattern()), 0
	layout := l.match(group.ReplaceAllStringFunc(strings.Trim(other.ReplaceAllString(f.GetFormat(), "_"), "_"), func(ref string) string {
		printed++
		return groups[ref[1]-'1']
	}))
	written := layout // a format that leaves a group out and adds digits (mobiles of Argentina) is taken as it is
	if printed == len(groups) {
		written = l.write(plan, layout)
	}
	before, _, _ := strings.Cut(f.GetNationalPrefixFormattingRule(), "$")
	if before = strings.TrimLeft(other.ReplaceAllString(before, "_"), "_"); before != "" {
		return l.after(before, l.as(trunk, written))
	}
	return l.as(plain, written)
}

// split gives the top-level groups of a pattern.
func split(pattern string) []string {
	var groups []string
	depth, start := 0, 0
	for i, c := range pattern {
		switch c {
		case '(':
			if depth == 0 {
				start = i
			}
			depth++
		case ')':
			if depth--; depth == 0 {
				groups = append(groups, "(?:"+pattern[start+1:i]+")")
			}
		}
	}
	return groups
}
