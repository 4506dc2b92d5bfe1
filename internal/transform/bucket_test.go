// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestBucket(t *testing.T) {
	check(t, must(t)(NewBucket([]float64{18, 25, 65})), []change{
		{`17`, `"<18"`},
		{`17.999999999999999999999`, `"<18"`},
		{`18`, `"18-24"`},
		{`1.8e1`, `"18-24"`},
		{`24.9`, `"18-24"`},
		{`25`, `"25-64"`},
		{`64`, `"25-64"`},
		{`65`, `"65+"`},
		{`1e999999999`, `"65+"`},
		{`-1e999999999`, `"<18"`},
		{`0`, `"<18"`},
		{`-3`, `"<18"`},
		{`"42"`, `"25-64"`},
		{`"042"`, misfit},
		{`"42 years"`, misfit},
		{`"1984-05-01"`, misfit},
		{`null`, misfit},
		{`true`, misfit},
	})
}

func TestBucketLabels(t *testing.T) {
	check(t, must(t)(NewBucket([]float64{0, 1, 13})), []change{{`-1`, `"<0"`}, {`0`, `"0"`}, {`-0`, `"0"`}, {`12`, `"1-12"`}, {`13`, `"13+"`}})
	check(t, must(t)(NewBucket([]float64{0.5, 2, 1000000})), []change{{`0.4`, `"<0.5"`}, {`0.5`, `"0.5-2"`}, {`2`, `"2-1000000"`}, {`1e6`, `"1000000+"`}})
	check(t, must(t)(NewBucket([]float64{18})), []change{{`17`, `"<18"`}, {`18`, `"18+"`}})
	check(t, must(t)(NewBucket([]float64{math.Copysign(0, -1)})), []change{{`-1`, `"<0"`}, {`1`, `"0+"`}})
}

func TestBucketRefusesBounds(t *testing.T) {
	for _, bounds := range [][]float64{nil, {1, 1}, {2, 1}, {math.NaN()}, {math.Inf(-1), 0}, {0, math.Copysign(0, -1)}, {1e300}, {1e-300, 1}, {0.001, 1e17}} {
		if _, err := NewBucket(bounds); err == nil {
			t.Errorf("bounds %v were taken", bounds)
		}
	}
}

func TestBucketAgreesWithExactArithmetic(t *testing.T) {
	bounds := []float64{-10.5, 0, 0.1, 1, 18, 1e15}
	tech := must(t)(NewBucket(bounds)).(*bucket)
	rapid.Check(t, func(rt *rapid.T) {
		raw := rapid.OneOf(jsonNumber(), rapid.SampledFrom([]string{"-10.5", "-10.50000001", "0.1", "0.09999", "1e0", "999999999999999.999", "1e15"})).Draw(rt, "number")
		x, _ := new(big.Rat).SetString(raw)
		want := 0
		for _, b := range bounds {
			token, _ := new(big.Rat).SetString(number(b))
			if x.Cmp(token) >= 0 {
				want++
			}
		}
		if got := apply(t, tech, raw); got != string(tech.labels[want]) {
			rt.Fatalf("got %s, want %s", got, tech.labels[want])
		}
	})
}
