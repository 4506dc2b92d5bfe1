// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nymstream/nymstream/internal/format"
)

// schemaTypes tells by the file's ending what a schema is written in.
var schemaTypes = map[string]string{".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}

// SchemaClass is what a schema's tags say of one field.
type SchemaClass struct {
	Path  string `json:"path"`
	Class string `json:"class,omitempty"` // "": the tag is not known
	Tag   string `json:"tag"`
}

// SchemaClasses reads the tags of a schema in a file: what a pack for its records can begin with.
func SchemaClasses(file string) ([]SchemaClass, error) {
	kind := schemaTypes[filepath.Ext(file)]
	if kind == "" {
		return nil, fmt.Errorf("%s: a schema's file ends in .avsc, .proto or .json", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	proposals, err := format.Classes(&format.Schema{Type: kind, Text: string(text)})
	if err != nil {
		return nil, err
	}
	out := make([]SchemaClass, len(proposals))
	for i, p := range proposals {
		out[i] = SchemaClass{p.Path.String(), string(p.Class), p.Tag}
	}
	return out, nil
}
