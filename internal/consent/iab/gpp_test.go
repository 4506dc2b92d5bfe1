// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type gppVector struct {
	GPP      string         `json:"gpp"`
	Section  string         `json:"section"`
	Sections []int          `json:"sectionIds"`
	Decoded  map[string]any `json:"decoded"`
}

// published names the fields of a section as its specification does.
func published(us *US) map[string]any {
	single := map[string]Answer{
		"SharingNotice": us.SharingNotice, "SaleOptOutNotice": us.SaleNotice, "SharingOptOutNotice": us.SharingOptOutNotice,
		"TargetedAdvertisingOptOutNotice":     us.TargetedAdsNotice,
		"SensitiveDataProcessingOptOutNotice": us.SensitiveOptOutNotice,
		"SensitiveDataLimitUseNotice":         us.SensitiveLimitNotice,
		"SaleOptOut":                          us.SaleOptOut, "SharingOptOut": us.SharingOptOut,
		"TargetedAdvertisingOptOut": us.TargetedAdsOptOut, "PersonalDataConsents": us.OtherUse,
		"MspaCoveredTransaction": us.MSPACovered, "MspaOptOutOptionMode": us.MSPAOptOutOption,
		"MspaServiceProviderMode": us.MSPAServiceProvider,
	}
	all := map[string]any{"Version": float64(us.Version)}
	for name, a := range single {
		all[name] = float64(a)
	}
	all["SensitiveDataProcessing"] = plainAnswers(us.SensitiveData[:us.SensitiveCategories])
	all["KnownChildSensitiveDataConsents"] = plainAnswers(us.KnownChild[:us.ChildActivities])
	if us.HasGPC {
		all["GpcSegmentType"], all["Gpc"] = 1.0, us.GPC
	}
	return all
}

func plainAnswers(all []Answer) any {
	if len(all) == 1 {
		return float64(all[0])
	}
	out := []any{}
	for _, a := range all {
		out = append(out, float64(a))
	}
	return out
}

func TestGPPVectors(t *testing.T) {
	fields := 0
	for _, v := range vectors[gppVector](t, "gpp", "gpp_vectors.jsonl") {
		gpp, err := ParseGPP(v.GPP)
		if err != nil {
			t.Errorf("%s: %v", v.GPP, err)
			continue
		}
		if !slices.Equal(gpp.Sections, v.Sections) {
			t.Errorf("%s: sections %v, want %v", v.GPP, gpp.Sections, v.Sections)
		}
		var got map[string]any
		if v.Section == "uspv1" {
			got = map[string]any{
				"Version": 1.0, "Notice": uspText(gpp.USP.Notice), "OptOutSale": uspText(gpp.USP.OptOut),
				"LspaCovered": uspText(gpp.USP.Covered),
			}
		} else {
			got = published(&gpp.US[0])
			// Fields the section lacks are not in the vector, and must be empty here.
			maps.DeleteFunc(got, func(name string, value any) bool { return v.Decoded[name] == nil && value == 0.0 })
		}
		if !reflect.DeepEqual(got, v.Decoded) {
			t.Errorf("%s:\ngot  %v\nwant %v", v.GPP, got, v.Decoded)
		}
		fields += len(got)
	}
	if fields != 1444 {
		t.Errorf("compared %d fields", fields)
	}
}

func uspText(a Answer) string { return "-YN"[a : a+1] }

// TestGPPStrings are strings another library's tests have. It takes any version of a section for the one it knows.
func TestGPPStrings(t *testing.T) {
	refused := map[string]string{
		"DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN": "a TC string of the EU as section 5",
		"DBABBgA~xlgWEYCZAA":    "version 49 of section 8",
		"DBABRgA~bSFgmiU":       "version 27 of section 9",
		"DBABJg~bSFgmJQ.YA":     "version 27 of section 10",
		"DBABLA~DSJgmkoZJSA.YA": "version 3 of section 7",
		"DBABYA~test_minimum":   "section 1",
	}
	for _, v := range vectors[gppVector](t, "gpp", "prebid_test_strings.jsonl") {
		_, err := ParseGPP(v.GPP)
		why, want := refused[v.GPP]
		if (err != nil) != want {
			t.Errorf("%s: %v, want refused %v (%s)", v.GPP, err, want, why)
		}
	}
}

func TestSections(t *testing.T) {
	for _, l := range layouts {
		rapid.Check(t, func(t *rapid.T) {
			us := drawUS(t, l)
			got, err := parseUS(l.section, []byte(encodeUS(&us)))
			if err != nil {
				t.Fatalf("section %d version %d: %v", l.section, l.version, err)
			}
			if got != us {
				t.Fatalf("section %d version %d:\ngot  %+v\nwant %+v", l.section, l.version, got, us)
			}
		})
	}
}

func drawUS(t *rapid.T, l layout) US {
	us := US{Section: l.section, Version: l.version, SensitiveCategories: l.sensitive, ChildActivities: l.children}
	answer := rapid.Custom(func(t *rapid.T) Answer { return Answer(rapid.IntRange(0, 2).Draw(t, "answer")) })
	for _, f := range l.fields {
		switch f {
		case sensitiveData:
			copy(us.SensitiveData[:], rapid.SliceOfN(answer, l.sensitive, l.sensitive).Draw(t, "sensitive"))
		case knownChild:
			copy(us.KnownChild[:], rapid.SliceOfN(answer, l.children, l.children).Draw(t, "child"))
		default:
			*us.single(f) = answer.Draw(t, "field")
		}
	}
	us.MSPACovered = Answer(rapid.IntRange(1, 2).Draw(t, "covered"))
	us.HasGPC = l.gpc && rapid.Bool().Draw(t, "has GPC")
	us.GPC = us.HasGPC && rapid.Bool().Draw(t, "GPC")
	return us
}

func TestSectionRefused(t *testing.T) {
	valid := US{Section: 7, Version: 2, MSPACovered: No, SensitiveCategories: 16, ChildActivities: 3}
	plain := encodeUS(&valid)
	for _, c := range []struct {
		name, section string
		id            int
	}{
		{"version 3", "D" + plain[1:], 7},
		{"version 1 with the fields of version 2", "B" + plain[1:], 7},
		{"cut", plain[:len(plain)-1], 7},
		{"longer padding", plain + "AA", 7},
		{"bits after the end", plain[:len(plain)-1] + "B", 7},
		{"a subsection of type 0", plain + ".AA", 7},
		{"a subsection of type 2", plain + ".gA", 7},
		{"an empty subsection", plain + ".", 7},
		{"two subsections", plain + ".QA.QA", 7},
		{"no MSPA", "CAAAAAAAAAAA", 7},
		{"a value of 3", "CwAAAAAAAABA", 7},
		{"GPC in Virginia, which has none", "BAAAAAQ.QA", 9},
	} {
		if us, err := parseUS(c.id, []byte(c.section)); err == nil {
			t.Errorf("%s: accepted as %+v", c.name, us)
		}
	}
	if _, err := parseUS(7, []byte(plain+".YA")); err != nil {
		t.Errorf("valid: %v", err)
	}
}

func TestHeader(t *testing.T) {
	us := US{Section: 7, Version: 2, MSPACovered: No, SensitiveCategories: 16, ChildActivities: 3}
	nat := encodeUS(&us)
	for _, c := range []struct {
		gpp  string
		want []int // nil: refused
	}{
		{"DBABLA~" + nat, []int{7}},
		{encodeGPP(map[int]string{6: "1YNN", 7: nat}), []int{6, 7}},
		{"DBABjw~" + canadian + "~1YNN", []int{5, 6}}, // sections 5 and 6 as a group
		{"DBACNYA~" + european + "~1YNN", []int{2, 6}},
		{"DBAA", nil},
		{"DBABLA", nil},
		{"DBABLA~", nil},
		{"DBABLA~" + nat + "~", nil},
		{"DBABLA~" + nat + "~" + nat, nil},
		{"DBABLAA~" + nat, nil}, // 12 bits of padding: no encoder fills up so far
		{"CBABLA~" + nat, nil},
		{"DCABLA~" + nat, nil},
		{encodeGPP(map[int]string{4: "AA"}), nil},
		{encodeGPP(map[int]string{1: "AA"}), nil},
		{encodeGPP(map[int]string{23: "BAAAAABA"}), nil},
		{encodeGPP(map[int]string{65535: "AA"}), nil},
		{european, nil},
	} {
		gpp, err := ParseGPP(c.gpp)
		if (err == nil) != (c.want != nil) || !slices.Equal(gpp.Sections, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.gpp, gpp.Sections, err, c.want)
		}
	}
}

// european and canadian are whole strings with nothing allowed.
var (
	european = encodeTC(&TC{Version: 2, Policy: 4, Language: Letters{'E', 'N'}, Country: Letters{'D', 'E'}, ServiceSpecific: true}, 8)
	canadian = encodeTC(&TC{Version: 1, Policy: 2, Language: Letters{'F', 'R'}}, 8)
)

// TestRoundTrip writes and reads strings of the EU and of Canada, with sets of vendors in each coding.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		canada := rapid.Bool().Draw(t, "canada")
		spans := ranges
		if canada {
			spans = rapid.SampledFrom([]coding{ranges, fibonacci}).Draw(t, "coding")
		}
		tc := drawTC(t, canada, spans)
		s := encodeTC(&tc, rapid.SampledFrom([]int{6, 8, 24}).Draw(t, "padding"))
		parse := ParseTC
		if canada {
			parse = ParseCanada
		}
		got, err := parse(s)
		if errors.Is(err, errCanadaAmbiguous) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if a, b := contents(&got), contents(&tc); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s:\ngot  %v\nwant %v", s, a, b)
		}
	})
}

// contents is a TC with its sets by content.
func contents(tc *TC) []any {
	flat := *tc
	flat.Vendors, flat.VendorsLI, flat.Disclosed, flat.restrictions = VendorSet{}, VendorSet{}, VendorSet{}, restrictions{}
	all := []any{flat, vendorsOf(&tc.Vendors), vendorsOf(&tc.VendorsLI), vendorsOf(&tc.Disclosed)}
	for vendor := range 40 {
		for purpose, kind := range tc.Restrictions(vendor) {
			all = append(all, vendor, purpose, kind)
		}
	}
	return all
}

func drawTC(t *rapid.T, canada bool, spans coding) TC {
	number := func(n int, name string) int { return rapid.IntRange(0, 1<<n-1).Draw(t, name) }
	letters := func(name string) Letters {
		return Letters{'A' + byte(rapid.IntRange(0, 25).Draw(t, name)), 'A' + byte(rapid.IntRange(0, 25).Draw(t, name))}
	}
	tc := TC{
		Version: 2, Created: int64(number(34, "created")) * 100, LastUpdated: int64(number(34, "updated")) * 100,
		CMP: number(12, "CMP"), CMPVersion: number(12, "CMP version"), Screen: number(6, "screen"), Language: letters("language"),
		VendorList: number(12, "list"), Policy: rapid.IntRange(4, 63).Draw(t, "policy"),
		ServiceSpecific: rapid.Bool().Draw(t, "specific"), NonStandardTexts: rapid.Bool().Draw(t, "texts"),
		SpecialFeatures: IDs(number(12, "features")), Purposes: IDs(number(24, "purposes")), PurposesLI: IDs(number(24, "interests")),
		PurposeOneHidden: rapid.Bool().Draw(t, "purpose 1"), Country: letters("country"),
		Vendors: drawVendors(t, spans), VendorsLI: drawVendors(t, spans),
		HasDisclosed: true, Disclosed: drawVendors(t, spans),
		HasPublisher: true, Publisher: PublisherTC{
			Purposes: IDs(number(24, "own")), PurposesLI: IDs(number(24, "own interests")),
			Custom: uint64(number(3, "custom")), CustomLI: uint64(number(3, "custom interests")), CustomCount: 3,
		},
	}
	tc.restrictions = drawRestrictions(t, spans)
	if canada {
		tc.Version, tc.ServiceSpecific, tc.PurposeOneHidden, tc.Country = 1, true, false, Letters{}
	}
	return tc
}

func drawVendors(t *rapid.T, spans coding) VendorSet {
	if rapid.Bool().Draw(t, "flags") {
		return asFlags(rapid.SliceOfNDistinct(rapid.IntRange(1, 40), 0, 12, rapid.ID).Draw(t, "ids")...)
	}
	return asSpans(spans, drawSpans(t)...)
}

func drawSpans(t *rapid.T) [][2]int {
	var pairs [][2]int
	last := 0
	for range rapid.IntRange(1, 4).Draw(t, "spans") {
		first := last + rapid.IntRange(1, 9).Draw(t, "first")
		last = first + rapid.IntRange(0, 9).Draw(t, "more")
		pairs = append(pairs, [2]int{first, last})
	}
	return pairs
}

func drawRestrictions(t *rapid.T, spans coding) restrictions {
	var all []restricted
	for range rapid.IntRange(0, 3).Draw(t, "restrictions") {
		all = append(all, restricted{
			rapid.IntRange(1, 24).Draw(t, "purpose"), Restriction(rapid.IntRange(0, 3).Draw(t, "kind")), asSpans(spans, drawSpans(t)...),
		})
	}
	return asRestrictions(spans, all...)
}

// TestCanadaTwoReadings: after 011, the Fibonacci code of 2, an old encoder's id 24576 goes on with zeros that could be what follows.
func TestCanadaTwoReadings(t *testing.T) {
	tc := TC{Version: 1, Policy: 2, Language: Letters{'F', 'R'}, Vendors: asSpans(ranges, [2]int{24_576, 24_576})}
	if _, err := ParseCanada(encodeTC(&tc, 8)); !errors.Is(err, errCanadaAmbiguous) {
		t.Error(err)
	}
	tc.Vendors = asSpans(ranges, [2]int{32_767, 32_767})
	if got, err := ParseCanada(encodeTC(&tc, 8)); err != nil || !got.Vendors.Has(32_767) {
		t.Error(err)
	}
}

func TestErrorsHideValues(t *testing.T) {
	for _, form := range Forms() {
		err := Check(form, []byte(`{"secret-value":"secret-value"}`))
		if err != nil && strings.Contains(err.Error(), "secret-value") {
			t.Errorf("%s: %v", form, err)
		}
	}
}
