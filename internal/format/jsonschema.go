// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
)

// jsonSchemaDecoder takes the document behind the schema's id as it is. The registry must know the id as a JSON Schema.
// The document is not validated: what leaves of it is decided by the policy, which is stricter than any schema.
type jsonSchemaDecoder struct {
	schemas  *schemas[struct{}]
	maxBytes int
}

func newJSONSchemaDecoder(o Options) Decoder {
	return jsonSchemaDecoder{newSchemas(JSONSchema, o.Registry, func(s *Schema) (struct{}, error) {
		return struct{}{}, mustBe(s, "JSON")
	}), o.MaxBytes}
}

func (d jsonSchemaDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	if rec.Value == nil {
		return dst, poison(event.Malformed, "")
	}
	id, payload, err := wire(rec.Value)
	if err != nil {
		return dst, err
	}
	if _, err := d.schemas.of(id); err != nil {
		return dst, err
	}
	return appendWhole(dst, payload, d.maxBytes)
}

func mustBe(s *Schema, typ string) error {
	if s.Type != typ {
		return fmt.Errorf("its type is %s, not %s", s.Type, typ)
	}
	return nil
}
