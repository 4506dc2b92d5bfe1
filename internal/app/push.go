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
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// maxPushed bounds a policy that is sent.
const maxPushed = 1 << 20

// pushes answers POST /v1/policy: the body is a policy that takes the place of the file and goes to work at once. What lets
// more leave needs ?more=allow; ?check=only changes nothing. nil: the configuration has no http.policy_token.
func (s *Service) pushes() http.Handler {
	if s.config.HTTP.PolicyToken.IsZero() {
		return nil
	}
	want := sha256.Sum256([]byte("Bearer " + s.config.HTTP.PolicyToken.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			telemetry.Problem(w, http.StatusUnauthorized, "the policy token is needed")
			return
		}
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPushed))
		if err != nil {
			telemetry.Problem(w, http.StatusRequestEntityTooLarge, "a policy has at most 1 MiB")
			return
		}
		s.push(w, r, data)
	})
}

func (s *Service) push(w http.ResponseWriter, r *http.Request, data []byte) {
	s.pushing.Lock() // what is compared, written and taken over is one policy
	defer s.pushing.Unlock()
	file := s.config.Policy
	plan, err := policy.LoadBytes(file, data, policy.Packs(), filepath.Dir(file))
	if err != nil {
		_, _ = s.offer(r.Context(), "POST /v1/policy", nil, err) // logged and counted
		telemetry.Problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	for _, pack := range plan.Files[1:] {
		if within, err := filepath.Rel(filepath.Dir(file), pack); err != nil || !filepath.IsLocal(within) {
			telemetry.Problem(w, http.StatusUnprocessableEntity, "packs of a policy that is sent lie in the folder of the policy")
			return
		}
	}
	changes := policy.Diff(s.latest().plan, plan)
	query := r.URL.Query()
	if query.Get("check") == "only" {
		answer(w, Reloaded{Plan: plan.Hash, Changes: changes})
		return
	}
	if changes.More() && query.Get("more") != "allow" {
		var lines []string
		for _, c := range changes.Of(policy.More) {
			lines = append(lines, c.String())
		}
		telemetry.Problem(w, http.StatusConflict, "more would leave; say more=allow if it is meant: "+strings.Join(lines, "; "))
		return
	}
	restore, err := replaceFile(file, data)
	if err != nil {
		telemetry.Problem(w, http.StatusInternalServerError, "the policy's file cannot be replaced: "+err.Error())
		return
	}
	out, err := s.offer(r.Context(), "POST /v1/policy", plan, nil)
	if err != nil {
		err = errors.Join(err, restore())
		telemetry.Problem(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, out)
}

func answer(w http.ResponseWriter, out Reloaded) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// Push sends a policy to a running instance. refused says why it was not taken over; "": it was.
func Push(ctx context.Context, to, token string, data []byte, check, more bool) (out Reloaded, refused string, err error) {
	query := url.Values{}
	if check {
		query.Set("check", "only")
	}
	if more {
		query.Set("more", "allow")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(to, "/")+"/v1/policy?"+query.Encode(), bytes.NewReader(data))
	if err != nil {
		return out, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, "", fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPushed))
	switch {
	case err != nil:
		return out, "", fmt.Errorf("%w: %w", ErrDown, err)
	case res.StatusCode == http.StatusOK:
		return out, "", json.Unmarshal(body, &out)
	}
	var problem struct{ Title, Detail string }
	if json.Unmarshal(body, &problem) != nil || problem.Title == "" {
		return out, "", fmt.Errorf("%s answers %s: is http.policy_token set there?", to, res.Status)
	}
	return out, problem.Detail, nil
}

// latest is the plan at work, or the one that waits for its topics.
func (s *Service) latest() *boundPlan {
	s.reload.Lock()
	defer s.reload.Unlock()
	if s.next != nil {
		return s.next
	}
	return s.live.Load()
}

// replaceFile writes a file whole or not at all, and gives what puts the one before back.
func replaceFile(file string, data []byte) (restore func() error, err error) {
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	before, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	put := func(data []byte) error {
		f, err := os.CreateTemp(filepath.Dir(file), ".policy-*")
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		_, err = f.Write(data)
		if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return os.Rename(f.Name(), file)
	}
	return func() error { return put(before) }, put(data)
}
