// SPDX-License-Identifier: Apache-2.0

package transform

import "testing"

func TestReplace(t *testing.T) {
	for _, c := range []struct {
		with Literal
		want string
	}{
		{Literal{String, `"redacted"` + "\n"}, `"\"redacted\"\n"`},
		{Literal{String, ""}, `""`},
		{Literal{Number, "-1.50e3"}, `-1.50e3`},
		{Literal{Kind: True}, `true`},
		{Literal{Kind: False}, `false`},
		{Literal{Kind: Null}, `null`},
	} {
		check(t, must(t)(NewReplace(c.with)), []change{{`"Ann"`, c.want}, {`42`, c.want}, {`null`, c.want}, {`true`, c.want}})
	}
}

func TestReplaceRefusesWhatIsNotJSON(t *testing.T) {
	for _, l := range []Literal{{Number, "01"}, {Number, ""}, {Number, "NaN"}, {Number, "1,2"}, {String, "\xff"}, {Kind: Null + 1}} {
		if _, err := NewReplace(l); err == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

func TestBlank(t *testing.T) {
	check(t, NewBlank(), []change{{`"Ann"`, `null`}, {`0`, `null`}, {`null`, `null`}})
}

func TestPresence(t *testing.T) {
	check(t, NewPresence(), []change{{`"Ann"`, `true`}, {`""`, `true`}, {`0`, `true`}, {`false`, `true`}, {`null`, misfit}})
}

func TestAppendCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 1_000_000: "1000000"} {
		if got := string(AppendCount([]byte("x"), n)); got != "x"+want {
			t.Errorf("got %s, want x%s", got, want)
		}
	}
}
