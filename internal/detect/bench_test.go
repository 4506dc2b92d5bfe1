// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"testing"
)

// mixedTexts are as people write: one in four holds something.
var mixedTexts = []string{
	"just got home from the longest shift ever, feet are killing me but the sunset over the harbor made it worth it. anyone up for pizza tonight? " +
		"thinking the new place on the corner, heard the crust is great",
	"We shipped the release this morning after two weeks of testing. Big thanks to everybody who filed reports, the crash on startup is gone and " +
		"search feels a lot faster than it did in the 2.3 series.",
	"Ok das war heute wirklich ein schöner Tag am See, die Kinder haben gebadet und wir haben bis zum Abend gegrillt. Morgen fahren wir weiter " +
		"Richtung Süden, mal sehen wie das Wetter wird 🌞",
	"thanks @marta_h for the pointers! i put the notes up at https://notes.example.org/talks/streams so everybody can read them, drop me a line " +
		"if something is missing or plainly wrong in there",
}

// richTexts hold several kinds each.
var richTexts = []string{
	"hi, my order 48213 never came. please call me back on +1 415 555 0132 or write to jo.harper@example.com, the card was 4111 1111 1111 1111 " +
		"and the courier's server said 203.0.113.77 failed",
	"Bitte überweisen Sie auf DE89 3704 0044 0532 0130 00, Rückfragen an buchhaltung@example.de oder @hilfe_team, Geräteadresse war " +
		"00:1b:44:11:3a:b7, danke und viele Grüße aus Köln!",
	"deploy broke again: token ghp_16C7e42F292c6912E7710c838347Ae178B4a leaked at https://git.example.org/ops/log?id=77, rotate it, " +
		"then ping @ops-lead and see 2001:db8::8a2e:370:7334 please",
}

// htmlText is a post of the fediverse.
const htmlText = `<p><span class="h-card"><a href="https://social.example/@marta" class="u-url mention">@<span>marta</span></a></span> thanks for the ` +
	`notes, we&#39;ll read them on the train and come back with questions &amp; cake next week</p>`

func benchmark(b *testing.B, texts []string, m Markup) {
	d, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	s, n := d.Scanner(), 0
	var raw [][]byte
	for _, t := range texts {
		raw = append(raw, []byte(t))
		n += len(t)
	}
	b.SetBytes(int64(n / len(texts)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Find(raw[i%len(raw)], m)
		i++
	}
}

func BenchmarkMixed(b *testing.B) { benchmark(b, mixedTexts, Plain) }
func BenchmarkRich(b *testing.B)  { benchmark(b, richTexts, Plain) }
func BenchmarkHTML(b *testing.B)  { benchmark(b, []string{htmlText}, HTML) }
func BenchmarkPlain(b *testing.B) { benchmark(b, mixedTexts[:1], Plain) }

func BenchmarkSelf(b *testing.B) {
	self := []Identity{{[]byte("Jonathan Harper"), 0}, {[]byte("@jharper"), 1}, {[]byte("jo.harper@example.com"), 2}, {[]byte("+1 415 555 0132"), 3},
		{[]byte("María José Quintana"), 4}, {[]byte("quintana_mj"), 5}, {[]byte("mj@example.net"), 6}, {[]byte("王小明"), 7}}
	d, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := d.Scanner()
	s.Find([]byte(mixedTexts[3]), Plain)
	b.ReportAllocs()
	other := append(self[1:len(self):len(self)], self[0])
	for b.Loop() { // no event is like the one before
		s.fixed = s.fixed[:0]
		s.identities(self)
		self, other = other, self
	}
}

func BenchmarkOneMegabyte(b *testing.B) {
	benchmark(b, []string{strings.Repeat(mixedTexts[0], 5000)}, Plain)
}
