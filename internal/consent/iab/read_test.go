// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
)

// brief writes signals as purpose+ for an allow, purpose- for a deny, and the kind for other denies.
func brief(signals []consent.Signal) string {
	kinds := map[consent.Kind]string{
		consent.Sale: "sale", consent.Sharing: "sharing", consent.Sensitive: "sensitive", consent.Age: "minor",
	}
	words := []string{}
	for _, s := range signals {
		switch {
		case s.Kind == consent.Consent && s.Verdict == consent.Allow:
			words = append(words, s.Purpose+"+")
		case s.Kind == consent.Consent:
			words = append(words, s.Purpose+"-")
		case s.Verdict == consent.Deny:
			words = append(words, kinds[s.Kind])
		default:
			words = append(words, "an allow of "+kinds[s.Kind])
		}
	}
	return strings.Join(words, " ")
}

// sample is a valid string with purposes 1, 2 and 7 consented, 2, 3 and 9 by legitimate interest, for vendors 5 and 6.
func sample(change func(*TC)) string {
	tc := TC{
		Version: 2, Policy: 4, Language: Letters{'E', 'N'}, Country: Letters{'D', 'E'}, ServiceSpecific: true,
		Created: disclosedSince + 86_400_000, LastUpdated: disclosedSince + 86_400_000,
		Purposes: 1<<0 | 1<<1 | 1<<6, PurposesLI: 1<<1 | 1<<2 | 1<<8,
		Vendors: asFlags(5, 6), VendorsLI: asSpans(ranges, [2]int{5, 5}),
		HasDisclosed: true, Disclosed: asSpans(ranges, [2]int{1, 5}, [2]int{7, 9}),
	}
	if change != nil {
		change(&tc)
	}
	return encodeTC(&tc, 8)
}

func TestReadTCF(t *testing.T) {
	restrict := func(purpose int, kind Restriction, vendor int) func(*TC) {
		return func(tc *TC) {
			tc.restrictions = asRestrictions(ranges, restricted{purpose, kind, asSpans(ranges, [2]int{vendor, vendor})})
		}
	}
	for _, c := range []struct {
		name   string
		needs  PurposeNeeds
		change func(*TC)
		want   bool
	}{
		{"consented", PurposeNeeds{TCF: []int{1, 2, 7}}, nil, true},
		{"one is not", PurposeNeeds{TCF: []int{1, 4}}, nil, false},
		{"only by interest", PurposeNeeds{TCF: []int{9}}, nil, false},
		{"interest is enough", PurposeNeeds{TCF: []int{1, 9}, LegitimateInterest: true}, nil, true},
		{"interest is never enough for 3", PurposeNeeds{TCF: []int{3}, LegitimateInterest: true}, nil, false},
		{"vendor", PurposeNeeds{TCF: []int{1}, Vendor: 5}, nil, true},
		{"vendor alone", PurposeNeeds{Vendor: 5}, nil, true},
		{"vendor without consent", PurposeNeeds{TCF: []int{1}, Vendor: 7}, nil, false},
		{"vendor alone without consent", PurposeNeeds{Vendor: 7}, nil, false},
		{"vendor not disclosed", PurposeNeeds{TCF: []int{1}, Vendor: 6}, nil, false},
		{"vendor outside", PurposeNeeds{TCF: []int{1}, Vendor: 65_535}, nil, false},
		{"vendor's interest", PurposeNeeds{TCF: []int{9}, Vendor: 5, LegitimateInterest: true}, nil, true},
		{
			"vendor objected to", PurposeNeeds{TCF: []int{9}, Vendor: 5, LegitimateInterest: true},
			func(tc *TC) { tc.VendorsLI = asFlags() }, false,
		},
		{"vendor not allowed", PurposeNeeds{TCF: []int{1, 7}, Vendor: 5}, restrict(7, NotAllowed, 5), false},
		{"other vendor not allowed", PurposeNeeds{TCF: []int{1, 7}, Vendor: 5}, restrict(7, NotAllowed, 6), true},
		{"other purpose not allowed", PurposeNeeds{TCF: []int{1, 7}, Vendor: 5}, restrict(8, NotAllowed, 5), true},
		{"consent required and given", PurposeNeeds{TCF: []int{7}, Vendor: 5}, restrict(7, RequireConsent, 5), true},
		{"consent required", PurposeNeeds{TCF: []int{9}, Vendor: 5, LegitimateInterest: true}, restrict(9, RequireConsent, 5), false},
		{"interest required", PurposeNeeds{TCF: []int{7}, Vendor: 5}, restrict(7, RequireLegitimateInterest, 5), false},
		{
			"interest required and given", PurposeNeeds{TCF: []int{2}, Vendor: 5, LegitimateInterest: true},
			restrict(2, RequireLegitimateInterest, 5), true,
		},
		{"undefined restriction", PurposeNeeds{TCF: []int{2}, Vendor: 5, LegitimateInterest: true}, restrict(2, restrictionUndefined, 5), false},
		{"global scope", PurposeNeeds{TCF: []int{1}}, func(tc *TC) { tc.ServiceSpecific = false }, false},
		{"2.3 without disclosed vendors", PurposeNeeds{TCF: []int{1}}, func(tc *TC) { tc.HasDisclosed = false }, false},
		{
			"2.2 without disclosed vendors", PurposeNeeds{TCF: []int{1}, Vendor: 6},
			func(tc *TC) {
				tc.HasDisclosed, tc.Created, tc.LastUpdated = false, disclosedSince-100, disclosedSince-100
			}, true,
		},
		{
			"2.2 with disclosed vendors", PurposeNeeds{TCF: []int{1}, Vendor: 6},
			func(tc *TC) { tc.Created, tc.LastUpdated = disclosedSince-100, disclosedSince-100 }, false,
		},
		{"policy 3 of today", PurposeNeeds{TCF: []int{1}}, func(tc *TC) { tc.Policy = 3 }, false},
		{"purpose outside", PurposeNeeds{TCF: []int{25}}, nil, false},
	} {
		c.needs.Purpose = "ads"
		s := sample(c.change)
		want := []consent.Signal{{Kind: consent.Consent, Purpose: "ads", Verdict: consent.Deny, At: 7, Source: "tcf"}}
		if c.want {
			want[0].Verdict = consent.Allow
		}
		if got := Read(FormTCF, []byte(s), &Mapping{Purposes: []PurposeNeeds{c.needs}}, 7); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
	}
}

// everything needs something of each form that grants.
var everything = Mapping{Purposes: []PurposeNeeds{
	{Purpose: "ads", TCF: []int{1, 7}, Categories: []string{"C0001", "C0003"}, Google: []string{"ad_storage", "ad_user_data"}},
	{Purpose: "stats", TCF: []int{1}, Vendor: 5, Categories: []string{"C0001"}, Google: []string{"analytics_storage"}},
	{Purpose: "none"},
}}

func TestRead(t *testing.T) {
	nat := func(change func(*US)) string {
		us := US{
			Section: 7, Version: 2, SensitiveCategories: 16, ChildActivities: 3, MSPACovered: No,
			SaleNotice: Yes, SharingOptOutNotice: Yes, TargetedAdsNotice: Yes, SaleOptOut: No, SharingOptOut: No, TargetedAdsOptOut: No,
		}
		change(&us)
		return encodeUS(&us)
	}
	gpp := func(change func(*US)) string { return encodeGPP(map[int]string{7: nat(change)}) }
	both := encodeGPP(map[int]string{2: sample(nil), 7: nat(func(us *US) { us.SaleOptOut = Yes })})
	canada := sample(func(tc *TC) { tc.Version, tc.Purposes, tc.VendorsLI = 1, 1<<0, asFlags(); tc.HasDisclosed = false })
	for _, c := range []struct {
		name  string
		form  Form
		value string
		want  string
	}{
		{"tcf", FormTCF, sample(nil), "ads+ stats+"},
		{"tcf, broken", FormTCF, "C", "ads- stats-"},
		{"tcf, empty", FormTCF, "", "ads- stats-"},
		{"gpp, nothing said", FormGPP, gpp(func(*US) {}), "ads- stats-"},
		{"gpp, sale", FormGPP, gpp(func(us *US) { us.SaleOptOut = Yes }), "ads- stats- sale"},
		{"gpp, no notice of sale", FormGPP, gpp(func(us *US) { us.SaleNotice = No }), "ads- stats- sale"},
		{"gpp, notice of sale beside the point", FormGPP, gpp(func(us *US) { us.SaleNotice = NotApplicable }), "ads- stats- sale"},
		{"gpp, sharing", FormGPP, gpp(func(us *US) { us.SharingOptOut = Yes }), "ads- stats- sharing"},
		{"gpp, targeted ads", FormGPP, gpp(func(us *US) { us.TargetedAdsOptOut = Yes }), "ads- stats- sharing"},
		{"gpp, GPC", FormGPP, gpp(func(us *US) { us.HasGPC, us.GPC = true, true }), "ads- stats- sale sharing"},
		{"gpp, no GPC", FormGPP, gpp(func(us *US) { us.HasGPC = true }), "ads- stats-"},
		{"gpp, other use refused", FormGPP, gpp(func(us *US) { us.OtherUse = Yes }), "ads- stats- sale sharing"},
		{"gpp, other use consented", FormGPP, gpp(func(us *US) { us.OtherUse = No }), "ads- stats-"},
		{"gpp, service provider", FormGPP, gpp(func(us *US) { us.MSPAServiceProvider = Yes }), "ads- stats- sale sharing"},
		{"gpp, sensitive", FormGPP, gpp(func(us *US) { us.SensitiveData[15] = Yes }), "ads- stats- sensitive"},
		{"gpp, sensitive consented", FormGPP, gpp(func(us *US) { us.SensitiveData[15] = No }), "ads- stats-"},
		{"gpp, no notice of limits", FormGPP, gpp(func(us *US) { us.SensitiveLimitNotice = No }), "ads- stats- sensitive"},
		{"gpp, child", FormGPP, gpp(func(us *US) { us.KnownChild[2] = Yes }), "ads- stats- minor"},
		{"gpp, child with consent", FormGPP, gpp(func(us *US) { us.KnownChild[0] = No }), "ads- stats- minor"},
		{"gpp, Europe and the US", FormGPP, both, "ads+ stats+ sale"},
		{"gpp, Europe and Canada", FormGPP, encodeGPP(map[int]string{2: sample(nil), 5: canada}), "ads- stats+"},
		{"gpp, US Privacy", FormGPP, encodeGPP(map[int]string{6: "1YYN"}), "ads- stats- sale sharing"},
		{"gpp, an unknown section", FormGPP, encodeGPP(map[int]string{2: sample(nil), 23: "BAAAAABA"}), "ads- stats- sale sharing sensitive minor"},
		{"gpp, broken", FormGPP, both[:len(both)-2], "ads- stats- sale sharing sensitive minor"},
		{"usp, out", FormUSP, "1YYN", "sale sharing"},
		{"usp, in", FormUSP, "1YNN", ""},
		{"usp, not applicable", FormUSP, "1---", ""},
		{"usp, no notice", FormUSP, "1NNN", "sale sharing"},
		{"usp, broken", FormUSP, "1YN", "sale sharing"},
		{"gpc", FormGPC, "1", "sale sharing"},
		{"gpc, no signal", FormGPC, "true", ""},
		{"segment", FormSegment, `{"categoryPreferences":{"C0001":true,"C0003":false}}`, "ads- stats+"},
		{"segment, broken", FormSegment, `{"C0001":true,"C0003":1}`, "ads- stats-"},
		{"rudderstack", FormRudderStack, `{"allowedConsentIds":["C0001","C0003"]}`, "ads+ stats+"},
		{"google", FormGoogle, `{"ad_storage":"granted","ad_user_data":"granted","analytics_storage":"denied"}`, "ads+ stats-"},
		{"google, gcs knows no user data", FormGoogle, "G111", "ads- stats+"},
		{"onetrust", FormOneTrust, "groups=C0001:1,C0003:1&isGpcEnabled=1", "ads+ stats+ sale sharing"},
		{"onetrust, broken", FormOneTrust, "groups=C0001:1,C0003", "ads- stats- sale sharing"},
		{"an unknown form", "tcf3", sample(nil), "ads- stats- none- sale sharing sensitive minor"},
	} {
		if got := brief(Read(c.form, []byte(c.value), &everything, 1)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := brief(Read(FormGPP, []byte(both), nil, 1)); got != "sale" {
		t.Errorf("no mapping: %q", got)
	}
}

func TestMapping(t *testing.T) {
	if err := everything.Validate(); err != nil {
		t.Error(err)
	}
	for name, n := range map[string]PurposeNeeds{
		"no name":           {},
		"TCF purpose 0":     {Purpose: "a", TCF: []int{0}},
		"TCF purpose 25":    {Purpose: "a", TCF: []int{1, 25}},
		"a negative vendor": {Purpose: "a", Vendor: -1},
		"a large vendor":    {Purpose: "a", Vendor: 65_536},
		"an empty category": {Purpose: "a", Categories: []string{""}},
		"a Google key":      {Purpose: "a", Google: []string{"ads"}},
	} {
		if (&Mapping{Purposes: []PurposeNeeds{n}}).Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	tc, gpp := []byte(sample(nil)), []byte(encodeGPP(map[int]string{2: sample(nil), 7: "CAAAAAAAAABA.QA"}))
	for _, c := range []struct {
		name  string
		form  Form
		value []byte
	}{
		{"tcf", FormTCF, tc},
		{"gpp", FormGPP, gpp},
		{"usp", FormUSP, []byte("1YNN")},
		{"segment", FormSegment, []byte(`{"categoryPreferences":{"C0001":true,"C0002":false,"C0003":true}}`)},
		{"google", FormGoogle, []byte(`{"ad_storage":"granted","ad_user_data":"granted"}`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Read(c.form, c.value, &everything, 1)
			}
		})
	}
}
