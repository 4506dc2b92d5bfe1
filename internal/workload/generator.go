// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Generator varies one event: other ids, people, texts, times, places and numbers, in the smallest size in the same 52 leaves.
// Event n of a seed is always the same. Not safe for concurrent use.
type Generator struct {
	size     Size
	pieces   []piece
	tail     string
	seed     uint64
	subjects int
	person   *rand.Rand // the same for each event of one person
	chance   *rand.Rand
	of, at   *rand.PCG // their sources

	kinds, firstNames, lastNames, cities, vocabulary []string
}

// piece is a stretch of the event that stays, and what is written after it.
type piece struct {
	fixed string
	vary  func(g *Generator, dst []byte) []byte
}

// NewGenerator prepares to vary the event in its own size.
func NewGenerator(seed uint64, subjects int) (*Generator, error) {
	return NewSized(Size1K, seed, subjects)
}

// NewSized prepares to vary the event in another size.
func NewSized(size Size, seed uint64, subjects int) (*Generator, error) {
	type place struct {
		from, to int
		vary     func(g *Generator, dst []byte) []byte
	}
	text := string(event)
	var places []place
	all, err := variationsOf(size)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if n := strings.Count(text, v.before+v.value); n != 1 {
			return nil, fmt.Errorf("the event holds %s%s %d times, not once", v.before, v.value, n)
		}
		from := strings.Index(text, v.before+v.value) + len(v.before)
		places = append(places, place{from, from + len(v.value), v.vary})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.from, b.from) })
	g := &Generator{size: size, seed: seed, subjects: subjects, of: &rand.PCG{}, at: &rand.PCG{},
		kinds: strings.Fields(kinds), firstNames: strings.Fields(firstNames), lastNames: strings.Fields(lastNames),
		cities: strings.Fields(cities), vocabulary: strings.Fields(vocabulary)}
	g.person, g.chance = rand.New(g.of), rand.New(g.at)
	end := 0
	for _, p := range places {
		g.pieces = append(g.pieces, piece{text[end:p.from], p.vary})
		end = p.to
	}
	g.tail = text[end:]
	return g, nil
}

// Event gives event n and its key, the id of its subject.
func (g *Generator) Event(n int) (key, value []byte) {
	g.at.Seed(g.seed, uint64(n))
	subject := g.chance.IntN(g.subjects)
	g.of.Seed(g.seed+1, uint64(subject))
	key = strconv.AppendInt([]byte("u_"), int64(100_000_000+subject*7), 10)
	value = make([]byte, 0, 1536)
	for _, p := range g.pieces {
		value = append(value, p.fixed...)
		if p.vary == nil {
			value = append(value, key...)
			continue
		}
		value = p.vary(g, value)
	}
	value = append(value, g.tail...)
	if g.size != Size1K && n%8 == 0 {
		value = escaped(value)
	}
	return key, value
}

// variationsOf gives the variations of a size: those of the event, and the additions of a larger one instead of
// or beside them.
func variationsOf(size Size) ([]variation, error) {
	all := variations()
	switch size {
	case Size1K:
		return all, nil
	case Size3K, Size10K:
	default:
		return nil, fmt.Errorf("unknown size %q: there are %s, %s and %s", size, Size1K, Size3K, Size10K)
	}
	more := size.extent().additions()
	all = slices.DeleteFunc(all, func(v variation) bool {
		return slices.ContainsFunc(more, func(m variation) bool { return m.before == v.before && m.value == v.value })
	})
	return append(all, more...), nil
}

// variation says what is written instead of value, which stands in the event once after before; nil: the subject's id.
type variation struct {
	before, value string
	vary          func(g *Generator, dst []byte) []byte
}

// variations are listed in the order of the event: the traits of a person are drawn in this order.
func variations() []variation {
	return []variation{
		{`{"id":"`, `evt_9f3c2a7714be0d51`, func(g *Generator, dst []byte) []byte { return hex(append(dst, "evt_"...), g.chance, 16) }},
		{`"type":"`, `Create`, func(g *Generator, dst []byte) []byte { return append(dst, pick(g.chance, g.kinds)...) }},
		{`"published":"2026-07-14T`, `09:26:53.589`, func(g *Generator, dst []byte) []byte { return clock(dst, g.chance) }},

		{`"actor":{"id":"`, `u_482910337`, nil},
		{`"handle":"`, `@chloe_4821`, func(g *Generator, dst []byte) []byte { return g.handle(dst, g.person) }},
		{`"name":"`, `Chloé García`, func(g *Generator, dst []byte) []byte {
			return append(append(append(dst, pick(g.person, g.firstNames)...), ' '), pick(g.person, g.lastNames)...)
		}},
		{`"email":"`, `chloe.garcia417`, func(g *Generator, dst []byte) []byte {
			return number(append(g.words(dst, g.person, 2, '.'), '.'), g.person, 10, 1000)
		}},
		{`"phone":"`, `+491512345678`, func(g *Generator, dst []byte) []byte {
			return number(append(dst, "+4915"...), g.person, 100_000_000, 1_000_000_000)
		}},
		{`"bio":"`, `people now way long 🎉 each other look`, func(g *Generator, dst []byte) []byte { return g.words(dst, g.person, 3+g.person.IntN(8), ' ') }},
		{`"location":"`, `Berlin`, func(g *Generator, dst []byte) []byte { return append(dst, pick(g.person, g.cities)...) }},
		{`"age":`, `34`, func(g *Generator, dst []byte) []byte { return number(dst, g.person, 16, 90) }},
		{`"followers":`, `18231`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 0, 100_000) }},
		{`"following":`, `644`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 0, 3000) }},
		{`"created_at":"2019-03-02T`, `17:05:09.112`, func(g *Generator, dst []byte) []byte { return clock(dst, g.person) }},

		{`"object":{"id":"post_`, `558190273645546371`, snowflake},
		{`"text":"`, `@max_771 when this was made there were two \"first people\" who could see it 🔥 mail me at nora@example.org`, post},
		{`"in_reply_to":"post_`, `331204958712000441`, snowflake},
		{`"in_reply_to_user_id":"u_`, `77120934`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 10_000_000, 99_999_999) }},
		{`"likes":`, `4102`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 0, 10_000) }},
		{`"reposts":`, `311`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 0, 1000) }},
		{`"replies":`, `58`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 0, 300) }},
		{`"views":`, `912331`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 10_000, 1_000_000) }},
		{`"mentions":[{"id":"u_`, `90012345`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 10_000_000, 99_999_999) }},
		{`"handle":"`, `@max_771`, func(g *Generator, dst []byte) []byte { return g.handle(dst, g.chance) }},
		{`"hashtags":["`, `water`, func(g *Generator, dst []byte) []byte { return append(dst, pick(g.chance, g.vocabulary)...) }},

		{`"ip":"`, `203.0.113.77`, func(g *Generator, dst []byte) []byte {
			bits := g.person.Uint32()
			return fmt.Appendf(dst, "%d.%d.%d.%d", 1+bits>>24%223, bits>>16&255, bits>>8&255, bits&255)
		}},
		{`"device":{"id":"`, `3f0c9a52-77ab-4d1e-9c55-0b6a2d9e1f34`, func(g *Generator, dst []byte) []byte { return uuid(dst, g.person) }},
		{`"adid":"a`, `730012`, func(g *Generator, dst []byte) []byte { return number(dst, g.person, 100_000, 999_999) }},
		{`"battery":0.`, `83`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 10, 99) }},
		{`"session_id":"`, `0123456789abcdef0123456789abcdef`, func(g *Generator, dst []byte) []byte { return hex(dst, g.chance, 32) }},
		{`"lat":52.`, `531877`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 100_000, 999_999) }},
		{`"lon":13.`, `409144`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 100_000, 999_999) }},
		{`"offset":`, `88123456789`, func(g *Generator, dst []byte) []byte { return number(dst, g.chance, 80_000_000_000, 90_000_000_000) }},
		{`"received_at":"2026-07-14T`, `09:26:54.001`, func(g *Generator, dst []byte) []byte { return clock(dst, g.chance) }},
	}
}

// post writes a text as people write: 40 to 170 bytes, some with a quotation, an emoji, a person or an address.
func post(g *Generator, dst []byte) []byte {
	if g.chance.IntN(3) > 0 {
		dst = append(g.handle(dst, g.chance), ' ')
	}
	dst = g.words(dst, g.chance, 6+g.chance.IntN(10), ' ')
	if g.chance.IntN(2) == 0 {
		dst = append(g.words(append(dst, ` \"`...), g.chance, 2, ' '), `\"`...)
	}
	if g.chance.IntN(2) == 0 {
		dst = append(dst, " 🔥"...)
	}
	dst = g.words(append(dst, ' '), g.chance, 2+g.chance.IntN(4), ' ')
	if g.chance.IntN(2) == 0 {
		dst = append(g.words(append(dst, " mail me at "...), g.chance, 1, ' '), "@example.org"...)
	}
	return dst
}

func snowflake(g *Generator, dst []byte) []byte {
	return number(dst, g.chance, 100_000_000_000_000_000, 999_999_999_999_999_999)
}

func (g *Generator) handle(dst []byte, r *rand.Rand) []byte {
	return number(append(g.words(append(dst, '@'), r, 1, ' '), '_'), r, 100, 10_000)
}

func (g *Generator) words(dst []byte, r *rand.Rand, n int, between byte) []byte {
	for i := range n {
		if i > 0 {
			dst = append(dst, between)
		}
		dst = append(dst, pick(r, g.vocabulary)...)
	}
	return dst
}

// number writes one of [from, to).
func number(dst []byte, r *rand.Rand, from, to int64) []byte {
	return strconv.AppendInt(dst, from+r.Int64N(to-from), 10)
}

func clock(dst []byte, r *rand.Rand) []byte {
	ms := r.IntN(86_400_000)
	return fmt.Appendf(dst, "%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

func uuid(dst []byte, r *rand.Rand) []byte {
	for i, n := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex(dst, r, n)
	}
	return dst
}

func hex(dst []byte, r *rand.Rand, digits int) []byte {
	bits := r.Uint64()
	for i := range digits {
		if i == 16 {
			bits = r.Uint64()
		}
		dst = append(dst, digits16[bits&15])
		bits >>= 4
	}
	return dst
}

const digits16 = "0123456789abcdef"

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

const (
	kinds      = "Create Create Create Like Like Announce Follow"
	firstNames = "Chloé Max Nora Amir Zoë Jürgen Ana Liam Noah Emma Søren Fatima Yuki Ivan Olga Pedro Priya Omar Lena Tom"
	lastNames  = "García Müller Smith Okafor Nguyen Rossi Novák Silva Kowalski Dubois Hansen Ivanova Tanaka Khan Cohen Brown Costa Weber"
	cities     = "Berlin Hamburg Leipzig Köln Bremen Dresden Mainz Kiel"
	vocabulary = "people now way long each other look water first made when this was there were two who could see it find time more write go number no " +
		"my than been call oil sit down day did get come may part over new sound take only little work know place year live me back give most very " +
		"after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show"
)
