// SPDX-License-Identifier: Apache-2.0

package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/nymstream/nymstream/internal/event"
)

// BenchmarkDecode decodes one ordinary record of each format; MB/s counts the record's bytes.
func BenchmarkDecode(b *testing.B) {
	f, post := protoFake(b)
	every := f.register(b, "every-value", sr.Schema{Schema: everyType})
	document := f.register(b, "json-value", sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	const text = `{"id":"e0","author_id":"17","email":"u0@example.org","followers":12,"mentions":["@a","@b"],"geo":{"lat":52.5,"lon":-13.4}}`
	cloud := headers("ce_specversion", "1.0", "ce_id", "1", "ce_source", "/a", "ce_type", "t", "content-type", "application/json")
	for _, bb := range []struct {
		kind    Kind
		headers []event.Header
		value   []byte
	}{
		{JSON, nil, []byte(text)},
		{Form, nil, []byte("token=abc&team_id=T1&user_id=U1&user_name=steve&text=94070+and+more&response_url=https%3A%2F%2Fhooks.example%2F1")},
		{CloudEvents, cloud, []byte(text)},
		{Avro, nil, append(appendWire(nil, every), goavroBytes(b, everyType, everyValue(nil))...)},
		{Protobuf, nil, append(append(appendWire(nil, post), 0), protoBytes(b, "social.Post", protoPost)...)},
		{JSONSchema, nil, append(appendWire(nil, document), text...)},
	} {
		b.Run(string(bb.kind), func(b *testing.B) {
			d := f.decoder(b, bb.kind)
			rec := &event.Record{Value: bb.value, Headers: bb.headers}
			var dst []byte
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.value)))
			for b.Loop() {
				var err error
				if dst, err = d.Decode(dst[:0], rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSocialEvent decodes the corpus's Avro schema, by a record of every field.
func BenchmarkSocialEvent(b *testing.B) {
	schema, err := os.ReadFile(filepath.Join(corpus(b, "standards/schema_registry"), "social_event.avsc"))
	if err != nil {
		b.Fatal(err)
	}
	f := newFake(b)
	id := f.register(b, "t-value", sr.Schema{Schema: string(schema)})
	d := f.decoder(b, Avro)
	value := append(appendWire(nil, id), "\x04e0\x02\x04u0\x02\x1cu0@example.org\x00\x06\x06@m0\x06@m1\x06@m2\x00\x02\x00\x00\x00\x00\x00\x40\x4a\x40\xcd\xcc\xcc\xcc\xcc\xcc\x2a\xc0\x04\x02a\x02\x02x\x02b\x04\x00\x00\x00\x80\xa0\xa8\xab\xfe\xf9\x62"...)
	rec := &event.Record{Value: value}
	out, err := d.Decode(nil, rec)
	if err != nil || !strings.Contains(string(out), `"lat":52.5`) {
		b.Fatalf("got %s, error %v", out, err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if out, err = d.Decode(out[:0], rec); err != nil {
			b.Fatal(err)
		}
	}
}

// Formats without a schema decode without allocating.
func TestDecodingAllocatesNothing(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "json-value", sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	for k, value := range map[Kind][]byte{JSON: []byte(`{"a":1}`), Form: []byte("a=b&c=d%20e"), JSONSchema: append(appendWire(nil, id), `{"a":1}`...), CloudEvents: []byte(`{"a":1}`)} {
		d := f.decoder(t, k)
		rec, dst := &event.Record{Value: value}, make([]byte, 0, 1<<10)
		if n := testing.AllocsPerRun(100, func() { _, _ = d.Decode(dst, rec) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", k, n)
		}
	}
}

// BenchmarkEncode writes one sanitized document as Avro.
func BenchmarkEncode(b *testing.B) {
	e := NewAvroEncoder(outSchema(b), 1)
	document := []byte(`{"kind":"post","user":{"id":"acc_0123456789abcdefghijklmnop","mail":true},"at":"2026-01-02T03:00:00Z","likes":12,"score":0.5,"tags":[{"word":"a","at":1},{"word":"b","at":2}]}`)
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		var err error
		if dst, err = e.Encode(dst[:0], document); err != nil {
			b.Fatal(err)
		}
	}
}
