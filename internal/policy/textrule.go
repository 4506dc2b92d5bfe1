// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// TextRule says what becomes of the personal data that is found in a text.
type TextRule struct {
	Found string      `json:",omitzero"` // of the kinds that Kinds does not name: tag, mask, pseudonym or surrogate
	Kinds []KindRule  `json:",omitzero"` // in the order of TextKinds
	Names string      `json:",omitzero"` // how eagerly names of persons are looked for: none, balanced, wide
	Allow []string    `json:",omitzero"` // words and phrases that are nobody's
	Deny  []TextEntry `json:",omitzero"` // words and phrases that are always found
}

// KindRule is what is done with one kind.
type KindRule struct{ Kind, Action string }

// TextEntry is a word or phrase and the kind that it is.
type TextEntry struct{ Text, Kind string }

// What is done with what is found in a text. A pseudonym is made of what has one: mentions, addresses, telephone numbers and the
// event's own names; of everything else a tag.
const (
	Tag        = "tag"       // [PHONE]
	Surrogate  = "surrogate" // something of its shape that cannot be anybody's
	HostOnly   = "host"      // urls: the host
	NamesNone  = "none"
	NamesSome  = "balanced"
	NamesMost  = "wide"
	textHandle = "handle"
	textURL    = "url"
)

// TextKinds are the kinds of personal data that are looked for in a text.
func TextKinds() []string {
	return []string{"email", "phone", "card", "iban", "bank", "national-id", "ip", "mac", textURL, textHandle, "hashtag", "birth", "age", "geo", "address", "person", "crypto", "secret", "health", "finance"}
}

func textActions() []string { return []string{Tag, Mask, Pseudonym, Surrogate, Keep} }

// defaultText is what `text` means without parameters.
func defaultText() *TextRule {
	return &TextRule{Found: Tag, Names: NamesSome, Kinds: []KindRule{{textURL, HostOnly}, {textHandle, Pseudonym}}}
}

// Action gives what is done with a kind.
func (t *TextRule) Action(kind string) string {
	for _, k := range t.Kinds {
		if k.Kind == kind {
			return k.Action
		}
	}
	return t.Found
}

// keeps tells whether something that was found stays readable.
func (t *TextRule) keeps() bool {
	return slices.ContainsFunc(t.Kinds, func(k KindRule) bool { return k.Action == Keep })
}

func readText(r reader, n *node, t *Technique) bool {
	rule := defaultText()
	t.Text = rule
	o, ok := r.object(n, "text", "found", "kinds", "names", "mentions", "urls", "allow", "deny")
	if v := o.take("found"); v != nil {
		rule.Found, _ = r.word(v, "action", Tag, Mask, Pseudonym, Surrogate)
		ok = ok && rule.Found != ""
	}
	if v := o.take("names"); v != nil {
		rule.Names, _ = r.word(v, "care for names", NamesNone, NamesSome, NamesMost)
		ok = ok && rule.Names != ""
	}
	for _, short := range []struct{ key, kind string }{{"mentions", textHandle}, {"urls", textURL}} {
		if v := o.take(short.key); v != nil {
			ok = r.kindRule(rule, short.kind, v) && ok
		}
	}
	if v := o.take("kinds"); v != nil {
		for _, p := range r.entries(v, "kinds") {
			kind, good := r.word(p.key, "kind", TextKinds()...)
			ok = good && r.kindRule(rule, kind, p.value) && ok
		}
	}
	if v := o.take("allow"); v != nil {
		for _, item := range r.list(v, "allow") {
			word, good := r.listed(item, 1)
			rule.Allow, ok = append(rule.Allow, word), ok && good
		}
	}
	if v := o.take("deny"); v != nil {
		ok = r.denied(rule, v) && ok
	}
	rule.tidy()
	return ok
}

// tidy gives rules that say the same the same spelling.
func (t *TextRule) tidy() {
	order := TextKinds()
	t.Kinds = slices.DeleteFunc(t.Kinds, func(k KindRule) bool { return k.Action == t.Found })
	slices.SortFunc(t.Kinds, func(a, b KindRule) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	slices.Sort(t.Allow)
	t.Allow = slices.Compact(t.Allow)
	slices.SortStableFunc(t.Deny, func(a, b TextEntry) int { return cmp.Compare(a.Text, b.Text) })
	t.Deny = slices.Compact(t.Deny)
}

// kindRule sets what is done with a kind; the last word counts.
func (r reader) kindRule(t *TextRule, kind string, n *node) bool {
	known := textActions()
	if kind == textURL {
		known = append(known, HostOnly)
	}
	action, ok := r.word(n, "action", known...)
	t.Kinds = slices.DeleteFunc(t.Kinds, func(k KindRule) bool { return k.Kind == kind })
	t.Kinds = append(t.Kinds, KindRule{kind, action})
	return ok
}

func (r reader) denied(t *TextRule, n *node) bool {
	ok := true
	for _, item := range r.list(n, "deny") {
		o, good := r.object(item, "an entry of deny", "text", "kind")
		var e TextEntry
		if v := r.need(o, "text", "write {text: Project Orchid, kind: person}"); v != nil {
			word, fits := r.listed(v, 2)
			if fits && slices.ContainsFunc(t.Allow, func(a string) bool { return strings.EqualFold(a, word) }) {
				r.add(v.place, "it is allowed, too", "write it under allow: or under deny:")
				fits = false
			}
			e.Text, good = word, good && fits
		}
		if v := r.need(o, "kind", "write {text: Project Orchid, kind: person}"); v != nil {
			word, fits := r.word(v, "kind", TextKinds()...)
			e.Kind, good = word, good && fits
		}
		t.Deny, ok = append(t.Deny, e), ok && good && e.Text != "" && e.Kind != ""
	}
	return ok
}

// listed reads a word or phrase of a list, of at least so many letters and digits.
func (r reader) listed(n *node, least int) (string, bool) {
	word, ok := r.text(n, "a word or phrase")
	if ok && letters(word) < least {
		r.add(n.place, "no word or phrase", fmt.Sprintf("write at least %d letters or digits", least))
		return "", false
	}
	if ok && (strings.TrimSpace(word) != word || word == "" || len(word) > maxListed) {
		r.add(n.place, "no word or phrase", fmt.Sprintf("write 1 to %d bytes without spaces around them", maxListed))
		return "", false
	}
	return word, ok
}

// letters counts the letters and digits of a text; one of a script that needs fewer of them counts as two.
func letters(text string) (n int) {
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
			if r >= '\u2e80' {
				n++
			}
		}
	}
	return n
}

// maxListed bounds an entry of allow and deny.
const maxListed = 128

// spellText writes the parameters as a policy does; empty: they are what `text` means by itself.
func spellText(t *TextRule) string {
	parts := []string{"found: " + t.Found}
	if t.Names != NamesSome {
		parts = append(parts, "names: "+t.Names)
	}
	if len(t.Kinds) > 0 {
		kinds := make([]string, len(t.Kinds))
		for i, k := range t.Kinds {
			kinds[i] = k.Kind + ": " + k.Action
		}
		parts = append(parts, "kinds: {"+strings.Join(kinds, ", ")+"}")
	}
	if len(t.Allow) > 0 {
		parts = append(parts, fmt.Sprintf("allow: [%d entries]", len(t.Allow)))
	}
	if len(t.Deny) > 0 {
		parts = append(parts, fmt.Sprintf("deny: [%d entries]", len(t.Deny)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// compareText tells whether b tells more of a text than a does.
func compareText(a, b *TextRule) verdict {
	care := []string{NamesMost, NamesSome, NamesNone}
	v := larger(slices.Index(care, a.Names), slices.Index(care, b.Names))
	for _, kind := range TextKinds() {
		x, y := a.Action(kind), b.Action(kind)
		switch {
		case x == y:
		case y == Keep:
			v = v.and(tellsMore)
		case x == Keep:
			v = v.and(tellsLess)
		case x == Tag:
			v = v.and(tellsMore)
		case y == Tag:
			v = v.and(tellsLess)
		default:
			v = v.and(tellsOther)
		}
	}
	return v.and(subset(b.Deny, a.Deny)).and(subset(a.Allow, b.Allow))
}

func textSchema() schema {
	action, kinds := words(textActions()...), schema{}
	for _, k := range TextKinds() {
		kinds[k] = action
	}
	kinds[textURL] = words(append(textActions(), HostOnly)...)
	entry := schema{"type": "string", "minLength": 1, "maxLength": maxListed}
	return closed(schema{
		"found": about(words(Tag, Mask, Pseudonym, Surrogate), "what is done with what is found"), "kinds": about(closed(kinds), "what is done with a kind"),
		"mentions": kinds[textHandle], "urls": kinds[textURL], "names": about(words(NamesNone, NamesSome, NamesMost), "how eagerly names of persons are looked for"),
		"allow": about(schema{"type": "array", "items": entry}, "words that are nobody's"),
		"deny":  about(schema{"type": "array", "items": closed(schema{"text": entry, "kind": words(TextKinds()...)}, "text", "kind")}, "words that are always found"),
	})
}
