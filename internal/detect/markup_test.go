// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// zorblax is whose names are in the texts.
var zorblax = []Identity{{[]byte("Zorblax Quuxley"), 0}}

// Tags and what looks like one hide nothing.
func TestTags(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Ann <ann@example.org> wrote", "email ann@example.org"},
		{"<zorblax>", "person zorblax"},
		{"</zorblax>", "person zorblax"},
		{"<Zorblax Quuxley>", "person Zorblax Quuxley"},
		{"<zorblax@x.org/>", "email zorblax@x.org"},
		{"</ann@example.org>", "email ann@example.org"},
		{"<x-zorblax>", "person zorblax"},
		{"<b zorblax>", "person zorblax"},
		{"<b zorblax=1>", "person zorblax"},
		{"<b data-zorblax='1'>", "person zorblax"},
		{"<b class=\"zorblax x\">", "person zorblax"},
		{"<b ID=zorblax>", "person zorblax"},
		{"<b onclick = 'see(\"zorblax\")'>", "person zorblax"},
		{"<b style='--zorblax:1'>", "person zorblax"},
		{"<b TiTlE='ann@example.org'>", "email ann@example.org"},
		{"<b title=\"it's > zorblax\">x</b>", "person zorblax"},
		{"<b title='zor&#98;lax'>", "person zor&#98;lax"},
		{"<b 'ann@example.org >' y", "email ann@example.org"},
		{"<b x=it's>ann@example.org<b y='>", "email ann@example.org"},
		{"<!ann@example.org>", "email ann@example.org"},
		{"<?zorblax?>", "person zorblax"},
		{"</ zorblax>", "person zorblax"},
		{"ann@exam<zz>ple.org", "email ann@exam<zz>ple.org"},
		{"<a href=\"x>ann@example.org", "email ann@example.org"},
		{"<a href=\"+10000000!@00000", "phone +10000000"},
		{"<a href=\"> and <b>ann@exa</b>mple.org", "email ann@exa</b>mple.org"},
		{"<" + strings.Repeat("x", 100) + " zorblax>", "person zorblax"},
		{"<img src='data:image/png;base64," + strings.Repeat("QUJD", 2000) + "'>", ""},
		{"<img src='data:image/png;base64," + strings.Repeat("QUJD", 2000) + " zorblax'>", "person zorblax"},
		{"<font color=red><svg viewBox='0 0 1 1'><math><input disabled>", ""},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{}, tt.text, HTML, zorblax...), "; "); got != tt.want {
			t.Errorf("%.80q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Mentions, emoji and the like of chats hide nothing, and their numbers are nobody's.
func TestChatTags(t *testing.T) {
	tests := []struct {
		m          Markup
		text, want string
	}{
		{Discord, "<@&zorblax>", "person zorblax"},
		{Discord, "<:zorblax:1>", "person zorblax"},
		{Discord, "<:zorblax:41771983423143937>", "person zorblax"},
		{Discord, "<a:zorblax:41771983423143937>", "person zorblax"},
		{Discord, "</zorblax now:41771983423143937>", "person zorblax"},
		{Discord, "<#zorblax>", "hashtag #zorblax"},
		{Discord, "<t:1618953630:R> <@&41771983423143937> <#41771983423143937> <:smile:41771983423143937>", ""},
		{Slack, "<#zorblax|general>", "person zorblax"},
		{Slack, "<#C024BE7LR> <!here> <!everyone|all> <#C024BE7LR|general>", ""},
		{Slack, "<!subteam^zorblax>", "person zorblax"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{}, tt.text, tt.m, zorblax...), "; "); got != tt.want {
			t.Errorf("%v %q: got %q, want %q", tt.m, tt.text, got, tt.want)
		}
	}
}

// Labels that stand for what was found are no cues, nor found themselves; what stands beside them is.
func TestLabels(t *testing.T) {
	for text, want := range map[string]string{
		"[PHONE] 000000100": "", "password: [SECRET]": "", "[PERSON]zorblax": "person zorblax", "[EMAIL]@jo_b": "handle @jo_b", "password: [HUNTER2": "secret [HUNTER2",
	} {
		if got := strings.Join(found(t, Options{}, text, Plain, zorblax...), "; "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// unseen writes ASCII in tag characters, which nobody sees.
func unseen(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(tagCharacters + r)
	}
	return b.String()
}

// What tag characters spell is found, and so is what they are strewn into.
func TestTagCharacters(t *testing.T) {
	tests := []struct {
		m          Markup
		text, want string
	}{
		{Plain, "hi " + unseen("ann@example.org") + "!", "email " + unseen("ann@example.org")},
		{Plain, "zor" + unseen("xyz") + "blax", "person zor" + unseen("xyz") + "blax"},
		{Plain, "zor" + unseen("Zorblax!") + "blax", "person zor; person " + unseen("Zorblax") + "; person blax"},
		{Plain, "\U0001f3f4" + unseen("gbeng") + "\U000e007fZorblax", "person Zorblax"},
		{HTML, "<b title='zor" + unseen("zorblax") + "blax'>", "person zor; person " + unseen("zorblax") + "; person blax"},
		{Plain, "ⓩⓞⓡⓑⓛⓐⓧ, 🅩🅞🅡🅑🅛🅐🅧, 🆉🅾🆁🅱🅻🅰🆇, ⒵⒪⒭⒝⒧⒜⒳, 🅉🄾🅁🄱🄻🄰🅇, 🄩🄞🄡🄑🄛🄐🄧",
			"person ⓩⓞⓡⓑⓛⓐⓧ; person 🅩🅞🅡🅑🅛🅐🅧; person 🆉🅾🆁🅱🅻🅰🆇; person ⒵⒪⒭⒝⒧⒜⒳; person 🅉🄾🅁🄱🄻🄰🅇; person 🄩🄞🄡🄑🄛🄐🄧"},
	}
	for _, tt := range tests {
		if got := strings.Join(found(t, Options{}, tt.text, tt.m, zorblax...), "; "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Phrases of several words, and of scripts without spaces, are found, the longest first.
func TestPhrases(t *testing.T) {
	var p phrases
	for _, text := range []string{"ab", "ab cd", "ab cd ef", "小", "小明", "anna王", "王anna", "été", "straße nord", "กขค", "the long one of five"} {
		from := p.begin()
		p.text([]byte(text))
		p.end(from, phrase{kind: span.Person})
	}
	tests := []struct{ text, want string }{
		{"AB", "AB"}, {"ab cd", "ab cd"}, {"ab-cd_ef!", "ab-cd_ef"}, {"ab cd e", "ab cd"}, {"abc", ""}, {"ab\ncd", "ab"}, {"小明天", "小明"}, {"小王", "小"},
		{"Anna王小", "Anna王"}, {"Anna王x", ""}, {"anna", ""}, {"王anna", "王anna"}, {"王annab", ""}, {"ÉTÉ", "ÉTÉ"}, {"e\u0301te\u0301", "e\u0301te\u0301"}, {"strasse  Nord", "strasse  Nord"}, {"ก\u0e31ขค", "ก\u0e31ขค"},
		{"the long one of five", "the long one of five"}, {"the long one of six", ""},
	}
	for _, tt := range tests {
		which, end := p.find([]byte(tt.text), 0)
		if got := tt.text[:end]; got != tt.want || (which < 0) != (tt.want == "") {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
	p.reset()
	if which, _ := p.find([]byte("ab"), 0); which >= 0 {
		t.Error("a phrase outlived the reset")
	}
}

// Many names that begin alike take hardly longer than one.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	d, err := New(Options{Kinds: []span.Kind{span.Person}})
	if err != nil {
		t.Fatal(err)
	}
	const last = "abcdefghijklmnopqrstuvwxyz0123456789абвгдежзиклмнопрстуфхцчшщъыьэю"
	for _, form := range []string{"ab%c", "abcdefgh%c", "abc de%c", "王小%c"} {
		var self []Identity
		for _, r := range last {
			self = append(self, Identity{[]byte(fmt.Sprintf(form, r)), len(self)})
		}
		text := []byte(strings.Repeat(fmt.Sprintf(form, 'я')+" ", 40_000))
		measure := func(n int) (best time.Duration) {
			s := d.Scanner()
			best = time.Hour
			for range 5 {
				best = min(best, cpuTime(func() { s.FindWith(text, Plain, self[:n]) }))
			}
			return best
		}
		if one, all := measure(1), measure(len(self)); all > 3*one+10*time.Millisecond {
			t.Errorf("%s: %v for one, %v for %d", form, one, all, len(self))
		}
	}
}
