// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Size says how large the events of a generator are in the mean. The policy lets the same fields of each out;
// what a larger event has more of is dropped, but for longer texts and up to four more mentions.
type Size string

// The sizes are named by decimal kilobytes, roughly: the flags of commands use them as they are.
const (
	Size1K  Size = "1k"  // 1.3 KB, 52 leaves: the event that the marks are for, varied
	Size3K  Size = "3k"  // 3 KB: a profile and a post as platforms send them, with links, media and features
	Size10K Size = "10k" // 10 KB: the same with a quoted post, the thread above it, and more of all
)

// extent is what distinguishes the two larger sizes.
type extent struct {
	bio, text      int // words
	urls, media    int // at least; two more at most
	features, seen int
	posts          bool // a quoted post and a thread
}

func (s Size) extent() extent {
	if s == Size10K {
		return extent{bio: 45, text: 95, urls: 4, media: 3, features: 40, seen: 30, posts: true}
	}
	return extent{bio: 20, text: 30, urls: 1, features: 12}
}

// additions are what the larger sizes write after a place of the event, and what they write differently there.
func (e extent) additions() []variation {
	return []variation{
		{`"bio":"`, `people now way long 🎉 each other look`, func(g *Generator, dst []byte) []byte {
			return append(g.words(append(g.words(dst, g.person, e.bio+g.person.IntN(10), ' '), " 🎉 "...), g.person, 4, ' '), " – Zürich"...)
		}},
		{`"created_at":"2019-03-02T17:05:09.112Z"`, ``, func(g *Generator, dst []byte) []byte {
			dst = append(uuid(append(dst, `,"avatar_url":"https://img.example.net/u/`...), g.person), `/400x400.jpg"`...)
			return append(g.words(append(dst, `,"website":"https://pages.example.org/`...), g.person, 3, '-'), '"')
		}},
		{`"text":"`, `@max_771 when this was made there were two \"first people\" who could see it 🔥 mail me at nora@example.org`, func(g *Generator, dst []byte) []byte {
			return append(post(g, append(g.words(dst, g.chance, e.text+g.chance.IntN(10), ' '), `\n\n`...)), " déjà vu"...)
		}},
		{`"source":"ios"`, ``, e.beside},
		{`"handle":"@max_771"`, ``, func(g *Generator, dst []byte) []byte {
			dst = g.span(dst)
			for range 1 + g.chance.IntN(4) {
				dst = g.span(g.someone(append(dst, `},{`...)))
			}
			return dst
		}},
		{`"hashtags":["water","people"]`, ``, func(g *Generator, dst []byte) []byte { return e.links(g, append(dst, ',')) }},
		{`"user_agent":"`, `App/9.1 (iOS 17.4)`, func(_ *Generator, dst []byte) []byte {
			return append(dst, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"...)
		}},
		{`"country":"DE"}`, ``, func(g *Generator, dst []byte) []byte {
			dst = append(g.words(append(dst, `,"referrer":"https://www.example.com/search?q=`...), g.chance, 6, '+'), `","features":{`...)
			for i := range e.features {
				dst = append(strconv.AppendInt(append(comma(dst, i), `"f`...), int64(i), 10), `":0.`...)
				dst = number(dst, g.chance, 1000, 9999)
			}
			return e.timeline(g, append(dst, '}'))
		}},
	}
}

// beside writes what stands beside a post's text: media, and in the largest size other people's posts.
func (e extent) beside(g *Generator, dst []byte) []byte {
	dst = e.pictures(g, append(dst, ','))
	if !e.posts {
		return dst
	}
	dst = e.other(g, append(dst, `,"quoted":{`...), 50)
	dst = e.links(g, append(dst, `,"entities":{`...))
	dst = append(dst, `}},"thread":[`...)
	for i := range 3 {
		dst = append(e.other(g, append(comma(dst, i), '{'), 30), '}')
	}
	return append(dst, ']')
}

// other writes the members of another person's post.
func (extent) other(g *Generator, dst []byte, words int) []byte {
	dst = append(snowflake(g, append(dst, `"id":"post_`...)), `","author":{`...)
	dst = append(g.someone(dst), `,"name":"`...)
	dst = append(append(append(dst, pick(g.chance, g.firstNames)...), ' '), pick(g.chance, g.lastNames)...)
	dst = append(g.words(append(dst, `","bio":"`...), g.chance, 10, ' '), `","verified":false,"followers":`...)
	dst = append(number(dst, g.chance, 0, 100_000), `},"published":"2026-07-13T`...)
	dst = append(clock(dst, g.chance), `Z","lang":"en","text":"`...)
	dst = append(post(g, append(g.words(dst, g.chance, words, ' '), ' ')), `","likes":`...)
	return number(dst, g.chance, 0, 10_000)
}

// links writes the member that lists a post's links.
func (e extent) links(g *Generator, dst []byte) []byte {
	dst = append(dst, `"urls":[`...)
	for i := range e.urls + g.chance.IntN(3) {
		dst = append(hex(append(comma(dst, i), `{"url":"https://t.example/`...), g.chance, 10), `","expanded_url":"https://news.example.com/`...)
		dst = append(g.words(dst, g.chance, 9, '-'), `?utm_source=x&utm_campaign=`...)
		dst = append(uuid(dst, g.chance), `","title":"`...)
		dst = append(g.words(dst, g.chance, 10, ' '), `"}`...)
	}
	return append(dst, ']')
}

// pictures writes the member that lists a post's media.
func (e extent) pictures(g *Generator, dst []byte) []byte {
	dst = append(dst, `"media":[`...)
	for i := range e.media + g.chance.IntN(3) {
		dst = append(uuid(append(comma(dst, i), `{"type":"photo","url":"https://media.example.net/`...), g.chance), `.jpg","width":1920,"height":1080,"alt":"`...)
		dst = append(g.words(dst, g.chance, 14, ' '), `"}`...)
	}
	return append(dst, ']')
}

// timeline writes which posts the person had just seen.
func (e extent) timeline(g *Generator, dst []byte) []byte {
	if e.seen == 0 {
		return dst
	}
	dst = append(dst, `,"seen":[`...)
	for i := range e.seen {
		dst = append(snowflake(g, append(comma(dst, i), `{"id":"post_`...)), `","ms":`...)
		dst = append(number(dst, g.chance, 100, 20_000), '}')
	}
	return append(dst, ']')
}

// someone writes a person's id and handle.
func (g *Generator) someone(dst []byte) []byte {
	dst = append(number(append(dst, `"id":"u_`...), g.chance, 10_000_000, 99_999_999), `","handle":"`...)
	return append(g.handle(dst, g.chance), '"')
}

// span writes where in a text something stands.
func (g *Generator) span(dst []byte) []byte {
	from := g.chance.Int64N(200)
	dst = strconv.AppendInt(append(dst, `,"start":`...), from, 10)
	return strconv.AppendInt(append(dst, `,"end":`...), from+9, 10)
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// escaped spells what is not ASCII as \u escapes, as many producers do.
func escaped(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if n == 1 {
			out = append(out, text[0])
		}
		if n > 1 {
			for _, unit := range utf16.Encode([]rune{r}) {
				out = append(out, '\\', 'u', digits16[unit>>12], digits16[unit>>8&15], digits16[unit>>4&15], digits16[unit&15])
			}
		}
		text = text[n:]
	}
	return out
}
