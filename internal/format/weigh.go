// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/nymstream/nymstream/internal/event"
)

// The libraries build all of a record in memory before a byte of its document is written, and a byte of a record can become
// hundreds there: an array of records with one null each. So the values of a record are counted first, which allocates nothing.
// Counting need not find faults: it ends at them, and the library, which reads the same bytes in the same order, says so.

// avroWeigher is a schema as far as counting needs it.
type avroWeigher struct {
	kind  avroKind
	size  int            // of fixed
	parts []*avroWeigher // fields, branches, items or values
}

type avroKind uint8

const (
	avroFixed  avroKind = iota // size bytes
	avroVarint                 // int, long, enum
	avroBytes                  // a length and so many bytes
	avroFields
	avroUnion
	avroArray
	avroMap
)

// weigher compiles a place of a schema; made holds the named types, which may contain themselves.
func (t avroTypes) weigher(n *avro.SchemaNode, made map[*avro.SchemaNode]*avroWeigher) *avroWeigher {
	n = t.definition(n)
	if w := made[n]; w != nil {
		return w
	}
	w := &avroWeigher{}
	made[n] = w
	switch n.Type {
	case "boolean":
		w.size = 1
	case "float":
		w.size = 4
	case "double":
		w.size = 8
	case "fixed":
		w.size = n.Size
	case "int", "long", "enum":
		w.kind = avroVarint
	case "bytes", "string":
		w.kind = avroBytes
	case "record", "error":
		w.kind = avroFields
		for i := range n.Fields {
			w.parts = append(w.parts, t.weigher(&n.Fields[i].Type, made))
		}
	case "union":
		w.kind = avroUnion
		for i := range n.Branches {
			w.parts = append(w.parts, t.weigher(&n.Branches[i], made))
		}
	case "array":
		w.kind, w.parts = avroArray, []*avroWeigher{t.weigher(n.Items, made)}
	case "map":
		w.kind, w.parts = avroMap, []*avroWeigher{t.weigher(n.Values, made)}
	}
	return w
}

// weight counts against limits; spent tells that one of them ended it.
type weight struct {
	values, depth int // left
	spent         bool
}

// weighDepth ends counting, not reading: a union is a step here and none in a document.
const weighDepth = 1 << 10

// tooMuch says which of the limits ended it.
func tooMuch(left *weight) event.Reason {
	if left.depth < 0 {
		return event.TooDeep
	}
	return event.TooLarge
}

// enter takes one value; leave gives back its depth.
func (l *weight) enter() bool {
	l.values--
	l.depth--
	l.spent = l.spent || l.values < 0 || l.depth < 0
	return !l.spent
}

// leave keeps the depth that was too much.
func (l *weight) leave() {
	if !l.spent {
		l.depth++
	}
}

// take counts one value of src and gives the bytes behind it; nil where there are none to go on with.
func (w *avroWeigher) take(src []byte, left *weight) []byte {
	if src == nil || !left.enter() {
		return nil
	}
	defer left.leave()
	switch w.kind {
	case avroFixed:
		return skip(src, int64(w.size))
	case avroVarint:
		_, src = varint(src)
	case avroBytes:
		n, rest := varint(src)
		return skip(rest, n)
	case avroFields:
		for _, part := range w.parts {
			src = part.take(src, left)
		}
	case avroUnion:
		branch, rest := varint(src)
		if rest == nil || branch < 0 || branch >= int64(len(w.parts)) {
			return nil
		}
		return w.parts[branch].take(rest, left)
	case avroArray, avroMap:
		return w.blocks(src, left)
	}
	return src
}

func (w *avroWeigher) blocks(src []byte, left *weight) []byte {
	for {
		count, rest := varint(src)
		if src = rest; src == nil || count == 0 {
			return src
		}
		if count < 0 {
			count = -count
			_, src = varint(src) // the block's length in bytes
		}
		for ; count != 0 && src != nil; count-- {
			if w.kind == avroMap {
				n, rest := varint(src)
				src = skip(rest, n)
			}
			src = w.parts[0].take(src, left)
		}
	}
}

// varint gives nil bytes where there is none; what is behind one is never nil.
func varint(src []byte) (int64, []byte) {
	v, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil
	}
	return v, src[n:]
}

func skip(src []byte, n int64) []byte {
	if src == nil || n < 0 || n > int64(len(src)) {
		return nil
	}
	return src[n:]
}

// weighMessage counts the fields of a message and of those inside it, as far as the schema knows them.
func weighMessage(m protoreflect.MessageDescriptor, src []byte, left *weight) {
	if !left.enter() {
		return
	}
	defer left.leave()
	for len(src) > 0 {
		number, typ, n := protowire.ConsumeTag(src)
		if n < 0 {
			return
		}
		src = src[n:]
		size := protowire.ConsumeFieldValue(number, typ, src)
		if size < 0 {
			return
		}
		weighField(m.Fields().ByNumber(number), number, typ, src[:size], left)
		if src = src[size:]; left.values < 0 {
			left.spent = true
		}
		if left.spent {
			return
		}
	}
}

func weighField(f protoreflect.FieldDescriptor, number protowire.Number, typ protowire.Type, value []byte, left *weight) {
	switch typ {
	case protowire.StartGroupType:
		value, _ = protowire.ConsumeGroup(number, value)
	case protowire.BytesType:
		value, _ = protowire.ConsumeBytes(value)
	default:
		left.values--
		return
	}
	switch {
	case f == nil:
	case f.Message() != nil:
		weighMessage(f.Message(), value, left)
		return
	case f.IsList() && typ == protowire.BytesType && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind:
		left.values -= len(value) // packed: at most one element in each byte
	}
	left.values--
}
