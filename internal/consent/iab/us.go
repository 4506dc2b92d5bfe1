// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// US is a section of the GPP for the United States or one of them. Fields its section lacks are NotApplicable.
// In notices, opt-outs and MSPA fields Yes is 1 and No is 2; in SensitiveData, KnownChild and OtherUse 1 is "no consent" or
// "opted out" and 2 is "consent" or "did not opt out".
type US struct {
	Section int // 7 to 22
	Version int

	SharingNotice         Answer // also of processing, as the younger sections name it
	SaleNotice            Answer // of the right to opt out, as are those that follow
	SharingOptOutNotice   Answer
	TargetedAdsNotice     Answer
	SensitiveOptOutNotice Answer
	SensitiveLimitNotice  Answer
	SaleOptOut            Answer
	SharingOptOut         Answer
	TargetedAdsOptOut     Answer
	SensitiveData         [16]Answer // by category; SensitiveCategories of them
	KnownChild            [5]Answer  // by activity; ChildActivities of them
	OtherUse              Answer     // PersonalDataConsents, AdditionalDataProcessingConsent
	MSPACovered           Answer
	MSPAOptOutOption      Answer
	MSPAServiceProvider   Answer
	SensitiveCategories   int
	ChildActivities       int
	HasGPC, GPC           bool // the subsection is there; it says 1
}

// usPad bounds the padding of a US section: encoders fill up to a multiple of 6, or of 8 and then of 6.
const usPad = 12

// field is a field of two bits in a US section.
type field uint8

const (
	sharingNotice field = iota
	saleNotice
	sharingOptOutNotice
	targetedAdsNotice
	sensitiveOptOutNotice
	sensitiveLimitNotice
	saleOptOut
	sharingOptOut
	targetedAdsOptOut
	sensitiveData // repeated for each category
	knownChild    // repeated for each activity
	otherUse
	mspaCovered
	mspaOptOutOption
	mspaServiceProvider
)

// Orders of the fields after the version.
var (
	nationalFields = []field{
		sharingNotice, saleNotice, sharingOptOutNotice, targetedAdsNotice, sensitiveOptOutNotice, sensitiveLimitNotice, saleOptOut,
		sharingOptOut, targetedAdsOptOut, sensitiveData, knownChild, otherUse, mspaCovered, mspaOptOutOption, mspaServiceProvider,
	}
	californiaFields = []field{
		saleNotice, sharingOptOutNotice, sensitiveLimitNotice, saleOptOut, sharingOptOut, sensitiveData, knownChild, otherUse,
		mspaCovered, mspaOptOutOption, mspaServiceProvider,
	}
	// plainFields are of Virginia, Colorado and Connecticut.
	plainFields = []field{
		sharingNotice, saleNotice, targetedAdsNotice, saleOptOut, targetedAdsOptOut, sensitiveData, knownChild,
		mspaCovered, mspaOptOutOption, mspaServiceProvider,
	}
	// limitFields are of Utah and Iowa, which know a right to opt out of sensitive processing.
	limitFields = slices.Insert(slices.Clone(plainFields), 3, sensitiveOptOutNotice)
	// laterFields are of the states since 2024, which ask for consent to incompatible use.
	laterFields = slices.Insert(slices.Clone(plainFields), 7, otherUse)
)

// layout is how a version of a section is laid out.
type layout struct {
	section, version    int
	fields              []field
	sensitive, children int
	gpc                 bool // may carry the GPC subsection
}

// layouts are of the sections' specifications at IAB Tech Lab. A section or version that is not here is refused.
var layouts = []layout{
	{7, 1, nationalFields, 12, 2, true},
	{7, 2, nationalFields, 16, 3, true},
	{8, 1, californiaFields, 9, 2, true},
	{9, 1, plainFields, 8, 1, false},  // Virginia
	{10, 1, plainFields, 7, 1, true},  // Colorado
	{11, 1, limitFields, 8, 1, false}, // Utah
	{12, 1, plainFields, 8, 3, true},  // Connecticut
	{13, 1, laterFields, 8, 3, false}, // Florida
	{14, 1, laterFields, 8, 3, true},  // Montana
	{15, 1, laterFields, 11, 3, true}, // Oregon
	{16, 1, laterFields, 8, 1, true},  // Texas
	{17, 1, laterFields, 9, 5, true},  // Delaware
	{18, 1, limitFields, 8, 1, true},  // Iowa
	{19, 1, laterFields, 8, 1, true},  // Nebraska
	{20, 1, laterFields, 8, 3, true},  // New Hampshire
	{21, 1, laterFields, 10, 5, true}, // New Jersey
	{22, 1, laterFields, 8, 1, true},  // Tennessee
}

var (
	errAnswer = errors.New("has a field of the value 3, or says nothing of the MSPA")
	errGPC    = errors.New("has a subsection that is not of GPC, or should not be there")
)

// parseUS reads the section of a GPP string that the header numbers so.
func parseUS(section int, s []byte) (US, error) {
	us := US{Section: section}
	core, rest, more := bytes.Cut(s, []byte{'.'})
	gpc, err := us.readCore(core)
	if err == nil && more {
		err = us.readGPC(rest, gpc)
	}
	if err != nil {
		return US{}, fmt.Errorf("gpp: section %d %w", section, err)
	}
	return us, nil
}

// readCore reads the first subsection and reports whether one of GPC may follow.
func (us *US) readCore(s []byte) (gpc bool, err error) {
	b, err := newBits(s)
	if err != nil {
		return false, err
	}
	r := &reader{bits: b}
	us.Version = r.uint(6)
	at := slices.IndexFunc(layouts, func(l layout) bool { return l.section == us.Section && l.version == us.Version })
	if at < 0 {
		return false, errors.New("is of a version that is not known")
	}
	l := &layouts[at]
	us.SensitiveCategories, us.ChildActivities = l.sensitive, l.children
	for _, f := range l.fields {
		us.read(r, f)
	}
	if us.MSPACovered == NotApplicable {
		r.fail(errAnswer)
	}
	return l.gpc, r.end(usPad)
}

func (us *US) read(r *reader, f field) {
	switch f {
	case sensitiveData:
		readAnswers(r, us.SensitiveData[:us.SensitiveCategories])
	case knownChild:
		readAnswers(r, us.KnownChild[:us.ChildActivities])
	default:
		*us.single(f) = readAnswer(r)
	}
}

// single is where a field that is not repeated is kept.
func (us *US) single(f field) *Answer {
	return [...]*Answer{
		sharingNotice: &us.SharingNotice, saleNotice: &us.SaleNotice, sharingOptOutNotice: &us.SharingOptOutNotice,
		targetedAdsNotice: &us.TargetedAdsNotice, sensitiveOptOutNotice: &us.SensitiveOptOutNotice,
		sensitiveLimitNotice: &us.SensitiveLimitNotice, saleOptOut: &us.SaleOptOut, sharingOptOut: &us.SharingOptOut,
		targetedAdsOptOut: &us.TargetedAdsOptOut, otherUse: &us.OtherUse, mspaCovered: &us.MSPACovered,
		mspaOptOutOption: &us.MSPAOptOutOption, mspaServiceProvider: &us.MSPAServiceProvider,
	}[f]
}

func readAnswers(r *reader, all []Answer) {
	for i := range all {
		all[i] = readAnswer(r)
	}
}

func readAnswer(r *reader) Answer {
	a := Answer(r.uint(2))
	if a == answerUndefined {
		r.fail(errAnswer)
		return NotApplicable
	}
	return a
}

func (us *US) readGPC(s []byte, allowed bool) error {
	b, err := newBits(s)
	if err != nil {
		return err
	}
	r := &reader{bits: b}
	if r.uint(2) != 1 || !allowed {
		return errGPC
	}
	us.HasGPC, us.GPC = true, r.bool()
	return r.end(usPad)
}

// optOuts is what a US section comes to. No sale or sharing: opted out or never told, a GPC signal, a missing consent to
// incompatible use, or a business that takes part as a service provider. Sharing is also targeted advertising.
func (us *US) optOuts() optOuts {
	none := us.GPC || us.OtherUse == Yes || us.MSPAServiceProvider == Yes
	return optOuts{
		sale: none || optedOut(us.SaleNotice, us.SaleOptOut),
		sharing: none || optedOut(us.SharingOptOutNotice, us.SharingOptOut) ||
			optedOut(us.TargetedAdsNotice, us.TargetedAdsOptOut),
		sensitive: us.SensitiveOptOutNotice == No || us.SensitiveLimitNotice == No || slices.Contains(us.SensitiveData[:], Yes),
		minor:     us.KnownChild != [5]Answer{},
	}
}
