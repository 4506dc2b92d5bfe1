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
	query := r.URL.Query()
	out, err := s.replacePolicy(r.Context(), replacement{
		text: data, check: query.Get("check") == "only", more: query.Get("more") == "allow", why: "POST /v1/policy",
	})
	if refused, is := errors.AsType[refusal](err); is {
		telemetry.Problem(w, refused.status, refused.Error())
		return
	}
	answer(w, out)
}

// replacement is a policy that is to take the place of the file.
type replacement struct {
	text  []byte
	plan  string // the hash that must come of it; "": any
	check bool   // only tells what would change
	more  bool   // also if more leaves
	by    string // who sent it; "": not known
	why   string
}

// refusal is why a policy does not take the place of the file, and the HTTP status that says so.
type refusal struct {
	status int
	error
}

func (r refusal) Unwrap() error { return r.error }

// compare reads the policy as it would stand in the file, and tells what it changes. An error is a refusal.
func (r *replacement) compare(file string, current *policy.Plan) (*policy.Plan, policy.Changes, error) {
	plan, err := policy.LoadBytes(file, r.text, policy.Packs(), filepath.Dir(file))
	if err != nil {
		return nil, nil, refusal{http.StatusUnprocessableEntity, err}
	}
	for _, pack := range plan.Files[1:] {
		if within, err := filepath.Rel(filepath.Dir(file), pack); err != nil || !filepath.IsLocal(within) {
			return nil, nil, refusal{http.StatusUnprocessableEntity, errors.New("packs of a policy that is sent lie in the folder of the policy")}
		}
	}
	if r.plan != "" && r.plan != plan.Hash {
		return nil, nil, refusal{http.StatusConflict, fmt.Errorf("it would be another plan now, %.12s: a pack has changed since, or this release reads the policy otherwise; "+
			"put the packs back, or send the policy with `policy push`", plan.Hash)}
	}
	changes := policy.Diff(current, plan)
	if changes.More() && !r.more && !r.check {
		var lines []string
		for _, c := range changes.Of(policy.More) {
			lines = append(lines, c.String())
		}
		return nil, nil, refusal{http.StatusConflict, errors.New("more would leave; say more=allow (--more) if it is meant: " + strings.Join(lines, "; "))}
	}
	return plan, changes, nil
}

// replacePolicy puts a policy in the place of the file and to work. An error is a refusal, and leaves the file as it was.
func (s *Service) replacePolicy(ctx context.Context, r replacement) (Reloaded, error) {
	s.pushing.Lock() // what is compared, written and taken over is one policy
	defer s.pushing.Unlock()
	next := offered{text: r.text, by: r.by, why: r.why}
	plan, changes, err := r.compare(s.config.Policy, s.latest().plan)
	if refused, is := errors.AsType[refusal](err); is && refused.status == http.StatusUnprocessableEntity {
		_, _ = s.offer(ctx, next, err) // logged and counted
	}
	if err != nil {
		return Reloaded{}, err
	}
	if r.check {
		return Reloaded{Plan: plan.Hash, Changes: changes}, nil
	}
	restore, err := replaceFile(s.config.Policy, r.text)
	if err != nil {
		return Reloaded{}, refusal{http.StatusInternalServerError, fmt.Errorf("the policy's file cannot be replaced: %w", err)}
	}
	next.plan = plan
	out, err := s.offer(ctx, next, nil)
	if err != nil {
		return Reloaded{}, refusal{http.StatusConflict, errors.Join(err, restore())}
	}
	return out, nil
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
