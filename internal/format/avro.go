// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/avro"

	"github.com/nymstream/nymstream/internal/event"
)

// avroDecoder reads Avro by the schema that the record was written with. Unions are written without a wrapper.
type avroDecoder struct {
	schemas *schemas[avroSchema]
	Options
}

func newAvroDecoder(o Options) Decoder {
	return avroDecoder{newSchemas(Avro, o.Registry, compileAvro), o}
}

func (d avroDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	id, payload, err := d.framed(rec)
	if err != nil {
		return dst, err
	}
	schema, err := d.schemas.of(id)
	if err != nil {
		return dst, err
	}
	left := weight{values: d.MaxValues, depth: weighDepth}
	if schema.weigher.take(payload, &left); left.spent {
		return dst, poison(tooMuch(&left), "")
	}
	var v any
	rest, err := schema.Decode(payload, &v, avro.AliasInput())
	if err != nil || len(rest) > 0 {
		return dst, poison(event.Undecodable, "") // the library's error may hold a value
	}
	w := writer{dst: dst, most: len(dst) + d.MaxBytes, depth: d.MaxDepth}
	if w.avro(v); w.fault != event.None {
		return dst, poison(w.fault, "")
	}
	return w.dst, nil
}

type avroSchema struct {
	*avro.Schema
	weigher *avroWeigher
}

// compileAvro parses a schema and those that it refers to.
func compileAvro(s *Schema) (avroSchema, error) {
	if err := mustBe(s, "AVRO"); err != nil {
		return avroSchema{}, err
	}
	types := avroTypes{}
	schema, err := types.parse(s, types.options()...)
	if err != nil {
		return avroSchema{}, err
	}
	return avroSchema{schema, types.weigher(schema.Root(), map[*avro.SchemaNode]*avroWeigher{})}, nil
}

// avroTypes are the named types of a schema and of those that it refers to. Other places only name them.
type avroTypes map[avroName]*avro.SchemaNode

type avroName struct{ namespace, name string }

func nameOf(n *avro.SchemaNode) avroName {
	if dot := strings.LastIndexByte(n.Name, '.'); dot >= 0 {
		return avroName{n.Name[:dot], n.Name[dot+1:]}
	}
	return avroName{n.Namespace, n.Name}
}

// definition follows a place that only names its type.
func (t avroTypes) definition(n *avro.SchemaNode) *avro.SchemaNode {
	if def := t[nameOf(&avro.SchemaNode{Name: n.Type})]; def != nil {
		return def
	}
	return n
}

func (t avroTypes) parse(s *Schema, opts ...avro.SchemaOpt) (*avro.Schema, error) {
	opts = append(opts, avro.WithLaxNames(nil)) // names of other producers need not be legal; they become JSON strings
	var cache avro.SchemaCache
	for _, ref := range s.References {
		part, err := cache.Parse(ref.Text, opts...)
		if err != nil {
			return nil, fmt.Errorf("reference %s: %w", ref.Name, err)
		}
		t.learn(part.Root())
	}
	schema, err := cache.Parse(s.Text, opts...)
	if err != nil {
		return nil, err
	}
	t.learn(schema.Root())
	return schema, nil
}

func (t avroTypes) learn(n *avro.SchemaNode) {
	if n == nil {
		return
	}
	if n.Name != "" && t[nameOf(n)] == nil {
		t[nameOf(n)] = n
	}
	for i := range n.Fields {
		t.learn(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		t.learn(&n.Branches[i])
	}
	t.learn(n.Items)
	t.learn(n.Values)
}

// avroRecord is a record's fields with the schema that knows their order; avroDecimal is a decimal with its scale.
type (
	avroRecord struct {
		schema *avro.SchemaNode
		fields map[string]any
	}
	avroDecimal struct {
		unscaled []byte
		scale    int
	}
)

// options keep what the library would turn into Go's own types and lose: the order of fields, the scale of decimals,
// and the unit of times, which stay the numbers they are.
func (t avroTypes) options() []avro.SchemaOpt {
	opts := []avro.SchemaOpt{
		avro.CustomType{AvroType: "record", Decode: func(v any, n *avro.SchemaNode) (any, error) {
			fields, ok := v.(map[string]any)
			if def := t[nameOf(n)]; ok && def != nil { // n itself has no fields
				return avroRecord{def, fields}, nil
			}
			return nil, avro.ErrSkipCustomType
		}},
		avro.CustomType{LogicalType: "decimal", Decode: func(v any, n *avro.SchemaNode) (any, error) {
			unscaled, ok := v.([]byte)
			if !ok {
				return nil, avro.ErrSkipCustomType
			}
			return avroDecimal{unscaled, n.Scale}, nil
		}},
	}
	for _, raw := range []string{
		"date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
		"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos",
	} {
		opts = append(opts, avro.CustomType{LogicalType: raw})
	}
	return opts
}

// writer appends JSON until something does not fit.
type writer struct {
	dst   []byte
	most  int
	depth int
	fault event.Reason
}

// open begins an object or array and reports false where nothing may be inside it any more.
func (w *writer) open(c byte) bool {
	if w.depth--; w.depth < 0 {
		w.fail(event.TooDeep)
	}
	w.dst = append(w.dst, c)
	return w.fault == event.None
}

func (w *writer) close(c byte) {
	w.depth++
	w.dst = append(w.dst, c)
	w.measure()
}

func (w *writer) fail(why event.Reason) {
	if w.fault == event.None {
		w.fault = why
	}
}

func (w *writer) measure() {
	if len(w.dst) > w.most {
		w.fail(event.TooLarge)
	}
}

// member begins a member; it reports false once something has failed.
func (w *writer) member(name string) bool {
	w.dst = appendComma(w.dst)
	w.text(name)
	w.dst = append(w.dst, ':')
	return w.fault == event.None
}

// element begins an element; it reports false once something has failed.
func (w *writer) element() bool {
	w.dst = appendComma(w.dst)
	return w.fault == event.None
}

func (w *writer) text(s string) {
	var ok bool
	if w.dst, ok = appendText(w.dst, s); !ok {
		w.fail(event.InvalidUTF8)
	}
	w.measure()
}

func (w *writer) base64(b []byte) {
	w.dst = append(w.dst, '"')
	w.dst = append(base64.StdEncoding.AppendEncode(w.dst, b), '"')
	w.measure()
}

func (w *writer) integer(n int64) { w.dst = strconv.AppendInt(w.dst, n, 10) }

// float writes the shortest number that reads back as the same; what JSON has no number for is a word, as in ProtoJSON.
func (w *writer) float(f float64, bits int) {
	switch {
	case math.IsNaN(f):
		w.dst = append(w.dst, `"NaN"`...)
	case math.IsInf(f, 1):
		w.dst = append(w.dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		w.dst = append(w.dst, `"-Infinity"`...)
	default:
		format := byte('f')
		if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
			format = 'e'
		}
		w.dst = strconv.AppendFloat(w.dst, f, format, -1, bits)
	}
}

// avro writes what the library decoded. Types of Go tell what it is; each container is measured, so a few bytes that stand
// for many elements end at the limit.
func (w *writer) avro(v any) {
	switch v := v.(type) {
	case nil:
		w.dst = append(w.dst, "null"...)
	case bool:
		w.dst = strconv.AppendBool(w.dst, v)
	case int32:
		w.integer(int64(v))
	case int64:
		w.integer(v)
	case float32:
		w.float(float64(v), 32)
	case float64:
		w.float(v, 64)
	case string:
		w.text(v)
	case []byte:
		w.base64(v)
	case [16]byte:
		w.dst = fmt.Appendf(w.dst, `"%x-%x-%x-%x-%x"`, v[:4], v[4:6], v[6:8], v[8:10], v[10:])
	case avro.Duration:
		w.text(v.String())
	case avroDecimal:
		if len(v.unscaled) > maxDecimalBits/8 {
			w.fail(event.Undecodable)
			return
		}
		w.dst = append(w.dst, '"')
		w.dst = appendDecimal(w.dst, v.unscaled, v.scale)
		w.dst = append(w.dst, '"')
		w.measure()
	case *big.Rat:
		w.rational(v)
	case avroRecord:
		w.avroRecord(v)
	case map[string]any:
		w.avroMap(v)
	case []any:
		w.avroArray(v)
	default:
		w.fail(event.Undecodable)
	}
}

func (w *writer) avroRecord(r avroRecord) {
	if !w.open('{') {
		return
	}
	for i := range r.schema.Fields {
		name := r.schema.Fields[i].Name
		if !w.member(name) {
			return
		}
		w.avro(r.fields[name])
	}
	w.close('}')
}

// avroMap writes members in the order of their names: one record has one document.
func (w *writer) avroMap(m map[string]any) {
	if !w.open('{') {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !w.member(name) {
			return
		}
		w.avro(m[name])
	}
	w.close('}')
}

func (w *writer) avroArray(list []any) {
	if !w.open('[') {
		return
	}
	for _, v := range list {
		if !w.element() {
			return
		}
		w.avro(v)
		w.measure()
	}
	w.close(']')
}

// rational writes a big-decimal: its denominator has no factors but 2 and 5, so it has an end.
func (w *writer) rational(r *big.Rat) {
	places, exact := r.FloatPrec()
	if !exact || places > maxDecimalPlaces || r.Num().BitLen() > maxDecimalBits {
		w.fail(event.Undecodable)
		return
	}
	w.text(r.FloatString(places))
}

const (
	maxDecimalPlaces = 1 << 12
	maxDecimalBits   = 1 << 14
)

// appendDecimal writes the digits of a two's complement number, the last scale of them behind the point.
func appendDecimal(dst, unscaled []byte, scale int) []byte {
	var digits []byte
	negative := len(unscaled) > 0 && unscaled[0]&0x80 != 0
	if len(unscaled) <= 8 {
		n := int64(0)
		if negative {
			n = -1
		}
		for _, b := range unscaled {
			n = n<<8 | int64(b)
		}
		var room [20]byte
		digits = strconv.AppendInt(room[:0], n, 10)
	} else {
		n := new(big.Int).SetBytes(unscaled)
		if negative {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(unscaled))*8))
		}
		digits = n.Append(nil, 10)
	}
	if digits[0] == '-' {
		dst = append(dst, '-')
		digits = digits[1:]
	}
	if scale <= 0 {
		return append(dst, digits...)
	}
	if whole := len(digits) - scale; whole > 0 {
		dst = append(dst, digits[:whole]...)
		return append(append(dst, '.'), digits[whole:]...)
	}
	dst = append(dst, "0."...)
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
