// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHost(t *testing.T) {
	check(t, NewHost(), []change{
		{`"https://Www.Example.org/path?q=1#f"`, `"www.example.org"`},
		{`"HTTPS:\/\/example.org"`, `"example.org"`},
		{`"http://example.org:8080"`, `"example.org"`},
		{`"http://example.org:"`, `"example.org"`},
		{`"http://example.org."`, `"example.org"`},
		{`"http://example.org?ann@example.com"`, `"example.org"`},
		{`"http://example.org#ann@example.com"`, `"example.org"`},
		{`"https://ann:secret@example.org/"`, `"example.org"`},
		{`"wss://a_b.example.org"`, `"a_b.example.org"`},
		{`"ftp://ftp.example.org/ann"`, `"ftp.example.org"`},
		{`"https://xn--bcher-kva.example/"`, `"xn--bcher-kva.example"`},
		{`"https://Bücher.example/"`, `"xn--bcher-kva.example"`},
		{`"https://example。org/"`, `"example.org"`},
		{`"https://bü_cher.example/"`, misfit},
		{`"https://example.org\u0000ü/"`, misfit},
		{`"https://１９２.168.0.1/"`, misfit},
		{`"http://203.0.113.7/"`, misfit},
		{`"http://[2001:db8::7]/"`, misfit},
		{`"http://0x7f.1/"`, misfit},
		{`"http://1.2.3.0xFF/"`, misfit},
		{`"http://1.2.3.4./"`, misfit},
		{`"http://a.0xyz/"`, `"a.0xyz"`},
		{`"http://3405803783/"`, misfit},
		{`"http://localhost/"`, misfit},
		{`"http://a..b/"`, misfit},
		{`"http://.example.org/"`, misfit},
		{`"http://example.org:80a/"`, misfit},
		{`"http://example.org:80:80/"`, misfit},
		{`"http://a@b@example.org/"`, misfit},
		{`"http://example.com\\@example.org/"`, misfit},
		{`"http://example%2eorg/"`, misfit},
		{`"http://exa mple.org/"`, misfit},
		{`" http://example.org/"`, misfit},
		{`"http://exam\nple.org/"`, misfit},
		{`"http:///path"`, misfit},
		{`"http://"`, misfit},
		{`"http:example.org"`, misfit},
		{`"//example.org/"`, misfit},
		{`"example.org"`, misfit},
		{`"at://ann.example.org/post/1"`, misfit},
		{`"mailto:ann@example.org"`, misfit},
		{`"javascript://example.org/"`, misfit},
		{`""`, misfit},
		{`7`, misfit},
		{`null`, misfit},
	})
}

func TestHostLimits(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Join([]string{label, label, label, label[:59], "de"}, ".") // 254 bytes
	check(t, NewHost(), []change{
		{quoted("http://" + label + ".de/"), quoted(label + ".de")},
		{quoted("http://" + label + "a.de/"), misfit},
		{quoted("http://" + name), misfit},
		{quoted("http://" + name[1:]), quoted(name[1:])},
	})
}

func TestEmailDomain(t *testing.T) {
	check(t, NewEmailDomain(), []change{
		{`"Ann@Mail.Example.ORG"`, `"mail.example.org"`},
		{`"ann+tag@example.org"`, `"example.org"`},
		{`"jörg@example.org"`, `"example.org"`},
		{`"ann@Bücher.example"`, `"xn--bcher-kva.example"`},
		{`"\"ann@home\"@example.org"`, `"example.org"`},
		{`"ann@b@example.org"`, misfit},
		{`"Ann <ann@example.org>"`, misfit},
		{`"ann@example.org, bob@example.org"`, misfit},
		{`"mailto:ann@example.org"`, misfit},
		{`"ann example@example.org"`, misfit},
		{`"@example.org"`, misfit},
		{`"@ann"`, misfit},
		{`"ann@"`, misfit},
		{`"ann@localhost"`, misfit},
		{`"ann@[203.0.113.7]"`, misfit},
		{`"ann@203.0.113.7"`, misfit},
		{`"ann@exa mple.org"`, misfit},
		{`"ann"`, misfit},
		{`""`, misfit},
		{`null`, misfit},
	})
}

// Where we find a host, net/url finds the same; user and password never show, and no address passes for a name.
func TestHostAgreesWithNetURL(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`(https?|HTTP|ws|at)://([a-z]{0,4}(:[a-z@]{0,3})?@)?[a-zA-Z0-9_.-]{0,12}(:[0-9]{0,6})?([/?#\\][a-z@:/]{0,6})?`).Draw(rt, "url")
		got := apply(t, NewHost(), quoted(text))
		if got == misfit {
			return
		}
		u, err := url.Parse(text)
		if err != nil {
			rt.Fatalf("got %s, want what net/url says: %v", got, err)
		}
		if want := quoted(strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
		if _, err := netip.ParseAddr(strings.Trim(got, `"`)); err == nil {
			rt.Fatalf("got the address %s", got)
		}
	})
}

func TestHostsOfRealEvents(t *testing.T) {
	seen, found := 0, 0
	eachString(t, func(s string) {
		if !strings.HasPrefix(s, "https://") {
			return
		}
		u, err := url.Parse(s)
		if err != nil || strings.ContainsAny(s, "{}<> ") {
			return
		}
		seen++
		got := apply(t, NewHost(), quoted(s))
		if got == misfit {
			return
		}
		found++
		if want := quoted(strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	if found*100 < seen*99 {
		t.Errorf("got %d hosts of %d URLs, want nearly all", found, seen)
	}
	t.Logf("%d hosts of %d URLs", found, seen)
}

// Mapping a name to ASCII takes time in the square of its length: hostile lengths are refused before.
func TestForeignHostsAreBounded(t *testing.T) {
	label := strings.Repeat("ü", 20)
	check(t, NewHost(), []change{
		{quoted("https://bücher.example/"), `"xn--bcher-kva.example"`},
		{quoted("https://" + strings.Repeat("ü", 129) + ".example/"), misfit},
		{quoted("https://" + strings.Repeat(label+".", 12) + "example/"), misfit},
		{quoted("https://" + strings.Repeat(label+".", 30) + "example/"), misfit},
	})
	start := time.Now()
	for _, domain := range []string{strings.Repeat("ü", 60<<10) + ".example", strings.Repeat("ü.", 60<<10) + "example", strings.Repeat("ü。", 60<<10) + "example"} {
		if got := apply(t, NewHost(), quoted("https://"+domain+"/")); got != misfit {
			t.Errorf("host of %d bytes: want a misfit", len(domain))
		}
		if _, ok := canonicalEmail(nil, []byte("ann@"+domain)); ok {
			t.Errorf("e-mail address with a domain of %d bytes: want a misfit", len(domain))
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("hostile names took %s", took)
	}
}
