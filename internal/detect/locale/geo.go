// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

var geoCue = sync.OnceValue(func() span.Cue { return span.Cues().Must("geo") })

// angle is one coordinate.
type angle struct {
	start, end int
	whole      int  // degrees without sign
	decimals   int  // digits after the point
	axis       byte // 'N' latitude, 'E' longitude, 0 unknown
	degrees    bool // written with signs for degrees or minutes
	signed     bool
	zero       bool // nothing after the whole degrees
}

// coordinates reads latitude and longitude from the first one's number on; a cue word lets one of them stand alone.
func coordinates(t *span.Text, n number) (span.Found, bool) {
	b := t.Bytes
	if n.len() > 3 || !fraction(b, n.end) {
		return span.Found{}, false
	}
	first, ok := readAngle(b, n.start, true)
	if !ok {
		return span.Found{}, false
	}
	found := span.Found{Start: first.start, End: first.end, Kind: span.Geo, Reason: span.Pattern, Score: .9}
	second, ok := readAngle(b, between(b, first.end), false)
	if ok && pair(first, second) {
		found.End = second.end
		if !first.degrees && first.decimals == 3 && second.decimals == 3 && !first.signed && !second.signed {
			found.Score = .45
		}
		if t.Near(geoCue(), found.Start, found.End, 24) {
			found.Reason, found.Score = span.Pattern|span.Context, .95
		}
		return found, true
	}
	if first.decimals < 3 && first.axis == 0 || first.whole > 180 || first.axis == 'N' && first.whole > 90 {
		return found, false
	}
	found.Reason, found.Score = span.Pattern|span.Context, .8
	return found, t.Before(geoCue(), first.start, 12)
}

// fraction reports that three decimals or a sign of degrees follow.
func fraction(b []byte, i int) bool {
	if i+2 > len(b) {
		return false
	}
	if b[i] == '.' || b[i] == ',' {
		return digitAt(b, i+1) && digitAt(b, i+2) && (digitAt(b, i+3) || degreeAt(b, i+3) > 0) || digitAt(b, i+1) && degreeAt(b, i+2) > 0
	}
	return degreeAt(b, i) > 0
}

// degreeAt gives the length of a sign of degrees, with a space before it.
func degreeAt(b []byte, i int) int {
	for _, s := range []string{"°", " °", "º", "deg"} {
		if literal(b, i, s) {
			return len(s)
		}
	}
	return 0
}

func minuteAt(b []byte, i int) int {
	for _, s := range []string{"′", "'", "’", "´"} {
		if literal(b, i, s) {
			return len(s)
		}
	}
	return 0
}

func secondAt(b []byte, i int) int {
	for _, s := range []string{"″", "\"", "''", "′′", "”"} {
		if literal(b, i, s) {
			return len(s)
		}
	}
	return 0
}

// readAngle reads a coordinate whose digits, sign or letter begin at i. Of the first one, what stands before is looked at.
func readAngle(b []byte, i int, first bool) (angle, bool) {
	a := angle{start: i}
	if first {
		a.lead(b)
	} else {
		i = a.head(b, i)
	}
	end, whole := digits(b, i)
	if end == i || end-i > 3 || whole > 180 {
		return a, false
	}
	a.whole = whole
	end = a.decimal(b, end)
	if size := degreeAt(b, end); size > 0 {
		a.degrees = true
		end = a.minutes(b, end+size)
	}
	a.end = a.hemisphere(b, end)
	return a, !(a.end < len(b) && (letters[b[a.end]] != 0 || digit(b[a.end]) || b[a.end] == '.' && digitAt(b, a.end+1)))
}

// lead takes in a sign or a hemisphere's letter before the first coordinate.
func (a *angle) lead(b []byte) {
	i := a.start
	if i > 0 && (b[i-1] == '-' || b[i-1] == '+') && !(i > 1 && (digit(b[i-2]) || letters[b[i-2]] != 0)) {
		a.start, a.signed = i-1, true
		return
	}
	if i > 1 && b[i-1] == ' ' && (i == 2 || letters[b[i-3]] == 0) {
		if axis := axisOf(b[i-2]); axis != 0 && b[i-2] < 'a' {
			a.start, a.axis = i-2, axis
		}
	}
}

// head reads a sign or a letter at i and gives where the digits begin.
func (a *angle) head(b []byte, i int) int {
	if i < len(b) && axisOf(b[i]) != 0 && b[i] < 'a' {
		a.axis = axisOf(b[i])
		i = skip(b, i+1)
	}
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		a.signed = true
		i++
	}
	return i
}

func axisOf(c byte) byte {
	switch c {
	case 'N', 'S', 'n', 's':
		return 'N'
	case 'E', 'W', 'O', 'e', 'w', 'o':
		return 'E'
	}
	return 0
}

func (a *angle) decimal(b []byte, i int) int {
	if i < len(b) && (b[i] == '.' || b[i] == ',') && digitAt(b, i+1) {
		end, _ := digits(b, i+1)
		a.decimals = end - i - 1
		return end
	}
	a.zero = true
	return i
}

// minutes reads what follows a sign of degrees.
func (a *angle) minutes(b []byte, i int) int {
	for _, sign := range []func([]byte, int) int{minuteAt, secondAt} {
		j := skip(b, i)
		end, value := digits(b, j)
		if end == j || end-j > 2 || value > 60 {
			return i
		}
		if end < len(b) && b[end] == '.' && digitAt(b, end+1) {
			end, _ = digits(b, end+1)
		}
		size := sign(b, end)
		if size == 0 {
			return i
		}
		i = end + size
	}
	return i
}

func (a *angle) hemisphere(b []byte, i int) int {
	j := skip(b, i)
	if j >= len(b) || axisOf(b[j]) == 0 || j+1 < len(b) && (letters[b[j+1]] != 0 || b[j+1] == '\'') {
		return i
	}
	if !a.degrees && (a.decimals < 3 || b[j] >= 'a') {
		return i
	}
	a.axis = axisOf(b[j])
	return j + 1
}

// between passes over what stands between two coordinates: separators and the second one's name.
func between(b []byte, i int) int {
	for limit := min(len(b), i+3); i < limit && strings.IndexByte(" ,;/|&", b[i]) >= 0; {
		i++
	}
	for _, s := range []string{"longitude", "long", "lon", "lng", "lg", "longitud", "longitudine", "Longitude", "Long", "Lon", "Lng"} {
		if literal(b, i, s) && !inWord(b, i+len(s)) {
			i += len(s)
			break
		}
	}
	for limit := min(len(b), i+3); i < limit && strings.IndexByte(" :=", b[i]) >= 0; {
		i++
	}
	return i
}

// pair reports that two coordinates are a latitude and a longitude, each exact enough.
func pair(lat, lon angle) bool {
	if lat.axis == 'E' && lon.axis == 'N' {
		lat, lon = lon, lat
	}
	if lat.axis == 'E' || lon.axis == 'N' || lat.whole > 90 || lon.whole > 180 || lat.degrees != lon.degrees {
		return false
	}
	if lat.degrees || lat.axis != 0 {
		return lat.axis != 0 && lon.axis != 0 || lat.decimals >= 3 && lon.decimals >= 3
	}
	return lat.decimals >= 3 && lon.decimals >= 3
}
