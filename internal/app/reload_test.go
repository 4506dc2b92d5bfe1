// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

// rewritePolicy replaces the service's policy file by what edit makes of it.
func (r *running) rewritePolicy(edit func(string) string) {
	r.t.Helper()
	text, err := os.ReadFile(r.config.Policy)
	if err != nil {
		r.t.Fatal(err)
	}
	next := edit(string(text))
	if next == string(text) {
		r.t.Fatalf("the edit changes nothing in\n%s", text)
	}
	if _, err := replaceFile(r.config.Policy, []byte(next)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) plan() string { return r.service.live.Load().plan.Hash }

// TestReloadUnderLoad alternates between two policies while records flow. Every output conforms to the plan that its header
// names, nothing is lost, nothing comes twice.
func TestReloadUnderLoad(t *testing.T) {
	const reloads, each = 12, 200
	r := start(t, "mastodon")
	with := func(s string) string { return strings.Replace(s, "      plain: keep", "      plain: drop", 1) }
	back := func(s string) string { return strings.Replace(s, "      plain: drop", "      plain: keep", 1) }
	keeping := map[string]bool{r.plan(): true}
	sent := 0
	for i := range reloads {
		var records []*kgo.Record
		for range each {
			sent++
			records = append(records, &kgo.Record{Topic: "social.raw.mastodon", Key: fmt.Append(nil, sent),
				Value: fmt.Appendf(nil, `{"id":"%d","uri":"https://a.example/%d","visibility":"public","account":{"id":"%d","acct":"a","bot":false},"content":"","created_at":"2026-01-02T03:04:05.000Z","favourites_count":%d}`, sent, sent, sent%7, sent)})
		}
		r.produce(records...)
		if i%2 == 0 {
			r.rewritePolicy(with)
		} else {
			r.rewritePolicy(back)
		}
		out, err := r.service.Reload(t.Context(), "test")
		if err != nil || len(out.Changes) == 0 || out.Topics {
			t.Fatalf("reload %d: %+v, error %v", i, out, err)
		}
		keeping[out.Plan] = i%2 == 1
	}
	if len(keeping) != 2 {
		t.Fatalf("want two plans, got %v", keeping)
	}
	r.wait(sent)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	seen, plans := map[string]int{}, map[string]int{}
	hashes := r.service.recipientHashes(t, keeping, r)
	for _, rec := range r.read("social.clean.analytics") {
		var hash string
		for _, h := range rec.Headers {
			if h.Key == pipeline.PlanHeader {
				hash = string(h.Value)
			}
		}
		kept, known := hashes[hash]
		if !known {
			t.Fatalf("an output names the unknown plan %s", hash)
		}
		if has := bytes.Contains(rec.Value, []byte("favourites_count")); has != kept {
			t.Errorf("plan %s keeps counts: %v; the output has them: %v", hash, kept, has)
		}
		var out struct{ ID string }
		if err := json.Unmarshal(rec.Value, &out); err != nil || out.ID == "" {
			t.Fatalf("an output without id: %s", rec.Value)
		}
		seen[out.ID]++
		plans[hash]++
	}
	if len(seen) != sent || len(plans) != 2 {
		t.Errorf("want %d outputs by two plans, got %d by %v", sent, len(seen), plans)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

// recipientHashes gives the hashes in the outputs' headers of both policies, and whether they keep plain values.
func (s *Service) recipientHashes(t *testing.T, keeping map[string]bool, r *running) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	text, err := os.ReadFile(r.config.Policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"keep", "drop"} {
		text := strings.NewReplacer("      plain: keep", "      plain: "+rule, "      plain: drop", "      plain: "+rule).Replace(string(text))
		plan, err := policy.LoadBytes(r.config.Policy, []byte(text), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if kept, known := keeping[plan.Hash]; !known || kept != (rule == "keep") {
			t.Fatalf("plain: %s is plan %s; known are %v", rule, plan.Hash, keeping)
		}
		for i := range plan.Recipients {
			out[plan.Recipients[i].Hash] = rule == "keep"
		}
	}
	return out
}

func TestFaultyPolicyIsRefused(t *testing.T) {
	r := start(t, "mastodon")
	before := r.plan()
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "plain: keep", "plain: keeep", 1) })
	if _, err := r.service.Reload(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "keeep") {
		t.Errorf("want a refusal that names the word, got %v", err)
	}
	if r.plan() != before {
		t.Error("the plan changed")
	}
	r.produce(&kgo.Record{Topic: "social.raw.mastodon", Value: []byte(`{"id":"1","uri":"https://a.example/1","visibility":"public","account":{"id":"1","acct":"a"},"content":"","created_at":"2026-01-02T03:04:05.000Z"}`)})
	r.wait(1)
	if log := r.log.String(); !strings.Contains(log, "policy refused; the one before goes on") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}

func TestSignalReloads(t *testing.T) {
	r := start(t, "mastodon")
	before := r.plan()
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "plain: keep", "plain: drop", 1) })
	for end := time.Now().Add(20 * time.Second); !strings.Contains(r.log.String(), "service started") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	for end := time.Now().Add(20 * time.Second); r.plan() == before && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if r.plan() == before {
		t.Fatalf("SIGHUP did not bring the new plan; the log:\n%s", r.log.String())
	}
	if log := r.log.String(); !strings.Contains(log, "no longer") && !strings.Contains(log, "less") {
		t.Errorf("the log does not say that less leaves:\n%s", log)
	}
}

// TestNewTopicsReopenTheStream adds a source while the service runs: what comes there is sanitized without a restart.
func TestNewTopicsReopenTheStream(t *testing.T) {
	r := start(t, "mastodon", "bluesky")
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "social.raw.bluesky", "social.raw.missing", 1) })
	if _, err := r.service.Reload(t.Context(), "test"); err == nil {
		t.Fatal("a source topic that does not exist was accepted")
	}
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "social.raw.missing", "social.raw.bluesky", 1) })
	post := []byte(`{"id":"1","uri":"https://a.example/1","visibility":"public","account":{"id":"1","acct":"a"},"content":"","created_at":"2026-01-02T03:04:05.000Z"}`)
	r.produce(&kgo.Record{Topic: "social.raw.mastodon", Value: post})
	r.wait(1)
	r.rewritePolicy(func(s string) string {
		return strings.Replace(s, "retention: ", "partition_by: source\n    retention: ", 1)
	})
	out, err := r.service.Reload(t.Context(), "test")
	if err != nil || !out.Topics {
		t.Fatalf("want the stream to be opened anew, got %+v, error %v", out, err)
	}
	r.produce(&kgo.Record{Topic: "social.raw.mastodon", Value: post}, &kgo.Record{Topic: "social.raw.mastodon", Value: post})
	for end := time.Now().Add(30 * time.Second); len(r.read("social.clean.analytics")) < 3 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	if got := len(r.read("social.clean.analytics")); got != 3 || r.plan() != out.Plan {
		t.Errorf("want 3 outputs and plan %s, got %d and %s; the log:\n%s", out.Plan, got, r.plan(), r.log.String())
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestPushedPolicy(t *testing.T) {
	r := start(t, "mastodon")
	token := "a token that nobody guesses"
	r.config.HTTP.PolicyToken = config.NewSecret(token)
	server := httptest.NewServer(r.service.pushes())
	defer server.Close()
	text, err := os.ReadFile(r.config.Policy)
	if err != nil {
		t.Fatal(err)
	}
	less := strings.Replace(string(text), "plain: keep", "plain: drop", 1)
	first := r.plan()
	for _, c := range []struct {
		name, token, query, body string
		status                   int
		says                     string
		changes                  bool
	}{
		{"no token", "", "", less, 401, "token", false},
		{"another token", "x", "", less, 401, "token", false},
		{"faulty", token, "", "language: 1\n", 422, "purposes", false},
		{"too large", token, "", strings.Repeat("#", maxPushed+1), 413, "1 MiB", false},
		{"only looked at", token, "?check=only", less, 200, "no longer", false},
		{"less leaves", token, "", less, 200, `"direction":"less"`, true},
		{"more leaves", token, "", string(text), 409, "more would leave", false},
		{"more leaves, and is meant", token, "?more=allow", string(text), 200, `"direction":"more"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.plan()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+c.query, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+c.token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("want %d and %q, got %d: %s", c.status, c.says, res.StatusCode, body)
			}
			if (r.plan() != before) != c.changes {
				t.Errorf("the plan changed: %v; want %v", r.plan() != before, c.changes)
			}
			if now, _ := os.ReadFile(r.config.Policy); c.changes && string(now) != c.body {
				t.Error("the file is not what was sent")
			}
		})
	}
	if r.plan() != first {
		t.Error("the first policy has another hash when it is sent again")
	}
	mux := httptest.NewServer(http.StripPrefix("/v1/policy", r.service.pushes()))
	defer mux.Close()
	if out, refused, err := Push(t.Context(), mux.URL, token, []byte(less), true, false); err != nil || refused != "" || len(out.Changes) == 0 || r.plan() != first {
		t.Errorf("looked at by the client: got %+v, %q, %v", out, refused, err)
	}
	if _, refused, err := Push(t.Context(), mux.URL, "x", []byte(less), false, false); err != nil || !strings.Contains(refused, "token") {
		t.Errorf("another token: got %q, %v", refused, err)
	}
}

// TestSecondReloadWaitsForTheFirst: a plan with other topics waits for the stream to be opened anew. The next plan that flows as the waiting one must wait too:
// the stream at work still has the topics and recipients of the plan before.
func TestSecondReloadWaitsForTheFirst(t *testing.T) {
	r := start(t, "mastodon")
	if err := r.stop(); err != nil { // freeze: the stream that runs is between stop and the next
		t.Fatal(err)
	}
	s := r.service
	s.next, s.reopen = nil, func() {}
	first := s.live.Load()
	text, err := os.ReadFile(r.config.Policy)
	if err != nil {
		t.Fatal(err)
	}
	load := func(text string) *policy.Plan {
		p, err := policy.LoadBytes(r.config.Policy, []byte(text), policy.Packs(), "")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	topics := strings.Replace(string(text), "retention: ", "partition_by: source\n    retention: ", 1)
	less := strings.Replace(topics, "plain: keep", "plain: drop", 1)
	out, err := s.take(t.Context(), offered{plan: load(topics)})
	if err != nil || !out.Topics {
		t.Fatalf("want other topics, got %+v %v", out, err)
	}
	if s.live.Load() != first {
		t.Fatal("the first waits")
	}
	if _, err = s.take(t.Context(), offered{plan: load(less)}); err != nil {
		t.Fatal(err)
	}
	if s.live.Load() != first {
		t.Error("the second plan went to work in a stream that was opened for another plan's topics and recipients")
	}
	if s.next.plan.Hash != load(less).Hash {
		t.Error("the stream is opened anew with the first plan: the second one, which lets less leave, is lost")
	}
}

// TestWatchFollowsRenamedPacks: a policy that names another pack is taken over although the file of the one before is gone.
func TestWatchFollowsRenamedPacks(t *testing.T) {
	dir := t.TempDir()
	pack := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(pack, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "policy.yaml"), pack}
	before := contents(files)
	if err := os.Remove(pack); err != nil {
		t.Fatal(err)
	}
	if contents(files) == before {
		t.Error("that a pack's file is gone is not noticed")
	}
	if err := os.WriteFile(pack, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if contents(files) == contents(files[:1]) {
		t.Error("an empty file is taken for none")
	}
}
