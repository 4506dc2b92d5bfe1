// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

var postalCue = sync.OnceValue(func() span.Cue { return span.Cues().Must("postal") })

// boxed reads a post office box, and military mail: PSC 7951, Box 9972, APO AA 69974.
func (l *lexicon) boxed(b []byte, n number) (site, bool) {
	s := site{end: n.end}
	if n.start < 3 {
		return s, false
	}
	start, h := leadBefore(b, n.start)
	if h == 0 {
		return s, false
	}
	if l.words.at(h)&lead != 0 {
		if at, ok := l.led(b, start, h, boxLead); ok {
			s.start, s.proof = at, byStreet
			if upperWord(b, at) || n.start-at > 4 {
				s.end = insideBox(b, n.end)
				return s, true
			}
			return s, false
		}
	}
	if (literal(b, start, "Unit ") || literal(b, start, "unit ")) && insideBox(b, n.end) > n.end {
		s.start, s.end, s.proof = start, insideBox(b, n.end), byStreet
		return s, true
	}
	return military(b, n, start)
}

// upperWord reports that short words for boxes are written in capitals.
func upperWord(b []byte, i int) bool {
	return upper(b, i) && (upper(b, i+1) || i+1 < len(b) && b[i+1] == '.')
}

// insideBox takes in the box of a military unit after i.
func insideBox(b []byte, i int) int {
	j := i
	for j < len(b) && j < i+2 && (b[j] == ',' || b[j] == ' ') {
		j++
	}
	if !literal(b, j, "Box ") && !literal(b, j, "box ") && !literal(b, j, "BOX ") {
		return i
	}
	end, _ := digits(b, j+4)
	return pick(end > j+4, end, i)
}

// military reads the postal code of a post office of the United States' forces, with the ship or the box on the line before.
func military(b []byte, n number, start int) (site, bool) {
	s := site{end: n.end, proof: byStreet}
	if n.len() != 5 || n.start-start != 3 || start < 4 || b[start-1] != ' ' {
		return s, false
	}
	s.start = start - 4
	switch lowered(b[s.start]) + lowered(b[s.start+1]) + lowered(b[s.start+2]) {
	case "apo", "fpo", "dpo":
	default:
		return s, false
	}
	switch lowered(b[start]) + lowered(b[start+1]) {
	case "aa", "ae", "ap":
	default:
		return s, false
	}
	line := s.start - 1
	if line < 1 || b[line] != '\n' && b[line] != ' ' {
		return s, true
	}
	for i := line - 1; i >= 0 && line-i < 40 && b[i] != '\n'; i-- {
		if (literal(b, i, "US") || literal(b, i, "us")) && (i == 0 || !inWord(b, i-1)) && i+3 < len(b) && letters[b[i+2]] != 0 {
			s.start = i
			break
		}
	}
	return s, true
}

// lowered gives an ASCII letter in lower case as a string, without allocating.
func lowered(c byte) string { return "abcdefghijklmnopqrstuvwxyz "[alphabet(c) : alphabet(c)+1] }

func alphabet(c byte) int {
	if letters[c] == 0 {
		return 26
	}
	return int(letters[c] - 'a')
}
