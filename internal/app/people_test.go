// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/rights"
)

// keeping makes the configuration keep people in an embedded store, and ask them.
func keeping(config, policy string) (string, string) {
	config = strings.Replace(config, "assume_consent: true", "assume_consent: false", 1) +
		"store: {kind: embedded, dir: store, cache: 4096, deletions_within: 0s}\naudit: {dir: audit}\ntransaction_timeout: 2s\n"
	return config, strings.Replace(policy, "language: 1\n", "language: 1\nages: {unknown: adult, reason: Made up}\n", 1)
}

// signal says something about an account of Mastodon.
func (r *running) signal(id int, s consent.Signal) {
	r.t.Helper()
	value, err := consent.EncodeSignals(consent.Subject{Instance: "mastodon", Type: "account", ID: fmt.Sprint(id)}, []consent.Signal{s})
	if err != nil {
		r.t.Fatal(err)
	}
	r.produce(&kgo.Record{Topic: "nymstream.signals", Value: value})
}

var posts atomic.Int64

// post is a status of an account.
func post(id int) *kgo.Record {
	n := posts.Add(1)
	return &kgo.Record{Topic: "social.raw.mastodon", Key: fmt.Append(nil, id), Value: fmt.Appendf(nil,
		`{"id":"%d","uri":"https://a.example/%d","visibility":"public","account":{"id":"%d","acct":"a%d","bot":false},"content":"","created_at":"2026-01-02T03:04:05.000Z","favourites_count":%d}`, n, n, id, id, n)}
}

// until waits until the condition holds.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	r.t.Fatalf("%s: not in 40 s; the log:\n%s", what, r.log.String())
}

// outputs gives the values of the recipient's topic.
func (r *running) outputs() (all []string) {
	for _, rec := range r.read("social.clean.analytics") {
		all = append(all, string(rec.Value))
	}
	return all
}

// What people say decides, through the whole service: consent, its withdrawal, and an erasure that tells the recipient.
func TestPeopleDecide(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	r.produce(post(1), post(2))
	r.wait(2)
	if got := r.outputs(); len(got) != 0 {
		t.Fatalf("nobody agreed, and out came %s", got)
	}
	r.signal(1, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Allow, At: time.Now().Add(-time.Minute).UnixMilli()})
	r.until("an agreement is heeded", func() bool {
		r.produce(post(1), post(2))
		return len(r.outputs()) > 0
	})
	for _, v := range r.outputs() {
		if !strings.Contains(v, `"acc_1_`) {
			t.Errorf("want the pseudonym of who agreed, got %s", v)
		}
	}
	said := time.Now()
	r.signal(1, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Deny, At: said.UnixMilli()})
	r.until("a withdrawal is heeded", func() bool {
		before := len(r.outputs())
		r.produce(post(1))
		time.Sleep(500 * time.Millisecond)
		return len(r.outputs()) == before
	})
	t.Logf("the last output came at most %v after the withdrawal", time.Since(said).Round(time.Millisecond))

	r.signal(1, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Allow, At: time.Now().UnixMilli()})
	r.until("a new agreement is heeded", func() bool {
		before := len(r.outputs())
		r.produce(post(1))
		time.Sleep(300 * time.Millisecond)
		return len(r.outputs()) > before
	})
	c, err := r.service.people.rights.Erase(t.Context(), rights.Erasure{
		Subjects: []consent.Subject{{Instance: "mastodon", Type: "account", ID: "1"}}, Reason: rights.OnTest, By: rights.Actor{Name: "tester"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("certificate: %+v", c)
	r.until("the recipient is told of the erasure", func() bool {
		for _, v := range r.outputs() {
			if strings.Contains(v, `"nymstream":"deletion"`) && strings.Contains(v, "acc_1_") {
				return true
			}
		}
		return false
	})
	before := len(r.outputs())
	r.produce(post(1), post(1))
	time.Sleep(time.Second)
	if got := r.outputs(); len(got) != before {
		t.Errorf("an erased person's events came out: %s", got[before:])
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// A store that was brought back from a copy of before an erasure learns of it from the ledger before anything is decided.
func TestOldCopyOfTheStoreCatchesUp(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	r.signal(1, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Allow, At: time.Now().Add(-time.Minute).UnixMilli()})
	r.until("an agreement is heeded", func() bool {
		r.produce(post(1))
		return len(r.outputs()) > 0
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(r.config.Store.Dir)); err != nil {
		t.Fatal(err)
	}
	r.again()
	if _, err := r.service.people.rights.Erase(t.Context(), rights.Erasure{
		Subjects: []consent.Subject{{Instance: "mastodon", Type: "account", ID: "1"}}, Reason: rights.OnTest, By: rights.Actor{Name: "tester"}}); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(r.config.Store.Dir), os.CopyFS(r.config.Store.Dir, os.DirFS(copied))); err != nil {
		t.Fatal(err)
	}
	r.again()
	before := len(r.outputs())
	r.produce(post(1), post(1))
	time.Sleep(3 * time.Second)
	for _, v := range r.outputs()[before:] {
		if !strings.Contains(v, `"nymstream":"deletion"`) {
			t.Errorf("an old copy of the store brought somebody back: %s", v)
		}
	}
}

// What was said about people and does not count is counted, by its reason.
func TestSignalsThatDoNotCount(t *testing.T) {
	r := startWith(t, keeping, "amplitude")
	said := time.Now().Add(-time.Minute).UnixMilli()
	value, err := consent.EncodeSignals(consent.Subject{Instance: "amplitude", Type: "account", ID: "5"}, []consent.Signal{
		{Kind: consent.Consent, Purpose: "profiling", Verdict: consent.Allow, At: said}, {Kind: consent.Consent, Purpose: "profiling", Verdict: consent.Deny, At: said}})
	if err != nil {
		t.Fatal(err)
	}
	r.produce(&kgo.Record{Topic: "nymstream.signals", Value: value}, &kgo.Record{Topic: "nymstream.signals", Value: []byte(`{"v":2}`)},
		&kgo.Record{Topic: "social.raw.amplitude", Value: fmt.Appendf(nil, `{"requester":"officer@example.org","user_ids":["%s","7"]}`, strings.Repeat("x", 1025))})
	for _, reason := range []string{refusedMalformed, refusedPurpose, refusedUnwritable} {
		counted := regexp.MustCompile(`nymstream_signals_refused_total\{reason="` + reason + `"\} [1-9]`)
		r.until(reason+" is counted", func() bool { return counted.MatchString(r.metrics()) })
	}
	r.until("who can be named is erased all the same", func() bool {
		s, err := r.service.people.rights.Show(t.Context(), rights.Actor{Name: "tester"}, consent.Subject{Instance: "amplitude", Type: "account", ID: "7"}, "")
		return err == nil && s.State == "erased"
	})
}

// Who deletes their account at X is restricted at once, back by user_undelete and by nothing else, and erased after 30 days.
func TestLeavingX(t *testing.T) {
	r := startWith(t, keeping, "twitter_compliance")
	restricted := func(id string) bool {
		s, err := r.service.people.rights.Show(t.Context(), rights.Actor{Name: "tester"}, consent.Subject{Instance: "twitter_compliance", Type: "account", ID: id}, "")
		for _, said := range s.Said {
			if err == nil && said.Kind == "restriction" && said.Purpose == "platform:leaving" {
				return said.Now == "restricted"
			}
		}
		return false
	}
	tell := func(id, name string, ago time.Duration) {
		r.produce(&kgo.Record{Topic: "social.raw.twitter_compliance", Timestamp: time.Now().Add(-ago),
			Value: fmt.Appendf(nil, `{"%s":{"id":%s,"id_str":"%s","timestamp_ms":"1700000000000"}}`, name, id, id)})
	}
	const long, month = 32 * 24 * time.Hour, 30 * 24 * time.Hour
	for id, step := range map[string]time.Duration{"11": long, "12": long, "13": month / 2} {
		tell(id, "user_delete", step)
		r.until("who left is restricted", func() bool { return restricted(id) })
	}
	tell("12", "user_unsuspend", long-time.Hour)
	tell("12", "user_undelete", long-2*time.Hour)
	r.until("who came back is not", func() bool { return !restricted("12") })
	tell("11", "user_unsuspend", long-time.Hour)
	tell("14", "user_delete", 0) // read after it
	r.until("later signals are merged", func() bool { return restricted("14") })
	if !restricted("11") {
		t.Error("the end of a suspension brought somebody back who had left")
	}
	if _, err := r.service.people.rights.EraseDeparted(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"11": "erased", "12": "live", "13": "live", "14": "live"} {
		s, err := r.service.people.rights.Show(t.Context(), rights.Actor{Name: "tester"}, consent.Subject{Instance: "twitter_compliance", Type: "account", ID: id}, "")
		if err != nil || s.State != want {
			t.Errorf("%s is %s, want %s, %v", id, s.State, want, err)
		}
	}
}
