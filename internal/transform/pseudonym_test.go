// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/base32"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"pgregory.net/rapid"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fixture is a worker with the keys of two recipients.
type fixture struct {
	keys  *keyring.Keyring
	scope *Scope
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	keys, err := keyring.Ephemeral("test", []string{"analytics", "partner"}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{keys: keys, scope: new(Scope)}
	f.scope.Domain = f.domain(t, "analytics")
	return f
}

func (f *fixture) domain(t testing.TB, recipient string) *keyring.Domain {
	t.Helper()
	d, err := f.keys.LatestDomain(recipient, testNow.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f *fixture) identity(t testing.TB, typ string, ofSubject bool) *Identity {
	t.Helper()
	return f.identityOf(t, "mastodon", typ, ofSubject)
}

func (f *fixture) identityOf(t testing.TB, instance, typ string, ofSubject bool) *Identity {
	t.Helper()
	id, err := NewIdentity(f.keys, instance, typ, ofSubject)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// own makes an account the owner of the leaves that follow.
func (f *fixture) own(t testing.TB, account string) {
	t.Helper()
	id := f.identity(t, "acc", true)
	f.scope.Owner = Owner{Known: true, Identity: id}
	if v := id.Secret(&f.scope.Owner.Secret, &Value{Kind: String, Text: []byte(account)}, f.scope); v != Done {
		t.Fatalf("verdict %d", v)
	}
}

// pseudonymOf gives the bare pseudonym of a JSON scalar, or the verdict in words.
func (f *fixture) pseudonymOf(t testing.TB, id *Identity, raw string) string {
	t.Helper()
	return f.append(t, NewPseudonym(id), raw)
}

// append gives what the technique leaves of a JSON scalar, without quotes, or the verdict in words.
func (f *fixture) append(t testing.TB, tech Technique, raw string) string {
	t.Helper()
	dst, verdict := tech.Append([]byte(before), scalar(t, raw), f.scope)
	out, kept := strings.CutPrefix(string(dst), before)
	if !kept {
		t.Fatalf("what stood before was changed to %q", dst)
	}
	switch {
	case verdict == Done:
		var text string
		if err := json.Unmarshal([]byte(out), &text); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		return text
	case out != "":
		t.Fatalf("verdict %d with %q appended", verdict, out)
	case verdict == Misfit:
		return misfit
	}
	return "shaped"
}

func TestPseudonymIsStable(t *testing.T) {
	f := newFixture(t)
	acc := f.identity(t, "acc", true)
	want := f.pseudonymOf(t, acc, `123`)
	for _, raw := range []string{`123`, `"123"`, `"0123"`} {
		if got := f.pseudonymOf(t, f.identity(t, "acc", true), raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
	if p, ok := ParsePseudonym([]byte(want)); !ok || p.Type != "acc" || p.Epoch != 1 {
		t.Errorf("%s: got %v, %v", want, p, ok)
	}
	eml := f.identityOf(t, "", "eml", true)
	if a, b := f.pseudonymOf(t, eml, `"Alice@Example.com"`), f.pseudonymOf(t, eml, `" alice@example.com"`); a != b {
		t.Errorf("got %s and %s for one address", a, b)
	}
}

// Everything a label names keeps pseudonyms apart.
func TestPseudonymsOfDifferentDomainsDiffer(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	seen := map[string]string{}
	add := func(what, pseudonym string) {
		digest := pseudonym[strings.LastIndexByte(pseudonym, '_'):]
		if before, ok := seen[digest]; ok {
			t.Errorf("%s and %s share a digest", before, what)
		}
		seen[digest] = what
	}
	for _, ofSubject := range []bool{true, false} {
		name := map[bool]string{true: "subject ", false: "object "}[ofSubject]
		f.scope.Domain = f.domain(t, "analytics")
		add(name+"plain", f.pseudonymOf(t, f.identityOf(t, "mastodon", "acc", ofSubject), `"1"`))
		add(name+"another id", f.pseudonymOf(t, f.identityOf(t, "mastodon", "acc", ofSubject), `"2"`))
		add(name+"another instance", f.pseudonymOf(t, f.identityOf(t, "twitter", "acc", ofSubject), `"1"`))
		add(name+"another type", f.pseudonymOf(t, f.identityOf(t, "mastodon", "grp", ofSubject), `"1"`))
		add(name+"another keyring", other.pseudonymOf(t, other.identityOf(t, "mastodon", "acc", ofSubject), `"1"`))
		f.scope.Domain = f.domain(t, "partner")
		add(name+"another recipient", f.pseudonymOf(t, f.identityOf(t, "mastodon", "acc", ofSubject), `"1"`))
	}
	// The end of a label is not the beginning of an identifier.
	f.scope.Domain = f.domain(t, "analytics")
	add("instance a, id bc", f.pseudonymOf(t, f.identityOf(t, "a", "hdl", true), `"bc"`))
	add("instance ab, id c", f.pseudonymOf(t, f.identityOf(t, "ab", "hdl", true), `"c"`))
}

func TestPseudonymProperties(t *testing.T) {
	f := newFixture(t)
	ids := map[string]*Identity{"acc": f.identity(t, "acc", true), "nam": f.identity(t, "nam", true), "obj": f.identity(t, "obj", false)}
	analytics, partner := f.domain(t, "analytics"), f.domain(t, "partner")
	rapid.Check(t, func(rt *rapid.T) {
		id := ids[rapid.SampledFrom([]string{"acc", "nam", "obj"}).Draw(rt, "type")]
		a := quoted(rapid.StringN(1, 60, -1).Draw(rt, "a"))
		b := quoted(rapid.StringN(1, 60, -1).Draw(rt, "b"))
		f.scope.Domain = analytics
		first, second := f.pseudonymOf(t, id, a), f.pseudonymOf(t, id, b)
		if again := f.pseudonymOf(t, id, a); again != first {
			rt.Fatalf("got %s, then %s", first, again)
		}
		same := canonical(id.typ, scalar(t, a)) == canonical(id.typ, scalar(t, b))
		if (first == second) != same {
			rt.Fatalf("%s and %s: got %s and %s", a, b, first, second)
		}
		f.scope.Domain = partner
		if other := f.pseudonymOf(t, id, a); other[len(other)-26:] == first[len(first)-26:] {
			rt.Fatal("two recipients got one pseudonym")
		}
	})
}

func TestNewEpochChangesPseudonyms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keyring.Init(dir, keyring.InitOptions{Tenant: "test", Now: testNow, Recipients: []keyring.Recipient{{Name: "analytics"}}}); err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Open(dir, keyring.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{keys: keys, scope: new(Scope)}
	f.scope.Domain = f.domain(t, "analytics")
	id := f.identity(t, "acc", true)
	first := f.pseudonymOf(t, id, `"1"`)
	if err := keys.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	f.scope.Domain = f.domain(t, "analytics")
	if got := f.pseudonymOf(t, f.identity(t, "acc", true), `"1"`); got != first {
		t.Errorf("after a KEK rotation: got %s, want %s", got, first)
	}
	if err := keys.NewEpoch("analytics", testNow, testNow.Add(-keyring.Notice)); err != nil {
		t.Fatal(err)
	}
	f.scope.Domain = f.domain(t, "analytics")
	second := f.pseudonymOf(t, id, `"1"`)
	if !strings.HasPrefix(second, "acc_2_") || second[6:] == first[6:] {
		t.Errorf("got %s after %s, want another of epoch 2", second, first)
	}
}

func TestSecretsOfThingsAndShapes(t *testing.T) {
	f := newFixture(t)
	acc, obj := f.identity(t, "acc", true), f.identity(t, "obj", false)
	var s keyring.Secret
	if v := obj.Secret(&s, scalar(t, `"1"`), f.scope); v != Misfit || s != (keyring.Secret{}) {
		t.Errorf("thing: got verdict %d, want a misfit", v)
	}
	if v := acc.Secret(&s, scalar(t, `null`), f.scope); v != Misfit || s != (keyring.Secret{}) {
		t.Errorf("null: got verdict %d, want a misfit", v)
	}
	p := f.pseudonymOf(t, acc, `"1"`)
	for _, id := range []*Identity{acc, obj, f.identity(t, "hdl", true)} {
		for _, shaped := range []string{p, strings.ToUpper(p), p[:len(p)-1] + "v"} {
			if got := f.pseudonymOf(t, id, quoted(shaped)); got != "shaped" {
				t.Errorf("%s %s: got %s, want shaped", id.Type(), shaped, got)
			}
		}
	}
	if v := acc.Secret(&s, scalar(t, quoted(p)), f.scope); v != Shaped {
		t.Errorf("secret of a pseudonym: got verdict %d, want shaped", v)
	}
	if got := f.pseudonymOf(t, f.identity(t, "hdl", true), quoted("@"+p)); got != "shaped" {
		t.Errorf("handle with @: got %s, want shaped", got)
	}
}

func TestCanonicalOfIdentity(t *testing.T) {
	f := newFixture(t)
	for _, ofSubject := range []bool{true, false} {
		got, verdict := f.identity(t, "acc", ofSubject).Canonical(scalar(t, `"007"`), f.scope)
		if verdict != Done || string(got) != "7" {
			t.Errorf("got %q, verdict %d", got, verdict)
		}
	}
}

func TestNewIdentityRefuses(t *testing.T) {
	f := newFixture(t)
	for _, typ := range []string{"", "ac", "account", "ACC", "a_c", "ac1"} {
		if _, err := NewIdentity(f.keys, "x", typ, true); err == nil {
			t.Errorf("%q: accepted", typ)
		}
	}
}

func TestParsePseudonymRefuses(t *testing.T) {
	const digest = "2cah4o9grvpibq69hrc7hr64g0"
	good := "acc_3_" + digest
	p, ok := ParsePseudonym([]byte(good))
	if !ok || p.Type != "acc" || p.Epoch != 3 {
		t.Fatalf("got %v, %v", p, ok)
	}
	if got := appendPseudonym(nil, p.Type, "3", &p.Digest); string(got) != good {
		t.Errorf("got %s, want %s", got, good)
	}
	for _, bad := range []string{
		"", "acc", "acc_3", "acc__" + digest, "acc_03_" + digest, "acc_0_" + digest, "acc_-1_" + digest, "acc_1234567890_" + digest, "ac_3_" + digest, "acct_3_" + digest,
		"ACC_3_" + digest, "acc_3_" + strings.ToUpper(digest), "acc_3_" + digest[:25], "acc_3_" + digest + "0", "acc_3_" + digest[:25] + "1", "acc_3_" + digest[:25] + "v",
		"acc_3_w" + digest[1:], "acc-3-" + digest, " " + good, good + " ", "acc_3_" + digest[:12] + "\n\n" + digest[14:],
	} {
		if p, ok := ParsePseudonym([]byte(bad)); ok {
			t.Errorf("%q: got %v", bad, p)
		}
	}
}

// Whatever parses is written the same again and looks like a pseudonym.
func FuzzParsePseudonym(f *testing.F) {
	f.Add("acc_3_2cah4o9grvpibq69hrc7hr64g0")
	f.Add("acc_999999999_vvvvvvvvvvvvvvvvvvvvvvvvvs")
	f.Add("ACC_03_2CAH4O9GRVPIBQ69HRC7HR64GV")
	f.Add("acc_3_2cah4o9grvpibq69hrc7hr64g1")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := ParsePseudonym([]byte(text))
		looks := LooksLikePseudonym([]byte(text))
		if !ok {
			return
		}
		epoch, _ := json.Marshal(p.Epoch)
		if got := appendPseudonym(nil, p.Type, string(epoch), &p.Digest); string(got) != text || !looks {
			t.Fatalf("%q: written again as %q, looks like one: %v", text, got, looks)
		}
	})
}

func TestDigestIsBase32Hex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digest := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest"))
		want := strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(digest[:]))
		var text [digestLength]byte
		putDigest(&text, &digest)
		if got := string(text[:]); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestPseudonymAllocatesNothing(t *testing.T) {
	f := newFixture(t)
	dst := make([]byte, 0, 64)
	for _, c := range []struct {
		typ, raw  string
		ofSubject bool
	}{{"acc", `"1234567890123456789"`, true}, {"acc", `1234567890123456789`, true}, {"eml", `"Alice@Example.com"`, true}, {"obj", `"109"`, false}} {
		tech, v := NewPseudonym(f.identity(t, c.typ, c.ofSubject)), scalar(t, c.raw)
		if n := testing.AllocsPerRun(100, func() {
			if _, verdict := tech.Append(dst, v, f.scope); verdict != Done {
				t.Fatal(verdict)
			}
		}); n != 0 {
			t.Errorf("%s %s: got %v allocations, want 0", c.typ, c.raw, n)
		}
	}
}

// The keyring in testdata was made by the first release: what it gives may never change.
func TestPinnedPseudonyms(t *testing.T) {
	keys := pinnedKeyring(t)
	data, err := os.ReadFile(filepath.Join("testdata", "pinned", "pseudonyms.json"))
	if err != nil {
		t.Fatal(err)
	}
	type pinned struct {
		Instance, Type string
		OfSubject      bool
		Recipient      string
		Epoch          int
		Value          json.RawMessage
		Canonical      string
		Pseudonym      string
	}
	var all []pinned
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	f := &fixture{keys: keys, scope: new(Scope)}
	for _, p := range all {
		if f.scope.Domain, err = keys.EpochDomain(p.Recipient, p.Epoch); err != nil {
			t.Fatal(err)
		}
		id := f.identityOf(t, p.Instance, p.Type, p.OfSubject)
		if got, verdict := id.Canonical(scalar(t, string(p.Value)), f.scope); verdict != Done || string(got) != p.Canonical {
			t.Errorf("%s %s: got %q, want %q", p.Type, p.Value, got, p.Canonical)
		}
		if got := f.pseudonymOf(t, id, string(p.Value)); got != p.Pseudonym {
			t.Errorf("%s %s: got %s, want %s", p.Type, p.Value, got, p.Pseudonym)
		}
	}
}

// pinnedKeyring opens a copy that only its owner may read, which a checkout does not promise.
func pinnedKeyring(t testing.TB) *keyring.Keyring {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"kek", "keyring.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "pinned", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.Open(dir, keyring.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
