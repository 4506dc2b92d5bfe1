// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
)

var update = flag.Bool("update", false, "write the fixtures anew: only before a release has written such rows")

const bodyFixture = "testdata/person_v1.hex"

// fixtures are rows that every release must read. Each line of the file is one, in this order.
func fixtures() []body {
	secret, identity := bytes.Repeat([]byte{0xa1}, 32+keyring.SealOverhead), bytes.Repeat([]byte{0xb2}, nonceSize+48+16)
	standing, _, _ := consent.Standing{}.Merge(
		consent.Signal{Kind: consent.Consent, Purpose: "ads", Verdict: consent.Allow, At: 1763899200000, Expires: 1795435200000, Source: "tcf", Notice: "3"},
		consent.Signal{Kind: consent.Sale, At: 1763899200001, Source: "gpc"})
	return []body{
		{state: StateLive, generation: 1, lastSeen: 20780, epoch: 1, secret: secret, dataKey: dataKeyNumber{1, 2, 3, 4, 5, 6, 7, 8}, identity: identity},
		{state: StateLive, generation: 1, standing: standing},
		{state: StateErased, generation: 2, erasedAt: 1763899200000, lastSeen: 20780, standing: standing.AfterErasure(1763899200000)},
		{state: StateExpired, generation: 4000000000, lastSeen: 20780},
		{state: StateLive, generation: 3, erasedAt: 1763899200000, notBefore: 1763899200005, lastSeen: 20781, epoch: 300, secret: secret, standing: standing,
			links: []Link{{Key: Key{1}, From: -5, To: 1763899200000, Account: true}, {Key: Key{2}, From: 7, To: 7}}},
	}
}

func TestBodiesOfTheFirstReleaseAreRead(t *testing.T) {
	if *update {
		var lines strings.Builder
		for _, b := range fixtures() {
			lines.WriteString(hex.EncodeToString(b.append(nil, firstFormat)) + "\n")
		}
		if err := os.WriteFile(bodyFixture, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(bodyFixture)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(data))
	for i, want := range fixtures() {
		raw, err := hex.DecodeString(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		var got body
		if err := got.parse(raw); err != nil || !sameBody(&got, &want) {
			t.Errorf("line %d reads otherwise: %v", i+1, err)
		}
		if !bytes.Equal(want.append(nil, firstFormat), raw) {
			t.Errorf("line %d is written otherwise", i+1)
		}
	}
}

func sameBody(a, b *body) bool {
	if !bytes.Equal(a.standing.AppendBinary(nil), b.standing.AppendBinary(nil)) || len(a.links)+len(b.links) > 0 && !reflect.DeepEqual(a.links, b.links) {
		return false
	}
	x, y := *a, *b
	x.format, y.format = 0, 0
	x.standing, y.standing, x.links, y.links = consent.Standing{}, consent.Standing{}, nil, nil
	if !bytes.Equal(x.secret, y.secret) || !bytes.Equal(x.identity, y.identity) {
		return false
	}
	x.secret, y.secret, x.identity, y.identity = nil, nil, nil, nil
	return reflect.DeepEqual(x, y)
}

func TestTypicalBodyIsSmall(t *testing.T) {
	n := Newcomer{Instance: "mastodon", Type: "account", Canonical: []byte("109876543210987654")}
	aead, err := identityAEAD(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	k := dataKey{aead: aead}
	identity, _ := k.seal(nil, nil, &n, nil)
	b := body{state: StateLive, generation: 1, lastSeen: 20780, epoch: 12, secret: make([]byte, 32+keyring.SealOverhead), identity: identity}
	if got := len(b.append(nil, firstFormat)); got > 180 {
		t.Errorf("%d bytes, want at most 180", got)
	} else {
		t.Logf("%d bytes", got)
	}
}

func TestBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := body{
			state:      State(rapid.IntRange(1, int(states)-1).Draw(t, "state")),
			generation: rapid.Uint32Min(1).Draw(t, "generation"),
			erasedAt:   rapid.Int64().Draw(t, "erased"), notBefore: rapid.Int64().Draw(t, "not before"),
			lastSeen: rapid.Int32Min(0).Draw(t, "seen"),
		}
		if b.secret = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "secret"); len(b.secret) > 0 {
			b.epoch = rapid.IntRange(0, 1<<31-1).Draw(t, "epoch")
		}
		if b.identity = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "identity"); len(b.identity) > 0 {
			copy(b.dataKey[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "number"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "links") {
			l := Link{From: rapid.Int64Range(-1e15, 1e15).Draw(t, "from"), Account: rapid.Bool().Draw(t, "account")}
			l.To = l.From + rapid.Int64Range(0, 1e15).Draw(t, "length")
			b.links = append(b.links, l)
		}
		raw := b.append(nil, firstFormat)
		var got body
		if err := got.parse(raw); err != nil || !sameBody(&got, &b) {
			t.Fatalf("%v: %+v became %+v", err, b, got)
		}
		for n := 1; n < len(raw); n++ {
			if err := got.parse(raw[:n]); err == nil {
				t.Fatalf("%d of %d bytes read without error", n, len(raw))
			}
		}
		if err := got.parse(append(raw, 0)); err == nil {
			t.Fatal("a byte more read without error")
		}
	})
}

func TestUnknownFormatIsRefused(t *testing.T) {
	b := fixtures()[0]
	for format := range 256 {
		raw := b.append(nil, firstFormat)
		raw[0] = byte(format)
		if err := new(body).parse(raw); (format < firstFormat || format > NewestFormat) && !errors.Is(err, ErrFormat) {
			t.Fatalf("format %d: %v", format, err)
		}
	}
}

// Whatever the bytes are, parse neither panics nor reads what append would not write again as something else.
func FuzzBody(f *testing.F) {
	for _, b := range fixtures() {
		f.Add(b.append(nil, firstFormat))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b, again body
		if b.parse(raw) != nil {
			return
		}
		if len(raw) == 0 {
			return
		}
		if err := again.parse(b.append(nil, firstFormat)); err != nil || !sameBody(&b, &again) {
			t.Errorf("it reads, and what is written of it reads otherwise: %v", err)
		}
	})
}
