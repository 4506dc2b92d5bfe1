// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundNumber(t *testing.T) {
	for _, c := range []struct {
		places int
		raw    string
		want   string
	}{
		{1, `52.5163`, `52.5`},
		{1, `52.55`, `52.6`}, // half away from zero, where doubles would say 52.5
		{2, `1.005`, `1.01`},
		{1, `-13.25`, `-13.3`},
		{0, `0.5`, `1`},
		{0, `-0.5`, `-1`},
		{0, `-0.4999999999999999999999`, `0`},
		{1, `-0.04`, `0.0`},
		{0, `-0`, `0`},
		{2, `-0.0e5`, `0.00`},
		{1, `7`, `7.0`},
		{3, `7.1`, `7.100`},
		{1, `9.96`, `10.0`},
		{1, `0.96`, `1.0`},
		{0, `999999999999999999999999.5`, `1000000000000000000000000`},
		{-2, `1250`, `1300`},
		{-2, `1249.99`, `1200`},
		{-3, `499`, `0`},
		{-3, `500`, `1000`},
		{-3, `-500`, `-1000`},
		{-4, `500`, `0`},
		{2, `1.5e3`, `1500.00`},
		{2, `15e-1`, `1.50`},
		{1, `4.5E-2`, `0.0`},
		{1, `5e-2`, `0.1`},
		{3, `0.000499`, `0.000`},
		{3, `0.0005`, `0.001`},
		{0, `1e20`, `100000000000000000000`},
		{0, `1e-999999999999999999999`, `0`},
		{0, `1e999999999999999999999`, misfit},
		{0, `0e999999999999999999999`, `0`},
		{0, `1e401`, misfit},
		{1, `"52.5163"`, `"52.5"`},
		{1, `"1e2"`, `"100.0"`},
		{1, `" 1"`, misfit},
		{1, `"01"`, misfit},
		{1, `"+1"`, misfit},
		{1, `"1."`, misfit},
		{1, `".5"`, misfit},
		{1, `"1e"`, misfit},
		{1, `"-"`, misfit},
		{1, `""`, misfit},
		{1, `"0x10"`, misfit},
		{1, `"NaN"`, misfit},
		{1, `"1,5"`, misfit},
		{1, `null`, misfit},
		{1, `true`, misfit},
	} {
		if got := apply(t, must(t)(NewRoundNumber(c.places)), c.raw); got != c.want {
			t.Errorf("%s to %d places: got %s, want %s", c.raw, c.places, got, c.want)
		}
	}
}

func TestRoundNumberRefusesPlaces(t *testing.T) {
	for _, places := range []int{-31, 31} {
		if _, err := NewRoundNumber(places); err == nil {
			t.Errorf("%d places were taken", places)
		}
	}
}

func TestRoundNumberKeepsEveryDigitOfLongNumbers(t *testing.T) {
	long := strings.Repeat("1234567890", 1000)
	if got, want := apply(t, must(t)(NewRoundNumber(0)), long+".4"), long; got != want {
		t.Errorf("got %d digits, want %d equal ones", len(got), len(want))
	}
}

// jsonNumber draws spellings of numbers, many of them at a half.
func jsonNumber() *rapid.Generator[string] {
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25}|\.[0-9]{0,4}(4999|5|50|5001|99|95)0*)?([eE][+-]?[0-9]{1,2})?`)
}

func TestRoundNumberAgreesWithExactArithmetic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := jsonNumber().Draw(rt, "number")
		places := rapid.IntRange(-12, 12).Draw(rt, "places")
		got := apply(t, must(t)(NewRoundNumber(places)), raw)
		if want := exactRound(raw, places); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
	})
}

// exactRound rounds with rationals, half away from zero.
func exactRound(raw string, places int) string {
	x, ok := new(big.Rat).SetString(raw)
	if !ok {
		return misfit
	}
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
	if places < 0 {
		unit.Inv(unit)
	}
	n := nearestMultiple(x.Mul(x, unit))
	return new(big.Rat).Quo(new(big.Rat).SetInt(n), unit).FloatString(max(places, 0))
}

// nearestMultiple gives the integer nearest to x, half away from zero.
func nearestMultiple(x *big.Rat) *big.Int {
	twice := new(big.Int).Mul(new(big.Int).Abs(x.Num()), big.NewInt(2))
	twice.Add(twice, x.Denom())
	n := twice.Quo(twice, new(big.Int).Mul(x.Denom(), big.NewInt(2)))
	if x.Sign() < 0 {
		n.Neg(n)
	}
	return n
}

func TestDecimalsAreWhatJSONTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[-+0-9.eE ]{0,12}`).Draw(t, "text")
		got := new(decimal).parse([]byte(text))
		want := json.Valid([]byte(text)) && strings.TrimSpace(text) == text
		if got != want {
			t.Fatalf("got %t, want %t", got, want)
		}
	})
}
