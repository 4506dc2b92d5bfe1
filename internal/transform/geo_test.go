// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundGeo(t *testing.T) {
	for _, c := range []struct {
		km   float64
		form GeoForm
		raw  string
		want string
	}{
		{10, OneCoordinate, `52.5163`, `52.56`}, // meshes of 0.09°
		{10, OneCoordinate, `"13.3777"`, `"13.41"`},
		{10, OneCoordinate, `0.045`, `0.09`},
		{10, OneCoordinate, `0.0449999999999999999`, `0.00`},
		{10, OneCoordinate, `-0.045`, `-0.09`},
		{10, OneCoordinate, `-0.04`, `0.00`},
		{1, OneCoordinate, `52.5163`, `52.515`}, // 0.009°
		{100, OneCoordinate, `52.5163`, `52.2`}, // 0.9°
		{111.32, OneCoordinate, `52.5163`, `53`},
		{1113.2, OneCoordinate, `52.5163`, `50`},
		{0.001, OneCoordinate, `52.51630012`, `52.516296`},
		{10, OneCoordinate, `180`, `180.00`},
		{10, OneCoordinate, `-180.0`, `-180.00`},
		{10, OneCoordinate, `1.8e2`, `180.00`},
		{10, OneCoordinate, `180.0000000000001`, misfit},
		{10, OneCoordinate, `1e999999999`, misfit},
		{77.9, OneCoordinate, `90`, `89.6`}, // 0.7°; the nearest point, 90.3, would be beyond the pole
		{10, OneCoordinate, `"52.5,13.4"`, misfit},
		{10, OneCoordinate, `"Berlin"`, misfit},
		{10, OneCoordinate, `null`, misfit},
		{10, LatLon, `"52.5163,13.3777"`, `"52.56,13.41"`},
		{10, LatLon, `"52.5163, -13.3777"`, `"52.56,-13.41"`},
		{10, LatLon, `"13.3777,152.5163"`, `"13.41,152.55"`},
		{10, LatLon, `"152.5163,13.3777"`, misfit},
		{10, LonLat, `"152.5163,13.3777"`, `"152.55,13.41"`},
		{10, LonLat, `"13.3777,152.5163"`, misfit},
		{10, LatLon, `"52.5163"`, misfit},
		{10, LatLon, `"52.5163,"`, misfit},
		{10, LatLon, `"1,2,3"`, misfit},
		{10, LatLon, `52.5163`, misfit},
		{10, LatLon, `"Berlin, Germany"`, misfit},
	} {
		if got := apply(t, must(t)(NewRoundGeo(c.km, c.form)), c.raw); got != c.want {
			t.Errorf("%s to %g km: got %s, want %s", c.raw, c.km, got, c.want)
		}
	}
}

func TestRoundGeoRefusesGrids(t *testing.T) {
	for _, km := range []float64{0, -1, 0.0005, 20_000, math.NaN(), math.Inf(1)} {
		if _, err := NewRoundGeo(km, OneCoordinate); err == nil {
			t.Errorf("a grid of %g km was taken", km)
		}
	}
	if _, err := NewRoundGeo(1, LonLat+1); err == nil {
		t.Error("an unknown form was taken")
	}
}

func TestMeshIsNeverFinerAndAtMostATenthCoarser(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		km := rapid.Float64Range(0.01, 10_000).Draw(rt, "km")
		mesh := float64(must(t)(NewRoundGeo(km, OneCoordinate)).(*roundGeo).step) / degree * kmPerDegree
		if mesh < km-1e-7 || mesh > km*1.1+1e-7 {
			rt.Fatalf("got a mesh of %g km, want %g to %g", mesh, km, km*1.1)
		}
	})
}

func TestRoundGeoAgreesWithExactArithmetic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		km := rapid.SampledFrom([]float64{0.001, 0.5, 1, 3, 10, 25, 50, 100}).Draw(rt, "km")
		raw := rapid.StringMatching(`-?(0|[1-9]|[1-8][0-9]|1[0-7][0-9])(\.[0-9]{1,15}|\.[0-9]{0,3}5)?`).Draw(rt, "degrees")
		tech := must(t)(NewRoundGeo(km, OneCoordinate)).(*roundGeo)
		step := big.NewRat(tech.step, degree)
		x, _ := new(big.Rat).SetString(raw)
		n := nearestMultiple(new(big.Rat).Quo(x, step))
		want := new(big.Rat).Mul(new(big.Rat).SetInt(n), step)
		limit := big.NewRat(180, 1)
		if new(big.Rat).Abs(x).Cmp(big.NewRat(90, 1)) <= 0 {
			limit = big.NewRat(90, 1)
		}
		if new(big.Rat).Abs(want).Cmp(limit) > 0 {
			rt.Skip("beyond the pole")
		}
		if got := apply(t, tech, raw); got != want.FloatString(tech.places) {
			rt.Fatalf("got %s, want %s", got, want.FloatString(tech.places))
		}
	})
}

func TestRoundGeoIsStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tech := must(t)(NewRoundGeo(rapid.Float64Range(0.001, 10_000).Draw(rt, "km"), OneCoordinate))
		raw := strconv.FormatFloat(rapid.Float64Range(-180, 180).Draw(rt, "degrees"), 'f', -1, 64)
		once := apply(t, tech, raw)
		if twice := apply(t, tech, once); twice != once {
			rt.Fatalf("got %s of %s, want it to stay", twice, once)
		}
		if once[0] == '-' && strings.Trim(once, "-0.") == "" {
			rt.Fatalf("got %s", once)
		}
	})
}
