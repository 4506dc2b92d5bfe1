// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights/reveal"
	"github.com/nymstream/nymstream/internal/telemetry"
)

const (
	maxCommand   = 32 << 20 // bytes of a command
	minToken     = 24       // characters of a token
	faultTrailer = "Nymstream-Fault"
)

// admins are who may send commands, by the hash of what they send as authorization.
type admins map[[sha256.Size]byte]Actor

// parseAdmins reads lines of a name, roles and a token. Empty lines and those that begin with # do not count.
func parseAdmins(text string) (admins, error) {
	all := admins{}
	names := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("http.admins, line %d: write name role,role token", i+1)
		}
		a := Actor{Name: fields[0], Roles: strings.Split(fields[1], ",")}
		for _, r := range a.Roles {
			if !slices.Contains(reveal.Roles(), r) {
				return nil, fmt.Errorf("http.admins, line %d: unknown role; there are %s", i+1, strings.Join(reveal.Roles(), ", "))
			}
		}
		sum := sha256.Sum256([]byte("Bearer " + fields[2]))
		_, twice := all[sum]
		switch {
		case len(fields[2]) < minToken:
			return nil, fmt.Errorf("http.admins, line %d: the token has less than %d characters: make it with `openssl rand -hex 32`", i+1, minToken)
		case twice:
			return nil, fmt.Errorf("http.admins, line %d: somebody else's token", i+1)
		case names[strings.ToLower(a.Name)]:
			return nil, fmt.Errorf("http.admins, line %d: this name is there already; one person has one line", i+1)
		}
		all[sum], names[strings.ToLower(a.Name)] = a, true
	}
	return all, nil
}

// find gives the actor of an authorization, in a time that does not depend on it.
func (all admins) find(authorization string) (found Actor, ok bool) {
	got := sha256.Sum256([]byte(authorization))
	for sum, a := range all {
		if subtle.ConstantTimeCompare(got[:], sum[:]) == 1 {
			found, ok = a, true
		}
	}
	return found, ok
}

// administration answers POST /v1/admin, whose body is a Command. nil: the configuration has no http.admins.
func (s *Service) administration() (http.Handler, error) {
	if s.config.HTTP.Admins.IsZero() {
		return nil, nil
	}
	all, err := parseAdmins(s.config.HTTP.Admins.Reveal())
	if err != nil {
		return nil, err
	}
	return adminHandler(all, s.admin()), nil
}

// admin carries out commands beside the stream.
func (s *Service) admin() *Admin {
	a := &Admin{
		config: s.config, logDir: s.config.Audit.Dir, keys: s.keys, plan: func() *policy.Plan { return s.live.Load().plan }, people: s.people, stream: s.stream.Load,
		now: time.Now, replace: s.replacePolicy,
	}
	if s.people != nil {
		a.log = s.people.audit
		a.reveal = s.people.newReveal(peopleOptions{keys: s.keys, plan: a.plan})
	}
	return a
}

func adminHandler(all admins, a *Admin) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, ok := all.find(r.Header.Get("Authorization"))
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			telemetry.Problem(w, http.StatusUnauthorized, "a token of http.admins is needed")
			return
		}
		var cmd Command
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCommand))
		d.DisallowUnknownFields()
		if d.Decode(&cmd) != nil {
			telemetry.Problem(w, http.StatusBadRequest, "no command; use one release for both sides")
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // an export takes as long as it takes
		out := &lateHeader{to: w}
		if err := a.Do(r.Context(), actor, cmd, out); err != nil {
			out.fail(err)
		}
	})
}

// lateHeader sends the header with the first byte of the answer, so that an error before it has a status of its own.
type lateHeader struct {
	to    http.ResponseWriter
	begun bool
}

func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		h := l.to.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("Trailer", faultTrailer)
	}
	return l.to.Write(p)
}

// fail tells of an error: by the status, or after the answer has begun in a trailer.
func (l *lateHeader) fail(err error) {
	if !l.begun {
		telemetry.Problem(l.to, statusOf(err), err.Error())
		return
	}
	l.to.Header().Set(faultTrailer, fmt.Sprintf("%d %s", statusOf(err), strings.ReplaceAll(err.Error(), "\n", "; ")))
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrDown):
		return http.StatusServiceUnavailable
	case isNo(err):
		return http.StatusConflict
	case errors.Is(err, event.ErrFatal):
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

func isNo(err error) bool {
	_, is := errors.AsType[No](err)
	return is
}

// faultOf is the inverse of statusOf.
func faultOf(status int, why string) error {
	err := errors.New(why)
	switch status {
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %w", ErrDown, err)
	case http.StatusConflict, http.StatusUnauthorized:
		return No{err}
	}
	return err
}

// send has an instance carry out a command.
func send(ctx context.Context, url, token string, cmd Command, out io.Writer) error {
	body, err := json.Marshal(cmd)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/admin", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return No{errors.New("the instance takes no commands: set http.admins in its configuration")}
	}
	if res.StatusCode != http.StatusOK {
		var problem struct{ Title, Detail string }
		raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err != nil || json.Unmarshal(raw, &problem) != nil || problem.Title == "" {
			return fmt.Errorf("the instance answers %s", res.Status)
		}
		return faultOf(res.StatusCode, problem.Detail)
	}
	if _, err := io.Copy(out, res.Body); err != nil {
		return fmt.Errorf("%w: the answer is cut short: %w", ErrDown, err)
	}
	if fault := res.Trailer.Get(faultTrailer); fault != "" {
		var status int
		number, why, _ := strings.Cut(fault, " ")
		_, _ = fmt.Sscan(number, &status)
		return faultOf(status, why)
	}
	return nil
}
