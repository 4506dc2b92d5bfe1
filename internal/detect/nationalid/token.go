// SPDX-License-Identifier: Apache-2.0

package nationalid

// maxBytes bounds how far a token is read.
const maxBytes = 56

// token is a run of groups of letters and digits, parted by the separators that identifiers are written with.
type token struct {
	value
	start   int
	ends    [maxSymbols]byte // where each symbol ends, from start on
	sep     [maxSymbols]byte // separator before each symbol, 0 for none
	seps    uint32           // symbols with one before
	letters uint32           // symbols that are letters
	lower   bool             // a letter of the first group is in lower case
	cuts    uint32           // counts of symbols at which a group ends
}

// read reads groups from at on. In a field, words in lower case join too.
func (t *token) read(b []byte, at int, field bool) {
	t.start = at
	stop := min(len(b), at+maxBytes)
	for i := at; t.n < maxSymbols; {
		before := t.n
		for i < stop && t.n < maxSymbols && symbols[b[i]] != 0 {
			s := symbols[b[i]] - 1
			if s > 9 {
				t.letters |= 1 << t.n
				t.lower = t.lower || b[i] >= 'a' && t.seps == 0
			}
			t.sym[t.n], t.ends[t.n] = s, byte(i+1-at)
			t.n++
			i++
		}
		if i < len(b) && symbols[b[i]] != 0 { // longer than any identifier
			t.n = before
			return
		}
		t.cuts |= 1 << (t.n - 1)
		next := joint(b, i, stop)
		if next == i || t.n == maxSymbols || !t.joins(b, i, next, stop, field) {
			return
		}
		t.sep[t.n], t.seps = b[i], t.seps|1<<t.n
		i = next
	}
}

// joint gives where the group after the separator at i begins; i where none can.
func joint(b []byte, i, stop int) int {
	if i+1 >= stop {
		return i
	}
	next := i + 1
	switch b[i] {
	case ' ':
		for next < stop && b[next] == ' ' && next < i+5 {
			next++
		}
		if next+1 < stop && (b[next] == '(' || b[next] == '[') {
			next++
		}
		if next+1 < stop && (b[next] == '/' || b[next] == '-') && b[next+1] == ' ' {
			next += 2
		}
	case '-', '/':
		if next+1 < stop && (b[next] == '-' || b[next] == ' ' && b[i] == '/') {
			next++
		}
	case '.', ':', '+', '(', '[':
	default:
		return i
	}
	if next >= stop || symbols[b[next]] == 0 {
		return i
	}
	return next
}

// joins reports whether the group at next may belong to the same identifier: digits may; over a space, letters only in upper case,
// and not more of them than an identifier has.
func (t *token) joins(b []byte, i, next, stop int, field bool) bool {
	if b[next] >= '0' && b[next] <= '9' {
		return b[i] != '+' || t.letters == 0 && (t.n == 6 || t.n == 8)
	}
	if b[i] == '+' || b[i] == ':' {
		return false
	}
	n, lower := 0, false
	for next+n < stop && symbols[b[next+n]] > 10 {
		lower = lower || b[next+n] >= 'a'
		n++
	}
	if next+n < stop && symbols[b[next+n]] != 0 { // letters and then digits
		return n <= 5 && (field || !lower)
	}
	return n <= 5 && (field || !lower || b[i] == '-')
}

// end gives where the first n symbols end.
func (t *token) end(n int) int { return t.start + int(t.ends[n-1]) }

// closed gives the end of the first n symbols, with a bracket that was opened among them.
func (t *token) closed(b []byte, n int) int {
	end := t.end(n)
	last := t.sep[n-1]
	if s := end - 2; last == ' ' && s >= 0 {
		last = b[s]
	}
	if (last == '(' || last == '[') && end < len(b) && (b[end] == ')' || b[end] == ']') {
		return end + 1
	}
	return end
}

// digits counts the digits of the first n symbols.
func (t *token) digits(n int) int { return n - ones(t.letters&(1<<n-1)) }
