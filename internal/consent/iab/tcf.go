// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
)

// Days from which a rule of the TCF holds for strings made or changed since, in milliseconds since the Unix epoch.
const (
	policy4Since   = 1_696_118_400_000 // 2023-10-01: a policy version below 4 is invalid
	disclosedSince = 1_772_236_800_000 // 2026-02-28: without disclosed vendors it is invalid (TCF 2.3)
)

// tcPad bounds the padding of a TCF segment: encoders fill up to a multiple of 8, of 6 or of 24 bits.
const tcPad = 24

// TC is a TC string of the TCF 2.2 or 2.3, or its Canadian sibling. Times are milliseconds since the Unix epoch.
// In a Canadian one consent is express consent and legitimate interest is implied consent, as its specification reads them.
type TC struct {
	Version          int
	Created          int64
	LastUpdated      int64
	CMP              int
	CMPVersion       int
	Screen           int
	Language         Letters
	VendorList       int
	Policy           int
	ServiceSpecific  bool // false: of global scope, which no longer counts; a Canadian string is always specific
	NonStandardTexts bool
	SpecialFeatures  IDs
	Purposes         IDs // consented
	PurposesLI       IDs // legitimate interest shown and not objected to
	PurposeOneHidden bool
	Country          Letters // of the publisher
	Vendors          VendorSet
	VendorsLI        VendorSet

	Disclosed    VendorSet // shown to the person; counts if HasDisclosed
	HasDisclosed bool
	Publisher    PublisherTC // counts if HasPublisher
	HasPublisher bool

	restrictions restrictions
}

// PublisherTC is what the person allowed the publisher itself. Bit i of the custom purposes stands for number i+1.
type PublisherTC struct {
	Purposes, PurposesLI IDs
	Custom, CustomLI     uint64
	CustomCount          int
}

// Restriction is how a publisher narrows a vendor's purpose.
type Restriction uint8

const (
	NotAllowed Restriction = iota
	RequireConsent
	RequireLegitimateInterest
	restrictionUndefined
)

var (
	errVersion   = errors.New("tcf: the version is not 2: ask the consent tool for a string of TCF 2.2 or 2.3")
	errPolicy    = errors.New("tcf: the policy version is below 4 in a string made since October 2023")
	errDisclosed = errors.New("tcf: the segment of disclosed vendors is missing in a string made or changed since 2026-02-28 (TCF 2.3)")
	errSegment   = errors.New("tcf: a segment is neither of disclosed vendors nor of the publisher")
	errTwice     = errors.New("tcf: a segment occurs twice")
)

// ParseTC reads a TC string. An error says why nobody may rely on it.
func ParseTC(s string) (TC, error) { return parseTC([]byte(s)) }

// parseTC is ParseTC without a copy: s must not change while the result is used.
func parseTC(s []byte) (TC, error) {
	if len(s) > longest {
		return TC{}, fmt.Errorf("tcf: the string %w", errLong)
	}
	var tc TC
	core, rest, more := bytes.Cut(s, []byte{'.'})
	if err := tc.readCore(core); err != nil {
		return TC{}, err
	}
	for more {
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte{'.'})
		if err := tc.readSegment(segment, ranges); err != nil {
			return TC{}, err
		}
	}
	if tc.Created >= policy4Since && tc.Policy < 4 {
		return TC{}, errPolicy
	}
	if max(tc.Created, tc.LastUpdated) >= disclosedSince && !tc.HasDisclosed {
		return TC{}, errDisclosed
	}
	return tc, nil
}

func (tc *TC) readCore(s []byte) error {
	b, err := newBits(s)
	if err != nil {
		return fmt.Errorf("tcf: the core segment %w", err)
	}
	r := &reader{bits: b}
	if tc.Version = r.uint(6); tc.Version != 2 {
		return errVersion
	}
	tc.readTool(r)
	tc.ServiceSpecific = r.bool()
	tc.NonStandardTexts = r.bool()
	tc.SpecialFeatures, tc.Purposes, tc.PurposesLI = r.ids(12), r.ids(24), r.ids(24)
	tc.PurposeOneHidden = r.bool()
	tc.Country = r.letters()
	tc.Vendors, tc.VendorsLI = readVendors(r, ranges), readVendors(r, ranges)
	tc.restrictions = readRestrictions(r, ranges)
	if err := r.end(tcPad); err != nil {
		return fmt.Errorf("tcf: the core segment %w", err)
	}
	return nil
}

// readTool reads when, with what and in which language the person was asked.
func (tc *TC) readTool(r *reader) {
	tc.Created, tc.LastUpdated = int64(r.uint(36))*100, int64(r.uint(36))*100
	tc.CMP, tc.CMPVersion, tc.Screen = r.uint(12), r.uint(12), r.uint(6)
	tc.Language = r.letters()
	tc.VendorList, tc.Policy = r.uint(12), r.uint(6)
}

func (tc *TC) readSegment(s []byte, spans coding) error {
	b, err := newBits(s)
	if err != nil {
		return fmt.Errorf("tcf: a segment %w", err)
	}
	r := &reader{bits: b}
	switch r.uint(3) {
	case 1:
		if tc.HasDisclosed {
			return errTwice
		}
		tc.Disclosed, tc.HasDisclosed = readVendors(r, spans), true
	case 3:
		if tc.HasPublisher {
			return errTwice
		}
		tc.Publisher, tc.HasPublisher = readPublisher(r), true
	default:
		return errSegment
	}
	if err := r.end(tcPad); err != nil {
		return fmt.Errorf("tcf: a segment %w", err)
	}
	return nil
}

func readPublisher(r *reader) PublisherTC {
	p := PublisherTC{Purposes: r.ids(24), PurposesLI: r.ids(24), CustomCount: r.uint(6)}
	for i := range p.CustomCount {
		p.Custom |= uint64(r.uint(1)) << i
	}
	for i := range p.CustomCount {
		p.CustomLI |= uint64(r.uint(1)) << i
	}
	return p
}

// restrictions are the publisher's restrictions as they are written.
type restrictions struct {
	bits   bits
	at     int
	n      int
	coding coding
}

func readRestrictions(r *reader, c coding) restrictions {
	all := restrictions{bits: r.bits, n: r.uint(12), coding: c}
	all.at = r.at
	for range all.n {
		readRestriction(r, c)
		if r.err != nil {
			return restrictions{}
		}
	}
	return all
}

func readRestriction(r *reader, c coding) (purpose int, kind Restriction, vendors VendorSet) {
	purpose, kind = r.uint(6), Restriction(r.uint(2))
	if c == fibonacci {
		return purpose, kind, readVendors(r, c)
	}
	return purpose, kind, readSpans(r, c, maxID)
}

// each yields the restrictions on a vendor, by purpose.
func (all *restrictions) each(vendor int) iter.Seq2[int, Restriction] {
	return func(yield func(int, Restriction) bool) {
		r := reader{bits: all.bits, at: all.at}
		for range all.n {
			purpose, kind, vendors := readRestriction(&r, all.coding)
			if vendors.Has(vendor) && !yield(purpose, kind) {
				return
			}
		}
	}
}

// Restrictions yields the purposes the publisher restricts for a vendor, and how.
func (tc *TC) Restrictions(vendor int) iter.Seq2[int, Restriction] {
	return tc.restrictions.each(vendor)
}

// grants reports whether the string gives all that is needed: each purpose by consent or, where that is enough, by legitimate
// interest; the vendor under the same basis, disclosed where the string says who was, and not restricted by the publisher.
func (tc *TC) grants(n *PurposeNeeds) bool {
	if !tc.ServiceSpecific {
		return false
	}
	if n.Vendor > 0 && tc.HasDisclosed && !tc.Disclosed.Has(n.Vendor) {
		return false
	}
	consent, interest := tc.Purposes, tc.PurposesLI&interestAllowed
	if !n.LegitimateInterest {
		interest = 0
	}
	if n.Vendor > 0 {
		consent, interest = tc.ofVendor(n.Vendor, consent, interest)
	}
	for _, purpose := range n.TCF {
		if !consent.Has(purpose) && !interest.Has(purpose) {
			return false
		}
	}
	return n.Vendor == 0 || len(n.TCF) > 0 || tc.Vendors.Has(n.Vendor)
}

// interestAllowed holds the purposes that can rest on legitimate interest: none of 1 (ePrivacy) and 3 to 6 (TCF 2.2).
const interestAllowed = IDs(1<<24-1) &^ (1<<0 | 1<<2 | 1<<3 | 1<<4 | 1<<5)

// ofVendor narrows the purposes of both bases to those the vendor has, after the publisher's restrictions.
func (tc *TC) ofVendor(vendor int, consent, interest IDs) (IDs, IDs) {
	if !tc.Vendors.Has(vendor) {
		consent = 0
	}
	if !tc.VendorsLI.Has(vendor) {
		interest = 0
	}
	if consent|interest == 0 {
		return 0, 0
	}
	for purpose, kind := range tc.restrictions.each(vendor) {
		bit := IDs(1) << purpose >> 1
		if kind != RequireConsent {
			consent &^= bit
		}
		if kind != RequireLegitimateInterest {
			interest &^= bit
		}
	}
	return consent, interest
}
