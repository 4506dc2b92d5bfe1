// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/telemetry"
)

const (
	maxDoorBody   = 256 << 10        // bytes
	doorsAtOnce   = 8                // requests that are read, checked or fulfilled
	doorTimeout   = 15 * time.Second // of one request, which is durable long before
	doorsShutdown = 5 * time.Second
)

// doors take what people ask for by way of platforms and agents. Each request is on record before it is answered; one that can be
// fulfilled without anybody's decision is fulfilled at once, or else by RunRequests.
type doors struct {
	rights *rights.Service
	url    string
	log    zerolog.Logger
	now    func() time.Time
	busy   chan struct{}
	mux    *http.ServeMux
}

// door is one of them.
type door struct {
	*doors
	config.Door
	tag string // tells the ids of its requests from those of other doors
}

// newDoors makes the doors of a configuration. It opens nothing.
func newDoors(c *config.Webhooks, service *rights.Service, plan *policy.Plan, logger zerolog.Logger) (*doors, error) {
	d := &doors{
		rights: service, url: strings.TrimSuffix(c.URL, "/"), log: logger, now: time.Now, busy: make(chan struct{}, doorsAtOnce), mux: http.NewServeMux(),
	}
	for i, one := range c.Doors {
		if err := d.add(one, plan); err != nil {
			return nil, fmt.Errorf("webhooks.doors[%d]: %w", i, err)
		}
	}
	return d, nil
}

func (d *doors) add(c config.Door, plan *policy.Plan) error {
	known := slices.ContainsFunc(plan.Sources, func(s policy.Source) bool { return s.Instance == c.Instance })
	if c.Instance != "" && !known {
		return errors.New("instance: no source of the policy is on it")
	}
	sum := sha256.Sum256([]byte(c.Path))
	one := &door{d, c, c.Kind + "-" + short32(sum[:])[:8] + "-"}
	switch c.Kind {
	case "meta":
		one.addMeta()
		return nil
	case "opendsr":
		return one.addDSR()
	case "drp":
		return one.addDRP()
	}
	return errors.New("kind: use meta, opendsr or drp")
}

// serveDoors serves the doors until ctx ends, and returns when the last request has been answered. Without doors it returns at once.
func (p *people) serveDoors(ctx context.Context, c *config.Webhooks, plan *policy.Plan) error {
	if c.Listen == "" {
		return nil
	}
	d, err := newDoors(c, p.rights, plan, p.log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("webhooks.listen: %w", err)
	}
	p.log.Info().Str(telemetry.KeyAddress, listener.Addr().String()).Msg("doors opened for requests of people")
	return d.serve(ctx, listener)
}

func (d *doors) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: d, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("webhooks: %w", err)
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), doorsShutdown)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = fmt.Errorf("webhooks: %w", ended)
		}
	}
	for range doorsAtOnce { // whoever is inside comes out first
		d.busy <- struct{}{}
	}
	return err
}

func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := d.mux.Handler(r); pattern == "" {
		telemetry.Problem(w, http.StatusNotFound, "there is no door of this path and method")
		return
	}
	d.mux.ServeHTTP(w, r)
}

// handle answers at most doorsAtOnce requests at a time, with bodies of at most maxDoorBody. What is begun is finished, although the
// sender may have gone.
func (d *doors) handle(pattern string, answer func(context.Context, http.ResponseWriter, *http.Request)) {
	d.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		select {
		case d.busy <- struct{}{}:
			defer func() { <-d.busy }()
		default:
			w.Header().Set("Retry-After", "5")
			telemetry.Problem(w, http.StatusServiceUnavailable, "too many requests at a time; send it again")
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), doorTimeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxDoorBody)
		answer(ctx, w, r)
	})
}

// body reads a request's; false: it was answered.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		return raw, true
	}
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		telemetry.Problem(w, http.StatusRequestEntityTooLarge, "a request has at most 256 KiB")
	} else {
		telemetry.Problem(w, http.StatusBadRequest, "the request is cut short")
	}
	return nil, false
}

// bearer tells whether a request has the door's token; false: it was answered.
func (d *door) bearer(w http.ResponseWriter, r *http.Request) bool {
	want, got := sha256.Sum256([]byte("Bearer "+d.Secret.Reveal())), sha256.Sum256([]byte(r.Header.Get("Authorization")))
	if subtle.ConstantTimeCompare(want[:], got[:]) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	telemetry.Problem(w, http.StatusUnauthorized, "the token of this door is needed")
	return false
}

func (d *door) checkToken() error {
	if len(d.Secret.Reveal()) < minToken {
		return fmt.Errorf("secret: the token has less than %d characters: make it with `openssl rand -hex 32`", minToken)
	}
	return nil
}

// code names a request by what its sender wrote: the same for a replay, and nobody without the secret can compute it.
func (d *door) code(of []byte) string {
	h := hmac.New(sha256.New, []byte(d.Secret.Reveal()))
	h.Write([]byte("nymstream confirmation code\n"))
	h.Write(of)
	return short32(h.Sum(nil))
}

// short32 writes 128 bits as 26 lower-case letters and digits.
func short32(sum []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// errTwice means that another request has the id.
var errTwice = errors.New("another request has this id; send this one with an id of its own")

// take puts a request on record and fulfills it if nobody needs to decide. One that is there is given as it is.
func (d *door) take(ctx context.Context, r rights.Request, how string) (rights.Request, error) {
	r.By, r.Via = rights.Actor{Name: "webhook " + d.Kind}, d.Kind
	switch r.Type {
	case rights.Erasing, rights.OptOut, rights.OptIn:
		r.Auto = true
	}
	there, err := d.rights.Request(ctx, r.ID)
	if err == nil {
		if there.Type != r.Type || len(there.Subjects) > 0 && !slices.Equal(there.Subjects, r.Subjects) {
			return there, errTwice
		}
		return there, nil
	}
	if !errors.Is(err, rights.ErrNotFound) {
		return r, err
	}
	if r, err = d.rights.FileVerified(ctx, r, how); err != nil {
		return r, err
	}
	d.log.Info().Str("request", r.ID).Str(telemetry.KeyReason, string(r.Type)).Msg("took in a request of a person")
	if !r.Auto {
		return r, nil
	}
	done, err := d.rights.RunRequest(ctx, r.ID)
	if err != nil {
		d.log.Warn().Err(err).Str("request", r.ID).Msg("a request of a person waits")
		return r, nil
	}
	return done, nil
}

// find gives a request of this door by its id.
func (d *door) find(ctx context.Context, id string) (rights.Request, error) {
	if !strings.HasPrefix(id, d.tag) {
		return rights.Request{}, rights.ErrNotFound
	}
	return d.rights.Request(ctx, id)
}

// fail answers an error of take, find or what follows them. It tells nothing that was asked.
func (d *door) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, rights.ErrNotFound):
		telemetry.Problem(w, http.StatusNotFound, "no such request")
	case errors.Is(err, errTwice), errors.Is(err, rights.ErrState):
		telemetry.Problem(w, http.StatusConflict, err.Error())
	case errors.Is(err, rights.ErrInput):
		telemetry.Problem(w, http.StatusUnprocessableEntity, "it names the person in a way that cannot be one: "+err.Error())
	case errors.Is(err, event.ErrTransient), errors.Is(err, context.DeadlineExceeded):
		d.log.Warn().Err(err).Msg("could not take in a request of a person")
		w.Header().Set("Retry-After", "30")
		telemetry.Problem(w, http.StatusServiceUnavailable, "it was not taken in; send it again")
	default:
		d.log.Error().Err(err).Msg("could not take in a request of a person")
		telemetry.Problem(w, http.StatusInternalServerError, "it was not taken in")
	}
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, document []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(document)
}

func replyWith(w http.ResponseWriter, status int, v any) {
	document, err := json.Marshal(v)
	if err != nil {
		telemetry.Problem(w, http.StatusInternalServerError, "the answer cannot be written")
		return
	}
	reply(w, status, document)
}
