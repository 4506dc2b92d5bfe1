// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"testing"
)

// filled gives a value in which nothing is zero: every list has two elements, every pointer points.
func filled(t *testing.T, of reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.String:
		v.SetString("a")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
		v.Elem().Set(filled(t, of.Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(of, 2, 2))
		for i := range 2 {
			v.Index(i).Set(filled(t, of.Elem()))
		}
	case reflect.Struct:
		for i := range of.NumField() {
			v.Field(i).Set(filled(t, of.Field(i).Type))
		}
	default:
		t.Fatalf("no value of %s: say here what it can be", of)
	}
	return v
}

// vary changes one thing at a time in v, calls seen, and puts it back.
func vary(v reflect.Value, name string, seen func(string)) {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	try := func(what string, to reflect.Value) {
		v.Set(to)
		seen(name + what)
		v.Set(was)
	}
	switch v.Kind() {
	case reflect.String:
		try(" longer", reflect.ValueOf(v.String()+"b").Convert(v.Type()))
	case reflect.Int, reflect.Int64, reflect.Uint8, reflect.Float64:
		try(" larger", reflect.ValueOf(2).Convert(v.Type()))
	case reflect.Pointer:
		vary(v.Elem(), name, seen)
	case reflect.Slice:
		try(" shorter", v.Slice(0, 1))
		for i := range v.Len() {
			vary(v.Index(i), fmt.Sprintf("%s[%d]", name, i), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			vary(v.Field(i), name+"."+v.Type().Field(i).Name, seen)
		}
	}
	if v.Kind() != reflect.Struct {
		try(" zero", reflect.Zero(v.Type()))
	}
}

// checkEveryFieldCounts changes every field of a value, one at a time: no two values have the same hash, but for Rule.
func checkEveryFieldCounts(t *testing.T, value reflect.Value, of func() sum) {
	t.Helper()
	rule := value.Type().Name() + ".Rule"
	whole := of()
	hashes := map[sum]string{whole: "the whole"}
	vary(value, value.Type().Name(), func(what string) {
		got := of()
		if what == rule+" longer" || what == rule+" zero" {
			if got != whole {
				t.Errorf("%s: the hash changed, and it says nothing", what)
			}
			return
		}
		if other, twice := hashes[got]; twice {
			t.Errorf("%s has the hash of %s", what, other)
		}
		hashes[got] = what
	})
	if len(hashes) < 40 {
		t.Errorf("only %d variants were tried", len(hashes))
	}
}

func TestEveryFieldOfALeafCounts(t *testing.T) {
	leaf := filled(t, reflect.TypeFor[Leaf]())
	checkEveryFieldCounts(t, leaf, func() sum {
		s := &sums{cases: map[clauses]sum{}} // a new one: it knows a list of clauses by where it stands
		return s.leaf(leaf.Addr().Interface().(*Leaf))
	})
}

func TestEveryFieldOfADecisionCounts(t *testing.T) {
	decision := filled(t, reflect.TypeFor[Decision]())
	checkEveryFieldCounts(t, decision, func() sum {
		return new(sums).decision(decision.Addr().Interface().(*Decision))
	})
}
