// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"testing"
	"time"
)

type entry struct {
	name string // as a policy writes it
	tech Technique
	raw  string
	want string
}

// catalog shows what each technique that needs no key makes of a value it is meant for.
func catalog(t testing.TB) []entry {
	m := must(t)
	return []entry{
		{"keep: integer", m(NewKeep(Type{Kind: TypeInteger})), `9007199254740993`, `9007199254740993`},
		{"keep: number", m(NewKeep(Type{Kind: TypeNumber})), `1.50`, `1.50`},
		{"keep: boolean", m(NewKeep(Type{Kind: TypeBoolean})), `true`, `true`},
		{"keep: enum", m(NewKeep(Type{Kind: TypeEnum, Enum: []string{"like", "share", "comment"}})), `"share"`, `"share"`},
		{"keep: pattern", m(NewKeep(Type{Kind: TypeString, Pattern: `^[a-z]{2,3}$`})), `"en"`, `"en"`},
		{"keep: pattern, by regexp", m(NewKeep(Type{Kind: TypeString, Pattern: `^\bword\b$`})), `"word"`, `"word"`},
		{"keep: max", m(NewKeep(Type{Kind: TypeString, Max: 140})), `"golang\u0021"`, `"golang!"`},
		{"mask: end", m(NewMask(4, AtEnd)), `"4111111111111111"`, `"********1111"`},
		{"mask: start", m(NewMask(2, AtStart)), `"Ann Example"`, `"An********"`},
		{"truncate: ip, version 4", m(NewTruncateIP(24, 48)), `"203.0.113.7"`, `"203.0.113.0"`},
		{"truncate: ip, version 6", m(NewTruncateIP(24, 48)), `"2001:db8:1:2::7%eth0"`, `"2001:db8:1::"`},
		{"truncate: text", m(NewTruncateText(10)), `"Hello, wörld!"`, `"Hello, wör"`},
		{"round: number", m(NewRoundNumber(1)), `-33.8688197`, `-33.9`},
		{"round: grid", m(NewRoundGeo(10, OneCoordinate)), `151.2092955`, `151.20`},
		{"round: grid, text", m(NewRoundGeo(10, LatLon)), `"-33.8688197,151.2092955"`, `"-33.84,151.20"`},
		{"bucket", m(NewBucket([]float64{13, 18, 25, 35, 50, 65})), `34`, `"25-34"`},
		{"time: rfc3339", m(NewTime(TimeOptions{Step: time.Hour})), `"2008-08-27T13:08:45.123+02:00"`, `"2008-08-27T11:00:00Z"`},
		{"time: ruby", m(NewTime(TimeOptions{Step: day, Format: RubyDate})), `"Wed Aug 27 13:08:45 +0000 2008"`, `"2008-08-27T00:00:00Z"`},
		{"time: http", m(NewTime(TimeOptions{Step: week, Format: HTTPDate})), `"Wed, 27 Aug 2008 13:08:45 GMT"`, `"2008-08-25T00:00:00Z"`},
		{"time: date", m(NewTime(TimeOptions{Step: week, Format: DateOnly})), `"2008-08-27"`, `"2008-08-25"`},
		{"time: milliseconds", m(NewTime(TimeOptions{Step: time.Hour})), `1219842525123`, `1219842000000`},
		{"email_domain", NewEmailDomain(), `"Ann@Mail.Example.org"`, `"mail.example.org"`},
		{"host", NewHost(), `"https://ann:secret@Www.Example.org:8443/ann?id=7"`, `"www.example.org"`},
		{"presence", NewPresence(), `"Ann"`, `true`},
		{"replace", m(NewReplace(Literal{String, "redacted"})), `"Ann"`, `"redacted"`},
		{"blank", NewBlank(), `"Ann"`, `null`},
	}
}

func TestCatalog(t *testing.T) {
	for _, c := range catalog(t) {
		if got := apply(t, c.tech, c.raw); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.name, c.raw, got, c.want)
		}
	}
}

func TestTechniquesDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 256)
	for _, c := range catalog(t) {
		for _, raw := range []string{c.raw, `"neither this nor that"`, `null`} {
			v := scalar(t, raw)
			if got := testing.AllocsPerRun(100, func() { c.tech.Append(dst, v, nil) }); got != 0 {
				t.Errorf("%s of %s: got %g allocations, want 0", c.name, raw, got)
			}
		}
	}
}

func BenchmarkTechnique(b *testing.B) {
	dst := make([]byte, 0, 256)
	for _, c := range catalog(b) {
		b.Run(c.name, func(b *testing.B) {
			v := scalar(b, c.raw)
			b.ReportAllocs()
			for b.Loop() {
				c.tech.Append(dst, v, nil)
			}
		})
	}
}

func BenchmarkAppendString(b *testing.B) {
	dst := make([]byte, 0, 512)
	for name, text := range map[string]string{
		"plain": "A text of a hundred bytes or so, as people write them to each other on a network of theirs every day.",
		"lines": "A text of a hundred bytes\nor so, as \"people\" write them\nto each other on a network\nof theirs every day.",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				AppendString(dst, []byte(text))
			}
		})
	}
}
