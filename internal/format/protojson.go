// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nymstream/nymstream/internal/event"
)

// protoWriter writes messages as JSON: with the names of the .proto, and 64-bit integers as the numbers they are.
type protoWriter struct {
	writer
	types *dynamicpb.Types
	how   proto.UnmarshalOptions
	left  weight // of values, for messages inside of Any
}

func (w *protoWriter) message(m protoreflect.Message) {
	if w.wellKnown(m) {
		return
	}
	if !w.open('{') {
		return
	}
	w.fields(m)
	w.close('}')
}

// fields writes what is set, in the order of the .proto. Of what is not, enums and booleans without presence are written too:
// conditions of packs ask for them, and a default must not look like an unknown.
func (w *protoWriter) fields(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		word := f.Kind() == protoreflect.EnumKind || f.Kind() == protoreflect.BoolKind
		if !m.Has(f) && (!word || f.HasPresence() || f.Cardinality() == protoreflect.Repeated) {
			continue
		}
		if !w.member(string(f.Name())) {
			return
		}
		w.field(f, m.Get(f))
	}
	if m.Descriptor().ExtensionRanges().Len() > 0 {
		w.extensions(m)
	}
}

func (w *protoWriter) extensions(m protoreflect.Message) {
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if f.IsExtension() {
			set = append(set, f)
		}
		return true
	})
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	for _, f := range set {
		if !w.member("[" + string(f.FullName()) + "]") {
			return
		}
		w.field(f, m.Get(f))
	}
}

func (w *protoWriter) field(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.IsMap():
		w.mapping(f, v.Map())
	case f.IsList():
		if !w.open('[') {
			return
		}
		list := v.List()
		for i := range list.Len() {
			if !w.element() {
				return
			}
			w.scalar(f, list.Get(i))
			w.measure()
		}
		w.close(']')
	default:
		w.scalar(f, v)
	}
}

// mapping writes entries in the order of their keys as texts: one record has one document.
func (w *protoWriter) mapping(f protoreflect.FieldDescriptor, m protoreflect.Map) {
	if !w.open('{') {
		return
	}
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		if !w.member(k.String()) {
			return
		}
		w.scalar(f.MapValue(), m.Get(k))
	}
	w.close('}')
}

func (w *protoWriter) scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		w.dst = strconv.AppendBool(w.dst, v.Bool())
	case protoreflect.EnumKind:
		w.enum(f.Enum(), v.Enum())
	case protoreflect.StringKind:
		w.text(v.String())
	case protoreflect.BytesKind:
		w.base64(v.Bytes())
	case protoreflect.FloatKind:
		w.float(v.Float(), 32)
	case protoreflect.DoubleKind:
		w.float(v.Float(), 64)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		w.dst = strconv.AppendUint(w.dst, v.Uint(), 10)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		w.message(v.Message())
	default:
		w.integer(v.Int())
	}
}

// enum writes a value's name, or its number where the schema is older than the producer.
func (w *protoWriter) enum(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) {
	if e.FullName() == "google.protobuf.NullValue" {
		w.dst = append(w.dst, "null"...)
		return
	}
	if v := e.Values().ByNumber(n); v != nil {
		w.text(string(v.Name()))
		return
	}
	w.integer(int64(n))
}

// wellKnown writes messages that ProtoJSON has a form of their own for; it reports false for others.
func (w *protoWriter) wellKnown(m protoreflect.Message) bool {
	name := m.Descriptor().FullName()
	if name == "confluent.type.Decimal" {
		w.decimal(m)
		return true
	}
	if name.Parent() != "google.protobuf" || !standard(m.Descriptor().ParentFile().Path()) {
		return false
	}
	fields := m.Descriptor().Fields()
	switch name.Name() {
	case "Timestamp", "Duration", "FieldMask":
		text, err := protojson.Marshal(m.Interface())
		if err != nil {
			w.fail(event.Undecodable)
		}
		w.dst = append(w.dst, bytes.TrimSpace(text)...)
		w.measure()
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue":
		w.scalar(fields.ByNumber(1), m.Get(fields.ByNumber(1)))
	case "Struct", "ListValue":
		w.field(fields.ByNumber(1), m.Get(fields.ByNumber(1)))
	case "Value":
		f := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
		if f == nil {
			w.dst = append(w.dst, "null"...)
			break
		}
		w.scalar(f, m.Get(f))
	case "Any":
		w.any(m)
	default:
		return false
	}
	return true
}

// any writes the message inside with its type beside its fields; one whose type the schema does not import stays bytes.
func (w *protoWriter) any(m protoreflect.Message) {
	if !w.open('{') {
		return
	}
	fields := m.Descriptor().Fields()
	url, inner := m.Get(fields.ByNumber(1)).String(), m.Get(fields.ByNumber(2)).Bytes()
	if url != "" {
		w.member("@type")
		w.text(url)
	}
	if typ, err := w.types.FindMessageByURL(url); err == nil {
		w.inside(typ.Descriptor(), inner)
	} else if len(inner) > 0 {
		w.member("value")
		w.base64(inner)
	}
	w.close('}')
}

func (w *protoWriter) inside(typ protoreflect.MessageDescriptor, inner []byte) {
	if w.fault != event.None {
		return
	}
	if weighMessage(typ, inner, &w.left); w.left.spent {
		w.fail(tooMuch(&w.left))
		return
	}
	msg := dynamicpb.NewMessage(typ)
	o := w.how
	o.RecursionLimit = w.depth + 1
	if !unmarshal(o, inner, msg) {
		w.fail(event.Undecodable)
		return
	}
	if !special(typ) {
		w.fields(msg)
		return
	}
	if w.member("value") {
		w.wellKnown(msg)
	}
}

// special tells which messages an Any holds as a member value. Empty is an object like any other there, too.
func special(typ protoreflect.MessageDescriptor) bool {
	switch typ.FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask", "google.protobuf.DoubleValue",
		"google.protobuf.FloatValue", "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.Int32Value",
		"google.protobuf.UInt32Value", "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue",
		"google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value", "google.protobuf.Any", "confluent.type.Decimal":
		return true
	}
	return false
}

func (w *protoWriter) decimal(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	value, scale := fields.ByName("value"), fields.ByName("scale")
	if value == nil || value.Kind() != protoreflect.BytesKind || value.IsList() || scale == nil || scale.Kind() != protoreflect.Int32Kind || scale.IsList() {
		w.fail(event.Undecodable) // somebody's own message of this name
		return
	}
	unscaled, places := m.Get(value).Bytes(), m.Get(scale).Int()
	if places < 0 || places > maxDecimalPlaces || len(unscaled) > maxDecimalBits/8 {
		w.fail(event.Undecodable)
		return
	}
	w.dst = append(w.dst, '"')
	w.dst = append(appendDecimal(w.dst, unscaled, int(places)), '"')
	w.measure()
}
