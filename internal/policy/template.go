// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// templates reads how a composite value is put together: one text, or a list of which the first that fits counts.
func (r reader) templates(n *node) []Template {
	var out []Template
	for _, item := range r.list(n, "template") {
		text, ok := r.text(item, "template")
		if !ok {
			continue
		}
		t, what := parseTemplate(text)
		if what != "" {
			r.add(item.place, what, "write \"{group}_{object-id}\"")
			continue
		}
		out = append(out, t)
	}
	return out
}

// longestTemplate bounds the parts of a template.
const longestTemplate = 32

var templateWords = regexp.MustCompile(`^[A-Za-z0-9._-]+(\|[A-Za-z0-9._-]+)*$`)

// parseTemplate reads "{group}_{object-id}", or says what is wrong with it. Two parts need text between them that neither can hold.
func parseTemplate(text string) (t Template, wrong string) {
	identifiers, dropped := 0, 0
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open != 0 {
			if open < 0 {
				open = len(rest)
			}
			if strings.ContainsAny(rest[:open], "}") {
				return nil, fmt.Sprintf("template %q: `}` closes nothing", text)
			}
			t = append(t, TemplatePart{Literal: rest[:open]})
			rest = rest[open:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return nil, fmt.Sprintf("template %q: `{` is not closed", text)
		}
		if len(t) > 0 && t[len(t)-1].Kind != PartLiteral && rest[1:end] != "drop" {
			return nil, fmt.Sprintf("template %q: two parts without text between them cannot be told apart", text)
		}
		p, wrong := parsePart(rest[1:end])
		if wrong != "" {
			return nil, fmt.Sprintf("template %q: %s", text, wrong)
		}
		switch p.Kind {
		case PartIdentifier:
			identifiers++
		case PartDropped:
			dropped++
		}
		t = append(t, p)
		rest = rest[end+1:]
	}
	switch {
	case identifiers == 0:
		return nil, fmt.Sprintf("template %q names nothing", text)
	case dropped > 1:
		return nil, fmt.Sprintf("template %q drops more than one part", text)
	case dropped == 1 && t[len(t)-1].Kind != PartDropped:
		return nil, fmt.Sprintf("template %q: {drop} stands at the end", text)
	case len(t) > longestTemplate:
		return nil, fmt.Sprintf("template %q has more than %d parts", text, longestTemplate)
	}
	return t, ""
}

func parsePart(s string) (TemplatePart, string) {
	switch word, of, typed := strings.Cut(s, ":"); {
	case s == "host":
		return TemplatePart{Kind: PartHost}, ""
	case s == "drop":
		return TemplatePart{Kind: PartDropped}, ""
	case s == "plain":
		return TemplatePart{Kind: PartWord}, ""
	case typed && word == "plain" && of == "integer":
		return TemplatePart{Kind: PartInteger}, ""
	case typed && word == "plain" && templateWords.MatchString(of):
		return TemplatePart{Kind: PartWords, Words: strings.Split(of, "|")}, ""
	case !typed && Class(s).Identifier():
		return TemplatePart{Kind: PartIdentifier, Class: Class(s)}, ""
	}
	return TemplatePart{}, fmt.Sprintf("{%s} is no part; write a class of identifiers, plain, plain:integer, plain:word|word, host or drop", s)
}
