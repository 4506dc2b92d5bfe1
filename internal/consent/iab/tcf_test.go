// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prebid/go-gdpr/consentconstants"
	"github.com/prebid/go-gdpr/vendorconsent"
)

// vectors reads a file of JSON lines of the shared corpus, which lies beside the repository; tests that need it skip without it.
func vectors[T any](tb testing.TB, path ...string) []T {
	tb.Helper()
	name := filepath.Join(append([]string{"..", "..", "..", "..", "shared", "corpus", "standards"}, path...)...)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		tb.Skipf("the shared corpus is absent: %s", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var all []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatal(err)
		}
		all = append(all, v)
	}
	if lines.Err() != nil || len(all) == 0 {
		tb.Fatalf("%s: %d lines, %v", name, len(all), lines.Err())
	}
	return all
}

type tcVector struct {
	TC      string `json:"tc"`
	Valid23 bool   `json:"tcf23_valid"`
	Decoded struct {
		Version          int    `json:"version"`
		Created          int64  `json:"created_ms"`
		LastUpdated      int64  `json:"lastUpdated_ms"`
		CMP              int    `json:"cmpId"`
		CMPVersion       int    `json:"cmpVersion"`
		Screen           int    `json:"consentScreen"`
		Language         string `json:"consentLanguage"`
		VendorList       int    `json:"vendorListVersion"`
		Policy           int    `json:"policyVersion"`
		ServiceSpecific  bool   `json:"isServiceSpecific"`
		PurposeOneHidden bool   `json:"purposeOneTreatment"`
		Country          string `json:"publisherCountryCode"`
		SpecialFeatures  []int  `json:"specialFeatureOptins"`
		Purposes         []int  `json:"purposeConsents"`
		PurposesLI       []int  `json:"purposeLegitimateInterests"`
		VendorConsents   []int  `json:"vendorConsents"`
		VendorInterests  []int  `json:"vendorLegitimateInterests"`
		Disclosed        []int  `json:"vendorsDisclosed"`
	} `json:"decoded"`
}

func numbers(s IDs) []int {
	all := []int{}
	for id := 1; id <= 32; id++ {
		if s.Has(id) {
			all = append(all, id)
		}
	}
	return all
}

func vendorsOf(v *VendorSet) []int { return slices.AppendSeq([]int{}, v.All()) }

func TestTCVectors(t *testing.T) {
	for _, v := range vectors[tcVector](t, "tcf", "tc_vectors.jsonl") {
		tc, err := ParseTC(v.TC)
		if err != nil {
			t.Errorf("%s: %v", v.TC, err)
			continue
		}
		want := v.Decoded
		type plain struct {
			version                           int
			created, updated                  int64
			cmp, cmpVersion, screen           int
			language, country                 string
			list, policy                      int
			specific, purposeOne, disclosed23 bool
		}
		if got, want := (plain{
			tc.Version, tc.Created, tc.LastUpdated, tc.CMP, tc.CMPVersion, tc.Screen, tc.Language.String(), tc.Country.String(),
			tc.VendorList, tc.Policy, tc.ServiceSpecific, tc.PurposeOneHidden, tc.HasDisclosed,
		}), (plain{
			want.Version, want.Created, want.LastUpdated, want.CMP, want.CMPVersion, want.Screen, want.Language, want.Country,
			want.VendorList, want.Policy, want.ServiceSpecific, want.PurposeOneHidden, v.Valid23,
		}); got != want {
			t.Errorf("%s:\ngot  %v\nwant %v", v.TC, got, want)
		}
		for _, set := range []struct {
			name      string
			got, want []int
		}{
			{"special features", numbers(tc.SpecialFeatures), want.SpecialFeatures},
			{"purposes", numbers(tc.Purposes), want.Purposes},
			{"purposes by legitimate interest", numbers(tc.PurposesLI), want.PurposesLI},
			{"vendors", vendorsOf(&tc.Vendors), want.VendorConsents},
			{"vendors by legitimate interest", vendorsOf(&tc.VendorsLI), want.VendorInterests},
			{"disclosed vendors", vendorsOf(&tc.Disclosed), want.Disclosed},
		} {
			if !slices.Equal(set.got, set.want) {
				t.Errorf("%s: %s: got %v, want %v", v.TC, set.name, set.got, set.want)
			}
		}
		if got := spelled(&tc); got != trimmed(v.TC) {
			t.Errorf("spelled again\n%s\n is \n%s", v.TC, got)
		}
	}
}

// trimmed drops the padding of each segment and puts the segments after the first in order, so that equal strings compare equal.
func trimmed(s string) string {
	segments := strings.Split(s, ".")
	for i := range segments {
		segments[i] = strings.TrimRight(segments[i], "A")
	}
	slices.Sort(segments[1:])
	return strings.Join(segments, ".")
}

func spelled(tc *TC) string { return trimmed(encodeTC(tc, 24)) }

func TestTCNegative(t *testing.T) {
	for _, v := range vectors[struct {
		TC  string `json:"tc"`
		Why string `json:"why"`
	}](t, "tcf", "negative.jsonl") {
		tc, err := ParseTC(v.TC)
		if !strings.HasPrefix(v.Why, "core only") {
			if err == nil {
				t.Errorf("%s: accepted", v.Why)
			}
			continue
		}
		// A core alone is a whole string of TCF 2.2, and no longer one if it was made or changed since 2.3 is mandatory.
		if err != nil || tc.HasDisclosed {
			t.Errorf("%s: %v, disclosed %v", v.Why, err, tc.HasDisclosed)
		}
		for _, late := range []func(*TC){
			func(tc *TC) { tc.LastUpdated = disclosedSince },
			func(tc *TC) { tc.Created = disclosedSince },
		} {
			later := tc
			late(&later)
			if _, err := ParseTC(encodeTC(&later, 24)); !errors.Is(err, errDisclosed) {
				t.Errorf("%s, changed since: %v", v.Why, err)
			}
		}
	}
}

// TestPrebid compares with another decoder: what is accepted here it accepts too, and reads the same. It accepts more: version 1,
// and strings that end early.
func TestPrebid(t *testing.T) {
	strings := []string{}
	for _, v := range vectors[struct {
		TC string `json:"tc"`
	}](t, "tcf", "prebid_test_strings.jsonl") {
		strings = append(strings, v.TC)
	}
	for _, v := range vectors[tcVector](t, "tcf", "tc_vectors.jsonl") {
		strings = append(strings, v.TC)
	}
	accepted := 0
	for _, s := range strings {
		tc, err := ParseTC(s)
		if err != nil {
			continue
		}
		accepted++
		other, err := vendorconsent.ParseString(s)
		if err != nil {
			t.Errorf("%s: accepted here only: %v", s, err)
			continue
		}
		for id := 1; id <= 24; id++ {
			if tc.Purposes.Has(id) != other.PurposeAllowed(consentconstants.Purpose(id)) {
				t.Errorf("%s: purpose %d", s, id)
			}
		}
		for id := 1; id <= 1300; id++ {
			if tc.Vendors.Has(id) != other.VendorConsent(uint16(id)) {
				t.Errorf("%s: vendor %d", s, id)
			}
		}
		if tc.Created != other.Created().UnixMilli() || tc.CMP != int(other.CmpID()) || tc.VendorList != int(other.VendorListVersion()) {
			t.Errorf("%s: when, with what", s)
		}
	}
	if refused := len(strings) - accepted; refused != 26 { // 17 of version 1, 9 that end early or have a range of one
		t.Errorf("refused %d of %d", refused, len(strings))
	}
}
