// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/consent"
)

// Form is the form a foreign consent is written in; its text is the source of the signals read from it.
type Form string

const (
	FormTCF         Form = "tcf"         // a TC string of the TCF 2.2 or 2.3
	FormGPP         Form = "gpp"         // a GPP string
	FormUSP         Form = "usp"         // a US Privacy string
	FormGPC         Form = "gpc"         // the value of a Sec-GPC header
	FormSegment     Form = "segment"     // JSON: context.consent of Segment, or the object of its categories
	FormRudderStack Form = "rudderstack" // JSON: context.consentManagement of RudderStack
	FormGoogle      Form = "google"      // JSON: the consent object of Google's consent mode, or the text of its gcs parameter
	FormOneTrust    Form = "onetrust"    // the value of the cookie OptanonConsent
)

// Forms lists the forms that Read knows.
func Forms() []Form {
	return []Form{FormTCF, FormGPP, FormUSP, FormGPC, FormSegment, FormRudderStack, FormGoogle, FormOneTrust}
}

// Mapping says for a policy's purposes which foreign grants they need.
type Mapping struct {
	Purposes []PurposeNeeds
}

// PurposeNeeds is what a purpose of the policy needs of each form. A form of which it needs nothing cannot grant it and says
// nothing about it.
type PurposeNeeds struct {
	Purpose            string   // of the policy
	TCF                []int    // purposes of the TCF, 1 to 24, all of them
	LegitimateInterest bool     // a purpose's legitimate interest does as well as consent, where the TCF allows it (2 and from 7 on)
	Vendor             int      // of the Global Vendor List: has the person's consent and, in a TCF 2.3 string, was shown; 0: none
	Categories         []string // of Segment, RudderStack or OneTrust: all allowed; letter case counts
	Google             []string // keys of the consent mode, such as ad_storage: all granted
}

// Validate holds the mapping to what its forms can say.
func (m *Mapping) Validate() error {
	for i := range m.Purposes {
		n := &m.Purposes[i]
		switch {
		case n.Purpose == "":
			return fmt.Errorf("mapping: purpose %d has no name: name one of the policy's purposes", i+1)
		case slices.ContainsFunc(n.TCF, func(id int) bool { return id < 1 || id > 24 }):
			return fmt.Errorf("mapping: purpose %q needs a TCF purpose outside 1 to 24", n.Purpose)
		case n.Vendor < 0 || n.Vendor > maxID:
			return fmt.Errorf("mapping: purpose %q needs a vendor outside 1 to %d", n.Purpose, maxID)
		case slices.Contains(n.Categories, ""):
			return fmt.Errorf("mapping: purpose %q needs a category without a name", n.Purpose)
		case slices.ContainsFunc(n.Google, func(key string) bool { return !slices.Contains(googleKeys, key) }):
			return fmt.Errorf("mapping: purpose %q needs a key Google's consent mode lacks: take of %v", n.Purpose, googleKeys)
		}
	}
	return nil
}

// of reports whether the form can grant the purpose at all.
func (n *PurposeNeeds) of(form Form) bool {
	switch form {
	case FormTCF, FormGPP:
		return len(n.TCF) > 0 || n.Vendor != 0
	case FormSegment, FormRudderStack, FormOneTrust:
		return len(n.Categories) > 0
	case FormGoogle:
		return len(n.Google) > 0
	case FormUSP, FormGPC:
		return false
	}
	return true
}

// optOuts are the denials that are not of a purpose.
type optOuts struct{ sale, sharing, sensitive, minor bool }

func (o optOuts) or(p optOuts) optOuts {
	return optOuts{o.sale || p.sale, o.sharing || p.sharing, o.sensitive || p.sensitive, o.minor || p.minor}
}

// each names the kinds that are denied.
func (o optOuts) each(denied func(consent.Kind)) {
	if o.sale {
		denied(consent.Sale)
	}
	if o.sharing {
		denied(consent.Sharing)
	}
	if o.sensitive {
		denied(consent.Sensitive)
	}
	if o.minor {
		denied(consent.Age)
	}
}

// worst are all opt-outs that a form could have spoken.
func worst(form Form) optOuts {
	switch form {
	case FormTCF, FormSegment, FormRudderStack, FormGoogle, FormGPC:
		return optOuts{}
	case FormUSP, FormOneTrust:
		return optOuts{sale: true, sharing: true}
	case FormGPP:
	}
	return optOuts{sale: true, sharing: true, sensitive: true, minor: true}
}

// statement is what a value of some form says.
type statement struct {
	optOuts
	grants func(*PurposeNeeds) bool // nil: grants nothing
}

// Read gives what a foreign consent says as signals that hold since at: for each purpose that needs something of the form an allow
// or a deny of kind Consent, and denies of Sale, Sharing, Sensitive and Age. It never gives an allow of those. A value that is not
// whole and valid denies every purpose and sets every opt-out its form can express; so does an unknown form. For GPC, which has no
// invalid values, anything but 1 says nothing. The mapping may be nil; at is in milliseconds since the Unix epoch.
func Read(form Form, value []byte, m *Mapping, at int64) []consent.Signal {
	says, err := state(form, value)
	if err != nil {
		says = statement{optOuts: worst(form)}
	}
	if m == nil {
		m = &Mapping{}
	}
	var signals []consent.Signal
	say := func(kind consent.Kind, purpose string, verdict consent.Verdict) {
		if signals == nil {
			signals = make([]consent.Signal, 0, len(m.Purposes)+4)
		}
		signals = append(signals, consent.Signal{Kind: kind, Purpose: purpose, Verdict: verdict, At: at, Source: string(form)})
	}
	for i := range m.Purposes {
		n := &m.Purposes[i]
		switch {
		case !n.of(form):
		case says.grants != nil && says.grants(n):
			say(consent.Consent, n.Purpose, consent.Allow)
		default:
			say(consent.Consent, n.Purpose, consent.Deny)
		}
	}
	says.each(func(kind consent.Kind) { say(kind, "", consent.Deny) })
	return signals
}

// Check says why a value is invalid, or nil.
func Check(form Form, value []byte) error {
	_, err := state(form, value)
	return err
}

func state(form Form, value []byte) (statement, error) {
	switch form {
	case FormTCF:
		tc, err := parseTC(value)
		return statement{grants: tc.grants}, err
	case FormGPP:
		gpp, err := parseGPP(value)
		return statement{optOuts: gpp.optOuts(), grants: gpp.grants}, err
	case FormUSP:
		usp, err := parseUSP(value)
		return statement{optOuts: usp.optOuts()}, err
	case FormGPC:
		out := GPC(string(value))
		return statement{optOuts: optOuts{sale: out, sharing: out}}, nil
	case FormSegment:
		return stateChoices(parseSegment(value))
	case FormRudderStack:
		return stateChoices(parseRudderStack(value))
	case FormOneTrust:
		choices, gpc, err := parseOneTrust(value)
		says, err := stateChoices(choices, err)
		says.optOuts = optOuts{sale: gpc, sharing: gpc}
		return says, err
	case FormGoogle:
		choices, err := parseGoogle(value)
		return statement{grants: func(n *PurposeNeeds) bool { return choices.all(n.Google) }}, err
	}
	return statement{}, fmt.Errorf("%q is no form of foreign consent: take one of %v", form, Forms())
}

func stateChoices(choices Choices, err error) (statement, error) {
	return statement{grants: func(n *PurposeNeeds) bool { return choices.all(n.Categories) }}, err
}
