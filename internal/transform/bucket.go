// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

type bucket struct {
	places int      // decimals of the bounds
	bounds []int64  // in units of 10^-places
	labels [][]byte // JSON strings; labels[i] is of values below bounds[i], the last of the others
}

// NewBucket says between which bounds a number lies: with 18, 25 and 65 the buckets are "<18", "18-24", "25-64" and "65+".
// A bound belongs to the bucket above it. Between whole bounds both ends of a label are whole and count (24.9 is in "18-24",
// a bucket for one year is "18"); where any bound has decimals, the upper end of a label is the next bound and does not count.
// Values are compared exactly, without a detour by doubles. They are numbers, or strings that hold a JSON number; the result is a string.
// A date of birth is a misfit: an age needs the time of the record.
func NewBucket(bounds []float64) (Technique, error) {
	if len(bounds) == 0 {
		return nil, fmt.Errorf("bucket: no bounds")
	}
	t := &bucket{labels: [][]byte{label("<" + number(bounds[0]))}}
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= bounds[i-1] {
			return nil, fmt.Errorf("bucket: bounds must be finite and ascend; bound %d does not", i+1)
		}
		_, decimals, _ := strings.Cut(number(b), ".")
		t.places = max(t.places, len(decimals))
	}
	for i, b := range bounds {
		var d decimal
		ok := d.parse([]byte(number(b)))
		n, fits := d.floor(t.places)
		if !ok || !fits {
			return nil, fmt.Errorf("bucket: bound %d has too many digits", i+1)
		}
		t.bounds = append(t.bounds, n)
		t.labels = append(t.labels, label(t.span(bounds[i:])))
	}
	return t, nil
}

// span names the bucket between the first two bounds, or above the only one.
func (t *bucket) span(bounds []float64) string {
	low := number(bounds[0])
	switch {
	case len(bounds) == 1:
		return low + "+"
	case t.places > 0:
		return low + "-" + number(bounds[1])
	case bounds[1] == bounds[0]+1:
		return low
	}
	return low + "-" + number(bounds[1]-1)
}

// number spells a bound without an exponent and never as -0.
func number(f float64) string { return strconv.FormatFloat(f+0, 'f', -1, 64) }

func label(s string) []byte { return AppendString(nil, []byte(s)) }

func (t *bucket) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	var d decimal
	if !d.of(v) {
		return dst, Misfit
	}
	n, ok := d.floor(t.places)
	if !ok { // beyond every bound
		n = math.MaxInt64
		if d.negative {
			n = math.MinInt64
		}
	}
	i := 0
	for i < len(t.bounds) && n >= t.bounds[i] {
		i++
	}
	return append(dst, t.labels[i]...), Done
}
