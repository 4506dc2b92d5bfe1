// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestTruncateIP(t *testing.T) {
	check(t, must(t)(NewTruncateIP(24, 48)), []change{
		{`"203.0.113.7"`, `"203.0.113.0"`},
		{`"0.0.0.0"`, `"0.0.0.0"`},
		{`"2001:DB8:1:2:3:4:5:6"`, `"2001:db8:1::"`},
		{`"2001:db8::7"`, `"2001:db8::"`},
		{`"::ffff:203.0.113.7"`, `"203.0.113.0"`},
		{`"::ffff:cb00:7107"`, `"203.0.113.0"`},
		{`"::203.0.113.7"`, `"::"`},
		{`"fe80::1%eth0"`, `"fe80::"`},
		{`"::ffff:203.0.113.7%eth0"`, `"203.0.113.0"`},
		{`"fe80::1%"`, misfit},
		{`"203.0.113.7%eth0"`, misfit},
		{`"203.0.113.07"`, misfit},
		{`"203.0.113.256"`, misfit},
		{`"203.0.113"`, misfit},
		{`"203.0.113.7.1"`, misfit},
		{`"203.0.113.7:80"`, misfit},
		{`"203.0.113.7, 10.0.0.1"`, misfit},
		{`" 203.0.113.7"`, misfit},
		{`"[2001:db8::7]"`, misfit},
		{`"2001:db8:::7"`, misfit},
		{`"1:2:3:4:5:6:7"`, misfit},
		{`"1:2:3:4:5:6:7:8:9"`, misfit},
		{`"1::2:3:4:5:6:7:8"`, misfit},
		{`"12345::"`, misfit},
		{`"::g"`, misfit},
		{`""`, misfit},
		{`3405803783`, misfit},
		{`null`, misfit},
	})
	check(t, must(t)(NewTruncateIP(0, 0)), []change{{`"203.0.113.7"`, `"0.0.0.0"`}, {`"2001:db8::7"`, `"::"`}})
	check(t, must(t)(NewTruncateIP(32, 128)), []change{{`"203.0.113.7"`, `"203.0.113.7"`}, {`"2001:db8::7%1"`, `"2001:db8::7"`}})
}

func TestTruncateIPRefusesBits(t *testing.T) {
	for _, bits := range [][2]int{{-1, 48}, {33, 48}, {24, -1}, {24, 129}} {
		if _, err := NewTruncateIP(bits[0], bits[1]); err == nil {
			t.Errorf("%v bits were taken", bits)
		}
	}
}

// addresses draws spellings of addresses, and what looks like them.
func addresses() *rapid.Generator[string] {
	random := rapid.Custom(func(t *rapid.T) string {
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], rapid.Uint64().Draw(t, "high"))
		binary.BigEndian.PutUint64(a[8:], rapid.Uint64().Draw(t, "low"))
		addr := netip.AddrFrom16(a)
		return rapid.SampledFrom([]string{addr.String(), addr.StringExpanded(), netip.AddrFrom4([4]byte(a[:4])).String()}).Draw(t, "form")
	})
	return rapid.OneOf(random,
		rapid.StringMatching(`([0-9a-fA-F]{0,4}:){0,8}(:[0-9a-f]{0,5}){0,8}`),
		rapid.StringMatching(`([0-9a-f]{1,4}:){6}([0-9]{1,3}\.){3}[0-9]{1,3}`),
		rapid.StringMatching(`(::|1::|::1:|::ffff:)([0-9]{1,3}\.){2,4}[0-9]{1,3}(%[a-z]{0,2})?`),
		rapid.StringMatching(`([0-9]{1,3}\.){3}[0-9]{1,3}`),
		rapid.StringMatching(`[0-9a-f:.%]{0,20}`))
}

func TestParseAddrAgreesWithNetip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := addresses().Draw(t, "text")
		got, ok := parseAddr([]byte(text))
		want, err := netip.ParseAddr(text)
		if ok != (err == nil) || ok && got != want.WithZone("") {
			t.Fatalf("got %v and %t, want %v and %v", got, ok, want, err)
		}
	})
}

func TestTruncateIPAgreesWithNetip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := addresses().Draw(rt, "text")
		bits4, bits6 := rapid.IntRange(0, 32).Draw(rt, "bits4"), rapid.IntRange(0, 128).Draw(rt, "bits6")
		want := misfit
		if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.WithZone("").Unmap()
			bits := bits6
			if addr.Is4() {
				bits = bits4
			}
			want = quoted(netip.PrefixFrom(addr, bits).Masked().Addr().String())
		}
		if got := apply(t, must(t)(NewTruncateIP(bits4, bits6)), quoted(text)); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestTruncateText(t *testing.T) {
	check(t, must(t)(NewTruncateText(5)), []change{
		{`"Hello, world"`, `"Hello"`},
		{`"Hello"`, `"Hello"`},
		{`""`, `""`},
		{`"grüße dich"`, `"grüße"`},
		{`"😀😀😀😀😀😀"`, `"😀😀😀😀😀"`},
		{`"a\n\"\\\u0041bc"`, `"a\n\"\\A"`},
		{`123456`, misfit},
		{`null`, misfit},
	})
	if _, err := NewTruncateText(0); err == nil {
		t.Error("no character at all was taken")
	}
}

func TestTruncateLonger(t *testing.T) {
	check(t, must(t)(NewTruncateLonger(3)), []change{
		{`"Anna"`, `"Ann"`},
		{`"grüß"`, `"grü"`},
		{`"Ann"`, misfit},
		{`"Jo"`, misfit},
		{`"\u0041\u00fc"`, misfit},
		{`""`, misfit},
		{`1234`, misfit},
	})
	if _, err := NewTruncateLonger(0); err == nil {
		t.Error("no character at all was taken")
	}
}
