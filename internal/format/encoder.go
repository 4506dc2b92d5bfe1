// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// Encoder makes of a recipient's sanitized document what is produced. It is safe for concurrent use.
type Encoder interface {
	// Encode appends the record's value to dst. A document that does not fit the recipient's schema gives an *event.Poison.
	Encode(dst, document []byte) ([]byte, error)
}

// NewJSONEncoder gives the encoder that leaves documents as they are.
func NewJSONEncoder() Encoder { return plainEncoder{} }

type plainEncoder struct{}

func (plainEncoder) Encode(dst, document []byte) ([]byte, error) {
	return append(dst, document...), nil
}

// Subject names the subject of a topic's values.
func Subject(topic string) string { return topic + "-value" }

// NewAvroEncoder gives the encoder for a derived schema that is registered under an id.
func NewAvroEncoder(o *Output, id int) Encoder { return &avroEncoder{o, id} }

type avroEncoder struct {
	output *Output
	id     int
}

func (e *avroEncoder) Encode(dst, document []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber() // numbers stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		return dst, poison(event.Unencodable, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return dst, poison(event.Unencodable, "")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return dst, poison(event.Unencodable, "$")
	}
	fields, ok := e.output.root.object(object)
	if !ok {
		return dst, poison(event.Unencodable, "")
	}
	start := len(dst)
	dst, err := e.output.schema.AppendEncode(appendWire(dst, e.id), fields)
	if err != nil {
		return dst[:start], poison(event.Unencodable, "") // the library's error may hold a value
	}
	return dst, nil
}

// object gives an object's members the names of the schema. What the schema has no name for does not fit: leaving it out would
// lose it unseen.
func (s *shape) object(members map[string]any) (map[string]any, bool) {
	out := make(map[string]any, len(members))
	for name, v := range members {
		m := s.members[name]
		if m == nil {
			return nil, false
		}
		if v == nil {
			continue // the default
		}
		fitting, ok := m.branch(v)
		if !ok {
			return nil, false
		}
		out[AvroName(name)] = fitting
	}
	return out, true
}

// branch gives a value with the branch of the place's union that it takes.
func (s *shape) branch(v any) (any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, s.kinds&nulls != 0
	case string:
		return s.text(v)
	case bool:
		if s.kinds&booleans == 0 && s.kinds&texts != 0 {
			return strconv.FormatBool(v), true
		}
		return v, s.kinds&booleans != 0
	case json.Number:
		return s.number(v)
	case map[string]any:
		out, ok := s.keyed(v)
		if ok && s.tag != "" {
			// Without it the library would take an object whose one member is called string for a branch of that name.
			return map[string]any{s.tag: out}, true
		}
		return out, ok
	case []any:
		return s.array(v)
	}
	return nil, false
}

// text takes a text; where there is none, the number or boolean that it spells: platforms do write them so, and rounding and
// kept types leave them so.
func (s *shape) text(v string) (any, bool) {
	switch {
	case s.kinds&texts != 0:
		return v, true
	case s.kinds&booleans != 0 && (v == "true" || v == "false"):
		return v == "true", true
	case json.Valid([]byte(v)):
		return s.number(json.Number(v))
	}
	return nil, false
}

// number takes the first that holds the number whole: a long, a double, a text of it; else the nearest double.
func (s *shape) number(n json.Number) (any, bool) {
	if s.kinds&longs != 0 {
		if whole, ok := whole(n.String()); ok {
			return whole, true
		}
	}
	if s.kinds&doubles != 0 && bytes.ContainsAny([]byte(n), ".eE") {
		f, err := n.Float64()
		if err == nil && (s.kinds&texts == 0 || faithful(n.String(), f)) {
			return f, true
		}
	}
	return n.String(), s.kinds&texts != 0
}

// faithful tells whether a double gives back all digits of the number that it was read from: doubles hold any 15.
func faithful(text string, f float64) bool {
	const digits, least, most = 15, 1e-300, 1e300
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	significant := strings.TrimLeft(strings.Replace(mantissa, ".", "", 1), "-0")
	size := math.Abs(f)
	return significant == "" || len(significant) <= digits && least < size && size < most
}

// whole reads a whole number, also as 1.0 or 1e3.
func whole(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return n, true
	}
	const longest = 32 // beyond it a small text could be a number that fills the memory
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > longest || f > 1e19 || f < -1e19 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

func (s *shape) keyed(members map[string]any) (any, bool) {
	if s.values == nil {
		if s.members == nil {
			return nil, false
		}
		return s.object(members)
	}
	out := make(map[string]any, len(members))
	for name, v := range members {
		fitting, ok := s.values.branch(v)
		if !ok {
			return nil, false
		}
		out[name] = fitting
	}
	return out, true
}

func (s *shape) array(list []any) (any, bool) {
	if s.each == nil {
		return nil, false
	}
	out := make([]any, len(list))
	for i, v := range list {
		fitting, ok := s.each.branch(v)
		if !ok {
			return nil, false
		}
		out[i] = fitting
	}
	return out, true
}
