// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/nymstream/nymstream/internal/event"
)

// goavroBytes encodes with another library than the one that is tested.
func goavroBytes(t testing.TB, schema string, native any) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	out, err := codec.BinaryFromNative(nil, native)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const everyType = `{"type":"record","name":"Every","namespace":"x.y","fields":[
 {"name":"null","type":"null"},{"name":"bool","type":"boolean"},{"name":"int","type":"int"},{"name":"long","type":"long"},
 {"name":"float","type":"float"},{"name":"double","type":"double"},{"name":"bytes","type":"bytes"},{"name":"string","type":"string"},
 {"name":"fixed","type":{"type":"fixed","name":"F","size":3}},
 {"name":"enum","type":{"type":"enum","name":"E","symbols":["A","B"]}},
 {"name":"array","type":{"type":"array","items":"long"}},
 {"name":"map","type":{"type":"map","values":["null","long","string"]}},
 {"name":"union","type":["null","string","long"]},
 {"name":"millis","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"micros","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"date","type":{"type":"int","logicalType":"date"}},
 {"name":"decimal","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":2}},
 {"name":"next","type":["null","Every"]}]}`

func everyValue(next any) map[string]any {
	return map[string]any{
		"null": nil, "bool": true, "int": int32(math.MinInt32), "long": int64(math.MaxInt64), "float": float32(0.1), "double": 0.1,
		"bytes": []byte{0, 255}, "string": "ü\"\\\n\x00😀", "fixed": []byte("abc"), "enum": "B", "array": []any{int64(math.MinInt64), int64(9007199254740993)},
		"map":   map[string]any{"z": nil, "a": goavro.Union("long", 1), "m": goavro.Union("string", "x")},
		"union": goavro.Union("string", "u"), "millis": time.UnixMilli(1700000000123), "micros": time.UnixMicro(1700000000123456),
		"date": time.Unix(86400, 0).UTC(), "decimal": big.NewRat(-123456789012345, 100), "next": next,
	}
}

func TestAvroTypes(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: everyType})
	inner := everyValue(nil)
	value := append(appendWire(nil, id), goavroBytes(t, everyType, everyValue(goavro.Union("x.y.Every", inner)))...)
	one := `{"null":null,"bool":true,"int":-2147483648,"long":9223372036854775807,"float":0.1,"double":0.1,"bytes":"AP8=",` +
		`"string":"ü\"\\\u000a\u0000😀","fixed":"YWJj","enum":"B","array":[-9223372036854775808,9007199254740993],"map":{"a":1,"m":"x","z":null},` +
		`"union":"u","millis":1700000000123,"micros":1700000000123456,"date":1,"decimal":"-1234567890123.45","next":`
	want := one + one + "null}}"
	if got := decode(t, f.decoder(t, Avro), value); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAvroFloatsWithoutANumber(t *testing.T) {
	const schema = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"double"}}]}`
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: schema})
	value := append(appendWire(nil, id), goavroBytes(t, schema, map[string]any{"a": []any{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5e-324, 0.0, 1e20}})...)
	if got, want := decode(t, f.decoder(t, Avro), value), `{"a":["NaN","Infinity","-Infinity",1e+300,5e-324,0,100000000000000000000]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAvroDecimals(t *testing.T) {
	for _, tt := range []struct {
		hex   string
		scale int
		want  string
	}{
		{"", 0, "0"},
		{"", 2, "0.00"},
		{"01", 2, "0.01"},
		{"ff", 2, "-0.01"},
		{"80", 0, "-128"},
		{"0080", 1, "12.8"},
		{"7fffffffffffffff", 0, "9223372036854775807"},
		{"8000000000000000", 0, "-9223372036854775808"},
		{"008000000000000000", 3, "9223372036854775.808"},
		{"ff0000000000000000", 0, "-18446744073709551616"},
	} {
		unscaled := make([]byte, len(tt.hex)/2)
		for i := range unscaled {
			unscaled[i] = byte(hexDigit(tt.hex[2*i])<<4 | hexDigit(tt.hex[2*i+1]))
		}
		if got := string(appendDecimal(nil, unscaled, tt.scale)); got != tt.want {
			t.Errorf("%s with scale %d: got %s, want %s", tt.hex, tt.scale, got, tt.want)
		}
	}
}

func TestAvroReferences(t *testing.T) {
	f := newFake(t)
	const user = `{"type":"record","name":"User","namespace":"x","fields":[{"name":"id","type":"long"},{"name":"a","type":"string"}]}`
	f.register(t, "user", sr.Schema{Schema: user})
	id := f.register(t, "t-value", sr.Schema{
		Schema:     `{"type":"record","name":"Post","namespace":"x","fields":[{"name":"by","type":"x.User"},{"name":"to","type":{"type":"array","items":"User"}}]}`,
		References: []sr.SchemaReference{{Name: "x.User", Subject: "user", Version: 1}},
	})
	value := append(appendWire(nil, id), "\x02\x02b\x02\x04\x02c\x00"...)
	if got, want := decode(t, f.decoder(t, Avro), value), `{"by":{"id":1,"a":"b"},"to":[{"id":2,"a":"c"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAvroThatDoesNotFit(t *testing.T) {
	f := newFake(t)
	deep := f.register(t, "deep-value", sr.Schema{Schema: `{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}`})
	zeros := f.register(t, "zeros-value", sr.Schema{Schema: `{"type":"record","name":"Z","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}`})
	text := f.register(t, "text-value", sr.Schema{Schema: oneString})
	d := f.decoder(t, Avro)
	for what, tt := range map[string]struct {
		id    int
		value string
		want  event.Reason
	}{
		"cut off":          {text, "\x04x", event.Undecodable},
		"bytes behind it":  {text, "\x02xy", event.Undecodable},
		"no UTF-8":         {text, "\x02\xff", event.InvalidUTF8},
		"a negative size":  {text, "\x01", event.Undecodable},
		"a huge size":      {text, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", event.Undecodable},
		"no branch":        {deep, "\x04", event.Undecodable},
		"too deep":         {deep, strings.Repeat("\x02", 200) + "\x00", event.TooDeep},
		"much too deep":    {deep, strings.Repeat("\x02", 1<<20) + "\x00", event.TooDeep},
		"2^40 nulls":       {zeros, "\x80\x80\x80\x80\x80\x80\x01\x00", event.TooLarge},
		"a large document": {text, "\x80\x80\x80\x10" + strings.Repeat("\x00", 16<<20), event.TooLarge},
	} {
		out, err := d.Decode([]byte("x"), &event.Record{Value: append(appendWire(nil, tt.id), tt.value...)})
		if got := reasonOf(err); got != tt.want || string(out) != "x" {
			t.Errorf("%s: got %v (%v) and %d bytes, want %v", what, got, err, len(out), tt.want)
		}
	}
}

func TestEscapesCountAgainstTheLimit(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: oneString})
	d, err := NewDecoder(Avro, Options{Registry: f.client, MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	value := append(appendWire(nil, id), append([]byte{0xc0, 0x0c}, make([]byte, 800)...)...)
	if _, err := d.Decode(nil, &event.Record{Value: value}); reasonOf(err) != event.TooLarge {
		t.Errorf("800 zeros of 6 bytes each: got %v, want %v", err, event.TooLarge)
	}
}

// TestConfluentVectors reads records that others wrote.
func TestConfluentVectors(t *testing.T) {
	dir := corpus(t, "standards/schema_registry")
	schema, err := os.ReadFile(filepath.Join(dir, "social_event.avsc"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, "wire_vectors.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := newFake(t)
	f.SeedSchema("avro-value", 1, 1, sr.Schema{Schema: string(schema)})
	f.SeedSchema("json-value", 1, 2, sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	decoders := map[string]Decoder{"avro": f.decoder(t, Avro), "jsonschema": f.decoder(t, JSONSchema)}
	read := 0
	for lines := bufio.NewScanner(file); lines.Scan(); read++ {
		var v struct {
			Encoding, B64 string
			Datum         json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		value, err := base64.StdEncoding.DecodeString(v.B64)
		if err != nil {
			t.Fatal(err)
		}
		if v.Encoding == "invalid" {
			for name, d := range decoders {
				if _, err := d.Decode(nil, &event.Record{Value: append([]byte{}, value...)}); reasonOf(err) != event.Undecodable {
					t.Errorf("%s, an invalid record of %d bytes: got %v, want %v", name, len(value), err, event.Undecodable)
				}
			}
			continue
		}
		got := decode(t, decoders[v.Encoding], value)
		if !reflect.DeepEqual(tree(t, []byte(got)), tree(t, v.Datum)) {
			t.Errorf("got %s, want %s", got, v.Datum)
		}
	}
	if read < 30 {
		t.Errorf("only %d vectors were read", read)
	}
}

// tree reads JSON with its numbers as they are written.
func tree(t testing.TB, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("no JSON: %v in %q", err, text)
	}
	return v
}

// What takes few bytes of a record and many of memory is refused before the libraries build it.
func TestBombsAreCountedFirst(t *testing.T) {
	f := newFake(t)
	records := f.register(t, "a-value", sr.Schema{Schema: `{"type":"record","name":"B","fields":[{"name":"a","type":{"type":"array","items":
		{"type":"record","name":"I","fields":[{"name":"n","type":["null","string"]}]}}}]}`})
	proto := f.register(t, "b-value", sr.Schema{Schema: `syntax = "proto3"; message B { repeated B b = 1; repeated bool p = 2; }`, Type: sr.TypeProtobuf})
	const n = 1 << 20
	for what, tt := range map[string]struct {
		kind  Kind
		value []byte
	}{
		"records of one null":  {Avro, append(append(appendWire(nil, records), 0x80, 0x80, 0x80, 0x01), make([]byte, n+1)...)},
		"messages of nothing":  {Protobuf, append(append(appendWire(nil, proto), 0), bytes.Repeat([]byte{0x0a, 0}, n)...)},
		"packed booleans":      {Protobuf, append(append(appendWire(nil, proto), 0, 0x12, 0x80, 0x80, 0x40), make([]byte, n)...)},
		"messages of messages": {Protobuf, append(append(appendWire(nil, proto), 0), bytes.Repeat([]byte{0x0a, 4, 0x0a, 0, 0x0a, 0}, n/4)...)},
	} {
		d := f.decoder(t, tt.kind)
		rec := &event.Record{Value: tt.value}
		_, err := d.Decode(nil, rec)
		if reasonOf(err) != event.TooLarge {
			t.Errorf("%s: got %v, want %v", what, err, event.TooLarge)
		}
		if allocs := testing.AllocsPerRun(1, func() { _, _ = d.Decode(nil, rec) }); allocs > 5 {
			t.Errorf("%s: %v allocations before it was refused", what, allocs)
		}
	}
}
