// SPDX-License-Identifier: Apache-2.0

package format

import "strings"

// AvroName makes a legal name of Avro of a JSON name, and never the same of two. Legal names stay as they are, but for those
// that look escaped: every byte that is not legal becomes _xHH_, as does an underscore before an x and two hexadecimal digits.
func AvroName(name string) string {
	if name == "" {
		return "_x_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		legal := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' && i > 0 || c == '_'
		if legal && (c != '_' || !escaped(name[i:])) {
			b.WriteByte(c)
			continue
		}
		b.WriteString("_x")
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
		b.WriteByte('_')
	}
	return b.String()
}

// escaped tells whether text begins as an escape does, or is how the empty name is written.
func escaped(text string) bool {
	return text == "_x_" || len(text) >= 4 && text[1] == 'x' && hexDigit(text[2]) >= 0 && hexDigit(text[3]) >= 0
}

// JSONName gives back the name that AvroName was given.
func JSONName(name string) string {
	if name == "_x_" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '_' && len(name) >= i+5 && escaped(name[i:]) && name[i+4] == '_' {
			b.WriteByte(byte(hexDigit(name[i+2])<<4 | hexDigit(name[i+3])))
			i += 4
			continue
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// Names of what is no member of an object: escapes that AvroName never writes, as they do not end.
const (
	elementName = "_xea"
	memberName  = "_xfa"
	typeSuffix  = "_xfe"
)

// typeName names the record of a field. Words that are types of Avro must not be names of others; some readers mix them up.
func typeName(field string) string {
	switch field {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "error", "enum", "array", "map", "fixed", "union":
		return field + typeSuffix
	}
	return field
}
