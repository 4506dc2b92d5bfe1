// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bytes"
	"errors"
	"fmt"
)

// GPP is a Global Privacy Platform string, version 1: its sections in the order of their numbers.
type GPP struct {
	Sections []int
	Europe   *TC // section 2
	Canada   *TC // section 5
	USP      *USP
	US       []US // sections 7 to 22
}

var (
	errHeader   = errors.New("gpp: the header is not of type 3 and version 1")
	errSections = errors.New("gpp: the header does not name as many sections as there are")
)

// ParseGPP reads a GPP string with all its sections. One section that is unknown or wrong makes the whole string wrong.
func ParseGPP(s string) (GPP, error) { return parseGPP([]byte(s)) }

func parseGPP(s []byte) (GPP, error) {
	if len(s) > longest {
		return GPP{}, fmt.Errorf("gpp: the string %w", errLong)
	}
	header, rest, more := bytes.Cut(s, []byte{'~'})
	count := 0
	if more {
		count = 1 + bytes.Count(rest, []byte{'~'})
	}
	ids, err := readHeader(header, count)
	if err != nil {
		return GPP{}, err
	}
	gpp := GPP{Sections: ids}
	for _, id := range ids {
		var section []byte
		section, rest, _ = bytes.Cut(rest, []byte{'~'})
		if err := gpp.readSection(id, section); err != nil {
			return GPP{}, err
		}
	}
	return gpp, nil
}

// readHeader reads the numbers of the count sections, which ascend.
func readHeader(s []byte, count int) ([]int, error) {
	b, err := newBits(s)
	if err != nil {
		return nil, fmt.Errorf("gpp: the header %w", err)
	}
	r := &reader{bits: b}
	if r.uint(6) != 3 || r.uint(6) != 1 {
		return nil, errHeader
	}
	sections := readSpans(r, fibonacci, maxID)
	if err := r.end(usPad); err != nil {
		return nil, fmt.Errorf("gpp: the header %w", err)
	}
	ids := make([]int, 0, min(count, 32))
	for id := range sections.All() {
		if len(ids) == count {
			return nil, errSections
		}
		ids = append(ids, id)
	}
	if len(ids) != count || count == 0 {
		return nil, errSections
	}
	return ids, nil
}

func (g *GPP) readSection(id int, s []byte) error {
	switch {
	case id == 2:
		tc, err := parseTC(s)
		g.Europe = &tc
		return err
	case id == 5:
		tc, err := parseCanada(s)
		g.Canada = &tc
		return err
	case id == 6:
		usp, err := parseUSP(s)
		g.USP = &usp
		return err
	case id >= 7 && id <= 22:
		us, err := parseUS(id, s)
		g.US = append(g.US, us)
		return err
	}
	return fmt.Errorf("gpp: section %d is not known", id)
}

// grants reports whether every TC string of the sections gives what is needed, and there is one.
func (g *GPP) grants(n *PurposeNeeds) bool {
	return (g.Europe != nil || g.Canada != nil) &&
		(g.Europe == nil || g.Europe.grants(n)) && (g.Canada == nil || g.Canada.grants(n))
}

// optOuts joins what the sections of the United States come to.
func (g *GPP) optOuts() optOuts {
	var all optOuts
	if g.USP != nil {
		all = g.USP.optOuts()
	}
	for i := range g.US {
		all = all.or(g.US[i].optOuts())
	}
	return all
}
