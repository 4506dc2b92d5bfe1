// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/keyring"
)

// People who are taken through the PRFs together get what each gets alone, in every domain, in whatever order they are asked for.
func TestSubjectsTogetherAreSubjectsAlone(t *testing.T) {
	f := newFixture(t)
	ids := []*Identity{f.identity(t, "acc", true), f.identity(t, "hdl", true), f.identityOf(t, "", "eml", true)}
	shaped := "acc_1_" + strings.Repeat("0", digestLength)
	texts := []string{"alice", "b", "", shaped, "carol@example.org", strings.Repeat("long", 40), "alice", "4711", "00815", "@Dave"}
	for count := range len(texts) * len(ids) {
		f.scope.People.Reset()
		var values []*Value
		for n := range count {
			v := &Value{Kind: String, Text: []byte(texts[n%len(texts)])}
			if got := f.scope.People.Add(ids[n%len(ids)], v); got != n {
				t.Fatalf("person %d got number %d", n, got)
			}
			values = append(values, v)
		}
		for n := range count {
			n = (n*7 + 3) % count
			for _, recipient := range []string{"analytics", "partner", "analytics"} {
				f.scope.Domain = f.domain(t, recipient)
				id, v := ids[n%len(ids)], *values[n]
				want, wantVerdict := id.AppendPseudonym([]byte("x"), &v, f.scope)
				v.Subject = int32(n) + 1
				got, verdict := id.AppendPseudonym([]byte("x"), &v, f.scope)
				if string(got) != string(want) || verdict != wantVerdict || f.scope.People.Verdict(n) != wantVerdict {
					t.Errorf("person %d of %d for %s: got %s with verdict %d, want %s with %d", n, count, recipient, got, verdict, want, wantVerdict)
				}
				var owner Owner
				var secret keyring.Secret
				f.scope.People.Own(&owner, n, nil)
				if id.Secret(&secret, values[n], f.scope) == Done && (owner.Secret != secret || !owner.Known || owner.Identity != id) {
					t.Errorf("person %d of %d: owns what is sealed under another secret", n, count)
				}
				if wantVerdict != Done && owner.Known {
					t.Errorf("person %d of %d: nobody owns something", n, count)
				}
			}
		}
	}
}

// Who is added after others were asked for is asked for alone: a record cannot make everybody be derived again and again.
func TestSubjectsAreDerivedOnce(t *testing.T) {
	f := newFixture(t)
	acc := f.identity(t, "acc", true)
	p := &f.scope.People
	for i := range 300 {
		v := &Value{Kind: Number, Text: []byte(strconv.Itoa(i))}
		n := p.Add(acc, v)
		if i > 0 {
			p.lanes[0].Secret, p.lanes[0].Digest = keyring.Secret{1}, [16]byte{2} // would be mended by another derivation
		}
		want, _ := acc.AppendPseudonym(nil, v, f.scope)
		if got, _ := p.AppendPseudonym(nil, n, f.scope.Domain, nil); string(got) != string(want) {
			t.Fatalf("person %d: got %s, want %s", i, got, want)
		}
		if i > 0 && p.lanes[0].Digest != [16]byte{2} {
			t.Fatalf("person 0 was derived again for person %d", i)
		}
	}
}

// A record that names very many people does not make a worker large for ever.
func TestSubjectsGiveBack(t *testing.T) {
	f := newFixture(t)
	acc := f.identity(t, "acc", true)
	p := &f.scope.People
	size := func() int { return cap(p.who) + cap(p.lanes) + cap(p.names) }
	for i := range 5 {
		p.Add(acc, &Value{Kind: Number, Text: []byte(strconv.Itoa(i))})
	}
	p.AppendPseudonym(nil, 0, f.scope.Domain, nil)
	usual := size()
	if p.Trim(); size() != usual {
		t.Error("what is usual was given back too")
	}
	for i := range 100_000 {
		p.Add(acc, &Value{Kind: Number, Text: []byte(strconv.Itoa(i))})
	}
	p.AppendPseudonym(nil, 0, f.scope.Domain, nil)
	if p.Trim(); size() > usual {
		t.Errorf("%d kept, want at most %d", size(), usual)
	}
	n := p.Add(acc, &Value{Kind: Number, Text: []byte("7")})
	if got, verdict := p.AppendPseudonym(nil, n, f.scope.Domain, nil); verdict != Done || len(got) == 0 {
		t.Errorf("got %q with verdict %d after giving back", got, verdict)
	}
}

// A number of another identity is not believed.
func TestSubjectOfAnotherIdentity(t *testing.T) {
	f := newFixture(t)
	acc, hdl := f.identity(t, "acc", true), f.identity(t, "hdl", true)
	v := &Value{Kind: String, Text: []byte("alice")}
	want, _ := hdl.AppendPseudonym(nil, v, f.scope)
	v.Subject = int32(f.scope.People.Add(acc, v)) + 1
	if got, _ := hdl.AppendPseudonym(nil, v, f.scope); string(got) != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func BenchmarkSubjects(b *testing.B) {
	f := newFixture(b)
	ids := []*Identity{f.identity(b, "acc", true), f.identity(b, "hdl", true), f.identity(b, "dev", true)}
	var values []*Value
	for i := range 6 {
		values = append(values, &Value{Kind: String, Text: []byte("u_" + strconv.Itoa(482910337+i))})
	}
	var dst []byte
	b.Run("together", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.scope.People.Reset()
			dst = dst[:0]
			for i, v := range values {
				v.Subject = int32(f.scope.People.Add(ids[i%3], v)) + 1
			}
			for i, v := range values {
				dst, _ = ids[i%3].AppendPseudonym(dst, v, f.scope)
			}
		}
	})
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			dst = dst[:0]
			for i, v := range values {
				v.Subject = 0
				dst, _ = ids[i%3].AppendPseudonym(dst, v, f.scope)
			}
		}
	})
}
