// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// cloudEventsDecoder gives a CloudEvent one shape, whichever content mode of the Kafka binding it came in: that of the JSON
// event format. In structured mode that is the value as it is, single or batched. In binary mode the attributes come from
// headers (all of them strings there) and the value becomes data, or data_base64 when it is neither JSON nor text.
type cloudEventsDecoder struct{ maxBytes int }

// maxAttributes bounds the headers of one event.
const maxAttributes = 256

func (d cloudEventsDecoder) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	contentType, binary := "", false
	for _, h := range rec.Headers {
		if strings.EqualFold(string(h.Key), "content-type") && h.Value != nil {
			contentType = string(h.Value)
		}
		binary = binary || len(attribute(h.Key)) > 0
	}
	const media = "application/cloudevents"
	if len(contentType) >= len(media) && strings.EqualFold(contentType[:len(media)], media) {
		switch subtype(contentType) {
		case "cloudevents+json", "cloudevents-batch+json", "cloudevents":
			return appendWhole(dst, rec.Value, d.maxBytes)
		}
		return dst, poison(event.Undecodable, "the content-type header")
	}
	if !binary {
		return appendWhole(dst, rec.Value, d.maxBytes) // a producer that leaves the header out
	}
	start := len(dst)
	dst, err := d.binary(dst, rec, contentType)
	if err == nil && len(dst)-start > d.maxBytes {
		err = poison(event.TooLarge, "")
	}
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// attribute gives the name behind ce_ or ce-; nil where the header is no attribute.
func attribute(key []byte) []byte {
	if len(key) > 3 && key[0]|0x20 == 'c' && key[1]|0x20 == 'e' && (key[2] == '_' || key[2] == '-') {
		return key[3:]
	}
	return nil
}

// Members that attributes must not make up: they are the value's.
var reserved = []string{"data", "data_base64"}

const contentTypeAttribute = "datacontenttype"

func (d cloudEventsDecoder) binary(dst []byte, rec *event.Record, contentType string) ([]byte, error) {
	var space [16]string
	seen := space[:0]
	dst = append(dst, '{')
	for _, h := range rec.Headers {
		raw := attribute(h.Key)
		if raw == nil || h.Value == nil {
			continue
		}
		name := strings.ToLower(string(raw))
		if name == contentTypeAttribute {
			if contentType == "" {
				contentType = string(h.Value)
			}
			continue
		}
		switch {
		case slices.Contains(reserved, name):
			return dst, poison(event.Undecodable, "the ce_ headers")
		case slices.Contains(seen, name):
			return dst, poison(event.DuplicateKey, "the ce_ headers")
		case len(seen) == maxAttributes:
			return dst, poison(event.TooLarge, "the ce_ headers")
		}
		seen = append(seen, name)
		var ok bool
		if dst, ok = appendAttribute(dst, name, h.Value); !ok {
			return dst, poison(event.InvalidUTF8, "the ce_ headers")
		}
	}
	if contentType != "" {
		var ok bool
		if dst, ok = appendAttribute(dst, contentTypeAttribute, contentType); !ok {
			return dst, poison(event.InvalidUTF8, "the content-type header")
		}
	}
	dst, err := appendData(dst, rec.Value, contentType)
	return append(dst, '}'), err
}

func appendAttribute[T string | []byte](dst []byte, name string, value T) ([]byte, bool) {
	dst = appendComma(dst)
	dst, nameOK := appendText(dst, name)
	dst, valueOK := appendText(append(dst, ':'), value)
	return dst, nameOK && valueOK
}

// appendComma separates members and elements: nothing before the first.
func appendComma(dst []byte) []byte {
	if last := dst[len(dst)-1]; last != '{' && last != '[' {
		return append(dst, ',')
	}
	return dst
}

func appendData(dst, value []byte, contentType string) ([]byte, error) {
	if len(value) == 0 {
		return dst, nil
	}
	dst = appendComma(dst)
	switch kind := dataKind(contentType); kind {
	case dataJSON:
		// What is not exactly one JSON value could write members of its own.
		if !json.Valid(value) {
			return dst, poison(event.Malformed, "data")
		}
		return append(append(dst, `"data":`...), bytes.TrimSpace(value)...), nil
	case dataText:
		dst, ok := appendText(append(dst, `"data":`...), value)
		if !ok {
			return dst, poison(event.InvalidUTF8, "data")
		}
		return dst, nil
	}
	dst = append(dst, `"data_base64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, value), '"'), nil
}

const (
	dataJSON = iota
	dataText
	dataBinary
)

// dataKind decides by the content type; none means JSON, as the JSON event format has it.
func dataKind(contentType string) int {
	if contentType == "" || contentType == "application/json" { // the usual ones, without a parser
		return dataJSON
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return dataBinary
	}
	_, sub, _ := strings.Cut(media, "/")
	if sub == "json" || strings.HasSuffix(sub, "+json") {
		return dataJSON
	}
	if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return dataBinary
	}
	if strings.HasPrefix(media, "text/") || sub == "xml" || strings.HasSuffix(sub, "+xml") || sub == "x-www-form-urlencoded" {
		return dataText
	}
	return dataBinary
}

// subtype is what stands behind the slash, without parameters, in lower case.
func subtype(contentType string) string {
	_, sub, _ := strings.Cut(contentType, "/")
	sub, _, _ = strings.Cut(sub, ";")
	return strings.ToLower(strings.TrimSpace(sub))
}
