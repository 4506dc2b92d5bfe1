// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func testCodec() codec { return newCodec("acme", "ring", func() MAC { return hash("key") }) }

// frozen are messages of format 1 as they were first written: every release reads them.
func frozen() map[string]message {
	s := session{1, 2, 3, 4, 5, 6, 7, 8}
	return map[string]message{
		"6e796d6301bb1b420ebed0983a10042b8d79046df7a68697bd89cf4d1d530101020304050607080161":                                                                                           {kind: kindHello, session: s, instance: "a"},
		"6e796d6301bb1b420ebed0983a10e16730afe66bcc004233be09a79805000201020304050607080161ac0207000109000000000000000a00000000000000000000000000000000000000000000000000000000000000": {kind: kindBeat, session: s, instance: "a", number: 300, born: 7, applied: -1, reads: 1, store: origin{9}, plan: [32]byte{10}},
		"6e796d6301bb1b420ebed0983a1082ae2cfacee77e8c053109f9611fd05803010203040506070801020b0000000000000000000000000000000c000000000000000000000000000000":                           {kind: kindChanged, session: s, tightened: true, keys: []Key{{11}, {12}}},
		"6e796d6301bb1b420ebed0983a100e27686eab651a0083c79110f039e9fe0401020304050607080d00000000000000000000000000000000000000000000000000000000000000":                               {kind: kindPlan, session: s, plan: [32]byte{13}},
		"6e796d6301bb1b420ebed0983a107ef43b793989e3e716f217536e0242e7050102030405060708":                                                                                               {kind: kindBye, session: s},
		"6e796d6301bb1b420ebed0983a102ee1ff7dab74687f605e355215d91cc1060102030405060708ac02":                                                                                           {kind: kindMerged, session: s, asOf: 299},
	}
}

func TestFrozenMessages(t *testing.T) {
	c := testCodec()
	for text, want := range frozen() {
		value, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.open(value); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("kind %d: got %+v, %v", want.kind, got, err)
		}
		if again, err := c.seal(&want); err != nil || !bytes.Equal(again, value) {
			t.Errorf("kind %d is written as %x, %v", want.kind, again, err)
		}
	}
}

func anyMessage() *rapid.Generator[*message] {
	return rapid.Custom(func(t *rapid.T) *message {
		m := &message{kind: rapid.ByteRange(kindHello, kindMerged).Draw(t, "kind")}
		bytes := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
		m.session = session(bytes(8, "session"))
		switch m.kind {
		case kindHello:
			m.instance = rapid.StringN(1, 50, mostText).Draw(t, "instance")
		case kindBeat:
			m.instance = rapid.StringN(1, 50, mostText).Draw(t, "instance")
			m.number, m.born, m.applied = rapid.Uint64().Draw(t, "number"), rapid.Int64Min(0).Draw(t, "born"), rapid.Int64Range(-1, 1<<60).Draw(t, "applied")
			m.reads, m.store, m.plan = rapid.IntMin(0).Draw(t, "reads"), origin(bytes(8, "store")), [32]byte(bytes(32, "plan"))
		case kindChanged:
			m.tightened = rapid.Bool().Draw(t, "tightened")
			m.keys = make([]Key, rapid.IntRange(0, 20).Draw(t, "keys"))
			for i := range m.keys {
				m.keys[i] = Key(bytes(16, "key"))
			}
		case kindPlan:
			m.plan = [32]byte(bytes(32, "plan"))
		case kindMerged:
			m.asOf = rapid.Int64Range(-1, 1<<60).Draw(t, "as of")
		}
		return m
	})
}

func TestMessagesComeBack(t *testing.T) {
	c := testCodec()
	rapid.Check(t, func(t *rapid.T) {
		want := anyMessage().Draw(t, "message")
		value, err := c.seal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.open(value)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		if at := rapid.IntRange(0, len(value)-1).Draw(t, "byte"); true {
			changed := bytes.Clone(value)
			changed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if _, err := c.open(changed); err == nil {
				t.Fatalf("a change of byte %d is not noticed", at)
			}
		}
		body := want.append(nil)
		cut, err := c.sealAs(format, body[:rapid.IntRange(0, len(body)-1).Draw(t, "cut")])
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.open(cut); !errors.Is(err, errBody) {
			t.Fatalf("a body that is cut was read as %+v, %v", m, err)
		}
	})
}

func TestMessagesOfOthers(t *testing.T) {
	c := testCodec()
	for name, other := range map[string]struct {
		codec codec
		want  error
	}{
		"another tenant":                  {newCodec("acm", "ring", c.mac), errOrigin},
		"another keyring":                 {newCodec("acme", "other", c.mac), errOrigin},
		"the same letters, cut elsewhere": {newCodec("acmer", "ing", c.mac), errOrigin},
		"another key":                     {newCodec("acme", "ring", func() MAC { return hash("other") }), errForged},
	} {
		value, err := other.codec.seal(&message{kind: kindBye})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.open(value); !errors.Is(err, other.want) {
			t.Errorf("%s: got %v, want %v", name, err, other.want)
		}
	}
	forged := newCodec("acm", "ring", c.mac)
	forged.origin = c.origin
	if value, _ := forged.seal(&message{kind: kindBye}); value != nil {
		if _, err := c.open(value); !errors.Is(err, errForged) {
			t.Errorf("another tenant under our origin: got %v", err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	c := testCodec()
	for text := range frozen() {
		value, _ := hex.DecodeString(text)
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := c.sealAs(format, body)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.open(value); err == nil && m.kind != kindHello && m.kind != kindBeat {
			if again := m.append(nil); m.kind != kindChanged && !bytes.Equal(again, body) {
				t.Errorf("read %x and wrote %x", body, again)
			}
		}
		_, _ = c.open(body)
	})
}
