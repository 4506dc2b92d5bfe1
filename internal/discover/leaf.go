// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// owned are the classes of leaves that belong to the person in whose object they stand.
var owned = map[policy.Class]bool{
	policy.Handle: true, policy.PersonName: true, policy.Email: true, policy.Phone: true, policy.Postal: true, policy.IP: true, policy.Device: true, policy.Cookie: true, policy.Avatar: true,
	policy.Geo: true, policy.Locale: true, policy.Birth: true, policy.Age: true, policy.Gender: true, policy.Text: true, policy.URL: true, policy.Special: true, policy.Health: true,
	policy.Finance: true, policy.Government: true, policy.Hashed: true, policy.Free: true,
}

// leafText writes what a leaf is, as the pack's language has it. The nodes are its places, n the one that decided.
func (w *packWriter) leafText(nodes []*node, n *node, v verdict, f frame) string {
	all := newStats()
	for _, m := range nodes {
		all.merge(m.leaf)
	}
	var more []string
	switch v.class {
	case policy.Plain:
		return plainText(all, n)
	case policy.Times:
		switch {
		case all.share(rubyDate) > 0.5:
			more = append(more, "format: ruby")
		case all.share(webDate) > 0.5:
			more = append(more, "format: http")
		case all.share(day) > 0.5:
			more = append(more, "format: date")
		}
	case policy.Geo:
		if all.strings > all.empty || v.form == "text" || all.present() == 0 {
			more = append(more, "form: text")
		}
	case policy.Text:
		if all.share(markup) >= 0.2 {
			more = append(more, "markup: html")
		}
	}
	if owned[v.class] && f.owner != nil && !slices.Equal(f.owner, f.path) {
		more = append(more, "of: "+yamlFlow(relative(f.owner, f.absolute)))
	}
	if t := w.in.template(n); t != "" && v.class.Identifier() {
		more = append(more, "template: "+t)
	}
	if len(more) == 0 {
		return string(v.class)
	}
	return "{class: " + string(v.class) + ", " + strings.Join(more, ", ") + "}"
}

// yamlFlow quotes a path where it stands inside braces.
func yamlFlow(s string) string {
	if bareName.MatchString(s) {
		return s
	}
	return quoted(s)
}

// plainText writes the type of a plain leaf: as narrow as what was seen and its name allow.
func plainText(s *stats, n *node) string {
	var typ string
	var or []string
	switch {
	case s.bools > 0 && s.bools >= s.strings-s.empty && s.bools >= s.numbers():
		typ = "boolean"
	case s.numbers() > 0 && s.numbers() >= s.strings-s.empty:
		if typ = "integer"; s.fractions > 0 {
			typ = "number"
		}
	default:
		typ = stringType(s, n)
		if s.empty > 0 && !strings.Contains(typ, `""`) {
			or = append(or, `""`)
		}
	}
	out := "{plain: " + typ
	if len(or) > 0 {
		out += ", or: [" + strings.Join(or, ", ") + "]"
	}
	if s.nulls > 0 {
		out += ", nullable: true"
	}
	return out + "}"
}

// fewWords is how many constants a pack lists; more become a pattern.
const fewWords = 24

func stringType(s *stats, n *node) string {
	if s.constants() && s.odd == 0 && len(s.words) <= fewWords && s.strings >= 2 {
		if words := frequentWords(s); len(words) == len(s.words) && isVocabulary(n) {
			if s.empty > 0 {
				words = append(words, "")
			}
			list := make([]string, len(words))
			for i, w := range words {
				list[i] = quoted(w)
			}
			return "{enum: [" + strings.Join(list, ", ") + "]}"
		}
	}
	pattern := `^[A-Za-z][A-Za-z0-9]*([_.:/+-][A-Za-z0-9]+){0,8}$`
	switch {
	case s.present() == 0:
		pattern = `^[a-z]+([_.-][a-z]+){0,4}$`
	case s.share(color) >= 0.9:
		pattern = `^#[0-9A-Fa-f]{3,8}$`
	case s.share(mime) >= 0.9:
		pattern = `^[a-z]+/[A-Za-z0-9.+_-]+$`
	case s.share(version, fraction, digits, cardinal) >= 0.9 && s.share(version) > 0:
		pattern = `^v?[0-9]+([.][0-9]+){0,3}([-+.][A-Za-z0-9.-]{1,20})?$`
	case s.share(digits, cardinal, fraction) >= 0.9:
		pattern = `^-?[0-9]{1,14}([.][0-9]{1,9})?$`
	case s.upper == 0 && s.marked == 0:
		pattern = `^[a-z]+([_.:/-][a-z]+){0,6}$`
	}
	limit := 64
	for limit < s.longest && limit < 512 {
		limit *= 2
	}
	return fmt.Sprintf("{pattern: %s, max: %d}", quoted(pattern), limit)
}

// isVocabulary tells whether a name says that its values are constants of the format, so that they may be listed.
func isVocabulary(n *node) bool {
	m := mean(n.label())
	return m.says == isWord && m.matched != "state"
}

// template proposes how a composite value is put together; "" where it is not.
func (in *inference) template(n *node) string {
	s := n.leaf
	if s.share(atURI) >= 0.9 && s.strings > s.empty {
		return `["at://{account}/{plain}/{object-id}", "at://{account}"]`
	}
	best, count := in.joined(n)
	if count*5 < s.present()*3 || count < 2 {
		return ""
	}
	return quoted(in.joinText(best))
}

// joined finds the most frequent way in which a value is put together.
func (in *inference) joined(n *node) (best join, most uint64) {
	for j, count := range n.leaf.joins {
		known := false
		for _, of := range j.of {
			known = known || of != nil && in.lendsPart(of.live())
		}
		if known && (count > most || count == most && in.joinText(j) < in.joinText(best)) {
			best, most = j, count
		}
	}
	return best, most
}

func (in *inference) lendsPart(n *node) bool {
	v, ok := in.verdicts[n]
	return ok && v.class.Identifier() && v.class != policy.URL && v.class != policy.Media && v.class != policy.Avatar
}

func (in *inference) joinText(j join) string {
	var b strings.Builder
	for i := range j.parts {
		if i > 0 {
			b.WriteByte(j.joint)
		}
		c := policy.ObjectID
		if j.of[i] != nil && in.lendsPart(j.of[i].live()) {
			c = in.verdicts[j.of[i].live()].class
		}
		b.WriteString("{" + string(c) + "}")
	}
	return b.String()
}

// sameAs finds the other spelling of an identifier: id beside id_str.
func (in *inference) sameAs(n *node) string {
	if n.step != memberStep || n.leaf.present() == 0 || !in.verdicts[n].class.Identifier() {
		return ""
	}
	base, ok := strings.CutSuffix(n.name, "_str")
	other := n.parent.members[base]
	if !ok || other == nil || other.leaf == nil || in.verdicts[other].class != in.verdicts[n].class || n.leaf.equal[other]*10 < n.leaf.present()*9 {
		return ""
	}
	return other.spelled()
}

// ownerOf gives the path of the person whose a leaf is, where its object is a person's.
func (w *packWriter) ownerOf(n *node) event.Path {
	if !owned[w.in.verdicts[n].class] {
		return nil
	}
	for at := n.around(); at != nil && at.step != innerStep; at = at.around() {
		h := at
		if h.objects == 0 {
			continue
		}
		if owner := w.owner([]*node{h}); owner != nil {
			return append(h.path(), owner...)
		}
	}
	return nil
}
