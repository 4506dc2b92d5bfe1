// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const dsrRequest = `{
  "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798", "subject_request_type": "erasure", "regulation": "gdpr",
  "submitted_time": "2018-10-02T15:00:00Z", "api_version": "2.0", "status_callback_urls": ["https://examplecontroller.com/callbacks"],
  "subject_identities": [
    {"identity_type": "email", "identity_value": "johndoe@example.com", "identity_format": "raw"},
    {"identity_type": "email", "identity_value": "855F96E983F1F8E8BE944692B6F719FD54329826CB62E98015EFEE8E2E071DD4", "identity_format": "sha256"},
    {"identity_type": "controller_customer_id", "identity_value": "4711", "identity_format": "raw"},
    {"identity_type": "ios_advertising_id", "identity_value": "EA7583CD-A667-48BC-B806-42ECB2B48606", "identity_format": "raw"}],
  "extensions": {"example-processor.com": {"property_id": 123456}}
}`

func TestDSR(t *testing.T) {
	request, err := ParseDSR([]byte(dsrRequest))
	if err != nil {
		t.Fatal(err)
	}
	if request.Submitted != 1_538_492_400_000 || request.Callbacks[0] != "https://examplecontroller.com/callbacks" ||
		string(request.Extensions["example-processor.com"]) != `{"property_id":123456}` {
		t.Error("the request was read wrongly")
	}
	const id = ` [erasure deny "" @1538492400000]`
	want := `opendsr:erasure /email/johndoe@example.com` + id +
		`; opendsr:erasure here/hashed/855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4` + id +
		`; opendsr:erasure here/account/4711` + id + `; opendsr:erasure /device/EA7583CD-A667-48BC-B806-42ECB2B48606` + id
	if got := renderAll(request.Told(from)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	told, err := request.Told(from)
	if err != nil || told[0].Signals[0].ID != request.ID {
		t.Errorf("the signal does not name its request: %v", err)
	}
	for _, right := range []string{"access", "portability", "rectification"} {
		request.Type = right
		if told, err := request.Told(from); err != nil || len(told) != 4 || told[0].What != "opendsr:"+right || told[0].Signals != nil {
			t.Errorf("%s: %s", right, renderAll(told, err))
		}
	}
}

func TestDSRRefuses(t *testing.T) {
	identity := func(kind, value, form string) [2]string {
		start := strings.Index(dsrRequest, `{"identity_type": "email", "identity_value": "john`)
		end := start + strings.IndexByte(dsrRequest[start:], '}') + 1
		return [2]string{dsrRequest[start:end], fmt.Sprintf(`{"identity_type": %q, "identity_value": %q, "identity_format": %q}`, kind, value, form)}
	}
	for path, change := range map[string][2]string{
		"$.subject_request_id":                    {"a7551968-d5d6-44b2", "A7551968-d5d6-44b2"},
		"$.subject_request_type":                  {`"erasure"`, `"oblivion"`},
		"$.regulation":                            {`"gdpr"`, `"hipaa"`},
		"$.submitted_time":                        {"2018-10-02T15", "2018-10-02 15"},
		"$.api_version":                           {`"2.0"`, `"3.0"`},
		"$.status_callback_urls[0]":               {"https://examplecontroller", "http://examplecontroller"},
		"$.subject_identities[0].identity_type":   identity("shoe_size", "44", "raw"),
		"$.subject_identities[0].identity_format": identity("email", "a@example.com", "rot13"),
		"$.subject_identities[0].identity_value":  identity("email", "nobody", "raw"),
		"$.subject_identities[1].identity_value":  {"855F96E9", "855F96E"},
		"$.subject_identities[3].identity_value":  {"EA7583CD-A667-48BC-B806-42ECB2B48606", "00000000-0000-0000-0000-000000000000"},
		"$.subject_identities[2].identity_value":  {`"4711"`, `""`},
		"$.subject_identities[1].identity_value ": {"855F96E983F1F8E8BE944692B6F719FD54329826CB62E98015EFEE8E2E071DD4", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"},
		"$.status_callback_urls[0] ":              {"https://examplecontroller", "https://user:password@examplecontroller"},
		"$.extensions":                            {`{"example-processor.com": {"property_id": 123456}}`, `[]`},
		"$":                                       {`"api_version": "2.0"`, `"api_version": "2.0", "subject_request_type": "access"`},
	} {
		body := strings.Replace(dsrRequest, change[0], change[1], 1)
		if body == dsrRequest {
			t.Fatalf("%s: nothing was changed", path)
		}
		_, err := ParseDSR([]byte(body))
		field, ok := errors.AsType[*FieldError](err)
		if !ok || field.Path != strings.TrimSpace(path) {
			t.Errorf("%s: got %v", path, err)
			continue
		}
		if fault := NewDSRFault(err); fault.Error.Code != 400 || fault.Error.Message != field.Error() {
			t.Errorf("%s: the controller is told %v", path, fault)
		}
	}
	if fault := NewDSRFault(errors.New(marker)); strings.Contains(fmt.Sprint(fault), marker) {
		t.Error("the controller is told of an inner fault")
	}
	body := dsrRequest[:strings.Index(dsrRequest, `"subject_identities"`)] + dsrRequest[strings.Index(dsrRequest, `"extensions"`):]
	request, err := ParseDSR([]byte(body))
	if err != nil {
		t.Fatalf("a request may name the person in an extension only: %v", err)
	}
	if _, err := request.Told(from); err == nil {
		t.Error("an erasure that names nobody was taken as done")
	}
	if _, err := ParseDSR([]byte(body[:strings.Index(body, `, "status_callback`)] + "}")); err == nil {
		t.Error("a request that names nobody was accepted")
	}
}

func TestDSRMutations(t *testing.T) {
	root, err := parse([]byte(dsrRequest))
	if err != nil {
		t.Fatal(err)
	}
	for _, mutant := range mutants(root.value) {
		body, err := json.Marshal(mutant)
		if err != nil {
			t.Fatal(err)
		}
		request, err := ParseDSR(body)
		if err != nil {
			checkContract(t, body, nil, err)
			continue
		}
		told, err := request.Told(from)
		checkContract(t, body, told, err)
	}
}

// The bodies that the specification shows are read and written back as they were.
func TestDSRExamples(t *testing.T) {
	type example struct {
		Section string
		JSON    json.RawMessage
	}
	bodies := map[string]any{
		"6.4.": &DSRDiscovery{}, "7.4.": &DSRReceipt{}, "7.7.": &DSRFault{}, "8.4.": &DSRStatus{}, "8.7.": &DSRStatus{}, "9.3.": &DSRCancellation{},
	}
	examples := lines[example](t, "standards/opendsr", "examples.jsonl")
	for _, e := range examples {
		section, _, _ := strings.Cut(e.Section, " ")
		if section == "7.2." {
			request, err := ParseDSR(e.JSON)
			if err != nil || len(request.Identities) != 1 || len(request.Extensions) != 2 {
				t.Errorf("%s: %v", e.Section, err)
			}
			continue
		}
		text := bytes.Replace(e.JSON, []byte("<BASE64 ENCODED REQUEST>"), []byte("e30="), 1)
		body, ok := bodies[section]
		if !ok {
			t.Fatalf("%s: unknown example", e.Section)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(body); err != nil {
			t.Errorf("%s: %v", e.Section, err)
			continue
		}
		written, err := json.Marshal(body)
		if status, ok := body.(*DSRStatus); ok {
			written, err = status.Body()
		}
		var want, got any
		if json.Unmarshal(text, &want) != nil || err != nil || json.Unmarshal(written, &got) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: wrote %s, %v; want %s", e.Section, written, err, text)
		}
	}
	if len(examples) != 7 {
		t.Errorf("%d examples, want 7", len(examples))
	}
	if _, err := (DSRStatus{Status: "lost"}).Body(); err == nil {
		t.Error("an unknown status was written")
	}
}

func TestDSRHeaders(t *testing.T) {
	for version, want := range map[string]string{"": "X-OpenDSR-Signature", "2.0": "X-OpenDSR-Signature", "1.0": "X-OpenGDPR-Signature", "1": "X-OpenGDPR-Signature"} {
		if _, got := DSRHeaders(version); got != want {
			t.Errorf("version %q: %s, want %s", version, got, want)
		}
	}
}

func TestDSRSignature(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"request_status":"pending"}`)
	header, err := SignDSR(rand.Reader, key, body)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyDSR(&key.PublicKey, body, header[:80]+"\r\n "+header[80:]); err != nil {
		t.Errorf("a folded header: %v", err)
	}
	raw, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name string, key *rsa.PublicKey, body []byte, header string) {
		t.Helper()
		if err := VerifyDSR(key, body, header); !errors.Is(err, ErrSignature) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for i := range raw {
		broken := bytes.Clone(raw)
		broken[i] ^= 1 << (i % 8)
		refuse("a broken signature", &key.PublicKey, body, base64.StdEncoding.EncodeToString(broken))
	}
	for i := range body {
		broken := bytes.Clone(body)
		broken[i] ^= 1
		refuse("a broken body", &key.PublicKey, broken, header)
	}
	refuse("no signature", &key.PublicKey, body, "")
	refuse("another key", &other.PublicKey, body, header)
	refuse("no key", nil, body, header)
	refuse("an empty key", &rsa.PublicKey{}, body, header)
	refuse("no base64", &key.PublicKey, body, header+"!")

	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SignDSR(rand.Reader, curve, body); err == nil {
		t.Error("a key that is not RSA signed")
	}
}
