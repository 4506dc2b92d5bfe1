// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/keyring"
	"pgregory.net/rapid"
)

// scalars draws JSON scalars of every kind.
func scalars() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return quoted(rapid.String().Draw(t, "text")) }),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?`),
		rapid.SampledFrom([]string{"true", "false", "null", `""`, "0"}),
	)
}

func TestOpenGivesWhatWasSealed(t *testing.T) {
	f := newFixture(t)
	rapid.Check(t, func(rt *rapid.T) {
		raw := scalars().Draw(rt, "value")
		f.own(t, rapid.StringMatching("[0-9]{1,4}").Draw(rt, "owner"))
		sealed := f.append(t, NewSeal("email", "$.a"), raw)
		got, err := OpenSeal(f.scope.Domain, f.scope.Owner, "email", "$.a", []byte(sealed))
		want := scalar(t, raw)
		if err != nil || got.Kind != want.Kind || string(got.Text) != string(want.Text) || string(got.Raw) != raw {
			rt.Fatalf("%s: got %d %s %s, %v", raw, got.Kind, got.Text, got.Raw, err)
		}
		if again := f.append(t, NewSeal("email", "$.a"), raw); again == sealed {
			rt.Fatal("the same value sealed twice looks the same")
		}
		det := f.append(t, NewDeterministicSeal("email"), raw)
		if again := f.append(t, NewDeterministicSeal("email"), raw); again != det {
			rt.Fatal("the same value sealed deterministically twice looks different")
		}
		if got, err = OpenDeterministicSeal(f.scope.Domain, "email", []byte(det)); err != nil || string(got.Raw) != raw {
			rt.Fatalf("deterministic %s: got %s, %v", raw, got.Raw, err)
		}
	})
}

// A seal opens for its owner, class, path, recipient and keyring only.
func TestSealIsBound(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	f.own(t, "1")
	owner := f.scope.Owner
	sealed := f.append(t, NewSeal("email", "$.a"), `"alice@example.com"`)
	f.own(t, "2")
	stranger := f.scope.Owner
	handle := owner
	handle.Identity = f.identity(t, "hdl", true)
	here := f.scope.Domain
	if _, err := OpenSeal(here, owner, "email", "$.a", []byte(sealed)); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (Value, error){
		"another owner":     func() (Value, error) { return OpenSeal(here, stranger, "email", "$.a", []byte(sealed)) },
		"another type":      func() (Value, error) { return OpenSeal(here, handle, "email", "$.a", []byte(sealed)) },
		"another class":     func() (Value, error) { return OpenSeal(here, owner, "name", "$.a", []byte(sealed)) },
		"another path":      func() (Value, error) { return OpenSeal(here, owner, "email", "$.b", []byte(sealed)) },
		"shifted label":     func() (Value, error) { return OpenSeal(here, owner, "email$", ".a", []byte(sealed)) },
		"another recipient": func() (Value, error) { return OpenSeal(f.domain(t, "partner"), owner, "email", "$.a", []byte(sealed)) },
		"another keyring": func() (Value, error) {
			return OpenSeal(other.domain(t, "analytics"), owner, "email", "$.a", []byte(sealed))
		},
		"deterministic": func() (Value, error) { return OpenDeterministicSeal(here, "email", []byte(sealed)) },
		"cut":           func() (Value, error) { return OpenSeal(here, owner, "email", "$.a", []byte(sealed[:len(sealed)-4])) },
		"empty":         func() (Value, error) { return OpenSeal(here, owner, "email", "$.a", nil) },
		"padded text":   func() (Value, error) { return OpenSeal(here, owner, "email", "$.a", []byte(sealed+"=")) },
	} {
		if v, err := open(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %q, %v, want ErrSealed", name, v.Raw, err)
		}
	}
}

func TestTamperedSealsDoNotOpen(t *testing.T) {
	f := newFixture(t)
	f.own(t, "1")
	sealed := f.append(t, NewSeal("email", "$.a"), `"alice@example.com"`)
	det := f.append(t, NewDeterministicSeal("email"), `"alice@example.com"`)
	for name, c := range map[string]struct {
		text string
		open func(text []byte) (Value, error)
	}{
		"seal":          {sealed, func(text []byte) (Value, error) { return OpenSeal(f.scope.Domain, f.scope.Owner, "email", "$.a", text) }},
		"deterministic": {det, func(text []byte) (Value, error) { return OpenDeterministicSeal(f.scope.Domain, "email", text) }},
	} {
		wire, err := base64.RawURLEncoding.DecodeString(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range wire {
			wire[i] ^= 0x10
			if _, err := c.open([]byte(base64.RawURLEncoding.EncodeToString(wire))); !errors.Is(err, ErrSealed) {
				t.Errorf("%s: byte %d changed: got %v, want ErrSealed", name, i, err)
			}
			wire[i] ^= 0x10
		}
	}
}

func TestDeterministicSealIsBound(t *testing.T) {
	f := newFixture(t)
	f.own(t, "1")
	sealed := f.append(t, NewDeterministicSeal("email"), `"alice@example.com"`)
	if _, err := OpenDeterministicSeal(f.scope.Domain, "name", []byte(sealed)); !errors.Is(err, ErrSealed) {
		t.Errorf("another class: got %v, want ErrSealed", err)
	}
	if _, err := OpenDeterministicSeal(f.domain(t, "partner"), "email", []byte(sealed)); !errors.Is(err, ErrSealed) {
		t.Errorf("another recipient: got %v, want ErrSealed", err)
	}
	f.scope.Owner = Owner{}
	if got := f.append(t, NewDeterministicSeal("email"), `"alice@example.com"`); got != sealed {
		t.Error("a declared join must not depend on the owner")
	}
	if got := f.append(t, NewDeterministicSeal("name"), `"alice@example.com"`); got == sealed {
		t.Error("two classes give one seal")
	}
	if f.append(t, NewDeterministicSeal("email"), `1`) == f.append(t, NewDeterministicSeal("email"), `"1"`) {
		t.Error("a number and a string give one seal")
	}
}

func TestSealWithoutOwnerIsAMisfit(t *testing.T) {
	f := newFixture(t)
	if got := f.append(t, NewSeal("email", "$.a"), `"alice@example.com"`); got != misfit {
		t.Errorf("unknown owner: got %s", got)
	}
	f.scope.Owner = Owner{Known: true, Identity: f.identity(t, "obj", false)}
	if got := f.append(t, NewSeal("email", "$.a"), `"alice@example.com"`); got != misfit {
		t.Errorf("owned by a thing: got %s", got)
	}
}

// Of the length of a value only its 32-byte step shows.
func TestSealHidesLengths(t *testing.T) {
	f := newFixture(t)
	f.own(t, "1")
	lengths := map[int]bool{}
	for n := range 31 {
		lengths[len(f.append(t, NewSeal("email", "$.a"), quoted(strings.Repeat("a", n))))] = true
	}
	lengths[len(f.append(t, NewSeal("email", "$.a"), "true"))] = true
	if len(lengths) != 1 {
		t.Errorf("got lengths %v, want one", lengths)
	}
	if a, b := f.append(t, NewSeal("email", "$.a"), quoted(strings.Repeat("a", 30))), f.append(t, NewSeal("email", "$.a"), quoted(strings.Repeat("a", 31))); len(a) >= len(b) {
		t.Errorf("31 bytes need another step: got %d and %d characters", len(a), len(b))
	}
}

func TestSealAllocatesNothing(t *testing.T) {
	f := newFixture(t)
	f.own(t, "1")
	dst := make([]byte, 0, 1024)
	v := scalar(t, `"alice@example.com"`)
	for name, tech := range map[string]Technique{"seal": NewSeal("email", "$.user.email"), "deterministic": NewDeterministicSeal("email")} {
		if n := testing.AllocsPerRun(200, func() {
			if _, verdict := tech.Append(dst, v, f.scope); verdict != Done {
				t.Fatal(verdict)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, n)
		}
	}
}

// A cache that is too small for its subjects only costs time.
func TestKeyCacheIsBounded(t *testing.T) {
	f := newFixture(t)
	f.scope = NewScope(ScopeOptions{Keys: 3})
	f.scope.Domain = f.domain(t, "analytics")
	tech := NewSeal("email", "$.a")
	id := f.identity(t, "acc", true)
	f.scope.Owner = Owner{Known: true, Identity: id}
	for i := range 200 {
		who := fmt.Sprintf("%q", fmt.Sprint(i*i%7))
		if v := id.Secret(&f.scope.Owner.Secret, scalar(t, who), f.scope); v != Done {
			t.Fatal(v)
		}
		f.scope.Domain = f.domain(t, []string{"analytics", "partner"}[i%2])
		sealed := f.append(t, tech, `"value"`)
		if _, err := OpenSeal(f.scope.Domain, f.scope.Owner, "email", "$.a", []byte(sealed)); err != nil {
			t.Fatal(err)
		}
		if n := f.scope.keys.kept(); n > 4 {
			t.Fatalf("got %d keys, want at most 4", n)
		}
	}
}

func (c *keyCache) kept() int {
	n := 0
	for _, tags := range c.tags {
		for _, tag := range tags {
			if tag != 0 {
				n++
			}
		}
	}
	return n
}

// The clock spares what was used since the hand last passed.
func TestKeyCacheKeepsWhatIsUsed(t *testing.T) {
	c, d := newKeyCache(3), newFixture(t).scope.Domain
	owner := func(i byte) *Owner { return &Owner{Secret: keyring.Secret{i}} }
	for i := range byte(3) {
		c.add(d, owner(i))
	}
	for i := byte(3); i < 50; i++ {
		if c.find(d, owner(0)) == nil {
			t.Fatalf("the hot key was thrown out at %d", i)
		}
		c.add(d, owner(i))
	}
}

// Keys whose tags agree are told apart by all that they are for.
func TestKeyCacheComparesWhole(t *testing.T) {
	f := newFixture(t)
	here, there := f.scope.Domain, f.domain(t, "partner")
	acc, hdl := f.identity(t, "acc", true), f.identity(t, "hdl", true)
	c := newKeyCache(1)
	kept := Owner{Identity: acc, Secret: keyring.Secret{31: 1}}
	c.add(here, &kept)
	if c.find(here, &kept) == nil {
		t.Fatal("the key is not found")
	}
	for name, look := range map[string]struct {
		domain *keyring.Domain
		owner  Owner
	}{
		"another domain":   {there, kept},
		"another identity": {here, Owner{Identity: hdl, Secret: kept.Secret}},
		"another secret":   {here, Owner{Identity: acc, Secret: keyring.Secret{31: 2}}},
	} {
		c.tags[0][0] = tag(look.domain, &look.owner)
		if c.find(look.domain, &look.owner) != nil {
			t.Errorf("%s: got the key of somebody else", name)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	var n nonces
	seen := map[[keyring.NonceSize]byte]bool{}
	for range 1000 {
		nonce := *n.next()
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

func TestScopePrintsNothing(t *testing.T) {
	f := newFixture(t)
	f.own(t, "4711")
	f.append(t, NewSeal("email", "$.a"), `"alice@example.com"`)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, f.scope); got != "[secret]" {
			t.Errorf("%s: got %d characters", verb, len(got))
		}
		if got := fmt.Sprintf(verb, f.scope.Owner); strings.Contains(got, fmt.Sprintf("%x", f.scope.Owner.Secret[:4])) || !strings.Contains(got, "[secret]") {
			t.Errorf("owner with %s tells the secret", verb)
		}
	}
}

func BenchmarkPseudonym(b *testing.B) {
	f := newFixture(b)
	for _, c := range []struct {
		name, typ, text string
		ofSubject       bool
	}{
		{"account", "acc", "1234567890123456789", true},
		{"email", "eml", "alice.wonder@example.com", true},
		{"object", "obj", "1234567890123456789", false},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := NewPseudonym(f.identity(b, c.typ, c.ofSubject))
			v := &Value{Kind: String, Text: []byte(c.text)}
			dst := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				p.Append(dst, v, f.scope)
			}
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	f := newFixture(b)
	f.own(b, "4711")
	v := &Value{Kind: String, Text: []byte("alice.wonder@example.com")}
	dst := make([]byte, 0, 256)
	for _, c := range []struct {
		name string
		t    Technique
	}{{"cached", NewSeal("email", "$.user.email")}, {"deterministic", NewDeterministicSeal("email")}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.t.Append(dst, v, f.scope)
			}
		})
	}
	b.Run("cold", func(b *testing.B) {
		t := NewSeal("email", "$.user.email")
		b.ReportAllocs()
		for n := uint64(0); b.Loop(); n++ {
			binary.LittleEndian.PutUint64(f.scope.Owner.Secret[:], n)
			t.Append(dst, v, f.scope)
		}
	})
}
