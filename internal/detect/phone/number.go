// SPDX-License-Identifier: Apache-2.0

package phone

const (
	maxDigits = 17 // 15 of E.164 behind the longest prefix for calls abroad
	maxGroups = 9
)

// number is a run of groups of digits as it is written.
type number struct {
	start  int
	digits [maxDigits]byte // 0 to 9
	groups [maxGroups]digitGroup
	size   int // groups
	plus   bool
	abroad bool // a "(0)" was left out: what is before it is a calling code
}

// digitGroup is digits that stand together.
type digitGroup struct {
	gap    byte // separator before: ' ', '-', '.', '/', 'w' for a wide one (" - "), ')' where only a parenthesis parts them; 0 for the first
	paren  bool // it stands in parentheses
	digits int8 // of the number, up to the end of this group
	end    int  // in the text, behind a closing parenthesis
}

// scan reads the number at b[at:], which is a digit, '+' or '('. It stops where the groups do and reports whether they can be one.
func (n *number) scan(b []byte, at int) bool {
	n.start = at
	i, open := at, false
	if b[i] == '(' {
		i, open = i+1, true
	}
	if i < len(b) && b[i] == '+' {
		n.plus = true
		if i++; i+1 < len(b) && (b[i] == ' ' || b[i] == '(' && !open) {
			open = open || b[i] == '('
			i++
		}
	}
	gap := byte(0)
	for n.size < maxGroups {
		end, ok := n.group(b, i, gap, open)
		if !ok {
			if full := end > i && end < len(b) && digit(b[end]); full {
				return n.withdraw(gap)
			}
			return n.size > 0
		}
		if open && b[end-1] != ')' { // the parenthesis holds two groups: "(06 1) 234"
			i, gap = end+1, b[end]
			continue
		}
		if i, gap, open = next(b, end); gap == 0 {
			return true
		}
	}
	return false
}

// withdraw gives up the groups behind the last space before a gap that was followed by too many digits: another number, unless
// this is a long one.
func (n *number) withdraw(gap byte) bool {
	if n.size == 0 || !n.plus && n.digits[0] != 0 {
		return false
	}
	for ; gap != ' ' && gap != 'w'; n.size-- {
		if n.size == 1 {
			return false
		}
		gap = n.groups[n.size-1].gap
	}
	return true
}

// group reads the digits at b[i:]. A zero in parentheses, which is dialed within the country only, is left out.
func (n *number) group(b []byte, i int, gap byte, open bool) (end int, ok bool) {
	have := 0
	if n.size > 0 {
		have = int(n.groups[n.size-1].digits)
	}
	first := have
	for ; i < len(b) && digit(b[i]); i++ {
		if have == maxDigits {
			return i, false
		}
		n.digits[have] = b[i] - '0'
		have++
	}
	if open {
		switch {
		case have-first > 5 || i == len(b):
			return i, false
		case b[i] == ')':
			i++
		case b[i] != ' ' && b[i] != '-' || !closes(b, i+1) || have == first:
			return i, false
		}
	}
	if have == first {
		return i, false
	}
	if open && b[i-1] == ')' && have == first+1 && n.digits[first] == 0 && n.size > 0 {
		n.abroad = true
		n.groups[n.size-1].end = i
		return i, true
	}
	n.groups[n.size] = digitGroup{gap: gap, paren: open, digits: int8(have), end: i}
	n.size++
	return i, true
}

// next gives where the group after b[end-1] begins and how it is parted; gap 0 means that none follows.
func next(b []byte, end int) (i int, gap byte, open bool) {
	i = end
	if b[end-1] == ')' {
		gap = ')'
	}
	if i < len(b) && (b[i] == '-' || b[i] == '.' || b[i] == '/' || b[i] == ' ') {
		gap = b[i]
		if i++; gap == ' ' && i+1 < len(b) && (b[i] == '-' || b[i] == '/') && b[i+1] == ' ' {
			gap, i = 'w', i+2
		}
	}
	if i < len(b) && b[i] == '(' && gap != ')' {
		i, open = i+1, true
		if gap == 0 {
			gap = ')'
		}
	}
	if gap == 0 || i >= len(b) || !digit(b[i]) {
		return end, 0, false
	}
	return i, gap, open
}

func digit(c byte) bool { return c-'0' < 10 }

func letter(c byte) bool { return c|0x20-'a' < 26 }

// len gives the digits of group g.
func (n *number) len(g int) int { return int(n.groups[g].digits) - n.before(g) }

// before gives how many digits precede group g.
func (n *number) before(g int) int {
	if g == 0 {
		return 0
	}
	return int(n.groups[g-1].digits)
}

// value is group g as a number.
func (n *number) value(g int) int {
	v := 0
	for _, d := range n.digits[n.before(g):n.groups[g].digits] {
		v = v*10 + int(d)
	}
	return v
}

// parted reports whether a gap parts all groups of the first size ones.
func (n *number) parted(by byte, size int) bool {
	for _, g := range n.groups[1:size] {
		if g.gap != by {
			return false
		}
	}
	return size > 1
}

// sized reports whether the first groups have these lengths, and there are no others.
func (n *number) sized(size int, lengths ...int) bool {
	if size != len(lengths) {
		return false
	}
	for g, want := range lengths {
		if n.len(g) != want {
			return false
		}
	}
	return true
}
