// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/rand/v2"
)

// zipf is the law by which subjects act: the subject of rank r, counted from 1, does so in proportion to r^-s.
// math/rand knows it for s > 1 only.
type zipf struct {
	subjects int
	s        float64
	total    float64 // of all r^-s

	fromHalf, toEnd, squeeze float64
}

func newZipf(subjects int, s float64) *zipf {
	z := &zipf{subjects: subjects, s: s}
	z.fromHalf = z.integral(1.5) - 1
	z.toEnd = z.integral(float64(subjects) + 0.5)
	z.squeeze = 2 - z.inverse(z.integral(2.5)-z.weight(2))
	for r := 1; r <= min(head, subjects); r++ {
		z.total += z.weight(float64(r))
	}
	if subjects > head {
		z.total += z.integral(float64(subjects)+0.5) - z.integral(head+0.5)
	}
	return z
}

// head is how many of the most active subjects are counted one by one; what lies beyond is summed by the integral, whose error
// there is below one in 10^9.
const head = 1 << 16

func (z *zipf) weight(r float64) float64 { return math.Exp(-z.s * math.Log(r)) }

// p is the share of rank r.
func (z *zipf) p(r float64) float64 { return z.weight(r) / z.total }

// integral is an antiderivative of the weight; in this form it has no hole at s = 1.
func (z *zipf) integral(x float64) float64 {
	l := math.Log(x)
	return expm1Over((1-z.s)*l) * l
}

func (z *zipf) inverse(y float64) float64 {
	t := max(y*(1-z.s), -1)
	return math.Exp(log1pOver(t) * y)
}

// expm1Over is (e^x - 1)/x.
func expm1Over(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Expm1(x) / x
	}
	return 1 + x/2*(1+x/3)
}

// log1pOver is log(1 + x)/x.
func log1pOver(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Log1p(x) / x
	}
	return 1 - x*(0.5-x/3)
}

// draw gives a rank, by rejection-inversion (Hörmann and Derflinger, 1996): exact, without a table.
func (z *zipf) draw(r *rand.Rand) uint32 {
	for {
		u := z.toEnd + r.Float64()*(z.fromHalf-z.toEnd)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), float64(z.subjects))
		if k-x <= z.squeeze || u >= z.integral(k+0.5)-z.weight(k) {
			return uint32(k)
		}
	}
}
