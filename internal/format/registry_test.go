// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/nymstream/nymstream/internal/event"
)

// fake is a schema registry in this process, with a client for it.
type fake struct {
	*srfake.Registry
	client *Registry
	asked  atomic.Int64
	down   atomic.Bool
	now    atomic.Int64
}

func newFake(t testing.TB, opts ...srfake.Option) *fake {
	t.Helper()
	f := &fake{Registry: srfake.New(opts...)}
	t.Cleanup(f.Close)
	f.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		f.asked.Add(1)
		if f.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return f.down.Load()
	})
	f.client = f.connect(t, RegistryOptions{})
	return f
}

func (f *fake) connect(t testing.TB, o RegistryOptions) *Registry {
	t.Helper()
	o.URLs = []string{f.URL()}
	o.Now = func() time.Time { return time.Unix(f.now.Load(), 0) }
	r, err := NewRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f *fake) register(t testing.TB, subject string, s sr.Schema) int {
	t.Helper()
	id, _, err := f.RegisterSchema(subject, s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (f *fake) decoder(t testing.TB, k Kind) Decoder {
	t.Helper()
	d, err := NewDecoder(k, Options{Registry: f.client})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// reasonOf gives why a record was refused; None where it was not, or not for good.
func reasonOf(err error) event.Reason {
	var p *event.Poison
	if errors.As(err, &p) {
		return p.Reason
	}
	return event.None
}

func decode(t testing.TB, d Decoder, value []byte, headers ...event.Header) string {
	t.Helper()
	out, err := d.Decode([]byte("before"), &event.Record{Value: value, Headers: headers})
	if err != nil {
		t.Fatalf("decoding: %v", err)
	}
	text, ok := strings.CutPrefix(string(out), "before")
	if !ok {
		t.Fatalf("what stood in dst is gone: %q", out)
	}
	return text
}

const oneString = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`

func TestUnknownSchemaIsQuarantinedAndAskedForAgainLater(t *testing.T) {
	f := newFake(t)
	d := f.decoder(t, Avro)
	value := []byte("\x00\x00\x00\x00\x01\x02x")
	for range 3 {
		_, err := d.Decode(nil, &event.Record{Value: value})
		if got := reasonOf(err); got != event.UnknownSchema {
			t.Fatalf("got %v (%v), want %v", got, err, event.UnknownSchema)
		}
	}
	if got := f.asked.Load(); got != 1 {
		t.Errorf("the registry was asked %d times for an id it does not know, want once", got)
	}
	f.register(t, "t-value", sr.Schema{Schema: oneString})
	f.now.Add(31)
	if got := decode(t, d, value); got != `{"a":"x"}` {
		t.Errorf("got %s after the schema was registered", got)
	}
}

func TestRegistryDownThenUp(t *testing.T) {
	for _, k := range []Kind{Avro, Protobuf, JSONSchema} {
		f := newFake(t)
		value := map[Kind]string{Avro: "\x02x", Protobuf: "\x00\x0a\x01x", JSONSchema: `{"a":"x"}`}[k]
		schema := map[Kind]sr.Schema{
			Avro:       {Schema: oneString},
			Protobuf:   {Schema: `syntax = "proto3"; message R { string a = 1; }`, Type: sr.TypeProtobuf},
			JSONSchema: {Schema: `{"type":"object"}`, Type: sr.TypeJSON},
		}[k]
		id := f.register(t, "t-value", schema)
		d := f.decoder(t, k)
		f.down.Store(true)
		for range 2 {
			_, err := d.Decode(nil, &event.Record{Value: append(appendWire(nil, id), value...)})
			if !errors.Is(err, event.ErrTransient) || reasonOf(err) != event.None {
				t.Fatalf("%s, registry down: got %v, want a transient error and no poison", k, err)
			}
		}
		f.down.Store(false)
		if got := decode(t, d, append(appendWire(nil, id), value...)); got != `{"a":"x"}` {
			t.Errorf("%s, registry up again: got %s", k, got)
		}
		f.down.Store(true)
		if got := decode(t, d, append(appendWire(nil, id), value...)); got != `{"a":"x"}` {
			t.Errorf("%s, a schema that is known, registry down: got %s", k, got)
		}
	}
}

func TestSchemaThatCannotBeUsedIsQuarantined(t *testing.T) {
	f := newFake(t)
	ids := map[string]int{
		"of another type":  f.register(t, "a-value", sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON}),
		"that is no proto": f.register(t, "b-value", sr.Schema{Schema: `message {`, Type: sr.TypeProtobuf}),
	}
	for what, id := range ids {
		d := f.decoder(t, Protobuf)
		_, err := d.Decode(nil, &event.Record{Value: appendWire(nil, id)})
		if got := reasonOf(err); got != event.Undecodable {
			t.Errorf("a schema %s: got %v (%v), want %v", what, got, err, event.Undecodable)
		}
	}
}

func TestWireHeader(t *testing.T) {
	f := newFake(t)
	for _, k := range []Kind{Avro, Protobuf, JSONSchema} {
		d := f.decoder(t, k)
		for value, want := range map[string]event.Reason{
			"":                     event.Undecodable,
			"\x00\x00\x00\x00":     event.Undecodable,
			"\x01\x00\x00\x00\x00": event.Undecodable,
			"\x00\xff\xff\xff\xff": event.UnknownSchema,
		} {
			_, err := d.Decode(nil, &event.Record{Value: []byte(value)})
			if got := reasonOf(err); got != want {
				t.Errorf("%s: %q gives %v (%v), want %v", k, value, got, err, want)
			}
		}
		if _, err := d.Decode(nil, &event.Record{}); reasonOf(err) != event.Malformed {
			t.Errorf("%s: a null value gives %v, want %v", k, err, event.Malformed)
		}
	}
	if got := f.asked.Load(); got != 0 {
		t.Errorf("the registry was asked %d times about headers that hold no id, want 0", got)
	}
}

// Only the registry's own answer makes a schema unknown; everything else may be over in a moment.
func TestAnswersThatAreNoAnswer(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"a proxy's 404":  func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) },
		"no permission":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"too many calls": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"an endless text": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", 2<<10)+"{}")
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for what, h := range tests {
		server := httptest.NewServer(h)
		r, err := NewRegistry(RegistryOptions{URLs: []string{server.URL}, Timeout: 200 * time.Millisecond, MaxResponse: 1 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Schema(context.Background(), 1); !errors.Is(err, event.ErrTransient) || errors.Is(err, ErrUnknownSchema) {
			t.Errorf("%s: got %v, want a transient error", what, err)
		}
		server.Close()
	}
}

func TestManyWorkersAskOnce(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: oneString})
	d := f.decoder(t, Avro)
	release := make(chan struct{})
	f.Intercept(func(http.ResponseWriter, *http.Request) bool { <-release; return false })
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := d.Decode(nil, &event.Record{Value: append(appendWire(nil, id), "\x02x"...)}); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(release)
	all.Wait()
	if got := f.asked.Load(); got != 1 {
		t.Errorf("16 workers asked the registry %d times, want once", got)
	}
}

func TestWhatIsKnownOfIdsIsBounded(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: oneString})
	s := newSchemas(Avro, f.client, compileAvro)
	if _, err := s.of(id); err != nil {
		t.Fatal(err)
	}
	for i := range maxRefused + 10 {
		s.remember(1000+i, schemaEntry[avroSchema]{refused: event.UnknownSchema, until: time.Unix(1<<40, 0)})
	}
	known := *s.known.Load()
	if len(known) > maxRefused+1 {
		t.Errorf("%d ids are remembered, want at most %d", len(known), maxRefused+1)
	}
	if _, ok := known[id]; !ok {
		t.Error("unknown ids drove out a schema that is used")
	}
}

func TestAuthentication(t *testing.T) {
	for _, tt := range []struct {
		want string
		o    RegistryOptions
	}{
		{"Basic dTpw", RegistryOptions{User: "u", Password: "p"}},
		{"Bearer secret", RegistryOptions{Token: "secret"}},
	} {
		f := newFake(t, srfake.WithAuth(tt.want))
		id := f.register(t, "t-value", sr.Schema{Schema: oneString})
		if _, err := f.connect(t, tt.o).Schema(context.Background(), id); err != nil {
			t.Errorf("%s: %v", tt.want, err)
		}
		if _, err := f.client.Schema(context.Background(), id); !errors.Is(err, event.ErrTransient) {
			t.Errorf("without %s: got %v, want a transient error", tt.want, err)
		}
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": oneString})
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig
	r, err := NewRegistry(RegistryOptions{URLs: []string{server.URL}, TLS: roots})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.Schema(context.Background(), 1); err != nil || s.Type != "AVRO" {
		t.Errorf("got %v, error %v; want an Avro schema", s, err)
	}
}

func TestSecondURLServesWhereTheFirstIsDown(t *testing.T) {
	f := newFake(t)
	id := f.register(t, "t-value", sr.Schema{Schema: oneString})
	r, err := NewRegistry(RegistryOptions{URLs: []string{"http://127.0.0.1:1", f.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Schema(context.Background(), id); err != nil {
		t.Error(err)
	}
}

func TestRegistryOptionsAreChecked(t *testing.T) {
	for what, o := range map[string]RegistryOptions{
		"no URL":              {},
		"a URL without host":  {URLs: []string{"registry:8081"}},
		"a password in a URL": {URLs: []string{"https://u:p@registry"}},
		"two credentials":     {URLs: []string{"https://registry"}, User: "u", Token: "t"},
	} {
		if _, err := NewRegistry(o); err == nil {
			t.Errorf("%s: accepted, want refused", what)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error holds the password: %v", what, err)
		}
	}
}

func TestRegisterRefusedIsFatal(t *testing.T) {
	f := newFake(t)
	if id, err := f.client.Register(context.Background(), "t-value", oneString); err != nil || id <= 0 {
		t.Fatalf("got id %d, error %v", id, err)
	}
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"error_code":409,"message":"incompatible"}`)
		return true
	})
	if _, err := f.client.Register(context.Background(), "t-value", `"string"`); !errors.Is(err, event.ErrFatal) {
		t.Errorf("an incompatible schema: got %v, want a fatal error", err)
	}
	f.down.Store(true)
	if _, err := f.client.Register(context.Background(), "t-value", oneString); !errors.Is(err, event.ErrTransient) {
		t.Errorf("registry down: got %v, want a transient error", err)
	}
}
