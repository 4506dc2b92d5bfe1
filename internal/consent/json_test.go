// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

const now = 1_800_000_000_000 // 2027-01-15T08:00:00Z

// record puts signals into a record about one account.
func record(signals string) string {
	return `{"v":1,"subject":{"instance":"mastodon","type":"account","id":"42"},"signals":[` + signals + `]}`
}

func TestDecodeSignals(t *testing.T) {
	const at = 1_763_906_703_000
	account := Subject{"mastodon", "account", "42"}
	tests := []struct {
		name    string
		record  string
		subject Subject
		want    []Signal
	}{
		{"a consent with everything",
			record(`{"id":"s-1","kind":"consent","purpose":"ads","value":"granted","at":"2025-11-23T14:05:03Z","expires":"2026-11-23T14:05:03.250+01:00","source":"cmp:onetrust","notice":"2025-03"}`),
			account, []Signal{{ID: "s-1", Kind: Consent, Purpose: "ads", Verdict: Allow, At: at, Expires: 1_795_439_103_250, Source: "cmp:onetrust", Notice: "2025-03"}}},
		{"milliseconds", record(`{"kind":"sale","value":"opted-out","at":1763906703000}`), account, []Signal{{Kind: Sale, At: at}}},
		{"without an instance", `{"signals":[{"kind":"erasure","value":"erase","at":1763906703000}],"subject":{"type":"email","id":"ada@example.org"},"v":1}`,
			Subject{"", "email", "ada@example.org"}, []Signal{{Kind: Erasure, At: at}}},
		{"four minutes ahead", record(`{"kind":"age","value":"minor","at":1800000240000}`), account, []Signal{{Kind: Age, At: now + 240_000}}},
		{"an escaped name", record(`{"\u006bind":"age","value":"minor","at":1763906703000}`), account, []Signal{{Kind: Age, At: at}}},
		{"every word", record(strings.Join(everyWord(), ",")), account, everyWordMeans(at)},
	}
	schema := signalsSchema(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			subject, got, err := DecodeSignals([]byte(test.record), now)
			if err != nil {
				t.Fatal(err)
			}
			if subject != test.subject || !slices.Equal(got, test.want) {
				t.Errorf("want %+v, got %+v", test.want, got)
			}
			if err := schema.Validate(parsed(t, test.record)); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
		})
	}
}

// words are the values of each kind, denies first.
var words = []struct {
	kind        Kind
	deny, allow []string
}{
	{Consent, []string{"denied", "withdrawn"}, []string{"granted"}},
	{Parental, []string{"denied", "withdrawn"}, []string{"granted"}},
	{ParentalThirdParty, []string{"denied", "withdrawn"}, []string{"granted"}},
	{Age, []string{"minor"}, []string{"adult"}},
	{Sale, []string{"opted-out"}, []string{"opted-in"}},
	{Sharing, []string{"opted-out"}, []string{"opted-in"}},
	{Sensitive, []string{"restricted"}, []string{"lifted"}},
	{Objection, []string{"set"}, []string{"lifted"}},
	{Restriction, []string{"restricted"}, []string{"lifted"}},
	{Hold, []string{"set"}, []string{"released"}},
	{Erasure, []string{"erase"}, nil},
}

func everyWord() (signals []string) {
	for _, w := range words {
		for _, value := range slices.Concat(w.deny, w.allow) {
			signals = append(signals, fmt.Sprintf(`{"kind":%q,"purpose":"","value":%q,"at":1763906703000}`, w.kind, value))
		}
	}
	return signals
}

func everyWordMeans(at int64) (signals []Signal) {
	for _, w := range words {
		for range w.deny {
			signals = append(signals, Signal{Kind: w.kind, At: at})
		}
		for range w.allow {
			signals = append(signals, Signal{Kind: w.kind, Verdict: Allow, At: at})
		}
	}
	return signals
}

// TestDecodeSignalsRefuses: an error names the field and never what it holds. What JSON Schema can say, the schema refuses too.
func TestDecodeSignalsRefuses(t *testing.T) {
	const secret = "Zq7secret"
	one := func(members string) string { return record(`{` + members + `}`) }
	subject := func(members string) string {
		return `{"v":1,"subject":{` + members + `},"signals":[{"kind":"age","value":"minor","at":1}]}`
	}
	tests := []struct {
		name, record, want string
		schemaToo          bool
	}{
		{"nothing", ``, "not one JSON value", false},
		{"half a record", `{"v":1,`, "not one JSON value", false},
		{"two records", record(`{"kind":"age","value":"minor","at":1}`) + `{}`, "not one JSON value", false},
		{"no UTF-8", "{\"v\":\"\xff\"}", "not UTF-8", false},
		{"an array", `[]`, "the record must be an object", true},
		{"a text", `"` + secret + `"`, "the record must be an object", true},
		{"no version", `{"subject":{"type":"account","id":"4"},"signals":[{"kind":"age","value":"minor","at":1}]}`, "lacks v", true},
		{"another version", `{"v":2,"subject":{"type":"account","id":"4"},"signals":[{"kind":"age","value":"minor","at":1}]}`, "v must be 1", true},
		{"a version in words", `{"v":"1"}`, "v must be 1", true},
		{"no subject", `{"v":1,"signals":[{"kind":"age","value":"minor","at":1}]}`, "lacks subject", true},
		{"no signals", `{"v":1,"subject":{"type":"account","id":"4"}}`, "lacks signals", true},
		{"an empty list", record(``), "has no element", true},
		{"signals that are no list", `{"v":1,"subject":{"type":"account","id":"4"},"signals":{}}`, "must be an array", true},
		{"too many", record(strings.Repeat(`{"kind":"age","value":"minor","at":1},`, 1000) + `{"kind":"age","value":"minor","at":1}`), "more than 1000", true},
		{"an unknown field", `{"v":1,"` + secret + `":1}`, "the record has an unknown field", true},
		{"a field in capitals", `{"V":1}`, "the record has an unknown field", true},
		{"a field twice", `{"v":1,"v":1}`, "has v twice", false},

		{"a subject without id", subject(`"type":"account"`), "subject lacks id", true},
		{"an empty id", subject(`"type":"account","id":""`), "subject.id must have 1 to", true},
		{"a number for an id", subject(`"type":"account","id":42`), "subject.id must be a string", true},
		{"an id that is too long", subject(`"type":"account","id":"` + strings.Repeat(secret, 200) + `"`), "subject.id must have", true},
		{"an unknown type", subject(`"type":"` + secret + `","id":"4"`), "subject.type must be one of", true},
		{"a type without a person", subject(`"type":"object-id","id":"4"`), "subject.type must be one of", true},
		{"an unknown field of the subject", subject(`"type":"account","id":"4","` + secret + `":"x"`), "subject has an unknown field", true},
		{"a control character", subject(`"type":"account","id":"4\u0000"`), "subject.id has a control character", false},
		{"half a surrogate pair", subject(`"type":"account","id":"\ud800"`), "subject.id has a control character or half", false},

		{"no kind", one(`"value":"granted","at":1`), "signals[0] lacks kind", true},
		{"no value", one(`"kind":"age","at":1`), "signals[0] lacks value", true},
		{"no time", one(`"kind":"age","value":"minor"`), "signals[0] lacks at", true},
		{"an unknown kind", one(`"kind":"` + secret + `","value":"granted","at":1`), "signals[0].kind must be one of consent", true},
		{"no kind at all", one(`"kind":"","value":"granted","at":1`), "signals[0].kind must have", true},
		{"an unknown value", one(`"kind":"age","value":"` + secret + `","at":1`), "signals[0].value of kind age must be one of adult, minor", true},
		{"a value of another kind", one(`"kind":"consent","purpose":"ads","value":"opted-in","at":1`), "signals[0].value of kind consent", true},
		{"a value that is none", one(`"kind":"age","value":null,"at":1`), "signals[0].value must be a string", true},
		{"erasing taken back", one(`"kind":"erasure","value":"lifted","at":1`), "signals[0].value of kind erasure must be one of erase", true},
		{"an unknown field of a signal", one(`"kind":"age","value":"minor","at":1,"` + secret + `":1`), "signals[0] has an unknown field", true},
		{"the second signal", record(`{"kind":"age","value":"minor","at":1},{"kind":"age","value":"minor"}`), "signals[1] lacks at", true},

		{"a consent without a purpose", one(`"kind":"consent","value":"granted","at":1`), "signals[0] lacks purpose", true},
		{"an objection lifted without a purpose", one(`"kind":"objection","value":"lifted","at":1`), "signals[0] lacks purpose", true},
		{"a purpose of sale", one(`"kind":"sale","purpose":"` + secret + `","value":"opted-out","at":1`), "of kind sale has a purpose", true},
		{"a purpose that is no name", one(`"kind":"consent","purpose":"` + secret + `","value":"granted","at":1`), "a purpose that is no name", true},
		{"a purpose with a line", one(`"kind":"consent","purpose":"ads\n","value":"granted","at":1`), "signals[0].purpose has a control character", true},
		{"a ground that is none", one(`"kind":"restriction","purpose":"x protect","value":"lifted","at":1`), "a purpose that is no ground", true},
		{"a purpose of a ground's form", one(`"kind":"consent","purpose":"x:protect","value":"granted","at":1`), "a purpose that is no name", true},

		{"a time in the future", one(`"kind":"age","value":"minor","at":1800000300001`), "signals[0].at is in the future", false},
		{"a date", one(`"kind":"age","value":"minor","at":"2025-11-23"`), "signals[0].at must be a time", true},
		{"a time without a zone", one(`"kind":"age","value":"minor","at":"2025-11-23T14:05:03"`), "signals[0].at must be a time", true},
		{"a time with a comma", one(`"kind":"age","value":"minor","at":"2025-11-23T14:05:03,5Z"`), "signals[0].at must be a time", true},
		{"a day that is none", one(`"kind":"age","value":"minor","at":"2025-02-30T14:05:03Z"`), "signals[0].at must be a time", false},
		{"the time 0", one(`"kind":"age","value":"minor","at":0`), "signals[0].at must be a time", true},
		{"a time before 1970", one(`"kind":"age","value":"minor","at":-5`), "signals[0].at must be a time", true},
		{"half a millisecond", one(`"kind":"age","value":"minor","at":1.5`), "signals[0].at must be a time", true},
		{"a power of ten", one(`"kind":"age","value":"minor","at":1e12`), "signals[0].at must be a time", false},
		{"nanoseconds", one(`"kind":"age","value":"minor","at":1763906703000000000`), "signals[0].at must be a time", true},
		{"a denial that expires", one(`"kind":"consent","value":"denied","at":1,"expires":5`), "only what allows can", true},
		{"an end before the beginning", one(`"kind":"age","value":"adult","at":5,"expires":5`), "expires before it begins", false},
		{"an end that is no time", one(`"kind":"age","value":"adult","at":5,"expires":"` + secret + `"`), "signals[0].expires must be a time", true},
		{"a source that is too long", one(`"kind":"age","value":"adult","at":5,"source":"` + strings.Repeat(secret, 20) + `"`), "signals[0].source must have", true},
		{"an object for a source", one(`"kind":"age","value":"adult","at":5,"source":{"` + secret + `":1}`), "signals[0].source must be a string", true},
	}
	schema := signalsSchema(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			subject, got, err := DecodeSignals([]byte(test.record), now)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("want %q, got %v", test.want, err)
			}
			if subject != (Subject{}) || got != nil {
				t.Error("an error and something read")
			}
			if strings.Contains(err.Error(), secret[:4]) {
				t.Errorf("the error tells a value: %v", err)
			}
			if test.schemaToo && schema.Validate(parsed(t, test.record)) == nil {
				t.Error("the schema takes it")
			}
		})
	}
}

func signalsSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/signals.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("signals.schema.json", parsed(t, string(text))); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("signals.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaSpellings: schema and code spell purposes, grounds and times alike.
func TestSchemaSpellings(t *testing.T) {
	text, err := os.ReadFile("../../docs/signals.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{purposeSpelling.String(), groundSpelling.String(), timeSpelling.String()} {
		quoted, err := json.Marshal(want)
		if err != nil || !bytes.Contains(text, quoted) {
			t.Errorf("the schema lacks %s (%v)", quoted, err)
		}
	}
}

// TestSignalsRoundTrip: what is written is read back, and fits the schema.
func TestSignalsRoundTrip(t *testing.T) {
	schema := signalsSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		subject := Subject{rapid.StringMatching(`[a-z.]{0,9}`).Draw(t, "instance"), rapid.SampledFrom(subjectTypes).Draw(t, "type"), rapid.StringMatching(`\PC{1,9}`).Draw(t, "id")}
		signals := rapid.SliceOfN(rapid.Custom(drawSignal), 1, 5).Draw(t, "signals")
		for i := range signals {
			s := &signals[i]
			s.ID = rapid.StringMatching(`[a-zA-Z0-9-]{0,9}`).Draw(t, "id of the signal")
			s.At += rapid.Int64Range(0, now-100).Draw(t, "later")
			if s.Kind == Erasure {
				s.Verdict, s.Notice = Deny, ""
			}
			if s.Expires != 0 {
				s.Expires += s.At
			}
			if s.Verdict == Deny {
				s.Expires = 0
			}
		}
		text, err := EncodeSignals(subject, signals)
		if err != nil {
			t.Fatal(err)
		}
		gotSubject, got, err := DecodeSignals(text, now)
		if err != nil || gotSubject != subject || !slices.Equal(got, signals) {
			t.Fatalf("want %+v, got %+v, %v", signals, got, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEncodeSignalsRefuses(t *testing.T) {
	good, account := Signal{Kind: Age, At: 1}, Subject{Type: "account", ID: "4"}
	tests := map[string]struct {
		subject Subject
		signals []Signal
	}{
		"an unknown type":         {Subject{Type: "x", ID: "4"}, []Signal{good}},
		"no id":                   {Subject{Type: "account"}, []Signal{good}},
		"an id that is no text":   {Subject{Type: "account", ID: "\xff"}, []Signal{good}},
		"no signals":              {account, nil},
		"too many signals":        {account, slices.Repeat([]Signal{good}, MaxSignals+1)},
		"an unknown kind":         {account, []Signal{{Kind: kinds, At: 1}}},
		"no kind":                 {account, []Signal{{At: 1}}},
		"erasing taken back":      {account, []Signal{{Kind: Erasure, Verdict: Allow, At: 1}}},
		"a purpose of sale":       {account, []Signal{{Kind: Sale, Purpose: "ads", At: 1}}},
		"a purpose in capitals":   {account, []Signal{{Kind: Consent, Purpose: "Ads", At: 1}}},
		"no time":                 {account, []Signal{{Kind: Age}}},
		"a denial that expires":   {account, []Signal{{Kind: Age, At: 1, Expires: 2}}},
		"an end before its start": {account, []Signal{{Kind: Age, Verdict: Allow, At: 2, Expires: 1}}},
		"a long source":           {account, []Signal{{Kind: Age, At: 1, Source: strings.Repeat("x", 129)}}},
	}
	for name, test := range tests {
		if text, err := EncodeSignals(test.subject, test.signals); err == nil {
			t.Errorf("%s: written as %s", name, text)
		}
	}
	if _, err := EncodeSignals(account, []Signal{good}); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestSubjectDoesNotPrintItself(t *testing.T) {
	s := Subject{"mastodon", "account", "ada"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, []Subject{s}); strings.Contains(got, "ada") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestKindWords(t *testing.T) {
	for kind := Consent; kind < kinds; kind++ {
		if got, ok := ParseKind(kind.String()); !ok || got != kind {
			t.Errorf("%v was read as %v", kind, got)
		}
	}
	for _, word := range []string{"", "unknown", "Consent"} {
		if _, ok := ParseKind(word); ok {
			t.Errorf("%q is a kind", word)
		}
	}
	for _, k := range []Kind{0, kinds, 255} {
		if _, ok := k.ParseVerdict("granted"); ok || k.String() != "unknown" || k.Value(Allow) != "" {
			t.Errorf("kind %d has words", k)
		}
	}
}

func FuzzDecodeSignals(f *testing.F) {
	f.Add([]byte(record(strings.Join(everyWord(), ","))))
	f.Add([]byte(record(`{"id":"s-1","kind":"consent","purpose":"ads","value":"granted","at":"2025-11-23T14:05:03Z","expires":1795439103250,"source":"cmp","notice":"1"}`)))
	f.Add([]byte(`{"v":1,"subject":{"type":"email","id":"\ud83d\ude00"},"signals":[{"kind":"restriction","purpose":"x:protect","value":"lifted","at":5}]}`))
	f.Add([]byte(`{"v":1,"v":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		subject, signals, err := DecodeSignals(data, now)
		if err != nil {
			return
		}
		text, err := EncodeSignals(subject, signals)
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		again, same, err := DecodeSignals(text, now)
		if err != nil || again != subject || !slices.Equal(same, signals) {
			t.Fatalf("%s became %s", data, text)
		}
	})
}
