// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/nymstream/nymstream/internal/event"
)

// check holds a decoder against its contract: one JSON value of bounded size, or a poison; what stood in dst stays.
func check(t *testing.T, d Decoder, rec *event.Record, isJSON bool) {
	t.Helper()
	out, err := d.Decode([]byte("x"), rec)
	if len(out) == 0 || out[0] != 'x' {
		t.Fatalf("what stood in dst is gone: %q", out)
	}
	var p *event.Poison
	switch {
	case errors.As(err, &p):
		if !p.Reason.Quarantines() || len(out) != 1 {
			t.Fatalf("poison of reason %v, and %d bytes", p.Reason, len(out)-1)
		}
	case err != nil:
		t.Fatalf("neither a document nor a poison: %v", err)
	case isJSON && !json.Valid(out[1:]):
		t.Fatalf("%q is no JSON", out[1:])
	case len(out)-1 > fuzzBytes:
		t.Fatalf("a document of %d bytes, the limit is %d", len(out)-1, fuzzBytes)
	}
}

const fuzzBytes = 64 << 10

func fuzzDecoder(f *testing.F, k Kind, r *Registry) Decoder {
	f.Helper()
	d, err := NewDecoder(k, Options{Registry: r, MaxBytes: fuzzBytes})
	if err != nil {
		f.Fatal(err)
	}
	return d
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=b&c=%20+", "a&a", "%", "a=%ff"} {
		f.Add([]byte(s))
	}
	d := fuzzDecoder(f, Form, nil)
	f.Fuzz(func(t *testing.T, value []byte) { check(t, d, &event.Record{Value: value}, true) })
}

func FuzzCloudEvents(f *testing.F) {
	f.Add("ce_id", "1", "application/json", []byte(`{"a":1}`))
	f.Add("ce-type", "t", "text/plain", []byte(`x`))
	f.Add("ce_data", "1", "", []byte(`1,"a":2`))
	d := fuzzDecoder(f, CloudEvents, nil)
	f.Fuzz(func(t *testing.T, key, attr, contentType string, value []byte) {
		rec := &event.Record{Value: value, Headers: headers(key, attr, "content-type", contentType, "ce_id", "2")}
		check(t, d, rec, subtype(contentType) == "" || len(contentType) < len("application/cloudevents"))
	})
}

func FuzzJSONSchema(f *testing.F) {
	r := newFake(f)
	id := r.register(f, "t-value", sr.Schema{Schema: `{}`, Type: sr.TypeJSON})
	f.Add(append(appendWire(nil, id), "{}"...))
	d := fuzzDecoder(f, JSONSchema, r.client)
	f.Fuzz(func(t *testing.T, value []byte) { check(t, d, &event.Record{Value: value}, false) })
}

func FuzzAvro(f *testing.F) {
	r := newFake(f)
	ids := []int{
		r.register(f, "a-value", sr.Schema{Schema: everyType}),
		r.register(f, "b-value", sr.Schema{Schema: `{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]},{"name":"z","type":{"type":"array","items":"null"}}]}`}),
		r.register(f, "c-value", sr.Schema{Schema: `{"type":"array","items":["null",{"type":"record","name":"E","fields":[]},{"type":"fixed","name":"D","size":12,"logicalType":"duration"},{"type":"bytes","logicalType":"big-decimal"},{"type":"string","logicalType":"uuid"}]}`}),
	}
	f.Add(uint8(0), goavroBytes(f, everyType, everyValue(nil)))
	f.Add(uint8(1), []byte("\x02\x00\x00\x00"))
	f.Add(uint8(2), []byte("\x04\x02\x00\x00"))
	d := fuzzDecoder(f, Avro, r.client)
	f.Fuzz(func(t *testing.T, schema uint8, payload []byte) {
		check(t, d, &event.Record{Value: append(appendWire(nil, ids[int(schema)%len(ids)]), payload...)}, true)
	})
}

func FuzzProtobuf(f *testing.F) {
	r, id := protoFake(f)
	f.Add([]byte("\x00"))
	f.Add(append([]byte{0}, protoBytes(f, "social.Post", protoPost)...))
	f.Add([]byte("\x06\x00\x04\x00\x0a\x01x"))
	d := fuzzDecoder(f, Protobuf, r.client)
	f.Fuzz(func(t *testing.T, payload []byte) {
		check(t, d, &event.Record{Value: append(appendWire(nil, id), payload...)}, true)
	})
}

// FuzzAvroEncoder: what is written is read back by the schema that is registered, and nothing else is written.
func FuzzAvroEncoder(f *testing.F) {
	for _, s := range []string{`{"likes":1,"tags":[{"at":1}]}`, `{"user":{"id":"x"}}`, `{"size":[1]}`, `{"a":1}`, `{"lat":1e400}`} {
		f.Add([]byte(s))
	}
	o := outSchema(f)
	schema := avro.MustParse(o.Text)
	e := NewAvroEncoder(o, 1)
	f.Fuzz(func(t *testing.T, document []byte) {
		out, err := e.Encode(nil, document)
		if err != nil {
			if reasonOf(err) != event.Unencodable || len(out) > 0 {
				t.Fatalf("got %v and %d bytes", err, len(out))
			}
			return
		}
		var v any
		if rest, err := schema.Decode(out[wireHeader:], &v); err != nil || len(rest) > 0 {
			t.Fatalf("%q: cannot be read back: %v", document, err)
		}
	})
}
