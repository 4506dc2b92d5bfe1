// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/event"
)

// corpus finds a folder of the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "corpus", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return dir
}

func newDecoder(t testing.TB, k Kind) Decoder {
	t.Helper()
	d, err := NewDecoder(k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestUnknownFormat(t *testing.T) {
	if _, err := NewDecoder("xml", Options{}); err == nil || !strings.Contains(err.Error(), "cloudevents") {
		t.Errorf("got %v, want an error that lists the formats", err)
	}
	for _, k := range Kinds() {
		if _, err := NewDecoder(k, Options{}); (err != nil) != k.Registered() {
			t.Errorf("%s without a registry: error %v", k, err)
		}
	}
}

func TestForm(t *testing.T) {
	d := newDecoder(t, Form)
	for in, want := range map[string]string{
		"":                        `{}`,
		"a=b&c=d+e":               `{"a":"b","c":"d e"}`,
		"a":                       `{"a":""}`,
		"&&a=1&":                  `{"a":"1"}`,
		"a=b=c":                   `{"a":"b=c"}`,
		"%22=%0A%c3%bc&=x":        `{"\"":"\u000aü","":"x"}`,
		"payload=%7B%22a%22:1%7D": `{"payload":"{\"a\":1}"}`,
	} {
		if got := decode(t, d, []byte(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]event.Reason{
		"a=1&a=2": event.DuplicateKey, "a=1&%61=2": event.DuplicateKey, "a=%": event.Undecodable, "a=%4": event.Undecodable, "a=%zz": event.Undecodable,
		"a=%ff": event.InvalidUTF8, "\xff": event.InvalidUTF8, strings.Repeat("a", 11<<20): event.TooLarge,
	} {
		if _, err := d.Decode(nil, &event.Record{Value: []byte(in)}); reasonOf(err) != want {
			t.Errorf("%.20q: got %v, want %v", in, err, want)
		}
	}
}

func headers(pairs ...string) []event.Header {
	var out []event.Header
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, event.Header{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return out
}

func TestCloudEvents(t *testing.T) {
	d := newDecoder(t, CloudEvents)
	base := []string{"ce_specversion", "1.0", "ce_id", "1", "ce_type", "t"}
	const attributes = `{"specversion":"1.0","id":"1","type":"t"`
	for what, tt := range map[string]struct {
		headers []event.Header
		value   string
		want    string
	}{
		"structured":                   {headers("content-type", "application/cloudevents+json; charset=UTF-8", "ce_id", "2"), `{"id":"1"}`, `{"id":"1"}`},
		"structured, another case":     {headers("Content-Type", "Application/CloudEvents+JSON"), `{"id":"1"}`, `{"id":"1"}`},
		"structured, without a header": {nil, `{"id":"1"}`, `{"id":"1"}`},
		"a batch":                      {headers("content-type", "application/cloudevents-batch+json"), `[{"id":"1"}]`, `[{"id":"1"}]`},
		"binary, JSON":                 {headers(append(base, "content-type", "application/json")...), ` {"a":1} `, attributes + `,"datacontenttype":"application/json","data":{"a":1}}`},
		"binary, +json":                {headers(append(base, "content-type", "application/x+json; charset=utf-8")...), `1.50`, attributes + `,"datacontenttype":"application/x+json; charset=utf-8","data":1.50}`},
		"binary, no content type":      {headers(base...), `"x"`, attributes + `,"data":"x"}`},
		"binary, text":                 {headers(append(base, "content-type", "text/plain")...), `a"b`, attributes + `,"datacontenttype":"text/plain","data":"a\"b"}`},
		"binary, text of another set":  {headers(append(base, "content-type", "text/plain; charset=latin1")...), "\xfc", attributes + `,"datacontenttype":"text/plain; charset=latin1","data_base64":"/A=="}`},
		"binary, bytes":                {headers(append(base, "content-type", "application/avro")...), "\x00\xff", attributes + `,"datacontenttype":"application/avro","data_base64":"AP8="}`},
		"binary, hyphens":              {headers("ce-id", "1", "CE-Type", "t", "other", "no"), "null", `{"id":"1","type":"t","data":null}`},
		"binary, without data":         {headers(base...), "", attributes + "}"},
	} {
		if got := decode(t, d, []byte(tt.value), tt.headers...); got != tt.want {
			t.Errorf("%s: got %s, want %s", what, got, tt.want)
		}
	}
	for what, tt := range map[string]struct {
		headers []event.Header
		value   string
		want    event.Reason
	}{
		"another event format":       {headers("content-type", "application/cloudevents+avro"), `{}`, event.Undecodable},
		"an attribute twice":         {headers("ce_id", "1", "ce-id", "2"), `{}`, event.DuplicateKey},
		"an attribute named data":    {headers("ce_id", "1", "ce_data", "2"), `{}`, event.Undecodable},
		"data that writes members":   {headers("ce_id", "1"), `1,"type":"x"`, event.Malformed},
		"data that is no JSON":       {headers("ce_id", "1"), `{`, event.Malformed},
		"an attribute that is bytes": {headers("ce_id", "\xff"), `{}`, event.InvalidUTF8},
		"text that is bytes":         {headers("ce_id", "1", "content-type", "text/plain"), "\xff", event.InvalidUTF8},
	} {
		if _, err := d.Decode(nil, &event.Record{Value: []byte(tt.value), Headers: tt.headers}); reasonOf(err) != tt.want {
			t.Errorf("%s: got %v, want %v", what, err, tt.want)
		}
	}
}

func TestFormOfWhatOthersEncode(t *testing.T) {
	d := newDecoder(t, Form)
	rapid.Check(t, func(rt *rapid.T) {
		fields := rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "fields")
		values := url.Values{}
		for k, v := range fields {
			values.Set(k, v)
		}
		out, err := d.Decode(nil, &event.Record{Value: []byte(values.Encode())})
		if err != nil {
			rt.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(out, &got); err != nil {
			rt.Fatal(err)
		}
		for k, v := range fields {
			if got[k] != v || len(got) != len(fields) {
				rt.Fatalf("%q: got %q, want %q", k, got[k], v)
			}
		}
	})
}

func TestAvroNamesAreInjective(t *testing.T) {
	char := rapid.SampledFrom([]rune("_xea0459.-A:ü"))
	name := rapid.OneOf(rapid.StringOf(char), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		s := name.Draw(rt, "name")
		legal := AvroName(s)
		for i, c := range []byte(legal) {
			if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
				rt.Fatalf("%q becomes %q, which is no name of Avro", s, legal)
			}
		}
		if legal == elementName || legal == memberName || legal == "" {
			rt.Fatalf("%q becomes %q, which means something else", s, legal)
		}
		if back := JSONName(legal); back != s {
			rt.Fatalf("%q becomes %q and comes back as %q", s, legal, back)
		}
	})
	for _, s := range []string{"user_id", "_x", "_private", "x41_"} {
		if got := AvroName(s); got != s {
			t.Errorf("%s becomes %s, want it as it is", s, got)
		}
	}
}
