// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

const formatted = `language: 1
controller: {name: Test, contact: privacy@example.org}
purposes: {counting: {basis: legitimate-interest, description: Test}}
sources: {shop: {topics: [raw], pack: segment@1, format: SOURCE}}
recipients:
  all: {role: processor, purpose: counting, topic: clean, pseudonyms: {renew: 90d}, retention: 30d, format: RECIPIENT, from: {shop: {}}, classes: {account: pseudonym, cookie: pseudonym, plain: keep}}
`

func formattedPlan(t *testing.T, source, recipient string) *policy.Plan {
	t.Helper()
	plan, err := policy.LoadBytes("policy.yaml", []byte(strings.NewReplacer("SOURCE", source, "RECIPIENT", recipient).Replace(formatted)), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestFormatsNeedTheirRegistry(t *testing.T) {
	c := config.Default()
	for _, of := range [][2]string{{"avro", "json"}, {"protobuf", "json"}, {"json-schema", "json"}, {"json", "avro"}} {
		if _, err := newFormats(&c, formattedPlan(t, of[0], of[1])); err == nil || !strings.Contains(err.Error(), "schema_registry.urls") {
			t.Errorf("%s to %s without a registry: got %v", of[0], of[1], err)
		}
	}
	for _, of := range []string{"json", "form", "cloudevents"} {
		f, err := newFormats(&c, formattedPlan(t, of, "json"))
		if err != nil || (f.decoders[0] == nil) != (of == "json") || f.encoders[0] != nil {
			t.Errorf("%s: got %+v, %v", of, f, err)
		}
	}
}

// TestRegistryThatIsDownHoldsTheFlow takes the registry away and gives it back: what cannot be encoded yet is an error that has the
// batch done again, never a poisoned record.
func TestRegistryThatIsDownHoldsTheFlow(t *testing.T) {
	registry := srfake.New()
	defer registry.Close()
	target, err := url.Parse(registry.URL())
	if err != nil {
		t.Fatal(err)
	}
	var up atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	c := config.Default()
	c.SchemaRegistry.URLs = []string{server.URL}
	f, err := newFormats(&c, formattedPlan(t, "json", "avro"))
	if err != nil {
		t.Fatal(err)
	}
	document := []byte(`{"userId":"acc_1_2cah4o9grvpibq69hrc7hr64g0","type":"track"}`)
	if _, err := f.encoders[0].Encode(nil, document); !errors.Is(err, event.ErrTransient) {
		t.Errorf("want a transient error, got %v", err)
	}
	if err := f.register(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("want the start to say that a dependency is down, got %v", err)
	}
	up.Store(true)
	out, err := f.encoders[0].Encode(nil, document)
	if err != nil || len(out) < 6 || out[0] != 0 || binary.BigEndian.Uint32(out[1:]) == 0 {
		t.Errorf("want a zero, an id and Avro, got %x, %v", out, err)
	}
	up.Store(false)
	if again, err := f.encoders[0].Encode(nil, document); err != nil || string(again) != string(out) {
		t.Errorf("a schema that is known goes on working: got %x, %v", again, err)
	}
	var poison *event.Poison
	if _, err := f.encoders[0].Encode(nil, []byte(`{"unheard":1}`)); !errors.As(err, &poison) || poison.Reason != event.Unencodable {
		t.Errorf("want the record to be unencodable, got %v", err)
	}
}

// TestPolicyKnowsTheFormats holds the words of the language against what there is.
func TestPolicyKnowsTheFormats(t *testing.T) {
	c := config.Default()
	c.SchemaRegistry.URLs = []string{"http://127.0.0.1:1"}
	for _, source := range policy.SourceFormats {
		for _, recipient := range policy.RecipientFormats {
			if _, err := newFormats(&c, formattedPlan(t, source, recipient)); err != nil {
				t.Errorf("%s to %s: %v", source, recipient, err)
			}
		}
	}
}
