// SPDX-License-Identifier: Apache-2.0

// Package format undoes and does what records are wrapped in: JSON, forms, CloudEvents, and Avro, Protobuf and JSON Schema
// under the ids of a schema registry.
//
// On the way in a [Decoder] makes one JSON document of one record, which the rewriter then reads as if it had come so.
// On the way out an [Encoder] makes Avro of a sanitized document, under a schema that [OutputSchema] derives from the plan.
// What a record's bytes say decides nothing here but what the document holds: nothing leaves by a format alone.
package format

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
)

// Kind names a format as policies and configurations do.
type Kind string

const (
	JSON        Kind = "json"        // the value is the document
	Form        Kind = "form"        // application/x-www-form-urlencoded
	Avro        Kind = "avro"        // Avro with a schema id before it
	Protobuf    Kind = "protobuf"    // Protobuf with a schema id and message indexes before it
	JSONSchema  Kind = "json-schema" // JSON with a schema id before it
	CloudEvents Kind = "cloudevents" // structured or binary content mode
)

// Kinds lists the formats that records may come in.
func Kinds() []Kind { return []Kind{JSON, Form, Avro, Protobuf, JSONSchema, CloudEvents} }

// Registered tells whether the format's records name schemas of a registry.
func (k Kind) Registered() bool { return k == Avro || k == Protobuf || k == JSONSchema }

// Decoder makes a JSON document of a record. It is safe for concurrent use.
type Decoder interface {
	// Decode appends the record's document to dst. What it appends is never an alias of the record.
	// A record that cannot be decoded gives an *event.Poison; a registry that does not answer gives an error that wraps
	// event.ErrTransient: nothing is known about the record then, and it must be decoded again later.
	// Tombstones are for the caller to see first: a nil value is malformed, except as a CloudEvent that has headers.
	Decode(dst []byte, rec *event.Record) ([]byte, error)
}

// Options of a Decoder. The zero value is good for formats without a registry.
type Options struct {
	Registry *Registry // needed by avro, protobuf and json-schema
	MaxBytes int       // of a document; default 10 MiB. A record whose document would be longer is quarantined
	MaxDepth int       // of objects and arrays inside each other; default 128
	// MaxValues bounds the values of a record in avro and protobuf, containers included, before they are built in memory: a
	// value takes up to 400 bytes there. Default 262,144, which is 100 MB at the worst.
	MaxValues int
}

// framed gives the id of a record's schema and what stands behind it, within the limit.
func (o *Options) framed(rec *event.Record) (id int, payload []byte, err error) {
	if rec.Value == nil {
		return 0, nil, poison(event.Malformed, "")
	}
	if id, payload, err = wire(rec.Value); err == nil && len(payload) > o.MaxBytes {
		err = poison(event.TooLarge, "")
	}
	return id, payload, err
}

const (
	defaultMaxBytes  = 10 << 20
	defaultMaxDepth  = 128
	defaultMaxValues = 1 << 18
)

// NewDecoder gives the decoder of a format.
func NewDecoder(k Kind, o Options) (Decoder, error) {
	if min(o.MaxBytes, o.MaxDepth, o.MaxValues) < 0 {
		return nil, fmt.Errorf("format %s: limits must not be negative", k)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = defaultMaxDepth
	}
	if o.MaxValues == 0 {
		o.MaxValues = defaultMaxValues
	}
	if k.Registered() && o.Registry == nil {
		return nil, fmt.Errorf("format %s needs a schema registry", k)
	}
	switch k {
	case JSON:
		return plainDecoder{o.MaxBytes}, nil
	case Form:
		return formDecoder{o.MaxBytes}, nil
	case Avro:
		return newAvroDecoder(o), nil
	case Protobuf:
		return newProtobufDecoder(o), nil
	case JSONSchema:
		return newJSONSchemaDecoder(o), nil
	case CloudEvents:
		return cloudEventsDecoder{o.MaxBytes}, nil
	}
	return nil, fmt.Errorf("unknown format %q; use one of %s", k, names())
}

func names() string {
	all := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

// plainDecoder takes values as they are: the rewriter checks every byte of them anyway.
type plainDecoder struct{ maxBytes int }

func (d plainDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	return appendWhole(dst, rec.Value, d.maxBytes)
}

func appendWhole(dst, value []byte, most int) ([]byte, error) {
	switch {
	case value == nil:
		return dst, poison(event.Malformed, "")
	case len(value) > most:
		return dst, poison(event.TooLarge, "")
	}
	return append(dst, value...), nil
}

// poison says that a record can never be decoded. rule names a part of the format, never of the payload.
func poison(why event.Reason, rule string) *event.Poison {
	return &event.Poison{Reason: why, Rule: rule, Offset: -1}
}

const hexDigits = "0123456789abcdef"

// appendText appends text as a JSON string; it reports false when text is not UTF-8.
func appendText[T string | []byte](dst []byte, text T) ([]byte, bool) {
	dst = append(dst, '"')
	plain := 0 // text before it has been appended
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))])) // four bytes are copied to the stack
			if r == utf8.RuneError && size == 1 {
				return dst, false
			}
			i += size
			continue
		}
		i++
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[plain:i-1]...)
		plain = i
		if c >= ' ' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, text[plain:]...)
	return append(dst, '"'), true
}
