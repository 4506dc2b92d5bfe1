// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
)

// every asks for each TCF purpose by both bases, alone and for some vendors, and for each category and key.
var every = func() *Mapping {
	m := &Mapping{}
	add := func(n PurposeNeeds) {
		n.Purpose = strconv.Itoa(len(m.Purposes))
		m.Purposes = append(m.Purposes, n)
	}
	for purpose := 1; purpose <= 12; purpose++ {
		for _, vendor := range []int{0, 5, 27} {
			add(PurposeNeeds{TCF: []int{purpose}, Vendor: vendor, LegitimateInterest: purpose%2 == 0})
		}
	}
	for _, vendor := range []int{1, 6, 102, 251, 703} {
		add(PurposeNeeds{Vendor: vendor})
	}
	for _, category := range []string{"C0001", "C0002", "C0003", "C0004", "Advertising", "Analytics"} {
		add(PurposeNeeds{Categories: []string{category}})
	}
	for _, key := range googleKeys {
		add(PurposeNeeds{Google: []string{key}})
	}
	return m
}()

// answer is what a value comes to: the purposes it allows and the kinds it denies otherwise.
type answer struct {
	allowed map[string]bool
	denied  map[consent.Kind]bool
}

func answerOf(form Form, s string) answer {
	a := answer{map[string]bool{}, map[consent.Kind]bool{}}
	for _, signal := range Read(form, []byte(s), every, 1) {
		switch {
		case signal.Kind != consent.Consent:
			a.denied[signal.Kind] = true
		case signal.Verdict == consent.Allow:
			a.allowed[signal.Purpose] = true
		}
	}
	return a
}

// atMost reports whether a allows nothing that b does not.
func (a answer) atMost(b answer) bool {
	for purpose := range a.allowed {
		if !b.allowed[purpose] {
			return false
		}
	}
	for kind := range b.denied {
		if !a.denied[kind] {
			return false
		}
	}
	return true
}

// sampled is a valid value of a form.
type sampled struct {
	form Form
	text string
}

// samples are valid values of every form that knows invalid ones: made here, and of the shared corpus where it is present.
func samples() []sampled {
	all := []sampled{
		{FormTCF, sample(nil)},
		{FormTCF, sample(func(tc *TC) {
			tc.HasPublisher = true
			tc.restrictions = asRestrictions(ranges, restricted{7, NotAllowed, asSpans(ranges, [2]int{5, 9})})
		})},
		{FormTCF, sample(func(tc *TC) { tc.Vendors = asSpans(ranges, [2]int{1, 40}, [2]int{702, 703}) })},
		{FormGPP, encodeGPP(map[int]string{2: sample(nil), 6: "1YNN", 7: "CAAAAAAAAABA.QA", 8: "BAAAAABA.YA"})},
		{FormGPP, encodeGPP(map[int]string{5: sample(func(tc *TC) {
			tc.Version = 1
			tc.Vendors, tc.VendorsLI = asSpans(fibonacci, [2]int{1, 40}), asSpans(fibonacci, [2]int{3, 9}, [2]int{27, 27})
			tc.Disclosed = asSpans(fibonacci, [2]int{1, 99})
		})})},
		{FormUSP, "1YNN"},
		{FormUSP, "1---"},
		{FormSegment, `{"categoryPreferences":{"C0001":true,"C0002":false,"C0003":true}}`},
		{FormSegment, `{"Advertising":true,"Analytics":false}`},
		{FormRudderStack, `{"allowedConsentIds":["C0001","C0003"],"deniedConsentIds":["C0002"],"provider":"oneTrust"}`},
		{FormGoogle, `{"ad_storage":"granted","analytics_storage":"denied","ad_user_data":"GRANTED"}`},
		{FormGoogle, "G111"},
		{FormOneTrust, "isGpcEnabled=0&groups=C0001%3A1%2CC0002%3A0%2CC0003:1"},
	}
	return all
}

func withVectors(t *testing.T, all []sampled) []sampled {
	for _, v := range vectors[tcVector](t, "tcf", "tc_vectors.jsonl") {
		all = append(all, sampled{FormTCF, v.TC})
	}
	for _, v := range vectors[gppVector](t, "gpp", "gpp_vectors.jsonl") {
		all = append(all, sampled{FormGPP, v.GPP})
	}
	return all
}

// wholeWithout reports whether a prefix of s is s with whole optional parts taken off its end: a segment of a TC string or of a US
// section, or a parameter of a cookie. Such a prefix can be a valid string of its own that says less, and none of it tells
// that something is missing.
func wholeWithout(v sampled, prefix string) bool {
	next := v.text[len(prefix)]
	return (next == '.' || v.form == FormOneTrust && (next == '&' || strings.HasPrefix(v.text[len(prefix):], "%2C"))) &&
		Check(v.form, []byte(prefix)) == nil
}

// TestTruncation: the answer to a prefix of a valid value is never more permissive than the answer to the value, unless the prefix
// ends where an optional part begins and is a valid value without that part: disclosed vendors before TCF 2.3, a GPC subsection,
// the rest of a cookie.
func TestTruncation(t *testing.T) {
	testTruncation(t, samples())
}

func TestTruncationVectors(t *testing.T) {
	all := withVectors(t, nil)
	if testing.Short() {
		all = all[len(all)-150:]
	}
	testTruncation(t, all)
}

func testTruncation(t *testing.T, all []sampled) {
	prefixes, valid := 0, 0
	for _, v := range all {
		if err := Check(v.form, []byte(v.text)); err != nil {
			t.Fatalf("%s %s: %v", v.form, v.text, err)
		}
		whole := answerOf(v.form, v.text)
		for end := range len(v.text) {
			prefix := v.text[:end]
			prefixes++
			if answerOf(v.form, prefix).atMost(whole) {
				continue
			}
			if !wholeWithout(v, prefix) {
				t.Errorf("%s: the first %d of %s allow more", v.form, end, v.text)
			}
			valid++
		}
	}
	t.Logf("%d prefixes, %d of them allow more and are valid without an optional part", prefixes, valid)
}

// TestAppended: whatever is appended to a valid value, the answer is never more permissive.
func TestAppended(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	all := samples()
	for range mutations(t) / 4 {
		v := all[random.IntN(len(all))]
		tail := randomText(random, 1+random.IntN(12))
		if v.form == FormOneTrust && strings.ContainsAny(tail, "%,&:=") {
			continue // a cookie can be continued by more groups, which say more
		}
		if !answerOf(v.form, v.text+tail).atMost(answerOf(v.form, v.text)) {
			t.Fatalf("%s: %s allows more with %q", v.form, v.text, tail)
		}
	}
}

// TestMutated: a value that differs from a valid one anywhere, and any random text, is either refused, and then answered with every
// denial of its form, or whole: written again from what was read it is the same text, padding aside.
func TestMutated(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	all := samples()
	accepted := 0
	n := mutations(t)
	for range n {
		v := all[random.IntN(len(all))]
		text := mutate(random, v.text)
		if random.IntN(4) == 0 {
			text = randomText(random, random.IntN(120))
		}
		if err := Check(v.form, []byte(text)); err != nil {
			refused(t, v.form, text)
			continue
		}
		accepted++
		if again, ok := writeAgain(v.form, text); ok && again != trimmed(text) {
			t.Fatalf("%s: accepted\n%s, which is\n%s", v.form, text, again)
		}
	}
	t.Logf("%d texts, %d accepted", n, accepted)
}

// refused holds that the answer denies all the form can.
func refused(t *testing.T, form Form, text string) {
	t.Helper()
	a := answerOf(form, text)
	if len(a.allowed) > 0 {
		t.Fatalf("%s: %q is refused and allows %v", form, text, a.allowed)
	}
	worst(form).each(func(kind consent.Kind) {
		if !a.denied[kind] {
			t.Fatalf("%s: %q is refused and does not deny %d", form, text, kind)
		}
	})
}

// writeAgain spells what was read from a TC or GPP string anew. Sections of Canada have two spellings and are left out.
func writeAgain(form Form, text string) (string, bool) {
	switch form {
	case FormTCF:
		tc, _ := ParseTC(text)
		return spelled(&tc), true
	case FormGPP:
		gpp, _ := ParseGPP(text)
		sections := map[int]string{}
		for i := range gpp.US {
			sections[gpp.US[i].Section] = encodeUS(&gpp.US[i])
		}
		if gpp.USP != nil {
			sections[6] = "1" + uspText(gpp.USP.Notice) + uspText(gpp.USP.OptOut) + uspText(gpp.USP.Covered)
		}
		if gpp.Europe == nil && gpp.Canada == nil && len(gpp.Sections) == 1 {
			return trimmed(encodeGPP(sections)), true
		}
	case FormUSP, FormGPC, FormSegment, FormRudderStack, FormGoogle, FormOneTrust:
	}
	return "", false
}

// mutations is how many texts a property tries.
func mutations(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("NYMSTREAM_MUTATIONS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal("NYMSTREAM_MUTATIONS is no number")
		}
		return n
	}
	if testing.Short() {
		return 20_000
	}
	return 200_000
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func randomText(random *rand.Rand, n int) string {
	alphabet := []string{base64url, base64url + ".~", "A", `{}[]",:truefalsnC01_dg `, "1YN-"}[random.IntN(5)]
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
		if random.IntN(64) == 0 {
			text[i] = byte(random.Uint32())
		}
	}
	return string(text)
}

// mutate changes, removes, inserts, repeats or swaps some bytes.
func mutate(random *rand.Rand, s string) string {
	text := []byte(s)
	for range 1 + random.IntN(3) {
		if len(text) < 2 {
			break
		}
		at := random.IntN(len(text))
		switch random.IntN(6) {
		case 0:
			text[at] = base64url[random.IntN(len(base64url))]
		case 1:
			text[at] ^= 1 << random.IntN(8)
		case 2:
			text = slices.Delete(text, at, at+1)
		case 3:
			text = slices.Insert(text, at, base64url[random.IntN(len(base64url))])
		case 4:
			text = slices.Insert(text, at, slices.Clone(text[:at])...)
		case 5:
			other := random.IntN(len(text))
			text[at], text[other] = text[other], text[at]
		}
	}
	return string(text)
}
