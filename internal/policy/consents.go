// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// ConsentForms are the spellings of consent inside events: IAB's TCF and GPP strings, US Privacy strings, Global Privacy Control,
// the objects of Segment and RudderStack, and Google's consent mode.
var ConsentForms = []string{"tcf", "gpp", "usp", "gpc", "segment", "rudderstack", "google"}

// googleTypes are the consent types of Google's consent mode, version 2.
var googleTypes = []string{"ad_storage", "ad_user_data", "ad_personalization", "analytics_storage", "functionality_storage", "personalization_storage", "security_storage"}

// consents reads where events carry consent: by path, its form.
func (r reader) consents(n *node) []ConsentPlace {
	var out []ConsentPlace
	for _, e := range r.pathKeys(n, "consents") {
		path, ok := r.path(e.key, fromRoot)
		form, known := r.word(e.value, "a form of consent", ConsentForms...)
		if ok && known {
			out = append(out, ConsentPlace{path, form})
		}
	}
	slices.SortFunc(out, func(a, b ConsentPlace) int { return cmp.Compare(a.Path.String(), b.Path.String()) })
	return out
}

// accepts reads what counts as consent inside an event.
func (r reader) accepts(n *node) *Accepts {
	o, ok := r.object(n, "accepts", "tcf", "categories", "google")
	if !ok {
		return nil
	}
	a := &Accepts{}
	if n := o.take("tcf"); n != nil {
		r.frameworkPurposes(n, a)
	}
	if n := o.take("categories"); n != nil {
		for _, item := range r.list(n, "categories") {
			if c, ok := r.text(item, "a category"); ok {
				a.Categories = append(a.Categories, c)
			}
		}
	}
	if n := o.take("google"); n != nil {
		for _, item := range r.list(n, "google") {
			if t, ok := r.word(item, "a consent type", googleTypes...); ok {
				a.Google = append(a.Google, t)
			}
		}
	}
	if len(a.TCF)+len(a.Categories)+len(a.Google) == 0 {
		r.add(n.place, "accepts names nothing that could be agreed to", "write tcf, categories or google below it, or remove it")
	}
	return a
}

func (r reader) frameworkPurposes(n *node, a *Accepts) {
	o, ok := r.object(n, "tcf", "purposes", "vendor")
	if !ok {
		return
	}
	if v := r.need(o, "purposes", "write the numbers of the framework's purposes, such as [1, 7]"); v != nil {
		for _, item := range r.list(v, "purposes") {
			if p, ok := r.integer(item, "a purpose", 1, 24); ok {
				a.TCF = append(a.TCF, p)
			}
		}
	}
	if v := o.take("vendor"); v != nil {
		a.Vendor, _ = r.integer(v, "vendor", 1, 65535)
	}
}

// From which age somebody is no minor, in years: where a policy does not say, and the bounds of what it may say. 13 is what
// 15 U.S.C. 6501 (COPPA) asks, 16 the GDPR (Art. 8) and Cal. Civ. Code 1798.120.
const (
	ofAge         = 18
	youngestOfAge = 13
	oldestMinor   = 21
)

// ages reads what people of unknown age count as.
func (r reader) ages(n *node) (a Ages) {
	a.MinorBelow = ofAge
	o, ok := r.object(n, "ages", "unknown", "reason", "minor_below")
	if !ok {
		return a
	}
	if v := o.take("minor_below"); v != nil {
		a.MinorBelow, _ = r.integer(v, "minor_below", youngestOfAge, oldestMinor)
	}
	if v := o.take("unknown"); v != nil {
		word, _ := r.word(v, "unknown", "adult", "minor")
		a.UnknownIsAdult = word == "adult"
	}
	if v := o.take("reason"); v != nil {
		a.Reason, _ = r.text(v, "reason")
	} else if a.UnknownIsAdult {
		r.add(o.at, "people of unknown age count as adults without a reason", "say how the platforms know that they are")
	}
	return a
}
