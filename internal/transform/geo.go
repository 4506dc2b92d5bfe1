// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"fmt"
	"math"
)

// GeoForm tells how a position is written.
type GeoForm uint8

const (
	OneCoordinate GeoForm = iota // a latitude or a longitude by itself, a number or a string
	LatLon                       // the string "latitude,longitude"
	LonLat                       // the string "longitude,latitude"
)

// Coordinates are counted in units of a billionth of a degree, about a tenth of a millimeter.
const (
	unitPlaces  = 9
	degree      = 1_000_000_000
	kmPerDegree = 111.32 // along a meridian and on the equator
)

type roundGeo struct {
	form   GeoForm
	step   int64 // of the mesh, in units
	places int   // decimals that multiples of the step need
	unit   int64 // of the last of them
}

// NewRoundGeo moves coordinates in degrees to the nearest point of a grid with meshes of km kilometers, from 0.001 to 10,000.
// The mesh is a number of degrees with two significant digits, never finer than asked and at most a tenth coarser:
// 10 km is 0.09°, 1 km is 0.009°. Latitude and longitude take the same mesh in degrees, because a coordinate that stands alone
// does not tell the other; so meshes get narrower from west to east by the cosine of the latitude: at 60° a mesh of
// 10 km is 5 km wide. Ask for more where that matters. Results stay within ±90° or ±180°, whichever held before,
// and are never -0. What is no number, or outside its range, is a misfit; so is the name of a place.
func NewRoundGeo(km float64, form GeoForm) (Technique, error) {
	if !(km >= 0.001 && km <= 10_000) {
		return nil, fmt.Errorf("round: a grid of %g km; use 0.001 to 10000", km)
	}
	if form > LonLat {
		return nil, fmt.Errorf("round: unknown form of a position")
	}
	step := int64(math.Round(km / kmPerDegree * degree))
	scale := int64(1)
	for step > 99*scale {
		scale *= 10
	}
	step = (step + scale - 1) / scale * scale
	places, unit := unitPlaces, int64(1)
	for ; places > 0 && step%(unit*10) == 0; places-- {
		unit *= 10
	}
	return &roundGeo{form, step, places, unit}, nil
}

func (t *roundGeo) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if t.form != OneCoordinate {
		return t.appendPair(dst, v)
	}
	var d decimal
	if !d.of(v) {
		return dst, Misfit
	}
	n, ok := units(&d, 180)
	if !ok {
		return dst, Misfit
	}
	dst = appendQuote(dst, v.Kind)
	return appendQuote(t.appendNearest(dst, d.negative, n), v.Kind), Done
}

func (t *roundGeo) appendPair(dst []byte, v *Value) ([]byte, Verdict) {
	first, second, ok := bytes.Cut(v.Text, []byte{','})
	if !ok || v.Kind != String {
		return dst, Misfit
	}
	var a, b decimal
	if !a.parse(bytes.Trim(first, " ")) || !b.parse(bytes.Trim(second, " ")) {
		return dst, Misfit
	}
	limitA, limitB := int64(90), int64(180)
	if t.form == LonLat {
		limitA, limitB = limitB, limitA
	}
	m, okA := units(&a, limitA)
	n, okB := units(&b, limitB)
	if !okA || !okB {
		return dst, Misfit
	}
	dst = append(dst, '"')
	dst = append(t.appendNearest(dst, a.negative, m), ',')
	return append(t.appendNearest(dst, b.negative, n), '"'), Done
}

// units gives the magnitude of a coordinate, cut off, if it is at most limit degrees.
func units(d *decimal, limit int64) (int64, bool) {
	n, exact, ok := d.scaled(unitPlaces)
	return n, ok && (n < limit*degree || n == limit*degree && exact)
}

// appendNearest appends the nearest multiple of the mesh, halves away from zero. What units cuts off cannot change it:
// the mesh is an even number of units, so its half is a whole one.
func (t *roundGeo) appendNearest(dst []byte, negative bool, n int64) []byte {
	limit := int64(180 * degree)
	if n <= 90*degree {
		limit = 90 * degree
	}
	nearest := (n + t.step/2) / t.step
	if nearest*t.step > limit {
		nearest--
	}
	return appendFixed(dst, negative, nearest*t.step/t.unit, t.places)
}
