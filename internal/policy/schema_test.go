// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSchemasAreFresh compares docs/*.schema.json with what the language says; -update writes them.
func TestSchemasAreFresh(t *testing.T) {
	for file, want := range map[string][]byte{"policy.schema.json": PolicySchema(), "pack.schema.json": PackSchema()} {
		path := filepath.Join("..", "..", "docs", file)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is stale (%v); go test ./internal/policy -run TestSchemas -update", file, err)
		}
	}
}

func compileSchema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as editors hand it to a schema.
func asJSON(t *testing.T, name string, data []byte) any {
	t.Helper()
	f := &faults{}
	n := parseYAML(name, data, f)
	if n == nil || len(f.problems) > 0 {
		t.Fatalf("%s: %v", name, f.problems)
	}
	var b bytes.Buffer
	testReader{reader{faults: f}, name}.json(&b, n)
	v, err := jsonschema.UnmarshalJSON(&b)
	if err != nil || len(f.problems) > 0 {
		t.Fatalf("%s: %v, %v", name, err, f.problems)
	}
	return v
}

// TestSchemasAcceptWhatLoads validates all packs, the example policies and the documented ones.
func TestSchemasAcceptWhatLoads(t *testing.T) {
	policies, packs := compileSchema(t, PolicySchema()), compileSchema(t, PackSchema())
	for _, glob := range []string{"packs/*.yaml", "testdata/social.yaml", "../../config/policies/*.yaml", "testdata/base.yaml", "testdata/example.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", glob, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.yaml") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := policies
			if bytes.Contains(data, []byte("\npack: ")) {
				s = packs
			}
			if err := s.Validate(asJSON(t, file, data)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for _, file := range []string{"whole/social.txtar", "whole/warnings.txtar", "whole/warnings-people.txtar"} {
		a := readArchive(t, filepath.Join("testdata", file))
		if err := policies.Validate(asJSON(t, file, []byte(a.sections["policy.yaml"]))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemasRefuse checks that editors mark what the reader refuses at sight.
func TestSchemasRefuse(t *testing.T) {
	policies, packs := compileSchema(t, PolicySchema()), compileSchema(t, PackSchema())
	base, pack := string(testFile(t, "base.yaml")), string(testFile(t, "social.yaml"))
	for _, replace := range [][2]string{
		{"account: pseudonym", "account: pseudonimize"}, {"account: pseudonym", "acount: pseudonym"}, {"395d", "395"}, {"role: processor", "role: reader"},
		{"basis: consent", "basis: wish"}, {"language: 1", "language: 2"}, {"plain: keep", "plain: {mask: {keep: 2, at: middle}}"}, {"plain: keep", "plain: bucket"},
		{"plain: keep", "plain: {keep: {max: 3}, drop: {}}"}, {"    topic: clean.analytics\n", ""}, {"        $.text: drop", "        text: drop"},
	} {
		text := strings.Replace(base, replace[0], replace[1], 1)
		if text == base || policies.Validate(asJSON(t, "policy", []byte(text))) == nil {
			t.Errorf("%s for %s was accepted", replace[1], replace[0])
		}
	}
	for _, replace := range [][2]string{
		{"id: account", "id: acount"}, {"id: account", "id: plain"}, {"{class: account, same: id}", "{class: text, same: id}"}, {"signal: object-deleted", "signal: gone"},
		{"{shape: post, depth: 2}", "{shape: post, depth: 99}"}, {"unit: utf16", "unit: utf17"}, {"else: public", "else: everyone"}, {"{exists: true}", "{exists: false}"},
		{"subject: $.by", "subjects: $.by"}, {"{plain: {max: 80}}", "{plain: {mix: 80}}"},
	} {
		text := strings.Replace(pack, replace[0], replace[1], 1)
		if text == pack || packs.Validate(asJSON(t, "pack", []byte(text))) == nil {
			t.Errorf("%s for %s was accepted", replace[1], replace[0])
		}
	}
}

// TestSchemaDescribesEverything fails when the language has a word that the schemas describe as anything.
func TestSchemaDescribesEverything(t *testing.T) {
	for _, key := range fieldKeys {
		if leafSchema("path")["properties"].(schema)[key] == any(true) {
			t.Errorf("schema.go does not describe %q beside class:", key)
		}
	}
	var rule struct {
		OneOf []struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"oneOf"`
	}
	text, err := json.Marshal(ruleSchema())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rule); err != nil {
		t.Fatal(err)
	}
	for _, r := range rule.OneOf {
		for name, p := range r.Properties {
			if string(p) == "{}" || strings.HasPrefix(string(p), `{"allOf":[{}]`) {
				t.Errorf("schema.go does not describe the parameters of %s", name)
			}
		}
	}
}

// TestSchemaHasTheReadersKeys asks the reader which keys its mappings have, by giving it something else, and compares.
func TestSchemaHasTheReadersKeys(t *testing.T) {
	policies, packs := policyParts(), packParts()
	for _, tt := range []struct {
		text string // what is no mapping where one is meant
		pack bool
		want schema
	}{
		{"1", false, policyFile()},
		{"language: 1\ncontroller: 1", false, policyFile()["properties"].(schema)["controller"].(schema)},
		{"language: 1\npurposes: {a: 1}", false, policies["purpose"].(schema)},
		{"language: 1\nsources: {a: 1}", false, policies["source"].(schema)},
		{"language: 1\nrecipients: {a: 1}", false, policies["recipient"].(schema)},
		{"1", true, packFile()},
		{"language: 1\nrecord: 1", true, packFile()["properties"].(schema)["record"].(schema)},
		{"language: 1\nshapes: {a: 1}", true, packs["shape"].(schema)},
		{"language: 1\nevents: {a: 1}", true, packs["event"].(schema)},
	} {
		f := &faults{}
		n := parseYAML("t", []byte(tt.text+"\n"), f)
		if tt.pack {
			reader{faults: f}.pack(n)
		} else {
			reader{faults: f}.file(n)
		}
		var known []string
		for _, p := range f.problems {
			if _, keys, found := strings.Cut(p.Fix, "its keys are "); found {
				known = strings.Split(keys, ", ")
			}
		}
		slices.Sort(known)
		if got := slices.Sorted(maps.Keys(tt.want["properties"].(schema))); !slices.Equal(got, known) {
			t.Errorf("%q: the reader knows %v, the schema %v", tt.text, known, got)
		}
	}
}
