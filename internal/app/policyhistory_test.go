// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// hashOf makes a plan's hash for tests.
func hashOf(n int) string { return fmt.Sprintf("%064x", n) }

func TestHistoryKeepsTheNewest(t *testing.T) {
	store := storetest.Memory()
	const plans = mostChanges + 5
	for n := range plans {
		if err := remember(t.Context(), store, PlanChange{Plan: hashOf(n), Instance: "a", Why: "test"}, fmt.Appendf(nil, "policy %d", n), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := remember(t.Context(), store, PlanChange{Plan: hashOf(plans - 1), Instance: "a"}, []byte("with a comment"), true); err != nil {
		t.Fatal(err)
	}
	h, err := readHistory(t.Context(), store)
	if err != nil || len(h.Changes) != mostChanges || h.Changes[mostChanges-1].Plan != hashOf(plans-1) {
		t.Fatalf("got %d lines, %v", len(h.Changes), err)
	}
	for i, c := range h.Changes {
		if want := i >= mostChanges-mostTexts; c.Kept != want {
			t.Errorf("line %d: kept %v, want %v", i, c.Kept, want)
		}
	}
	for n, want := range map[int]string{plans - 1: "with a comment", plans - mostTexts: fmt.Sprintf("policy %d", plans-mostTexts), plans - mostTexts - 1: "", 0: ""} {
		text, err := policyText(t.Context(), store, hashOf(n))
		if string(text) != want || (err != nil) != (want == "") || err != nil && !isNo(err) {
			t.Errorf("plan %d: got %q, %v", n, text, err)
		}
	}
	stats, err := store.Stats(t.Context())
	if err != nil || stats.Rows[subject.Meta] != mostTexts+1 {
		t.Errorf("want %d rows, got %d, %v", mostTexts+1, stats.Rows[subject.Meta], err)
	}
}

// TestHistoryOfManyInstances: none loses the line of another.
func TestHistoryOfManyInstances(t *testing.T) {
	store := storetest.Memory()
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for n := range 10 {
				if err := remember(t.Context(), store, PlanChange{Plan: hashOf(n % 3), Instance: fmt.Sprint(i)}, []byte("x"), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	h, err := readHistory(t.Context(), store)
	if err != nil || len(h.Changes) != 40 {
		t.Errorf("want 40 lines, got %d, %v", len(h.Changes), err)
	}
	if last := h.latest("2"); last == nil || last.Plan != hashOf(0) || h.latest("9") != nil {
		t.Errorf("got %+v", last)
	}
}

func TestPlansAreFoundByTheirBeginning(t *testing.T) {
	h := history{Changes: []PlanChange{{Plan: "aabbccdd1" + hashOf(0)[9:]}, {Plan: "aabbccdd2" + hashOf(0)[9:]}}}
	for prefix, want := range map[string]string{"aabbccdd1": h.Changes[0].Plan, "AABBCCDD2": h.Changes[1].Plan, "aabbccdd": "2 plans", "aabb": "at least", "ffffffff": "no such plan"} {
		got, err := h.find(prefix)
		if got != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got %q, %v", prefix, want, got, err)
		}
	}
}

// do has the service carry out a command, and reads its answer.
func (r *running) do(name string, args, answer any) error {
	r.t.Helper()
	cmd, err := NewCommand(name, args)
	if err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	err = r.service.admin().Do(r.t.Context(), Actor{Name: "ann", Roles: Roles()}, cmd, &out)
	if out.Len() > 0 && answer != nil {
		if bad := json.Unmarshal(out.Bytes(), answer); bad != nil {
			r.t.Fatalf("%s answers %s", name, out.String())
		}
	}
	return err
}

func (r *running) policyText() string {
	r.t.Helper()
	text, err := os.ReadFile(r.config.Policy)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// another follows the control log beside the service, as an instance that works by a plan of its own.
func (r *running) another(plan [32]byte) *control.Follower {
	r.t.Helper()
	c := *r.config
	c.Instance = "another"
	o := peopleOptions{config: &c, keys: r.service.keys, conn: r.service.people.conn, registry: prometheus.NewRegistry(), log: r.service.log,
		pending: func() time.Time { return time.Time{} }, atWork: func() [32]byte { return plan }}
	f, err := newControl(r.t.Context(), o, r.service.people)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	return f
}

// TestPolicyIsRolledBack: the history tells which plans were at work, and brings the first one back, to the byte.
func TestPolicyIsRolledBack(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	first, text := r.plan(), r.policyText()
	var status PolicyStatus
	if err := r.do("policy status", nil, &status); err != nil || !status.Agree || len(status.Instances) != 1 ||
		status.Instances[0].Plan != first || time.Since(status.Instances[0].Since) > time.Minute {
		t.Fatalf("got %+v, %v", status, err)
	}
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "plain: keep", "plain: drop", 1) })
	if _, err := r.service.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	second := r.plan()
	var told Reloaded
	if err := r.do("policy rollback", Rollback{Plan: first[:12], Check: true}, &told); err != nil || told.Plan != first || !told.Changes.More() || r.plan() != second {
		t.Errorf("only looked at: got %+v, %v", told, err)
	}
	if err := r.do("policy rollback", Rollback{Plan: first}, nil); !isNo(err) || !strings.Contains(err.Error(), "more would leave") || r.plan() != second {
		t.Errorf("want that more would leave, got %v", err)
	}
	if err := r.do("policy rollback", Rollback{Plan: first, More: true, Reason: "plain was needed"}, &told); err != nil || r.plan() != first || r.policyText() != text {
		t.Errorf("rolled back: got %+v, %v", told, err)
	}
	if err := r.do("policy rollback", Rollback{Plan: first, More: true}, nil); !isNo(err) || !strings.Contains(err.Error(), "at work") {
		t.Errorf("want that it is at work, got %v", err)
	}
	var changes []PlanChange
	if err := r.do("policy history", nil, &changes); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%.4s %s %s %v", c.Plan, c.By, c.Why, c.Kept))
	}
	if want := []string{first[:4] + "  start true", second[:4] + "  test true", first[:4] + " ann rollback true"}; !slices.Equal(lines, want) {
		t.Errorf("want %q, got %q", want, lines)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	var noted []string
	for item, err := range audit.Show(t.Context(), r.config.Audit.Dir, audit.Filter{Act: audit.PolicyChange}) {
		if err != nil {
			t.Fatal(err)
		}
		noted = append(noted, fmt.Sprintf("%s %.4s %s", item.Entry.Actor, item.Entry.Details["plan"]+item.Entry.Details["to"], item.Entry.Reason))
	}
	instance := r.config.Instance
	if want := []string{instance + " " + second[:4] + " test", "ann " + first[:4], "ann " + first[:4] + " plain was needed", instance + " " + first[:4] + " rollback"}; !slices.EqualFunc(noted, want, func(a, b string) bool { return strings.TrimSpace(a) == b }) {
		t.Errorf("want in the audit log %q, got %q", want, noted)
	}
	var out bytes.Buffer // in a process of its own, the instance's log counts too
	if err := Administer(t.Context(), r.config, DoorOptions{Roles: Roles()}, Command{Name: "audit verify"}, &out); err != nil || !strings.Contains(out.String(), "/"+instance+`"`) {
		t.Errorf("want that the log of the instance is whole, got %s, %v", out.String(), err)
	}
}

// TestInstancesOfDifferentPlans: the status says so, and an announcement has the policy's file looked at, however rarely it is watched.
func TestInstancesOfDifferentPlans(t *testing.T) {
	r := startWith(t, func(config, policy string) (string, string) {
		config, policy = keeping(config, policy)
		return config + "policy_watch: 1h\n", policy
	}, "mastodon")
	other := r.another(planSum(hashOf(7)))
	first := r.plan()
	r.until("the other instance is seen", func() bool {
		var status PolicyStatus
		err := r.do("policy status", nil, &status)
		return isNo(err) && !status.Agree && len(status.Instances) == 2
	})
	r.rewritePolicy(func(s string) string { return strings.Replace(s, "plain: keep", "plain: drop", 1) })
	if err := other.AnnouncePlan(t.Context(), planSum(hashOf(7))); err != nil {
		t.Fatal(err)
	}
	r.until("the file is looked at", func() bool { return r.plan() != first })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
