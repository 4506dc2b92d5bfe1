// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"math"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// byName decides by the words of the name, where the values do not speak against it.
func (in *inference) byName(n *node, m meaning) (verdict, bool) {
	s := n.leaf
	if m.says == unknown {
		return verdict{}, false
	}
	sure := 0.9
	if !m.whole {
		sure = 0.82
	}
	by := "name says " + string(m.says) + " (" + m.matched + ")"
	if s.bools > 0 && s.bools == s.present() {
		switch m.says {
		case isSpecial, isHealth, isGender:
			return guess(classOf[m.says], 0.6, by), true
		}
		return guess(policy.Plain, 0.95, "booleans"), true
	}
	if c, ok := classOf[m.says]; ok && m.says != isTime {
		return in.fixed(n, m, c, sure, by)
	}
	switch m.says {
	case aPerson:
		return in.personRef(n, m, sure, by), true
	case aGroup, anApp, aThing, aPlace, aMedium:
		return in.thingRef(n, m, sure, by), true
	case isID:
		return in.id(n, m, sure, by), true
	case isName:
		return in.naming(n, m, sure, by), true
	case isLink, isPicture:
		return in.link(n, m, sure, by), true
	case isWord:
		return in.constant(n, m, by)
	case isNumber:
		return in.quantity(n, by)
	case isTime, isCut:
		return in.moment(n, m, by)
	case isSum:
		return in.digest(n, m, by)
	case isHashed:
		return in.shortHash(n, m, by), true
	}
	return verdict{}, false
}

// classOf are the ideas that name a class by themselves.
var classOf = map[idea]policy.Class{
	isSecret: policy.Credential, isEmail: policy.Email, isPhone: policy.Phone, isIP: policy.IP, isDevice: policy.Device, isCookie: policy.Cookie,
	isHandle: policy.Handle, isPersona: policy.PersonName, isAccount: policy.Account, isPostal: policy.Postal, isLocale: policy.Locale, isBirth: policy.Birth,
	isAge: policy.Age, isGender: policy.Gender, isText: policy.Text, isAvatar: policy.Avatar, isSpecial: policy.Special, isHealth: policy.Health,
	isFinance: policy.Finance, isState: policy.Government, isFree: policy.Free, isSpot: policy.Geo, isPlace: policy.Geo,
}

// fixed decides where the name says the class. Numbers and times under such a name may be something else.
func (in *inference) fixed(n *node, m meaning, c policy.Class, sure float64, by string) (verdict, bool) {
	s := n.leaf
	v := guess(c, sure, by)
	whole := s.numbers() > 0 && s.numbers() == s.present()
	switch m.says {
	case isText, isFree:
		if whole {
			return in.byShape(n), true
		}
		if s.share(moment, rubyDate, webDate, day, epoch) >= 0.9 {
			return guess(policy.Times, 0.8, "times"), true
		}
		if s.strings > s.empty && s.share(link) >= 0.8 {
			return guess(policy.URL, 0.85, percent(s.share(link))+" URLs"), true
		}
	case isSecret:
		if whole && (s.share(epoch) >= 0.9 || strings.HasSuffix(n.label(), "s") && !m.whole || strings.HasSuffix(n.label(), "tokens")) {
			return in.byShape(n), true
		}
	case isSpot, isPlace:
		v.form = "number"
		if m.says == isPlace || s.strings > 0 {
			v.form = "text"
		}
		if s.strings > s.empty && s.share(link) >= 0.5 {
			return guess(policy.URL, 0.85, percent(s.share(link))+" URLs"), true
		}
		if m.says == isPlace && whole && s.present() > 0 {
			return guess(policy.PlaceID, 0.6, by+", numbers"), true
		}
	case isAvatar, isHandle, isPersona:
		if whole && m.says != isAvatar && s.greatest < 1e5 && n.step != eachStep && strings.HasSuffix(n.label(), "s") {
			return guess(policy.Plain, 0.6, "small numbers under a plural"), true
		}
		if whole && !slices.Contains([]string{"icon", "banner"}, m.matched) && m.says == isAvatar {
			return in.byShape(n), true
		}
		if m.says != isAvatar && s.strings > s.empty && s.share(link) >= 0.5 {
			return guess(policy.URL, 0.85, percent(s.share(link))+" URLs"), true
		}
	case isAge:
		if whole && s.greatest > 130 {
			return guess(policy.Plain, 0.6, "numbers beyond ages"), true
		}
	case isPhone:
		if whole && s.greatest < 1e5 {
			return guess(policy.Plain, 0.6, "numbers too small for telephones"), true
		}
	case isDevice, isCookie:
		if s.share(link) >= 0.5 && s.strings > s.empty {
			return guess(policy.URL, 0.8, percent(s.share(link))+" URLs"), true
		}
	}
	return v, true
}

// amounts are words that make a number of persons of a name.
var amounts = map[string]bool{"per": true, "limit": true, "count": true, "num": true, "max": true, "min": true, "total": true, "number": true}

func (in *inference) personRef(n *node, m meaning, sure float64, by string) verdict {
	s := n.leaf
	switch {
	case s.numbers() > 0 && s.numbers() == s.present():
		plural := n.step != eachStep && (strings.HasSuffix(n.label(), "s") || slices.ContainsFunc(m.words, func(w string) bool { return amounts[w] }))
		if plural && s.greatest < 1e9 || s.fractions > 0 {
			return guess(policy.Plain, 0.6, "a number of persons")
		}
		return guess(policy.Account, sure, by)
	case s.share(moment, rubyDate, webDate, day) >= 0.9 && s.strings > s.empty:
		return guess(policy.Times, 0.8, "times")
	case s.share(words, markup) >= 0.5:
		return guess(policy.PersonName, sure, by+", several words")
	case s.share(words, markup) > 0.1:
		return guess(policy.PersonName, sure*0.9, by+", some of several words")
	}
	return guess(policy.Account, sure, by)
}

// referred are the classes of references to things.
var referred = map[idea]policy.Class{aGroup: policy.Group, anApp: policy.App, aThing: policy.ObjectID, aPlace: policy.PlaceID, aMedium: policy.Media, aPerson: policy.Account, isDevice: policy.Device, isCookie: policy.Cookie}

func (in *inference) thingRef(n *node, m meaning, sure float64, by string) verdict {
	s := n.leaf
	if s.numbers() > 0 && s.numbers() == s.present() {
		if m.matched == "page" && s.greatest < 1e5 {
			return guess(policy.Plain, 0.6, "small numbers")
		}
		if s.share(epoch) >= 0.9 && m.says != aGroup && m.says != anApp {
			return guess(policy.Times, 0.6, "numbers in the range of times")
		}
		if s.greatest < 1e5 && (strings.HasSuffix(n.label(), "s") && n.step != eachStep || s.fractions > 0 || m.says == aThing || m.says == aMedium) {
			return guess(policy.Plain, 0.6, "small numbers")
		}
		return guess(referred[m.says], sure, by)
	}
	switch {
	case s.share(moment, rubyDate, webDate, day) >= 0.9 && s.strings > s.empty:
		return guess(policy.Times, 0.8, "times")
	case s.share(words, markup) >= 0.4:
		c := policy.Text
		if m.says != aThing {
			c = policy.Free
		}
		if m.says == anApp {
			c = policy.App
		}
		return guess(c, 0.7, by+", several words")
	case s.share(link) >= 0.5 && m.says != aMedium:
		return guess(policy.URL, 0.85, by+", URLs")
	case in.allTechnical(s):
		return guess(policy.Plain, 0.6, "few words, all of them formats' own")
	}
	return guess(referred[m.says], sure, by)
}

// inheriting are the words for ids that say nothing about what has the id.
var inheriting = map[string]bool{"id": true, "uuid": true, "guid": true, "gid": true, "identifier": true, "id str": true, "node id": true, "graphql id": true, "number id": true, "unique id": true, "uuid string": true, "urn": true, "ref": true, "reference": true, "pk": true, "oid": true, "no": true, "identity": true}

func (in *inference) id(n *node, m meaning, sure float64, by string) verdict {
	s := n.leaf
	kind, from := in.whose(n, m)
	if own := mean(strings.Join(m.qualifier, " ")); len(m.qualifier) > 0 && kindOf(own.says) == unknown && own.says != isNoise || !inheriting[m.matched] && len(m.qualifier) == 0 {
		kind = unknown // sku_id of a person's object is no person
	}
	if kind != unknown {
		by += " of " + string(kind) + " (" + from + ")"
	}
	if s.strings > s.empty && s.share(words, markup) >= 0.5 && kind == unknown {
		return guess(policy.Free, 0.6, "several words")
	}
	if c, ok := referred[kind]; ok {
		v := guess(c, sure, by)
		v.named = true
		return v
	}
	return guess(policy.ObjectID, sure*0.9, by)
}

func (in *inference) naming(n *node, m meaning, sure float64, by string) verdict {
	s := n.leaf
	kind, from := in.whose(n, m)
	switch {
	case s.numbers() > 0 && s.numbers() == s.present():
		return in.byShape(n)
	case kind == aPerson:
		return guess(policy.PersonName, sure, by+" of a person ("+from+")")
	case kind == aPlace:
		v := guess(policy.Geo, 0.75, by+" of a place ("+from+")")
		v.form = "text"
		return v
	case kind == anApp:
		return guess(policy.App, 0.7, by+" of an application ("+from+")")
	case s.strings > s.empty && s.share(link) >= 0.8:
		return guess(policy.URL, 0.8, "URLs")
	case in.allTechnical(s) && in.enough(s):
		return guess(policy.Plain, 0.6, "few words, all of them formats' own")
	}
	return guess(policy.Free, 0.6, by+", of what is not known")
}

func (in *inference) link(n *node, m meaning, sure float64, by string) verdict {
	s := n.leaf
	switch {
	case s.numbers() > 0 && s.numbers() == s.present():
		return in.byShape(n)
	case s.share(moment, rubyDate, webDate, day) >= 0.9 && s.strings > s.empty:
		return guess(policy.Times, 0.8, "times")
	case s.strings > s.empty && s.share(words, markup) >= 0.6 && s.share(link) < 0.2:
		return guess(policy.Text, 0.7, "several words")
	}
	kind, _ := in.whose(n, m)
	up := n.around()
	inPicture := up != nil && (kindOf(mean(up.label()).says) == aMedium || up.label() == "" && up.around() != nil && kindOf(mean(up.around().label()).says) == aMedium)
	switch {
	case up != nil && mean(up.label()).says == isAvatar:
		return guess(policy.Avatar, sure, by+" of a picture of a person")
	case m.says == isPicture && kind == aPerson:
		return guess(policy.Avatar, sure, by+" of a person")
	case m.says == isPicture, kind == aMedium && inPicture:
		return guess(policy.Media, sure, by)
	}
	if kind == aPerson {
		by += " of a person"
	}
	return guess(policy.URL, sure, by)
}

// constant decides about names of closed vocabularies: plain, as long as every value is one word.
func (in *inference) constant(n *node, m meaning, by string) (verdict, bool) {
	s := n.leaf
	if m.matched == "state" && in.inPlace(n) {
		v := guess(policy.Geo, 0.85, "name says state, beside city, country or postal code")
		v.form = "text"
		return v, true
	}
	switch {
	case s.numbers() > 0 && s.numbers() == s.present():
		return in.byShape(n), true
	case s.strings == s.empty && s.present() == 0:
		return guess(policy.Plain, 0.6, by), true
	case s.share(moment, rubyDate, webDate, day) >= 0.9:
		return guess(policy.Times, 0.8, "times"), true
	case s.share(link) >= 0.3:
		return guess(policy.URL, 0.8, percent(s.share(link))+" URLs"), true
	case (m.matched == "version" || strings.HasSuffix(m.matched, " version")) && s.share(word, token, version, digits, fraction, cardinal) >= 0.95 && s.longest <= 48:
		return guess(policy.Plain, 0.85, by+", every value one word"), true
	case s.share(word, version, mime, color, digits, fraction, country, cardinal, localeID) >= 0.95 && s.values.size() <= 200 && s.longest <= 64:
		return guess(policy.Plain, 0.85, by+", every value one word"), true
	case s.spaced == 0 && s.share(token, word, version, mime, color, digits, fraction, country, cardinal, localeID) >= 0.95 && s.values.size() <= math.Max(4, 0.2*float64(s.present())) && s.longest <= 48:
		return guess(policy.Plain, 0.7, by+", few values"), true
	case s.share(words, otherText) >= 0.3:
		return guess(policy.Text, 0.6, by+", but values are text"), true
	}
	return guess(policy.Free, 0.5, by+", but values are no words"), true
}

// inPlace tells whether a field stands among those of an address.
func (in *inference) inPlace(n *node) bool {
	o := n.around()
	if o == nil {
		return false
	}
	up := mean(o.label()).says
	if up == isPlace || up == aPlace || up == isPostal || up == isSpot {
		return true
	}
	for name := range o.members {
		if m := mean(name); (m.says == isPostal || m.says == isPlace) && name != n.label() && m.matched != "location" && m.matched != "address" {
			return true
		}
	}
	return false
}

func (in *inference) quantity(n *node, by string) (verdict, bool) {
	s := n.leaf
	switch {
	case s.numbers() == s.present() && s.numbers() > 0:
		if s.share(longID) >= 0.5 {
			return guess(policy.ObjectID, 0.6, percent(s.share(longID))+" ids of 15 to 20 digits"), true
		}
		return guess(policy.Plain, 0.9, by+", numbers"), true
	case s.present() == 0:
		return guess(policy.Plain, 0.5, by), true
	case s.share(digits, cardinal, fraction, version) >= 0.95 && s.longest <= 16:
		return guess(policy.Plain, 0.8, by+", digits"), true
	case s.share(word) >= 0.95 && in.allTechnical(s):
		return guess(policy.Plain, 0.6, by+", every value one word of formats"), true
	}
	return verdict{}, false
}

func (in *inference) moment(n *node, m meaning, by string) (verdict, bool) {
	s := n.leaf
	timely := s.share(moment, rubyDate, webDate, day, epoch, month)
	switch {
	case s.present() == 0:
		if m.says == isCut {
			return guess(policy.Offset, 0.5, by), true
		}
		return guess(policy.Times, 0.6, by), true
	case s.share(moment, rubyDate, webDate, day, epoch) >= 0.9:
		return guess(policy.Times, 0.95, percent(timely)+" times"), true
	case s.numbers() == s.present() && m.says == isCut:
		return guess(policy.Offset, 0.7, by+", numbers"), true
	case s.numbers() == s.present():
		if s.greatest > 1e8 {
			return guess(policy.Times, 0.7, by+", large numbers"), true
		}
		return guess(policy.Plain, 0.7, by+", small numbers"), true
	case s.share(digits) >= 0.95 && m.says == isCut:
		return guess(policy.Offset, 0.7, by+", digits"), true
	case timely >= 0.5, s.share(digits, longID, epoch, cardinal, fraction) >= 0.9:
		return guess(policy.Times, 0.7, by), true
	}
	return verdict{}, false
}

func (in *inference) digest(n *node, m meaning, by string) (verdict, bool) {
	s := n.leaf
	if kind, _ := in.whose(n, m); kind == aPerson && len(m.qualifier) > 0 {
		return guess(policy.Hashed, 0.7, by+" of a person"), true
	}
	if s.numbers() == s.present() && s.numbers() > 0 {
		return verdict{}, false
	}
	return guess(policy.ObjectID, 0.7, by), true
}

// shortHash decides about the short names that advertisers use: hashed where values are, else what the name stands for.
func (in *inference) shortHash(n *node, m meaning, by string) verdict {
	s := n.leaf
	if s.present() == 0 || s.share(hexHash) >= 0.3 {
		return guess(policy.Hashed, 0.8, by)
	}
	switch m.matched {
	case "ct", "st":
		if s.numbers() > 0 || s.share(epoch, moment) > 0 {
			return in.byShape(n)
		}
		v := guess(policy.Geo, 0.6, by)
		v.form = "text"
		return v
	case "em":
		return guess(policy.Email, 0.6, by)
	case "ph":
		return guess(policy.Phone, 0.6, by)
	}
	return guess(policy.Hashed, 0.6, by)
}
