// SPDX-License-Identifier: Apache-2.0

//go:build nextformat

package app

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/subject"
)

// releaseBefore builds nymstream as it is without the next format.
func releaseBefore(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "nymstream")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/nymstream").CombinedOutput(); err != nil {
		t.Fatalf("build without the tag: %v\n%s", err, out)
	}
	return binary
}

// file is the configuration's.
func (r *running) file() string {
	return filepath.Join(filepath.Dir(r.config.Policy), "nymstream.yaml")
}

// older runs the release before until stop is called, which gives what it wrote.
func (r *running) older(binary, config string) (stop func() string) {
	r.t.Helper()
	var said journal
	cmd := exec.Command(binary, "run", "-c", config)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if r.t.Failed() {
			r.t.Logf("the release before says:\n%s", said.String())
		}
	})
	return func() string {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			r.t.Errorf("the release before has ended by itself: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("the release before: %v\n%s", err, said.String())
		}
		return said.String()
	}
}

// refusedStart has the release before try, and gives what it says.
func (r *running) refusedStart(binary string, args ...string) {
	r.t.Helper()
	out, err := exec.CommandContext(r.t.Context(), binary, args...).CombinedOutput()
	const why = "the store has format 2 and this build reads formats up to 1: `nymstream upgrade finalize` was given to the store by a newer release; run that release"
	if exit, is := err.(*exec.ExitError); !is || exit.ExitCode() != 2 || !strings.Contains(string(out), why) { //nolint:errorlint // it is not wrapped
		r.t.Errorf("%s of the release before, after the upgrade is final: %v\n%s", args[0], err, out)
	}
}

// agrees lets an account's events out, and waits until one is.
func (r *running) agrees(id, want int) {
	r.t.Helper()
	r.signal(id, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Allow, At: time.Now().Add(-time.Minute).UnixMilli()})
	r.until(fmt.Sprintf("account %d comes out", id), func() bool {
		r.produce(post(id))
		return len(r.pseudonyms()) >= want
	})
	if got := r.pseudonyms(); len(got) != want {
		r.t.Fatalf("%d accounts have %d pseudonyms: %v", want, len(got), got)
	}
}

// more waits until events of accounts that agreed come out again, under the pseudonyms that they had.
func (r *running) more(ids ...int) {
	r.t.Helper()
	before, known := len(r.outputs()), len(r.pseudonyms())
	for _, id := range ids {
		r.produce(post(id))
	}
	r.until("more comes out", func() bool { return len(r.outputs()) >= before+len(ids) })
	if got := r.pseudonyms(); len(got) != known {
		r.t.Fatalf("there were %d pseudonyms, and there are %d", known, len(got))
	}
}

var accountPseudonym = regexp.MustCompile(`"id":"(acc_1_[0-9a-v]{26})"`)

func (r *running) pseudonyms() map[string]bool {
	all := map[string]bool{}
	for _, v := range r.outputs() {
		for _, m := range accountPseudonym.FindAllStringSubmatch(v, -1) {
			all[m[1]] = true
		}
	}
	return all
}

// upgrading has the service carry out a command.
func (r *running) upgrading(name string) (string, error) {
	var out bytes.Buffer
	err := r.service.admin().Do(r.t.Context(), Actor{Name: "ann", Roles: Roles()}, Command{Name: name}, &out)
	return out.String(), err
}

// rowFormats counts people by the format of their rows.
func (r *running) rowFormats() map[byte]int {
	r.t.Helper()
	count := map[byte]int{}
	err := r.service.people.store.Scan(r.t.Context(), subject.People, subject.Key{}, func(rows []subject.Row) error {
		for i := range rows {
			count[rows[i].Body[0]]++
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return count
}

// finalize makes the upgrade final, and holds that the service writes the next format from then on.
func (r *running) finalize(account, want int) {
	r.t.Helper()
	if out, err := r.upgrading("upgrade status"); err != nil || !strings.HasPrefix(out, `{"format":1,"newest":2,"instances":[{"name":"`+r.config.Instance+`","reads":2}`) {
		r.t.Errorf("status: %s, %v", out, err)
	}
	if n := r.rowFormats(); n[1] == 0 || n[2] != 0 {
		r.t.Errorf("rows by format, before: %v", n)
	}
	if out, err := r.upgrading("upgrade finalize"); err != nil || !strings.Contains(out, "format 2 from now on") {
		r.t.Fatalf("finalize: %s, %v", out, err)
	}
	if out, err := r.upgrading("upgrade finalize"); err != nil || !strings.Contains(out, "nothing to do") {
		r.t.Errorf("finalize again: %s, %v", out, err)
	}
	if out, err := r.upgrading("audit show"); err != nil || strings.Count(out, `"upgrade"`) != 1 {
		r.t.Errorf("the audit log: %v\n%s", err, out)
	}
	r.agrees(account, want)
	if n := r.rowFormats(); n[2] == 0 {
		r.t.Errorf("rows by format, after: %v", n)
	}
}

// A service of the new release leaves a store that the release before goes on with, until the upgrade is final; that is refused while an
// instance lives that could not go on, and the release before does not start afterwards.
func TestUpgradeAndRollback(t *testing.T) {
	binary := releaseBefore(t)
	r := startWith(t, keeping, "mastodon")
	r.agrees(1, 1)
	gone := r.beatsAs("older", 1)
	if _, err := r.upgrading("upgrade finalize"); !isNo(err) || !strings.Contains(err.Error(), "instance older reads formats up to 1: replace or stop these first") {
		t.Errorf("finalize beside the release before: %v", err)
	}
	gone()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	stop := r.older(binary, r.file())
	r.more(1)
	r.agrees(2, 2)
	stop()

	r.again()
	r.more(1, 2)
	r.finalize(3, 3)
	r.more(1, 2, 3)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.refusedStart(binary, "run", "-c", r.file())
	r.refusedStart(binary, "subject", "requests", "-c", r.file())
	r.again()
	r.more(1, 2, 3)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// beatsAs beats on the control log as an instance of a release would, until the answer is called.
func (r *running) beatsAs(name string, reads int) (leave func()) {
	r.t.Helper()
	s := r.service
	conn, err := connection(s.config)
	if err != nil {
		r.t.Fatal(err)
	}
	at, err := stream.NewLog(conn, s.config.Control.Topic)
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := subject.StoreID(r.t.Context(), s.people.store)
	if err != nil {
		r.t.Fatal(err)
	}
	f, err := control.New(control.Options{
		Log: at, Evictions: s.people.directory, MAC: func() control.MAC { return s.keys.ControlMAC() },
		Tenant: s.config.Tenant, Keyring: s.keys.ID(), Store: id, Instance: name, Reads: reads, Logger: s.log,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	if err := f.Await(ctx); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// Whoever was not heard when the upgrade became final finds out, and ends.
func TestUpgradeEndsWhoCannotRead(t *testing.T) {
	r := startWith(t, keeping, "mastodon")
	r.agrees(1, 1)
	rows := []subject.Row{{Key: subject.MetaKey("format"), Body: []byte{3}}}
	if lost, err := r.service.people.store.Swap(t.Context(), subject.Meta, rows); err != nil || len(lost) > 0 {
		t.Fatal(lost, err)
	}
	r.until("it ends", func() bool { return strings.Contains(r.log.String(), "service stopped") })
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "the store has format 3 and this build reads formats up to 2") {
		t.Errorf("got %v", err)
	}
}

// Instances of both releases work beside each other on one database, which scripts/with-postgres.sh runs.
func TestUpgradeInstanceByInstance(t *testing.T) {
	address := os.Getenv("NYMSTREAM_POSTGRES_URL")
	if address == "" {
		t.Skip("NYMSTREAM_POSTGRES_URL is not set; run through scripts/with-postgres.sh")
	}
	binary := releaseBefore(t)
	at := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(at, []byte(database(t, address)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startWith(t, func(config, policy string) (string, string) {
		config, policy = keeping(config, policy)
		return strings.Replace(config, "kind: embedded, dir: store", `kind: postgres, url: "${file:`+at+`}"`, 1), policy
	}, "mastodon")
	text, err := os.ReadFile(r.file())
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(r.file()), "older.yaml")
	text = bytes.Replace(bytes.Replace(text, []byte("instance: "+r.config.Instance), []byte("instance: older"), 1), []byte("dir: audit}"), []byte("dir: audit-older}"), 1)
	if err := os.WriteFile(second, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stop := r.older(binary, second)
	r.until("the release before takes a partition", func() bool { return strings.Contains(r.metrics(), "nymstream_partitions_assigned 1\n") })
	for id := 1; id <= 6; id++ {
		r.agrees(id, id)
	}
	r.more(1, 2, 3, 4, 5, 6)
	if _, err := r.upgrading("upgrade finalize"); !isNo(err) || !strings.Contains(err.Error(), "instance older reads formats up to 1") {
		t.Errorf("finalize beside the release before: %v", err)
	}
	stop()
	r.more(1, 2, 3, 4, 5, 6)
	r.finalize(7, 7)
	r.refusedStart(binary, "run", "-c", second)
	r.more(1, 2, 3, 4, 5, 6, 7)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// database makes one that is gone after the test.
func database(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("NYMSTREAM_POSTGRES_URL is no URL")
	}
	execute := func(statement string) {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	name := fmt.Sprintf("upgrade_%d", time.Now().UnixNano())
	execute("CREATE DATABASE " + name)
	t.Cleanup(func() { execute("DROP DATABASE " + name + " WITH (FORCE)") })
	u.Path = name
	return u.String()
}
