// SPDX-License-Identifier: Apache-2.0

package event

import "testing"

func parse(t *testing.T, s string) Path {
	t.Helper()
	p, _, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParsePath(t *testing.T) {
	tests := []struct {
		in, want string
		relative bool
	}{
		{"$", "$", false},
		{"$.a.b", "$.a.b", false},
		{"$['a']['b c'].d", "$.a['b c'].d", false},
		{`$["it's"]`, `$['it\'s']`, false},
		{"$.a[0][*].b", "$.a[0][*].b", false},
		{"$..a.b", "$..a.b", false},
		{"$.a.*.b", "$.a.*.b", false},
		{"$['']", "$['']", false},
		{"$['$type']", "$.$type", false},
		{"a.b", "$.a.b", true},
		{"$.a.*~", "$.a.*~", false},
		{"$.a{json}.b{base64}[*].c", "$.a{json}.b{base64}[*].c", false},
		{"a{form}.b", "$.a{form}.b", true},
		{"$['{json}']", "$['{json}']", false},
		{"^.id", "$^.id", true},
		{"['x.y'].z", "$['x.y'].z", true},
	}
	for _, tt := range tests {
		p, relative, err := ParsePath(tt.in)
		if err != nil || p.String() != tt.want || relative != tt.relative {
			t.Errorf("%s: got %s, relative %v, error %v; want %s, relative %v", tt.in, p, relative, err, tt.want, tt.relative)
			continue
		}
		if again, _, err := ParsePath(p.String()); !relative && (err != nil || again.String() != tt.want) {
			t.Errorf("%s: its own spelling is read as %s, error %v", tt.in, again, err)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, in := range []string{"$.", "$a", "$.a..", "$.a[", "$.a[x]", "$.a[-1]", "$.a[01]", "$.a['b", "$.a['b'", "$.a.b]", "$. a[*]*", "$.a[1:2]", "$.a~", "$.a{xml}", "$.a{json", "$.~"} {
		if p, _, err := ParsePath(in); err == nil {
			t.Errorf("%s: read as %s, want refused", in, p)
		}
	}
}

func TestPathMatches(t *testing.T) {
	tests := []struct {
		pattern, place string
		want           bool
	}{
		{"$.a.b", "$.a.b", true},
		{"$.a.b", "$.a", false},
		{"$.a", "$.a.b", false},
		{"$.a[*]", "$.a[3]", true},
		{"$.a[*]", "$.a[*]", true},
		{"$.a[3]", "$.a[*]", false},
		{"$.a[3]", "$.a[4]", false},
		{"$.a.*", "$.a.b", true},
		{"$.a.b", "$.a.*", false},
		{"$..b", "$.b", true},
		{"$..b", "$.a[*].c.b", true},
		{"$..a.b", "$.x.a.c.b", false},
		{"$.A", "$.a", false},
		{"$.a.*~", "$.a.b", false},
		{"$.a.*~", "$.a.*~", true},
		{"$.a.*.b", "$.a.*.b", true},
		{"$.a{json}.b", "$.a{json}.b", true},
		{"$.a{json}.b", "$.a{form}.b", false},
		{"$..b", "$.a{json}.c.b", true},
	}
	for _, tt := range tests {
		if got := parse(t, tt.pattern).Matches(parse(t, tt.place)); got != tt.want {
			t.Errorf("%s matches %s: got %v, want %v", tt.pattern, tt.place, got, tt.want)
		}
	}
}

func TestPathJoin(t *testing.T) {
	tests := []struct{ base, relative, want string }{
		{"$.a", "b.c", "$.a.b.c"},
		{"$.entry[*].changes[*]", "^.id", "$.entry[*].id"},
		{"$.a.b", "^.c", "$.a.c"},
		{"$.a.b.c", "^.^.d", "$.a.d"},
		{"$.a{json}", "^.b", "$.b"},
		{"$.a.b.*", "^.c", "$.a.c"},
	}
	for _, tt := range tests {
		got, ok := parse(t, tt.base).Join(parse(t, tt.relative))
		if !ok || got.String() != tt.want {
			t.Errorf("%s joined with %s: got %s, %v; want %s", tt.base, tt.relative, got, ok, tt.want)
		}
	}
	if got, ok := parse(t, "$.a").Join(parse(t, "^.^.b")); ok {
		t.Errorf("climbing above the root gives %s, want refused", got)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$.a['b'][*]..c", "^.id", "$['\\'']", "$..*", "a[0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, relative, err := ParsePath(s)
		if err != nil || relative {
			return
		}
		if again, _, err := ParsePath(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("the path's own spelling %q is read as %q, error %v", p, again, err)
		}
	})
}

func TestReasonNames(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Reasons() {
		name := r.String()
		if name == "" || names[name] {
			t.Errorf("reason %d is named %q: empty or twice", r, name)
		}
		names[name] = true
		if back, ok := ParseReason(name); !ok || back != r {
			t.Errorf("%q is read back as %v", name, back)
		}
	}
}
