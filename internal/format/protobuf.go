// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nymstream/nymstream/internal/event"
)

// protobufDecoder reads Protobuf by the schema text of the registry.
type protobufDecoder struct {
	schemas *schemas[*protobufSchema]
	Options
}

func newProtobufDecoder(o Options) Decoder {
	return protobufDecoder{newSchemas(Protobuf, o.Registry, compileProtobuf), o}
}

func (d protobufDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	id, payload, err := d.framed(rec)
	if err != nil {
		return dst, err
	}
	schema, err := d.schemas.of(id)
	if err != nil {
		return dst, err
	}
	typ, payload := messageType(schema.file, payload)
	if typ == nil {
		return dst, poison(event.Undecodable, "the message indexes")
	}
	left := weight{values: d.MaxValues, depth: weighDepth}
	if weighMessage(typ, payload, &left); left.spent {
		return dst, poison(tooMuch(&left), "")
	}
	msg := dynamicpb.NewMessage(typ)
	o := proto.UnmarshalOptions{DiscardUnknown: true, Resolver: schema.types, RecursionLimit: d.MaxDepth + 1}
	if !unmarshal(o, payload, msg) {
		return dst, poison(event.Undecodable, "")
	}
	w := protoWriter{writer{dst: dst, most: len(dst) + d.MaxBytes, depth: d.MaxDepth}, schema.types, o, left}
	if w.message(msg); w.fault != event.None {
		return dst, poison(w.fault, "")
	}
	return w.dst, nil
}

// unmarshal reports false for what the library refuses. It panics for a map entry whose key comes twice, the second time with
// another wire type (protobuf 1.36.12; FuzzProtobuf found it): a record must not be able to do that to a process.
func unmarshal(o proto.UnmarshalOptions, payload []byte, to *dynamicpb.Message) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // what it says may hold a value
		}
	}()
	return o.Unmarshal(payload, to) == nil
}

// messageType finds the message that the list before the payload names: counts and indexes are zigzag varints, and a count of
// zero means the first message of the file.
func messageType(file protoreflect.FileDescriptor, payload []byte) (protoreflect.MessageDescriptor, []byte) {
	count, n := binary.Varint(payload)
	if n <= 0 || count < 0 || count > int64(len(payload)) {
		return nil, nil
	}
	payload = payload[n:]
	if count == 0 {
		return child(file.Messages(), 0), payload
	}
	messages := file.Messages()
	var typ protoreflect.MessageDescriptor
	for range count {
		index, n := binary.Varint(payload)
		if n <= 0 {
			return nil, nil
		}
		payload = payload[n:]
		if typ = child(messages, index); typ == nil || typ.IsMapEntry() {
			return nil, nil
		}
		messages = typ.Messages()
	}
	return typ, payload
}

func child(list protoreflect.MessageDescriptors, index int64) protoreflect.MessageDescriptor {
	if index < 0 || index >= int64(list.Len()) {
		return nil
	}
	return list.Get(int(index))
}

// protobufSchema is a compiled file, and the types of it and all that it imports.
type protobufSchema struct {
	file  protoreflect.FileDescriptor
	types *dynamicpb.Types
}

// Files that Confluent's serializers know without a reference, declared as far as records and tags need them.
var builtinProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
	"confluent/type/decimal.proto": `syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
}

func compileProtobuf(s *Schema) (*protobufSchema, error) {
	if err := mustBe(s, "PROTOBUF"); err != nil {
		return nil, err
	}
	const own = "nymstream/schema.proto" // the registry does not say what the file is called
	sources := map[string]string{own: s.Text}
	for _, ref := range s.References {
		sources[ref.Name] = ref.Text
	}
	open := func(path string) (io.ReadCloser, error) {
		text, ok := sources[path]
		if !ok {
			text, ok = builtinProtos[path]
		}
		if !ok || standard(path) {
			return nil, protoregistry.NotFound
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: open}),
		MaxParallelism: 1,
	}
	compiled, err := c.Compile(context.Background(), own)
	if err != nil {
		return nil, err
	}
	files := &protoregistry.Files{}
	if err := register(files, compiled[0]); err != nil {
		return nil, err
	}
	file, err := files.FindFileByPath(own)
	if err != nil {
		return nil, err
	}
	if file.Messages().Len() == 0 {
		return nil, fmt.Errorf("it declares no message")
	}
	return &protobufSchema{file, dynamicpb.NewTypes(files)}, nil
}

// standard tells which files come with the compiler: nobody may put others in their place, so their messages are what they seem.
func standard(path string) bool { return strings.HasPrefix(path, "google/protobuf/") }

// register adds a file behind those that it imports. The compiler's descriptors are rebuilt as the runtime's own, which are
// the ones it is fast with.
func register(files *protoregistry.Files, f protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(f.Path()); err == nil {
		return nil
	}
	imports := f.Imports()
	for i := range imports.Len() {
		if err := register(files, imports.Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	built, err := protodesc.NewFile(protodesc.ToFileDescriptorProto(f), files)
	if err != nil {
		return err
	}
	return files.RegisterFile(built)
}
