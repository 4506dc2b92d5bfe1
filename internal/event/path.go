// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// SegmentKind says what one step of a Path selects.
type SegmentKind uint8

const (
	Name    SegmentKind = iota // a member, case-sensitive, compared after unescaping
	Index                      // one array element
	Each                       // [*], every array element
	Members                    // .*, every member of an object (a deviation from RFC 9535's *)
	Descend                    // .., any number of steps
	Parent                     // ^, the enclosing object (relative paths only)
	Keys                       // ~ behind .*, the names of an object's members
	Decoded                    // {json}, the document inside a string; Name is how it is encoded
)

// Segment is one step of a Path.
type Segment struct {
	Kind  SegmentKind
	Name  string
	Index int
}

// Codecs are how a document can stand inside a string: JSON; JSON in base64; application/x-www-form-urlencoded.
var Codecs = []string{"json", "base64", "form"}

// Path selects fields of a payload: RFC 9535 with the deviations that docs/POLICY.md lists.
type Path []Segment

// ParsePath reads "$.a['b c'][0].c[*]", or the same without "$" for a path relative to an object.
// Parent steps ("^.id") are accepted at the start of relative paths only.
func ParsePath(s string) (p Path, relative bool, err error) {
	rest := s
	if strings.HasPrefix(s, "$") {
		rest = s[1:]
	} else {
		relative = true
		for strings.HasPrefix(rest, "^") {
			p = append(p, Segment{Kind: Parent})
			rest = strings.TrimPrefix(rest[1:], ".")
		}
		if rest != "" && rest[0] != '[' && rest[0] != '.' {
			rest = "." + rest
		}
	}
	for rest != "" {
		var seg Segment
		seg, rest, err = parseSegment(rest)
		if err != nil {
			return nil, relative, fmt.Errorf("path %q: %w", s, err)
		}
		if n := len(p); n > 0 && p[n-1].Kind == Descend && seg.Kind != Name {
			return nil, relative, fmt.Errorf("path %q: `..` needs a name after it", s)
		}
		if n := len(p); seg.Kind == Keys && (n == 0 || p[n-1].Kind != Members) {
			return nil, relative, fmt.Errorf("path %q: `~` stands behind `.*`", s)
		}
		p = append(p, seg)
		if seg.Kind == Descend && rest != "" && rest[0] != '[' {
			rest = "." + rest
		}
	}
	if len(p) > 0 && p[len(p)-1].Kind == Descend {
		return nil, relative, fmt.Errorf("path %q: `..` needs a name after it", s)
	}
	return p, relative, nil
}

func parseSegment(s string) (Segment, string, error) {
	switch {
	case strings.HasPrefix(s, ".."):
		return Segment{Kind: Descend}, s[2:], nil
	case strings.HasPrefix(s, ".*"):
		return Segment{Kind: Members}, s[2:], nil
	case s[0] == '~':
		return Segment{Kind: Keys}, s[1:], nil
	case s[0] == '{':
		for _, codec := range Codecs {
			if rest, ok := strings.CutPrefix(s, "{"+codec+"}"); ok {
				return Segment{Kind: Decoded, Name: codec}, rest, nil
			}
		}
		return Segment{}, "", fmt.Errorf("`{` begins the way into a document inside a string: {json}, {base64} or {form}")
	case s[0] == '.':
		end := strings.IndexAny(s[1:], ".[{")
		if end < 0 {
			end = len(s) - 1
		}
		name := s[1 : 1+end]
		if name == "" {
			return Segment{}, "", fmt.Errorf("an empty name; write ['']")
		}
		if !plainName(name) {
			return Segment{}, "", fmt.Errorf("the name %q needs quotes: ['…']", name)
		}
		return Segment{Name: name}, s[1+end:], nil
	case strings.HasPrefix(s, "[*]"):
		return Segment{Kind: Each}, s[3:], nil
	case strings.HasPrefix(s, "['"), strings.HasPrefix(s, `["`):
		return parseQuoted(s)
	case s[0] == '[':
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return Segment{}, "", fmt.Errorf("`[` is not closed")
		}
		digits := s[1:end]
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 || strconv.Itoa(n) != digits {
			return Segment{}, "", fmt.Errorf("[%s] is no index; use [0], [*] or ['name']", digits)
		}
		return Segment{Kind: Index, Index: n}, s[end+1:], nil
	}
	return Segment{}, "", fmt.Errorf("expected `.` or `[` before %q", s)
}

func parseQuoted(s string) (Segment, string, error) {
	quote := s[1]
	var name strings.Builder
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == quote || s[i+1] == '\\'):
			i++
			name.WriteByte(s[i])
		case s[i] == quote:
			if i+1 >= len(s) || s[i+1] != ']' {
				return Segment{}, "", fmt.Errorf("a quoted name must end with %c]", quote)
			}
			return Segment{Name: name.String()}, s[i+2:], nil
		default:
			name.WriteByte(s[i])
		}
	}
	return Segment{}, "", fmt.Errorf("a quoted name is not closed")
}

// String gives the canonical absolute spelling.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for i, s := range p {
		switch s.Kind {
		case Name:
			if plainName(s.Name) {
				if i == 0 || p[i-1].Kind != Descend {
					b.WriteByte('.')
				}
				b.WriteString(s.Name)
			} else {
				b.WriteString("['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s.Name) + "']")
			}
		case Index:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case Each:
			b.WriteString("[*]")
		case Members:
			b.WriteString(".*")
		case Descend:
			b.WriteString("..")
		case Parent:
			b.WriteString("^")
		case Keys:
			b.WriteString("~")
		case Decoded:
			b.WriteString("{" + s.Name + "}")
		}
	}
	return b.String()
}

// MarshalText gives the canonical spelling.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// plainName tells whether a name can stand without quotes.
func plainName(s string) bool {
	word := s != ""
	for i := 0; word && i < len(s); i++ { // nearly all names are words
		c := s[i]
		word = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	if word {
		return true
	}
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return strings.ContainsRune(`.[]{}~'"*^\`, r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}

// Join appends q to p in a new path. Parent steps of q climb to the enclosing object: past array elements, members of maps
// and documents inside strings too.
// It reports false when they climb above the root.
func (p Path) Join(q Path) (Path, bool) {
	base := p
	for len(q) > 0 && q[0].Kind == Parent {
		for len(base) > 0 && base[len(base)-1].Kind != Name {
			base = base[:len(base)-1]
		}
		if len(base) == 0 {
			return nil, false
		}
		base, q = base[:len(base)-1], q[1:]
	}
	out := make(Path, 0, len(base)+len(q))
	return append(append(out, base...), q...), true
}

// Matches tells whether the pattern p selects the place q. Where q itself has a wildcard
// ([*], .*), only the same wildcard (or `..` of p) covers it.
func (p Path) Matches(q Path) bool {
	if len(p) == 0 {
		return len(q) == 0
	}
	if p[0].Kind == Descend {
		for i := 0; i <= len(q); i++ {
			if p[1:].Matches(q[i:]) {
				return true
			}
		}
		return false
	}
	if len(q) == 0 {
		return false
	}
	a, b := p[0], q[0]
	switch a.Kind {
	case Name, Index, Keys, Decoded:
		if a != b {
			return false
		}
	case Each:
		if b.Kind != Each && b.Kind != Index {
			return false
		}
	case Members:
		if b.Kind != Members && b.Kind != Name {
			return false
		}
	default:
		return false
	}
	return p[1:].Matches(q[1:])
}
