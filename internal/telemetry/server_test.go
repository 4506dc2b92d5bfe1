// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/telemetry"
)

// serve runs a server until the test ends, and gives its base URL.
func serve(t *testing.T, o telemetry.ServerOptions) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Log = zerolog.Nop()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- telemetry.NewServer(l, o).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: want nil, got %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

func get(t *testing.T, url string) (int, string, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(b)
}

func TestReadyFollowsTheInstanceAndHealthDoesNot(t *testing.T) {
	var broken atomic.Bool
	url := serve(t, telemetry.ServerOptions{Ready: func() error {
		if broken.Load() {
			return errors.New("no broker answers")
		}
		return nil
	}})
	if code, _, body := get(t, url+"/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("want 200 ok, got %d %q", code, body)
	}
	broken.Store(true)
	code, kind, body := get(t, url+"/readyz")
	var doc struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if code != 503 || kind != "application/problem+json" || doc.Status != 503 || doc.Detail != "no broker answers" {
		t.Errorf("want a problem document of 503 with the reason, got %d %s %q", code, kind, body)
	}
	if code, _, _ := get(t, url+"/healthz"); code != 200 {
		t.Errorf("/healthz: want 200, got %d", code)
	}
}

func TestMetricsAreServed(t *testing.T) {
	url := serve(t, telemetry.ServerOptions{Metrics: telemetry.NewRegistry("1.2.3")})
	code, _, body := get(t, url+"/metrics")
	if want := `nymstream_build_info{go="`; code != 200 || !strings.Contains(body, want) {
		t.Errorf("want 200 with %s, got %d", want, code)
	}
}

func TestPprofIsOffUnlessAskedFor(t *testing.T) {
	if code, _, _ := get(t, serve(t, telemetry.ServerOptions{})+"/debug/pprof/"); code != 404 {
		t.Errorf("want 404, got %d", code)
	}
	if code, _, _ := get(t, serve(t, telemetry.ServerOptions{Pprof: true})+"/debug/pprof/"); code != 200 {
		t.Errorf("want 200, got %d", code)
	}
}

func TestOnlyGetIsServed(t *testing.T) {
	url := serve(t, telemetry.ServerOptions{})
	r, err := http.Post(url+"/healthz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("want 405, got %d", r.StatusCode)
	}
}

func TestRunReturnsWhenTheListenerBreaks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := telemetry.NewServer(l, telemetry.ServerOptions{Log: zerolog.Nop()})
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Run(ctx); err == nil {
		t.Error("want an error, got nil")
	}
}
