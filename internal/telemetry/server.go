// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// Server answers the orchestrator and the monitoring. It has no authentication: listen where only they are.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// ServerOptions: the zero value serves health only.
type ServerOptions struct {
	// Ready tells why the instance cannot work now; nil: it can. It may be called at any time and must not block:
	// the answer is kept in memory, nobody is asked for it. Its error is shown, so it holds no value of a record.
	Ready   func() error
	Metrics prometheus.Gatherer
	Policy  http.Handler // POST /v1/policy; it asks for the caller's right itself
	Admin   http.Handler // POST /v1/admin; so does it
	Pprof   bool         // /debug/pprof; whoever reaches it sees stacks and can slow the process down
	Log     zerolog.Logger
}

// NewServer takes over the listener, which Run closes.
func NewServer(l net.Listener, o ServerOptions) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", readiness(o.Ready))
	if o.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	}
	if o.Policy != nil {
		mux.Handle("POST /v1/policy", o.Policy)
	}
	if o.Admin != nil {
		mux.Handle("POST /v1/admin", o.Admin)
	}
	if o.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return &Server{listener: l, http: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      90 * time.Second, // a CPU profile takes 30 s unless told otherwise
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(debugWriter{o.Log}, "", 0),
	}}
}

// shutdownGrace is how long answers under way may take after the end.
const shutdownGrace = 3 * time.Second

// Run serves until ctx ends, and returns when the last answer has been given or cut off.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		_ = s.http.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// healthy says that the process runs. It asks nobody: restarting it would not bring Kafka or a KMS back.
func healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

func readiness(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if ready != nil {
			if err := ready(); err != nil {
				Problem(w, http.StatusServiceUnavailable, err.Error())
				return
			}
		}
		healthy(w, r)
	}
}

// Problem answers with a document of RFC 9457.
func Problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, detail})
}

// debugWriter takes net/http's own log. It speaks of broken connections: nothing that an operator must know.
type debugWriter struct{ log zerolog.Logger }

func (d debugWriter) Write(p []byte) (int, error) {
	d.log.Debug().Str(KeyPart, "http").Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}
