// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// byFormat decides where values speak for themselves.
func (in *inference) byFormat(n *node, m meaning) (verdict, bool) {
	s := n.leaf
	secret := m.says == isSecret
	switch {
	case s.strings == s.empty:
		return verdict{}, false
	case s.share(jwt, key) >= 0.05 && m.says != isText:
		return guess(policy.Credential, 0.95, percent(s.share(jwt, key))+" look like secrets or signed tokens"), true
	case secret:
		return verdict{}, false
	case s.share(email) >= 0.3:
		return guess(policy.Email, 0.97, percent(s.share(email))+" e-mail addresses"), true
	case s.share(did) >= 0.5:
		return guess(policy.Account, 0.97, percent(s.share(did))+" DIDs"), true
	case s.share(acct) >= 0.5:
		return guess(policy.Handle, 0.9, percent(s.share(acct))+" user@host names"), true
	case s.share(atURI) >= 0.5:
		return guess(policy.ObjectID, 0.95, percent(s.share(atURI))+" at:// URIs, which carry an account"), true
	case s.share(address) >= 0.5 && !(m.says == isWord && strings.Contains(m.matched, "version")):
		return guess(policy.IP, 0.95, percent(s.share(address))+" IP addresses"), true
	case s.share(phone) >= 0.5 && m.says != isTime:
		return guess(policy.Phone, 0.9, percent(s.share(phone))+" telephone numbers"), true
	case s.share(agent) >= 0.5:
		return guess(policy.Device, 0.9, percent(s.share(agent))+" user agents"), true
	case s.share(iban) >= 0.5:
		return guess(policy.Finance, 0.95, percent(s.share(iban))+" bank account numbers"), true
	case s.share(card) >= 0.9 && m.says != isID && m.says != isAccount && m.says != aThing:
		return guess(policy.Finance, 0.8, percent(s.share(card))+" payment card numbers by prefix and check digit"), true
	case s.share(pair) >= 0.5:
		v := guess(policy.Geo, 0.95, percent(s.share(pair))+" pairs of coordinates")
		v.form = "text"
		return v, true
	case s.share(hexHash) >= 0.5 && slices.Contains(hashable, m.says):
		return guess(policy.Hashed, 0.95, percent(s.share(hexHash))+" digests under the name of a personal field"), true
	}
	return verdict{}, false
}

// hashable are ideas whose values, when they are digests, are hashed identifiers.
var hashable = []idea{isHashed, isEmail, isPhone, isPersona, isName, isBirth, isGender, isPostal, isPlace, isAccount, aPerson, isIP, isHandle}

// enough tells whether there are so many values that few different ones mean something.
func (in *inference) enough(s *stats) bool {
	return s.present() >= 20 && float64(s.present()) >= 5*s.values.size()
}

// allTechnical tells whether every value is made of words that formats use as constants.
func (in *inference) allTechnical(s *stats) bool {
	if !s.constants() || s.odd > 0 || s.numbers() > 0 {
		return false
	}
	for w := range s.words {
		if !commonWord(w) {
			return false
		}
	}
	return true
}

// byShape decides by the values alone: what is not understood is free.
func (in *inference) byShape(n *node) verdict {
	s := n.leaf
	present := s.present()
	kind, from := in.whose(n, meaning{})
	switch {
	case present == 0:
		return guess(policy.Free, 0.3, "nothing but null or empty text was seen")
	case s.bools == present:
		return guess(policy.Plain, 0.95, "booleans")
	case n.step == eachStep && n.parent.pairs > 0 && float64(n.parent.pairs) >= 0.5*float64(n.parent.arrays):
		v := guess(policy.Geo, 0.9, "pairs of fractions in the range of coordinates")
		v.form = "number"
		return v
	case s.numbers() == present:
		return in.number(n, kind, from)
	case s.share(moment, rubyDate, webDate, day) >= 0.9:
		return guess(policy.Times, 0.9, percent(s.share(moment, rubyDate, webDate, day))+" times")
	case s.share(link) >= 0.5:
		return guess(policy.URL, 0.9, percent(s.share(link))+" URLs")
	case s.share(mime, version, color) >= 0.95:
		return guess(policy.Plain, 0.8, "versions, media types or colors")
	case s.share(zone, localeID) >= 0.5:
		return guess(policy.Locale, 0.8, "language tags or time zones")
	case s.share(country) >= 0.9:
		v := guess(policy.Geo, 0.5, "two capitals each, as country codes are")
		v.form = "text"
		return v
	case s.share(inner) >= 0.5:
		return guess(policy.Free, 0.7, percent(s.share(inner))+" documents in strings")
	case s.share(markup, words, otherText) >= 0.5 && (s.share(words) > 0 || s.share(markup) > 0):
		return guess(policy.Text, 0.7, percent(s.share(markup, words, otherText))+" text")
	case s.share(random, hexHash, jwt) >= 0.5 && s.longest >= 32 && kind == unknown && mean(n.label()).says == unknown && s.share(hexHash) < 0.5:
		return guess(policy.Credential, 0.4, "long random characters under a name that says nothing")
	case s.share(uuid, ulid, longID, hexHash, random, epoch, digits) >= 0.5 && s.longest >= 6:
		if kind == aPerson {
			return guess(policy.Account, 0.5, "identifiers in an object of a person ("+from+")")
		}
		return guess(policy.ObjectID, 0.6, percent(s.share(uuid, ulid, longID, hexHash, random, epoch, digits))+" identifiers")
	case in.allTechnical(s) && (in.enough(s) || present >= 3 && s.values.size() <= 3):
		return guess(policy.Plain, 0.6, "few words, all of them formats' own")
	}
	return guess(policy.Free, 0.4, "values that are not understood")
}

func (in *inference) number(n *node, kind idea, from string) verdict {
	s := n.leaf
	says := mean(n.label()).says
	switch {
	case s.share(epoch) >= 0.9 && s.values.size() > 0 && says != isNumber:
		return guess(policy.Times, 0.7, "numbers in the range of times")
	case s.share(longID) >= 0.3:
		if kind == aPerson {
			return guess(policy.Account, 0.6, "ids of 15 to 20 digits in an object of a person ("+from+")")
		}
		return guess(policy.ObjectID, 0.7, percent(s.share(longID))+" ids of 15 to 20 digits")
	case s.fractions == 0 && s.greatest >= 1e6 && says == unknown:
		return guess(policy.ObjectID, 0.4, "large whole numbers under a name that says nothing")
	}
	return guess(policy.Plain, 0.7, "numbers")
}

func percent(share float64) string {
	return fmt.Sprintf("%d %%", int(math.Round(100*share)))
}
