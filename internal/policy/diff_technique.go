// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fate is what becomes of one leaf for one recipient; both nil: there is no such leaf.
type fate struct {
	leaf     *Leaf
	decision *Decision
}

func (f fate) leaves() bool {
	return f.decision != nil && f.decision.Technique.Name != "" && f.decision.Technique.Name != Drop
}

// difference says in words how a leaf leaves differently: recipient, prefix, fields, source, suffix.
type difference struct {
	direction      Direction
	prefix, suffix string
}

func (x difference) sentence(recipient, fields, source string, events []string) string {
	s := fmt.Sprintf("%s %s %s of %s", recipient, x.prefix, fields, source)
	if len(events) > 0 {
		s += " in " + strings.Join(events, ", ")
	}
	return s + " " + x.suffix
}

// differ tells whether and how a leaf leaves differently.
func differ(a, b fate) (difference, bool) {
	switch {
	case !a.leaves() && !b.leaves():
		return difference{}, false
	case !a.leaves():
		return difference{More, "now also receives", "as " + b.words()}, true
	case !b.leaves():
		return difference{Less, "no longer receives", "as " + a.words()}, true
	}
	change := fmt.Sprintf("as %s, no longer as %s", b.words(), a.words())
	switch compareTechniques(&a.decision.Technique, &b.decision.Technique) {
	case tellsMore:
		return difference{More, "receives more of", change}, true
	case tellsLess:
		return difference{Less, "receives less of", change}, true
	case tellsOther:
		return difference{More, "receives something else of", change}, true
	}
	switch {
	case rebuilt(b.decision) > rebuilt(a.decision):
		return difference{More, "receives", "as " + b.words() + " of each of its parts, no longer of the whole value"}, true
	case rebuilt(a.decision) > rebuilt(b.decision):
		return difference{Less, "receives", "as " + b.words() + " of the whole value, no longer of each of its parts"}, true
	}
	if !same(*a.leaf, *b.leaf, "Path", "Class", "Type", "Owner", "Same", "Alias", "Rule") {
		return difference{More, "receives", "as " + b.words() + ", which its pack describes differently: more may leave"}, true
	}
	if a.decision.Clear != b.decision.Clear {
		return difference{Other, "receives", fmt.Sprintf("as %s for another reason: %s", b.words(), b.decision.Clear)}, true
	}
	return difference{}, false
}

// words says what a leaf is and how it leaves: "text (keep)".
func (f fate) words() string {
	class := string(f.leaf.Class)
	if f.leaf.Container {
		class = "a whole"
	}
	return class + " (" + SpellTechnique(&f.decision.Technique) + ")"
}

// SpellTechnique writes a technique as a policy does.
func SpellTechnique(t *Technique) string {
	in := func(format string, args ...any) string {
		return "{" + t.Name + ": " + fmt.Sprintf(format, args...) + "}"
	}
	switch {
	case t.Name == Keep && t.Type != nil:
		return in("%s", spellType(t.Type))
	case t.Name == Seal && t.Deterministic:
		return in("{deterministic: true}")
	case t.Name == Mask:
		return in("{keep: %d, at: %s}", t.Keep, t.At)
	case t.Name == Truncate && t.Keep > 0:
		return in("{keep: %d}", t.Keep)
	case t.Name == Truncate:
		return in("{ipv4: %d, ipv6: %d}", t.IPv4, t.IPv6)
	case t.Name == Round && t.Grid > 0:
		return in("%skm", strconv.FormatFloat(t.Grid, 'f', -1, 64))
	case t.Name == Round:
		return in("{places: %d}", t.Places)
	case t.Name == Bucket:
		bounds := make([]string, len(t.Bounds))
		for i, b := range t.Bounds {
			bounds[i] = strconv.FormatFloat(b, 'f', -1, 64)
		}
		return in("[%s]", strings.Join(bounds, ", "))
	case t.Name == FPE:
		return in("%s", t.Alphabet)
	case t.Name == Time && t.Shift:
		return in("shift")
	case t.Name == Time && t.Step > 0:
		steps := map[string]string{"1h": "hour", "1d": "day", "7d": "week"}
		return in("%s", steps[days(t.Step)])
	case t.Name == InText && t.Text != nil:
		return in("%s", spellText(t.Text))
	case t.Name == Replace && t.Value != nil:
		return in("{value: %s}", spellLiteral(*t.Value))
	}
	return t.Name
}

func spellType(t *Type) string {
	var parts []string
	kinds := map[TypeKind]string{TypeInteger: "integer", TypeNumber: "number", TypeBoolean: "boolean"}
	if word, bare := kinds[t.Kind]; bare {
		if len(t.Or) == 0 && !t.Nullable {
			return word
		}
		parts = append(parts, "type: "+word)
	}
	if len(t.Enum) > 0 {
		parts = append(parts, "enum: ["+strings.Join(t.Enum, ", ")+"]")
	}
	if t.Pattern != "" {
		parts = append(parts, "pattern: "+strconv.Quote(t.Pattern))
	}
	if t.Max > 0 {
		parts = append(parts, fmt.Sprintf("max: %d", t.Max))
	}
	if len(t.Or) > 0 {
		words := make([]string, len(t.Or))
		for i, l := range t.Or {
			words[i] = spellLiteral(l)
		}
		parts = append(parts, "or: ["+strings.Join(words, ", ")+"]")
	}
	if t.Nullable {
		parts = append(parts, "nullable: true")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func spellLiteral(l Literal) string {
	if l.Kind == String {
		return strconv.Quote(l.Text)
	}
	return l.Text
}

// verdict is how much a technique tells beside another.
type verdict uint8

const (
	tellsSame verdict = iota
	tellsLess
	tellsMore
	tellsOther // something else: neither is weaker
)

// and joins what two parameters say.
func (v verdict) and(w verdict) verdict {
	switch {
	case v == tellsSame:
		return w
	case w == tellsSame, v == w:
		return v
	}
	return tellsOther
}

// What a technique tells of a value. One that tells all that another does, and more, is the weaker of the two.
const (
	tellsThere = 1 << iota // that there is a value
	tellsEqual             // which values are equal
	tellsPart              // a part of it, or about how much
	tellsOpen              // all of it, once somebody may open it
	tellsAll               // all of it
)

func tells(t *Technique) int {
	switch t.Name {
	case "", Drop:
		return 0
	case Blank, Replace, Presence:
		return tellsThere
	case Pseudonym:
		return tellsThere | tellsEqual
	case Seal:
		if t.Deterministic {
			return tellsThere | tellsOpen | tellsEqual
		}
		return tellsThere | tellsOpen
	case FPE:
		return tellsThere | tellsOpen | tellsEqual | tellsPart // its length and alphabet
	case Keep:
		return tellsThere | tellsEqual | tellsPart | tellsOpen | tellsAll
	}
	return tellsThere | tellsPart
}

// compareTechniques tells whether b tells more of a value than a does.
func compareTechniques(a, b *Technique) verdict {
	if a.Name == b.Name {
		return compareParameters(a, b)
	}
	switch x, y := tells(a), tells(b); {
	case x == y && x == tellsThere:
		return tellsSame
	case x == y, x&^y != 0 && y&^x != 0:
		return tellsOther
	case x&^y == 0:
		return tellsMore
	}
	return tellsLess
}

func compareParameters(a, b *Technique) verdict {
	v := tellsSame
	switch a.Name {
	case Keep:
		v = compareTypes(a.Type, b.Type)
	case Seal:
		v = wider(a.Deterministic, b.Deterministic)
	case Mask:
		v = larger(a.Keep, b.Keep)
		if a.At != b.At {
			v = tellsOther
		}
	case Truncate:
		v = larger(a.Keep, b.Keep).and(larger(a.IPv4, b.IPv4)).and(larger(a.IPv6, b.IPv6))
	case Round:
		v = larger(a.Places, b.Places)
		if a.Grid > 0 && b.Grid > 0 {
			v = larger(b.Grid, a.Grid)
		} else if a.Grid != b.Grid {
			v = tellsOther
		}
	case InText:
		v = compareText(a.Text, b.Text)
	case Bucket:
		v = subset(a.Bounds, b.Bounds)
	case Time:
		v = larger(b.Step, a.Step)
		if a.Step != b.Step && (a.Step == 0 || b.Step == 0) {
			v = tellsOther
		}
	case Replace:
	}
	if !same(*a, *b, "Type", "Deterministic", "Keep", "At", "IPv4", "IPv6", "Places", "Grid", "Bounds", "Step", "Value", "Text") {
		return tellsOther
	}
	return v
}

func larger[T int | float64 | ~int64](a, b T) verdict {
	switch {
	case b > a:
		return tellsMore
	case b < a:
		return tellsLess
	}
	return tellsSame
}

func wider(a, b bool) verdict {
	switch {
	case b && !a:
		return tellsMore
	case a && !b:
		return tellsLess
	}
	return tellsSame
}

func subset[T comparable](a, b []T) verdict {
	has := func(in, all []T) bool {
		return !slices.ContainsFunc(in, func(v T) bool { return !slices.Contains(all, v) })
	}
	switch in, out := has(a, b), has(b, a); {
	case in && out:
		return tellsSame
	case in:
		return tellsMore
	case out:
		return tellsLess
	}
	return tellsOther
}

// compareTypes tells whether values of type b are more than those of type a.
func compareTypes(a, b *Type) verdict {
	if a == nil || b == nil {
		if a == b {
			return tellsSame
		}
		return tellsOther
	}
	v := wider(a.Nullable, b.Nullable).and(wider(a.Text, b.Text)).and(subset(a.Or, b.Or))
	switch {
	case a.Kind == TypeInteger && b.Kind == TypeNumber:
		return v.and(tellsMore)
	case a.Kind == TypeNumber && b.Kind == TypeInteger:
		return v.and(tellsLess)
	case a.Kind != b.Kind:
		return tellsOther
	}
	v = v.and(subset(a.Enum, b.Enum))
	switch {
	case a.Pattern == b.Pattern:
	case b.Pattern == "":
		v = v.and(tellsMore)
	case a.Pattern == "":
		v = v.and(tellsLess)
	default:
		return tellsOther
	}
	limit := func(t *Type) int {
		if t.Max == 0 {
			return maxText + 1
		}
		return t.Max
	}
	return v.and(larger(limit(a), limit(b)))
}

// rebuilt counts the templates whose parts get pseudonyms.
func rebuilt(d *Decision) int {
	n := 0
	for _, yes := range d.Rebuild {
		if yes {
			n++
		}
	}
	return n
}
