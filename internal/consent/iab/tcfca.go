// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	errCanadaVersion   = errors.New("tcfca: the version is not 1")
	errCanadaAmbiguous = errors.New("tcfca: the string can be read in two ways: encode it with the Fibonacci ranges of the GPP")
)

// ParseCanada reads a string of IAB Canada's TCF, section 5 of the GPP. Its specification writes spans of vendors as Fibonacci
// offsets; encoders before 2026 wrote 16-bit ids instead. A string that is whole in one reading only is taken by that reading; one
// that is whole in both and has spans is refused.
func ParseCanada(s string) (TC, error) { return parseCanada([]byte(s)) }

func parseCanada(s []byte) (TC, error) {
	if len(s) > longest {
		return TC{}, fmt.Errorf("tcfca: the string %w", errLong)
	}
	tc, err := parseCanadaAs(s, fibonacci)
	old, oldErr := parseCanadaAs(s, ranges)
	switch {
	case err != nil && oldErr == nil:
		return old, nil
	case err == nil && oldErr == nil && (tc.hasSpans() || old.hasSpans()):
		return TC{}, errCanadaAmbiguous
	}
	return tc, err
}

// hasSpans reports whether any set of the string is written otherwise than as flags.
func (tc *TC) hasSpans() bool {
	return tc.Vendors.coding != bitField || tc.VendorsLI.coding != bitField || tc.Disclosed.coding != bitField ||
		tc.restrictions.n > 0
}

func parseCanadaAs(s []byte, spans coding) (TC, error) {
	tc := TC{ServiceSpecific: true}
	core, rest, more := bytes.Cut(s, []byte{'.'})
	if err := tc.readCanadaCore(core, spans); err != nil {
		return TC{}, err
	}
	for more {
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte{'.'})
		if err := tc.readSegment(segment, spans); err != nil {
			return TC{}, err
		}
	}
	return tc, nil
}

func (tc *TC) readCanadaCore(s []byte, spans coding) error {
	b, err := newBits(s)
	if err != nil {
		return fmt.Errorf("tcfca: the core segment %w", err)
	}
	r := &reader{bits: b}
	if tc.Version = r.uint(6); tc.Version != 1 {
		return errCanadaVersion
	}
	tc.readTool(r)
	tc.NonStandardTexts = r.bool()
	tc.SpecialFeatures, tc.Purposes, tc.PurposesLI = r.ids(12), r.ids(24), r.ids(24)
	tc.Vendors, tc.VendorsLI = readVendors(r, spans), readVendors(r, spans)
	tc.restrictions = readRestrictions(r, spans)
	if err := r.end(tcPad); err != nil {
		return fmt.Errorf("tcfca: the core segment %w", err)
	}
	return nil
}
