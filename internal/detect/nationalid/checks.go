// SPDX-License-Identifier: Apache-2.0

package nationalid

// number reads the digits of [from, to).
func (v *value) number(from, to int) int {
	n := 0
	for _, s := range v.sym[from:to] {
		n = n*10 + int(s)
	}
	return n
}

// alike reports a value of one symbol repeated, which authorities do not issue though most sums hold for it.
func (v *value) alike() bool {
	for _, s := range v.sym[1:v.n] {
		if s != v.sym[0] {
			return false
		}
	}
	return true
}

// weigh sums the first symbols by weights.
func weigh(v *value, weights []int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(v.sym[i])
	}
	return sum
}

// complement wants the symbol after the weighted ones to fill the sum up to a multiple of mod; a 10 is written as ten, -1: never.
func complement(mod, ten int, weights ...int) check {
	return func(v value) bool {
		c := (mod - weigh(&v, weights)%mod) % mod
		if c == 10 {
			c = ten
		}
		return c == int(v.sym[len(weights)]) && !v.alike()
	}
}

// remainder wants the symbol after the weighted ones to be the sum modulo mod; a 10 is written as ten, -1: never.
func remainder(mod, ten int, weights ...int) check {
	return func(v value) bool {
		c := weigh(&v, weights) % mod
		if c == 10 {
			c = ten
		}
		return c == int(v.sym[len(weights)]) && !v.alike()
	}
}

// divides wants the weighted sum to be a multiple of mod.
func divides(mod int, weights ...int) check {
	return func(v value) bool { return weigh(&v, weights)%mod == 0 && !v.alike() }
}

// letter wants the last symbol to be the one of a list at the weighted sum modulo the list's length.
func letter(list string, weights ...int) check {
	return func(v value) bool {
		return symbols[list[weigh(&v, weights)%len(list)]]-1 == v.sym[v.n-1]
	}
}

// indexOf gives the place of a symbol in a list, or a number past its end.
func indexOf(list string, s byte) int {
	for i := range len(list) {
		if symbols[list[i]]-1 == s {
			return i
		}
	}
	return len(list)
}

// every wants all checks to hold.
func every(checks ...check) check {
	return func(v value) bool {
		for _, c := range checks {
			if !c(v) {
				return false
			}
		}
		return true
	}
}

// either wants one check to hold.
func either(checks ...check) check {
	return func(v value) bool {
		for _, c := range checks {
			if c(v) {
				return true
			}
		}
		return false
	}
}

// part shows a check the symbols of [from, to) only.
func part(from, to int, c check) check {
	return func(v value) bool {
		short := value{n: to - from}
		copy(short.sym[:], v.sym[from:to])
		return c(short)
	}
}

// luhn is ISO/IEC 7812-1 annex B; letters count as 10 to 35.
func luhn(v value) bool {
	sum := 0
	for i := range v.n {
		d := int(v.sym[v.n-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 && !v.alike()
}

// mod1110 is ISO/IEC 7064 MOD 11,10.
func mod1110(v value) bool {
	p := 10
	for _, s := range v.sym[:v.n-1] {
		if p = (p + int(s)) % 10; p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return (11-p)%10 == int(v.sym[v.n-1]) && !v.alike()
}

var (
	verhoeffMultiply = [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	verhoeffPermute  = [8]string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
)

// verhoeff is the dihedral check of J. Verhoeff, 1969.
func verhoeff(v value) bool {
	c := byte(0)
	for i := range v.n {
		p := verhoeffPermute[i%8][v.sym[v.n-1-i]] - '0'
		c = verhoeffMultiply[c][p] - '0'
	}
	return c == 0 && !v.alike()
}

// mrz is the check digit of machine readable documents, ICAO 9303 part 3.
func mrz(v value) bool {
	sum := 0
	for i, s := range v.sym[:v.n-1] {
		sum += int(s) * int("731"[i%3]-'0')
	}
	return sum%10 == int(v.sym[v.n-1])
}

// ymd wants a date in six digits from a place on, its month as it is or with one of the offsets added.
func ymd(at int, offsets ...int) check {
	return func(v value) bool { return dated(v.number(at+2, at+4), v.number(at+4, at+6), offsets) }
}

// dmy is ymd for days before months.
func dmy(at int, offsets ...int) check {
	return func(v value) bool { return dated(v.number(at+2, at+4), v.number(at, at+2), offsets) }
}

// dmyDay is dmy with an offset that may be added to the day, for one sex or people without a domestic number.
func dmyDay(at, offset int) check {
	return func(v value) bool {
		day := v.number(at, at+2)
		if day > offset {
			day -= offset
		}
		return dated(v.number(at+2, at+4), day, nil)
	}
}

// ymdDay is dmyDay for years first.
func ymdDay(at, offset int) check {
	return func(v value) bool {
		day := v.number(at+4, at+6)
		if day > offset {
			day -= offset
		}
		return dated(v.number(at+2, at+4), day, nil)
	}
}

func dated(month, day int, offsets []int) bool {
	for _, o := range offsets {
		if month > 12 && month > o && month <= o+12 {
			month -= o
		}
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= int("\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"[month-1])
}

// within wants the number at [from, to) to lie between least and most.
func within(from, to, least, most int) check {
	return func(v value) bool {
		n := v.number(from, to)
		return n >= least && n <= most
	}
}
