// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// verdict is what a place seems to be.
type verdict struct {
	class      policy.Class
	confidence float64
	because    string // in words, without values
	form       string // of geo
	named      bool   // the name says whose id it is: equal values of others say no more
}

// guess is a verdict in the making.
func guess(c policy.Class, confidence float64, because string) verdict {
	return verdict{class: c, confidence: confidence, because: because}
}

// inference looks at the whole tree once all samples are in.
type inference struct {
	d        *Discoverer
	verdicts map[*node]verdict
	persons  map[*node]bool // whether an object is built like a person
	leaves   []*node
	known    []*node // those that lend their class
}

func (d *Discoverer) infer() *inference {
	in := &inference{d: d, verdicts: map[*node]verdict{}, persons: map[*node]bool{}}
	d.root.walk(func(n *node) {
		if n.leaf != nil {
			in.leaves = append(in.leaves, n)
		}
	})
	for _, n := range in.leaves {
		v := in.leaf(n)
		in.verdicts[n] = in.cautious(n, v)
	}
	in.compareLeaves()
	return in
}

// cautious lowers the confidence where there is little to see, and lets no value that looks personal be plain.
func (in *inference) cautious(n *node, v verdict) verdict {
	s := n.leaf
	if v.class == policy.Plain || v.class == policy.Times || v.class == policy.Offset {
		switch {
		case s.emails > 0 || s.formats[email] > 0:
			return guess(policy.Free, 0.6, "some values hold e-mail addresses")
		case s.formats[phone] > 0 && s.strings > 0:
			return guess(policy.Free, 0.5, "some values look like telephone numbers")
		case v.class == policy.Plain && (s.formats[did] > 0 || s.formats[acct] > 0 || s.formats[atURI] > 0):
			return guess(policy.ObjectID, 0.5, "some values are identifiers of the web")
		case s.formats[jwt]+s.formats[key] > 0:
			return guess(policy.Credential, 0.6, "some values look like secrets")
		}
	}
	switch p := s.present(); {
	case p == 0:
		v.confidence *= 0.6
	case p < 5:
		v.confidence *= 0.9
	}
	return v
}

// field gives the member whose name tells about n: n's own, or that of the arrays around it.
func (n *node) field() *node {
	at := n
	for at.step == eachStep && at.parent != nil {
		at = at.parent
	}
	return at
}

// label is the name that tells about n; "" for the payload itself and for members whose names are data.
func (n *node) label() string {
	if f := n.field(); f.step == memberStep {
		return f.name
	}
	return ""
}

// around gives the nearest object around n, past arrays, whose own name may tell whose field n is.
func (n *node) around() *node { return n.field().parent }

func (in *inference) leaf(n *node) verdict {
	if n.leaf.strings > 0 && n.inContext() {
		return guess(policy.URL, 0.7, "terms and addresses of a JSON-LD context")
	}
	m := mean(n.label())
	if n.label() == "" {
		m = in.nameless(n)
	}
	if v, ok := in.byFormat(n, m); ok {
		return v
	}
	if s := n.leaf; structural[strings.ToLower(n.label())] && s.constants() && s.numbers() == 0 && in.enough(s) {
		return guess(policy.Plain, 0.7, "name says that it names a part of the format, few constants")
	}
	if m.says == isNoise || m.says == unknown {
		if up := in.inherited(n, m); up.says != unknown {
			m = up
		}
	}
	if v, ok := in.byName(n, m); ok {
		return v
	}
	return in.byShape(n)
}

// structural are names of fields that say what kind of object or field is meant.
var structural = map[string]bool{"object": true, "field": true, "entity": true, "_entity": true, "messaging_product": true, "collection": true}

// inContext tells whether n belongs to a JSON-LD context, whose values are IRIs and their short forms.
func (n *node) inContext() bool {
	for at := n; at != nil; at = at.parent {
		if at.step == memberStep && at.name == "@context" {
			return true
		}
	}
	return false
}

// nameless is what the map around it says about a member whose name is data.
func (in *inference) nameless(n *node) meaning {
	if up := n.around(); up != nil && up.label() != "" {
		return mean(up.label())
	}
	return meaning{}
}

// inherited is what the name of the object around says about a field that is called value, data or number.
func (in *inference) inherited(n *node, m meaning) meaning {
	at := n.around()
	for range 3 {
		if at == nil {
			break
		}
		if at.label() == "" {
			at = at.around()
			continue
		}
		up := mean(at.label())
		switch up.says {
		case isEmail, isPhone, isIP, isDevice, isPostal, isBirth, isGender, isAvatar, isSpecial, isHealth, isFinance, isState, isSpot, isPicture, isPersona, isHandle, isSecret, isName, isHashed:
			up.matched = "inside " + up.matched
			return up
		case isText:
			if m.says == isNoise {
				up.matched = "inside " + up.matched
				return up
			}
		case isNoise, unknown:
			at = at.around()
			continue
		}
		break
	}
	return m
}

// whose says what kind of thing the field belongs to: by the words before it, by the names around, or by how the object is built.
func (in *inference) whose(n *node, m meaning) (idea, string) {
	if len(m.qualifier) > 0 {
		q := mean(strings.Join(m.qualifier, " "))
		if kind := kindOf(q.says); kind != unknown {
			return kind, q.matched
		}
	}
	at := n.around()
	for level := range 4 {
		if at == nil {
			break
		}
		built := level == 0 && in.person(at.holder())
		label := at.label()
		up := mean(label)
		kind := unknown
		if label != "" {
			kind = kindOf(up.says)
		}
		switch {
		case built && kind != aPerson && kind != anApp:
			return aPerson, "an object with names and pictures"
		case kind != unknown:
			return kind, up.matched
		case label != "" && up.says != isNoise && up.says != unknown && up.says != isLink:
			return unknown, ""
		}
		at = at.around()
	}
	return unknown, ""
}

// holder gives the place whose members are n's: its elements, where n is an array.
func (n *node) holder() *node {
	at := n
	for at.objects == 0 && at.each != nil {
		at = at.each
	}
	return at
}

func kindOf(says idea) idea {
	switch says {
	case aPerson, aGroup, anApp, aThing, aPlace, aMedium:
		return says
	case isAccount, isPersona, isHandle:
		return aPerson
	case isDevice:
		return isDevice
	case isCookie:
		return isCookie
	case isPlace, isPostal:
		return aPlace
	case isPicture, isAvatar:
		return aMedium
	}
	return unknown
}

// person tells whether an object is built like a person's profile.
func (in *inference) person(o *node) bool {
	if o == nil || o.members == nil {
		return false
	}
	if known, done := in.persons[o]; done {
		return known
	}
	score := 0
	for name, c := range o.members {
		if c.leaf == nil && c.each == nil && len(c.members) == 0 {
			continue
		}
		m := mean(name)
		if !m.whole && m.says != isPersona {
			continue
		}
		switch m.says {
		case isPersona, isEmail, isBirth, isGender:
			score += 2
		case isHandle:
			score += 2
		case isAvatar, isPhone, isAge, isLocale:
			score++
		case isText:
			if m.matched == "bio" || m.matched == "biography" || m.matched == "about" {
				score++
			}
		}
	}
	in.persons[o] = score >= 2
	return score >= 2
}
