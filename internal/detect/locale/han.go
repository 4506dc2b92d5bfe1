// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// marks are the signs of an address in a run of Han and Kana: 省市区 of areas, 路街巷 of roads, 号楼室 of houses.
type marks struct {
	areas, roads, houses int
	numbered             bool // a house's sign or an area's stands beside a number
	province             bool
	start                int // of the first province
	first, last          int // the first sign, and the end of the last
}

// sign is what a letter of Han or Kana is in an address, and whether a term begins with it: bits.
type sign uint8

const (
	areaSign sign = 1 << iota
	roadSign
	houseSign
	numeralSign
	beginsTerm
)

// firstHan is the first letter that signs are known of.
const firstHan = 0x3000

// hanSigns gives the signs of U+3000 to U+9FFF.
func hanSigns() []sign {
	signs := make([]sign, 0xa000-firstHan)
	for s, letters := range map[sign]string{
		areaSign: "省市区區县縣郡都道府県町村镇鎮乡鄉州", roadSign: "路街巷弄道段丁胡里", houseSign: "号號楼樓座室栋棟层層番階幢户戶之目地", numeralSign: "一二三四五六七八九十百〇",
	} {
		for _, r := range letters {
			signs[r-firstHan] |= s
		}
	}
	return signs
}

// signs of a letter.
func (l *lexicon) signs(r rune) sign {
	if i := int(r) - firstHan; i >= 0 && i < len(l.han) {
		return l.han[i]
	}
	return 0
}

// note takes in a letter with signs at i.
func (m *marks) note(l *lexicon, b []byte, s sign, i, size int) {
	if s&houseSign != 0 {
		before, _ := utf8.DecodeLastRune(b[:i])
		if m.houses == 0 && !(i > 0 && (digit(b[i-1]) || letters[b[i-1]] != 0) || l.signs(before)&numeralSign != 0) {
			return
		}
		m.houses++
		m.numbered = true
	}
	m.roads += b2i(s&roadSign != 0)
	m.areas += b2i(s&areaSign != 0)
	if m.first < 0 {
		m.first = i
	}
	m.last = i + size
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// bridge passes over digits and a few letters within a run, such as 12, 3-4, A; it gives where they end.
func bridge(b []byte, i int) (next int, ok bool) {
	for next = i; next < len(b) && next < i+9 && (digit(b[next]) || letters[b[next]] != 0 || b[next] == '-' && next > i); {
		next++
	}
	return next, next > i && next < i+9
}

// bridged reports that what stands before i goes on a run that began before.
func bridged(b []byte, i int) bool {
	for limit := max(0, i-9); i > limit; {
		if digit(b[i-1]) || letters[b[i-1]] != 0 || b[i-1] == '-' {
			i--
			continue
		}
		r, _ := utf8.DecodeLastRune(b[:i])
		return dense(r)
	}
	return false
}

// address appends the address within the run from at to end.
func (m *marks) address(dst []span.Found, t *span.Text, at, end int) []span.Found {
	b := t.Bytes
	if m.first < 0 {
		return dst
	}
	stop, plain := trail(b, m.last, end)
	numbered := m.numbered || plain
	japanese := m.areas >= 2 && numbered || m.province && m.areas >= 1 && numbered && m.roads+m.houses+m.areas >= 2
	chinese := m.roads >= 1 && m.areas+b2i(m.province) >= 1 && numbered || m.roads >= 1 && m.houses >= 1
	if !japanese && !chinese {
		return dst
	}
	start := m.start
	if !m.province {
		start = led(b, at, m.first)
	}
	return append(dst, span.Found{Start: postalBefore(b, start), End: postalAfter(b, building(b, stop)), Kind: span.Address, Reason: span.Pattern, Score: .85})
}

// trail takes in the numbers after the last sign, and the letters between: 丸の内1-1.
func trail(b []byte, last, end int) (stop int, numbered bool) {
	stop = last
	for i := last; i < end && i < last+30; {
		if digit(b[i]) {
			next, _ := bridge(b, i)
			return next, true
		}
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return stop, false
}

// led gives where an address without a province begins: after the last word that leads to one.
func led(b []byte, at, first int) int {
	start := at
	for _, s := range []string{"在", "到", "于", "於", "址", "是", "往", "寄", "送", "は", "に", "が", "を", "へ", "所"} {
		if i := strings.LastIndex(string(b[max(at, first-60):first]), s); i >= 0 {
			start = max(start, max(at, first-60)+i+len(s))
		}
	}
	return start
}

// building takes in the name of a house after a space, up to its number: シティ土沢369.
func building(b []byte, i int) int {
	if i >= len(b) || b[i] != ' ' {
		return i
	}
	j := i + 1
	for limit := min(len(b), j+60); j < limit; {
		r, size := utf8.DecodeRune(b[j:])
		if digit(b[j]) && j > i+1 {
			end, _ := digits(b, j)
			return end
		}
		if !dense(r) {
			return i
		}
		j += size
	}
	return i
}

func postalBefore(b []byte, i int) int {
	j := i
	if j > 0 && b[j-1] == ' ' {
		j--
	}
	n := j
	for n > 0 && j-n < 9 && (digit(b[n-1]) || b[n-1] == '-') {
		n--
	}
	if j-n < 3 {
		return i
	}
	if literal(b, max(0, n-len("〒")), "〒") {
		n -= len("〒")
	}
	return n
}

func postalAfter(b []byte, i int) int {
	j := skip(b, i)
	if end, _ := digits(b, j); end-j == 6 && !inWord(b, end) {
		return end
	}
	return i
}
