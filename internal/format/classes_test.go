// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"strings"
	"testing"
)

func proposals(t *testing.T, s *Schema) string {
	t.Helper()
	found, err := Classes(s)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range found {
		fmt.Fprintf(&b, "%s %s (%s)\n", p.Path, p.Class, p.Tag)
	}
	return b.String()
}

func TestClassesOfAvro(t *testing.T) {
	s := &Schema{Type: "AVRO", Text: `{"type":"record","name":"R","fields":[
		{"name":"author_id","type":["null","string"],"confluent:tags":["PII"]},
		{"name":"note","type":"string","confluent:tags":["PII"]},
		{"name":"mail","type":["null","string"],"confluent:tags":["PII","EMAIL"]},
		{"name":"both","type":"string","confluent:tags":["EMAIL","PHI"]},
		{"name":"odd","type":"string","confluent:tags":["TEAM_BLUE"]},
		{"name":"open","type":"string","confluent:tags":["PUBLIC"]},
		{"name":"own","type":"string","nymstream.class":"ip","confluent:tags":["PII"]},
		{"name":"typo","type":"string","nymstream.class":"e-mail"},
		{"name":"on_type","type":{"type":"string","nymstream.class":"phone"}},
		{"name":"list","type":{"type":"array","items":"string"},"confluent:tags":["PHONE_NUMBER"]},
		{"name":"by","type":"User"},
		{"name":"attrs","type":{"type":"map","values":"User"},"confluent:tags":["SECRET"]},
		{"name":"plain","type":"string"},
		{"name":"next","type":["null","R"]}]}`,
		References: []Reference{{"User", `{"type":"record","name":"User","fields":[{"name":"name","type":"string","confluent:tags":["pii"]},{"name":"id","type":"long"}]}`}},
	}
	const want = `$.attrs.*.id credential (SECRET)
$.attrs.*.name credential (SECRET)
$.author_id account (PII)
$.both health (PHI)
$.by.name name (pii)
$.list[*] phone (PHONE_NUMBER)
$.mail email (PII)
$.note name (PII)
$.odd  (TEAM_BLUE)
$.on_type phone (phone)
$.own ip (ip)
$.typo  (e-mail)
`
	if got := proposals(t, s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClassesOfJSONSchema(t *testing.T) {
	s := &Schema{Type: "JSON", Text: `{"type":"object","properties":{
		"email":{"type":"string","confluent:tags":["PII"]},
		"user":{"$ref":"#/$defs/user","confluent:tags":["ignored beside a reference"]},
		"other":{"$ref":"other.json#/definitions/x"},
		"tags":{"type":"array","items":{"type":"string","nymstream.class":"free"}},
		"map":{"type":"object","additionalProperties":{"type":"string","nymstream.class":"cookie"}},
		"one":{"oneOf":[{"type":"null"},{"type":"string","nymstream.class":"ip"}]}},
		"$defs":{"user":{"properties":{"dob":{"type":"string","confluent:tags":["PII"]},"friend":{"$ref":"#/$defs/user"}}}}}`,
		References: []Reference{{"other.json", `{"definitions":{"x":{"type":"string","nymstream.class":"device"}}}`}},
	}
	const want = `$.email email (PII)
$.map.* cookie (cookie)
$.one ip (ip)
$.other device (device)
$.tags[*] free (free)
$.user.dob birth (PII)
`
	if got := proposals(t, s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClassesOfProtobuf(t *testing.T) {
	s := &Schema{Type: "PROTOBUF", Text: `syntax = "proto3"; import "confluent/meta.proto";
		message Post {
			string email = 1 [(confluent.field_meta).tags = "PII"];
			repeated string phones = 2 [(confluent.field_meta).tags = "PHONE", (confluent.field_meta).tags = "PHI"];
			string x = 3 [(confluent.field_meta) = {params: [{key: "nymstream.class", value: "ip"}]}];
			map<string, User> users = 4; string plain = 5; Post next = 6;
		}
		message User { string name = 1 [(confluent.field_meta).tags = "PII"]; }`}
	const want = `$.email email (PII)
$.phones[*] health (PHI)
$.users.*.name name (PII)
$.x ip (ip)
`
	if got := proposals(t, s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClassesOfWhatIsNoSchema(t *testing.T) {
	for _, typ := range []string{"AVRO", "JSON", "PROTOBUF", "OTHER"} {
		if _, err := Classes(&Schema{Type: typ, Text: "{"}); err == nil {
			t.Errorf("%s: no error", typ)
		}
	}
}

// Every class that a word stands for must be one of the policy language.
func TestWordsNameClasses(t *testing.T) {
	for word, c := range words {
		if !c.Known() || plainWord(word) != word {
			t.Errorf("%q stands for %q", word, c)
		}
	}
}
