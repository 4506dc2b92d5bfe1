// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filler puts other names into texts, so that names are learned by where they stand and how they look.
type filler struct {
	lists *lists
	rand  *rand.Rand
}

// unheard is the share of names that are put together from two, so that no list has them.
const unheard = 0.3

func (f *filler) pick(from []string) string {
	word := from[f.rand.IntN(len(from))]
	for !latin(word) {
		word = from[f.rand.IntN(len(from))]
	}
	if f.rand.Float64() < unheard {
		other := from[f.rand.IntN(len(from))]
		a, b := []rune(word), []rune(other)
		if latin(other) && len(a) > 3 && len(b) > 3 {
			word = string(a[:len(a)/2+1]) + string(b[len(b)/2:])
		}
	}
	return capital(word)
}

func latin(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return r < 0x250
}

// capital writes the first letter, and one after a hyphen or an apostrophe, in upper case.
func capital(word string) string {
	out, up := []rune(word), true
	for i, r := range out {
		if up {
			out[i] = unicode.ToUpper(r)
		}
		up = r == '-' || r == '\'' && i < 2
	}
	return string(out)
}

func (f *filler) given() string {
	name := f.pick(f.lists.given)
	if f.rand.IntN(25) == 0 {
		name += oneOf(f, "-", " ") + f.pick(f.lists.given)
	}
	return name
}

func (f *filler) family() string {
	name := f.pick(f.lists.family)
	switch f.rand.IntN(40) {
	case 0:
		name += "-" + f.pick(f.lists.family)
	case 1:
		name = oneOf(f, "de ", "da ", "van ", "von ", "van der ", "di ", "del ", "la ", "O'", "Mc") + name
	}
	return name
}

func (f *filler) full() string {
	switch f.rand.IntN(24) {
	case 0:
		return f.given() + " " + string(rune('A'+f.rand.IntN(26))) + ". " + f.family()
	case 1:
		return f.given() + " " + string(rune('A'+f.rand.IntN(26))) + " " + f.family()
	case 2:
		return f.given() + " " + f.given() + " " + f.family()
	case 3:
		return f.given() + " " + f.family() + " " + f.family()
	case 4:
		return f.given()
	}
	return f.given() + " " + f.family()
}

// fill fills a template's places.
func (f *filler) fill(s sample) sample {
	out := sample{id: s.id, source: s.source, lang: s.lang, fold: s.fold, made: true}
	rest := string(s.text)
	quiet := f.rand.IntN(8) == 0 // a writer without capitals
	for {
		before, after, ok := strings.Cut(rest, "{")
		out.text = append(out.text, before...)
		if !ok {
			break
		}
		what, after, _ := strings.Cut(after, "}")
		rest = after
		start := len(out.text)
		out.text = append(out.text, f.value(what)...)
		if what == "name" || what == "given" || what == "family" {
			out.names = append(out.names, stretch{start, len(out.text)})
		}
	}
	if lowered := bytes.ToLower(out.text); quiet && len(lowered) == len(out.text) {
		out.text = lowered
	}
	return out
}

func (f *filler) value(what string) string {
	switch what {
	case "name":
		return f.full()
	case "given":
		return f.given()
	case "family":
		return f.family()
	case "place":
		return f.pick(f.lists.place)
	case "number":
		return f.digits(3 + f.rand.IntN(10))
	case "street":
		return f.street()
	case "address":
		return f.address()
	case "org":
		return f.company()
	case "handle":
		return "@" + strings.ToLower(f.given()) + f.digits(f.rand.IntN(3))
	case "mail":
		return strings.ToLower(f.given()+"."+f.family()) + "@example.com"
	}
	return what
}

func (f *filler) digits(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = byte('0' + f.rand.IntN(10))
	}
	return string(digits)
}

func oneOf[T any](f *filler, values ...T) T { return values[f.rand.IntN(len(values))] }

// street names a street after somebody, mostly.
func (f *filler) street() string {
	name := oneOf(f, f.family(), f.given()+" "+f.family(), f.pick(f.lists.place))
	number := f.digits(1 + f.rand.IntN(4))
	switch f.rand.IntN(4) {
	case 0:
		return number + " " + name + " " + oneOf(f, "Street", "Road", "Ave", "Avenue", "Lane", "Drive", "Square", "Bridge", "Trail", "Court")
	case 1:
		return oneOf(f, "Rua ", "Calle ", "Rue ", "Via ", "Avenida ", "ul. ", "Av. ", "R ", "Plaza ", "Rue du ") + name + " " + number
	case 2:
		return name + oneOf(f, "straße ", "str. ", "weg ", "gatan ", "vej ", "laan ", "straat ", "plein ", "gade ", "katu ") + number
	}
	return number + " " + name + " " + f.digits(2)
}

func (f *filler) address() string {
	parts := []string{f.street(), oneOf(f, "Apt. ", "Suite ", "Floor ") + f.digits(3), f.pick(f.lists.place), f.pick(f.lists.place) + " " + f.digits(5)}
	if f.rand.IntN(2) == 0 {
		parts = append(parts[:1], parts[2:]...)
	}
	return strings.Join(parts, oneOf(f, ", ", "\n", "\n ", " "))
}

// company is named after its founders, or by a made-up word.
func (f *filler) company() string {
	switch f.rand.IntN(5) {
	case 0:
		return f.family() + ", " + f.family() + " and " + f.family()
	case 1:
		return f.family() + "-" + f.family()
	case 2:
		return f.family() + " " + oneOf(f, "Inc", "Inc.", "Ltd", "Ltd.", "LLC", "PLC", "Group", "GmbH", "& Sons", "and Sons", "Corp.", "Corporation", "S.A.", "Bank")
	case 3:
		return capital(oneOf(f, coined...) + oneOf(f, coined...))
	}
	return capital(oneOf(f, coined...)) + " " + capital(oneOf(f, coined...)) + oneOf(f, "", "", " Inc.", " Systems", " Labs", " International", " Group")
}

// coined are parts of what firms are called.
var coined = strings.Fields("data open soft tech micro net health info cloud solar bio med green blue red smart quick rapid global first united city metro market trade capital " +
	"credit star sun sky air land water stone river mountain bridge gate house home link logic meta nano omni pay port pulse signal spark stream vision wave web work zone " +
	"metrics analytics optima inno veri clear true best ever snap zen flow grid loop path scope shift stack sync track view")

// rename puts other names in the place of a text's own, written alike.
func (f *filler) rename(s sample) sample {
	out := s
	out.text, out.names = nil, nil
	at := 0
	for _, n := range s.names {
		if n.start < at {
			continue
		}
		old := string(s.text[n.start:n.end])
		name := f.given()
		if strings.Contains(old, " ") {
			name = f.full()
		} else if f.rand.IntN(3) == 0 {
			name = f.family()
		}
		switch old {
		case strings.ToLower(old):
			name = strings.ToLower(name)
		case strings.ToUpper(old):
			name = strings.ToUpper(name)
		}
		out.text = append(out.text, s.text[at:n.start]...)
		out.names = append(out.names, stretch{len(out.text), len(out.text) + len(name)})
		out.text = append(out.text, name...)
		at = n.end
	}
	out.text = append(out.text, s.text[at:]...)
	return out
}
