// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"encoding/json"
	"maps"
	"testing"
)

func FuzzTC(f *testing.F) { fuzzForm(f, FormTCF) }

func FuzzGPP(f *testing.F) { fuzzForm(f, FormGPP) }

func fuzzForm(f *testing.F, form Form) {
	for _, v := range samples() {
		if v.form == form {
			f.Add(v.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if Check(form, []byte(text)) != nil {
			refused(t, form, text)
		} else if again, ok := writeAgain(form, text); ok && again != trimmed(text) {
			t.Errorf("accepted %q, which is %q", text, again)
		}
	})
}

// FuzzRead reads any text as every form.
func FuzzRead(f *testing.F) {
	for _, v := range samples() {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, form := range Forms() {
			if Check(form, []byte(text)) != nil {
				refused(t, form, text)
			}
		}
	})
}

// FuzzFields compares with encoding/json: the same members, or a key twice.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":true}`, ` { "a" : [1,{"b":"]"}] , "\"c\\" : "}\"," } `, `{"a":1,"a":2}`, `{"a":{},"b":[],"c":null,"d":-1.5e+3}`, `[]`, `"a"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := map[string]string{}
		err := fields([]byte(text), func(key string, value []byte) error {
			got[key] = compact(t, value)
			return nil
		})
		var plain map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &plain) != nil || plain == nil {
			if err == nil {
				t.Errorf("%q: accepted", text)
			}
			return
		}
		if err != nil {
			return // a key twice, or no UTF-8
		}
		want := map[string]string{}
		for key, value := range plain {
			want[key] = compact(t, value)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}

func compact(t *testing.T, value []byte) string {
	t.Helper()
	if !json.Valid(value) {
		t.Fatalf("%q is no JSON value", value)
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return string(value) // a number beyond float64
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
