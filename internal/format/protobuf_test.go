// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nymstream/nymstream/internal/event"
)

const everyProto = `syntax = "proto3";
package social;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "user.proto";
message Post {
  int64 post_id = 1; uint64 big = 2; sint32 small = 3; double d = 4; float f = 5; bool sensitive = 6; string text = 7; bytes raw = 8;
  Visibility visibility = 9; repeated int64 numbers = 10; map<string, int64> counts = 11; map<int32, User> users = 12;
  oneof body { string plain = 13; User user = 14; }
  optional int32 maybe = 15;
  google.protobuf.Timestamp at = 16; google.protobuf.Duration took = 17; google.protobuf.Struct free = 18; google.protobuf.Int64Value wrapped = 19;
  google.protobuf.Any any = 20; google.protobuf.Empty empty = 21; google.protobuf.FieldMask mask = 22; Post quoted = 23;
  message Inner { message Leaf { string leafName = 1; } }
}
enum Visibility { PUBLIC = 0; PRIVATE = 1; }
message Other { fixed64 n = 1; }`

const userProto = `syntax = "proto3"; package social; message User { string user_name = 1; int64 id = 2; }`

func protoFake(t testing.TB) (*fake, int) {
	f := newFake(t)
	f.register(t, "user", sr.Schema{Schema: userProto, Type: sr.TypeProtobuf})
	id := f.register(t, "t-value", sr.Schema{
		Schema: everyProto, Type: sr.TypeProtobuf,
		References: []sr.SchemaReference{{Name: "user.proto", Subject: "user", Version: 1}},
	})
	return f, id
}

// protoBytes encodes ProtoJSON with the runtime, which reads it without anything of ours.
func protoBytes(t testing.TB, message, text string) []byte {
	t.Helper()
	s, err := compileProtobuf(&Schema{Type: "PROTOBUF", Text: everyProto, References: []Reference{{"user.proto", userProto}}})
	if err != nil {
		t.Fatal(err)
	}
	typ, err := s.types.FindMessageByURL(message)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(typ.Descriptor())
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const protoPost = `{"post_id":"9007199254740993","big":"18446744073709551615","small":-1,"d":0.1,"f":0.1,"sensitive":true,"text":"ü\"","raw":"AP8=",
 "visibility":"PRIVATE","numbers":["-9223372036854775808","2"],"counts":{"z":"1","a":"2"},"users":{"7":{"user_name":"u","id":"7"}},"user":{"user_name":"v","id":"8"},
 "maybe":0,"at":"2026-01-02T03:04:05.006Z","took":"1.5s","free":{"x":[1,null,{"y":true}]},"wrapped":"9007199254740993",
 "any":{"@type":"type.googleapis.com/social.User","user_name":"w","id":"9"},"empty":{},"mask":"userName,at","quoted":{"post_id":"1"}}`

func TestProtobufTypes(t *testing.T) {
	f, id := protoFake(t)
	value := append(append(appendWire(nil, id), 0), protoBytes(t, "social.Post", protoPost)...)
	want := `{"post_id":9007199254740993,"big":18446744073709551615,"small":-1,"d":0.1,"f":0.1,"sensitive":true,"text":"ü\"","raw":"AP8=",` +
		`"visibility":"PRIVATE","numbers":[-9223372036854775808,2],"counts":{"a":2,"z":1},"users":{"7":{"user_name":"u","id":7}},"user":{"user_name":"v","id":8},` +
		`"maybe":0,"at":"2026-01-02T03:04:05.006Z","took":"1.500s","free":{"x":[1,null,{"y":true}]},"wrapped":9007199254740993,` +
		`"any":{"@type":"type.googleapis.com/social.User","user_name":"w","id":9},"empty":{},"mask":"userName,at","quoted":{"post_id":1,"sensitive":false,"visibility":"PUBLIC"}}`
	if got := decode(t, f.decoder(t, Protobuf), value); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProtobufMessageIndexes(t *testing.T) {
	f, id := protoFake(t)
	d := f.decoder(t, Protobuf)
	leaf := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "x")
	for what, tt := range map[string]struct {
		indexes string
		payload []byte
		want    string
	}{
		"the short form of the first": {"\x00", nil, `{"sensitive":false,"visibility":"PUBLIC"}`},
		"the first":                   {"\x02\x00", nil, `{"sensitive":false,"visibility":"PUBLIC"}`},
		"the second":                  {"\x02\x02", protoBytes(t, "social.Other", `{"n":"18446744073709551615"}`), `{"n":18446744073709551615}`},
		"one of two levels down":      {"\x06\x00\x04\x00", leaf, `{"leafName":"x"}`},
	} {
		if got := decode(t, d, append(append(appendWire(nil, id), tt.indexes...), tt.payload...)); got != tt.want {
			t.Errorf("%s: got %s, want %s", what, got, tt.want)
		}
	}
	for _, indexes := range []string{"", "\x01", "\x02", "\x02\x01", "\x02\x08", "\x04\x00\x00", "\x04\x02\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x80"} {
		_, err := d.Decode(nil, &event.Record{Value: append(appendWire(nil, id), indexes...)})
		if got := reasonOf(err); got != event.Undecodable {
			t.Errorf("indexes %q: got %v (%v), want %v", indexes, got, err, event.Undecodable)
		}
	}
}

func TestProtobufThatDoesNotFit(t *testing.T) {
	f, id := protoFake(t)
	d := f.decoder(t, Protobuf)
	nested := []byte{}
	for range 200 {
		nested = append(protowire.AppendVarint(protowire.AppendTag(nil, 23, protowire.BytesType), uint64(len(nested))), nested...)
	}
	for what, tt := range map[string]struct {
		payload []byte
		want    event.Reason
	}{
		"cut off":                         {[]byte("\x3a\x05x"), event.Undecodable},
		"no UTF-8":                        {[]byte("\x3a\x01\xff"), event.Undecodable},
		"too deep":                        {nested, event.Undecodable},
		"a map's key twice, of two types": {[]byte("\x5a\x05\x0a\x01x\x08\x05"), event.Undecodable},
		"an impossible time":              {protowire.AppendBytes(protowire.AppendTag(nil, 16, protowire.BytesType), []byte("\x10\xff\xff\xff\xff\x7f")), event.Undecodable},
	} {
		out, err := d.Decode([]byte("x"), &event.Record{Value: append(append(appendWire(nil, id), 0), tt.payload...)})
		if got := reasonOf(err); got != tt.want || string(out) != "x" {
			t.Errorf("%s: got %v (%v), want %v", what, got, err, tt.want)
		}
	}
	// What a newer producer adds is no fault, and not in the document.
	if got := decode(t, d, append(append(appendWire(nil, id), 0), "\xa0\x06\x01\x3a\x01x"...)); got != `{"sensitive":false,"text":"x","visibility":"PUBLIC"}` {
		t.Errorf("an unknown field: got %s", got)
	}
}

func TestProtobufAnyOfUnknownType(t *testing.T) {
	f, id := protoFake(t)
	inner := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "type.example/no.Such")
	inner = protowire.AppendBytes(protowire.AppendTag(inner, 2, protowire.BytesType), []byte{1})
	value := append(append(appendWire(nil, id), 0), protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), inner)...)
	if got := decode(t, f.decoder(t, Protobuf), value); !strings.Contains(got, `"any":{"@type":"type.example/no.Such","value":"AQ=="}`) {
		t.Errorf("got %s", got)
	}
}

func TestProtobufAnyIsCounted(t *testing.T) {
	f, id := protoFake(t)
	inner := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "x/social.Post")
	inner = protowire.AppendBytes(protowire.AppendTag(inner, 2, protowire.BytesType), bytes.Repeat([]byte("\x52\x01\x01"), 1<<19))
	value := append(append(appendWire(nil, id), 0), protowire.AppendBytes(protowire.AppendTag(nil, 20, protowire.BytesType), inner)...)
	if _, err := f.decoder(t, Protobuf).Decode(nil, &event.Record{Value: value}); reasonOf(err) != event.TooLarge {
		t.Errorf("half a million numbers inside of Any: got %v, want %v", err, event.TooLarge)
	}
}

// A schema may not bring its own messages under the names of well-known types, nor the files of them.
func TestProtobufImpostors(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "a-value", sr.Schema{Schema: `syntax = "proto3"; package google.protobuf; message Value { int32 odd = 3; }`, Type: sr.TypeProtobuf})
	if got := decode(t, f.decoder(t, Protobuf), append(appendWire(nil, id), "\x00\x18\x05"...)); got != `{"odd":5}` {
		t.Errorf("somebody's own Value: got %s", got)
	}
	id = f.register(t, "b-value", sr.Schema{Schema: `syntax = "proto3"; import "confluent/type/decimal.proto"; message M { confluent.type.Decimal amount = 1; }`, Type: sr.TypeProtobuf})
	if got := decode(t, f.decoder(t, Protobuf), append(appendWire(nil, id), "\x00\x0a\x06\x0a\x02\x04\xd2\x18\x02"...)); got != `{"amount":"12.34"}` {
		t.Errorf("a decimal: got %s", got)
	}
}

func TestProtobufExtensionsAndGroups(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "a-value", sr.Schema{Schema: `syntax = "proto2"; package p;
		message M { required string id = 1; optional group Part = 2 { optional int32 n = 1; } extensions 100 to 200; }
		extend M { optional string more = 100; }`, Type: sr.TypeProtobuf})
	d := f.decoder(t, Protobuf)
	value := append(appendWire(nil, id), "\x00\x0a\x01x\x13\x08\x05\x14\xa2\x06\x01y"...)
	if got, want := decode(t, d, value), `{"id":"x","part":{"n":5},"[p.more]":"y"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := d.Decode(nil, &event.Record{Value: append(appendWire(nil, id), 0)}); reasonOf(err) != event.Undecodable {
		t.Errorf("without a required field: got %v, want %v", err, event.Undecodable)
	}
}
