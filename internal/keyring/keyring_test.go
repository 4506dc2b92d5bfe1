// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

var now = time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)

// makeKeyring makes a keyring on disk; analytics renews every 90 days, partner by command only.
func makeKeyring(t testing.TB) (dir string, k *Keyring) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	err := Init(dir, InitOptions{Tenant: "example", Now: now, Recipients: []Recipient{{"analytics", 90 * day}, {"partner", 0}}})
	if err != nil {
		t.Fatal(err)
	}
	return dir, open(t, dir)
}

func open(t testing.TB, dir string) *Keyring {
	t.Helper()
	k, err := Open(dir, OpenOptions{Tenant: "example"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sample is what a domain makes of one secret: equal samples mean equal pseudonyms.
func sample(d *Domain) string {
	var out [16]byte
	d.TypePRF("acc").Sum(&out, []byte("a subject's secret, 32 bytes long"))
	return hex.EncodeToString(out[:])
}

func domainAt(t testing.TB, k *Keyring, recipient string, at time.Time) *Domain {
	t.Helper()
	d, err := k.DomainAt(recipient, 0, at.UnixMilli(), at.UnixMilli())
	if err != nil {
		t.Fatalf("%s at %s: %v", recipient, at, err)
	}
	return d
}

func TestOpenGivesTheSameKeys(t *testing.T) {
	dir, k := makeKeyring(t)
	again := open(t, dir)
	if got, want := again.ID(), k.ID(); got != want || want == "" {
		t.Errorf("id: got %q, want %q", got, want)
	}
	for _, r := range []string{"analytics", "partner"} {
		if got, want := sample(domainAt(t, again, r, now)), sample(domainAt(t, k, r, now)); got != want {
			t.Errorf("%s: got %s, want %s", r, got, want)
		}
	}
	if sample(domainAt(t, k, "analytics", now)) == sample(domainAt(t, k, "partner", now)) {
		t.Error("two recipients share a domain")
	}
}

func TestInitLeavesAKeyringAlone(t *testing.T) {
	dir, k := makeKeyring(t)
	err := Init(dir, InitOptions{Tenant: "example", Now: now})
	if !errors.Is(err, ErrExists) {
		t.Fatalf("got %v, want ErrExists", err)
	}
	if got, want := open(t, dir).ID(), k.ID(); got != want {
		t.Errorf("id: got %s, want %s", got, want)
	}
}

func TestInitRefuses(t *testing.T) {
	for name, o := range map[string]InitOptions{
		"no tenant":        {Now: now},
		"no time":          {Tenant: "example"},
		"nameless":         {Tenant: "example", Now: now, Recipients: []Recipient{{}}},
		"twice":            {Tenant: "example", Now: now, Recipients: []Recipient{{Name: "a"}, {Name: "a"}}},
		"renewed too fast": {Tenant: "example", Now: now, Recipients: []Recipient{{"a", time.Minute}}},
	} {
		dir := t.TempDir()
		if err := Init(dir, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := os.Stat(filepath.Join(dir, fileName)); err == nil {
			t.Errorf("%s: a keyring was written", name)
		}
	}
}

// A crash between the two files of Init leaves a KEK, which the next Init uses.
func TestInitAfterACrash(t *testing.T) {
	dir, _ := makeKeyring(t)
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	if err := Init(dir, InitOptions{Tenant: "example", Now: now}); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestDomainAt(t *testing.T) {
	_, k := makeKeyring(t)
	first := domainAt(t, k, "analytics", now)
	end := time.Date(2027, 2, 22, 0, 0, 0, 0, time.UTC) // 90 days, rounded up to midnight
	week := 7 * day
	for _, c := range []struct {
		name        string
		recipient   string
		record, now time.Time
		overlap     time.Duration
		epoch       int
		err         error
	}{
		{"now", "analytics", now, now, 0, 1, nil},
		{"long ago, in the running epoch", "analytics", now.AddDate(-20, 0, 0), now, 0, 1, nil},
		{"last moment", "analytics", end.Add(-time.Millisecond), end.Add(-time.Millisecond), 0, 1, nil},
		{"first moment of the next", "analytics", end, end, 0, 2, nil},
		{"late, inside the overlap", "analytics", end.Add(-time.Hour), end.Add(week), week, 1, nil},
		{"late, after the overlap", "analytics", end.Add(-time.Hour), end.Add(week + time.Millisecond), week, 0, ErrEpochEnded},
		{"late, no overlap", "analytics", end.Add(-time.Hour), end.Add(time.Millisecond), 0, 0, ErrEpochEnded},
		{"never renewed", "partner", now.AddDate(-20, 0, 0), now.AddDate(20, 0, 0), 0, 1, nil},
		{"clock skew", "analytics", now.Add(5 * time.Minute), now, 0, 1, nil},
		{"future", "analytics", now.Add(5*time.Minute + time.Millisecond), now, 0, 0, ErrFuture},
		{"no key made yet", "analytics", end.Add(90 * day), end.Add(90 * day), 0, 0, ErrNoKey},
		{"unknown recipient", "nobody", now, now, 0, 0, ErrNoKey},
	} {
		d, err := k.DomainAt(c.recipient, c.overlap, c.record.UnixMilli(), c.now.UnixMilli())
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.err)
		}
		if err == nil && d.Epoch() != c.epoch {
			t.Errorf("%s: got epoch %d, want %d", c.name, d.Epoch(), c.epoch)
		}
	}
	if !errors.Is(ErrNoKey, event.ErrFatal) {
		t.Error("a missing key must be fatal")
	}
	second, err := k.EpochDomain("analytics", 2)
	if err != nil {
		t.Fatal(err)
	}
	if sample(first) == sample(second) {
		t.Error("two epochs share a domain")
	}
}

func TestDomainAtTimesFarAway(t *testing.T) {
	_, k := makeKeyring(t)
	for _, ms := range []int64{-1, math.MinInt64} { // -1 is Kafka's "no timestamp"
		d, err := k.DomainAt("analytics", 0, ms, now.UnixMilli())
		if err != nil || d.Epoch() != 1 {
			t.Errorf("%d: got %v, %v, want epoch 1", ms, d, err)
		}
	}
	if _, err := k.DomainAt("analytics", 0, math.MaxInt64, now.UnixMilli()); !errors.Is(err, ErrFuture) {
		t.Errorf("got %v, want ErrFuture", err)
	}
	if _, err := k.DomainAt("analytics", 0, math.MinInt64, now.AddDate(1, 0, 0).UnixMilli()); !errors.Is(err, ErrEpochEnded) {
		t.Errorf("got %v, want ErrEpochEnded", err)
	}
}

func TestDomainAtAllocatesNothing(t *testing.T) {
	_, k := makeKeyring(t)
	ms := now.UnixMilli()
	domainAt(t, k, "analytics", now).TypePRF("acc")
	var out [16]byte
	secret := make([]byte, 32)
	n := testing.AllocsPerRun(100, func() {
		d, err := k.DomainAt("analytics", time.Hour, ms, ms)
		if err != nil {
			t.Fatal(err)
		}
		d.TypePRF("acc").Sum(&out, secret)
		if _, err := k.DomainAt("analytics", time.Hour, ms+1e9, ms); err == nil {
			t.Fatal("future accepted")
		}
	})
	if n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	dir, k := makeKeyring(t)
	want := sample(domainAt(t, k, "partner", now))
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d, err := k.DomainAt("partner", 0, now.UnixMilli(), now.UnixMilli())
				if err != nil || sample(d) != want {
					t.Errorf("got %v, %v", d, err)
					return
				}
				d.TypePRF(fmt.Sprintf("t%02d", i%50))
			}
		})
	}
	other := open(t, dir)
	for i := range 3 {
		if err := other.AddRecipient(Recipient{Name: fmt.Sprint("r", i)}, now); err != nil {
			t.Error(err)
		}
		if err := k.Reload(); err != nil {
			t.Error(err)
		}
		if err := k.RotateKEK(nil); err != nil {
			t.Error(err)
		}
		if err := other.Reload(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	workers.Wait()
}

// Domains whose keys did not change stay the same objects, so that what is cached for them stays good.
func TestReloadKeepsDomains(t *testing.T) {
	dir, k := makeKeyring(t)
	before := domainAt(t, k, "partner", now)
	if err := open(t, dir).AddRecipient(Recipient{Name: "third"}, now); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	domainAt(t, k, "third", now)
	if domainAt(t, k, "partner", now) != before {
		t.Error("the domain was made anew")
	}
}

func TestEphemeral(t *testing.T) {
	k, err := Ephemeral("example", []string{"analytics"}, now)
	if err != nil {
		t.Fatal(err)
	}
	d := domainAt(t, k, "analytics", now.AddDate(30, 0, 0))
	if d.Epoch() != 1 || d != domainAt(t, k, "analytics", now.AddDate(-30, 0, 0)) {
		t.Errorf("epoch %d: want one endless epoch", d.Epoch())
	}
	if _, err := k.QuarantineAt(now.UnixMilli()); err != nil {
		t.Error(err)
	}
	if err := k.Extend(now.Add(day)); err != nil {
		t.Error(err)
	}
	if _, err := k.QuarantineAt(now.Add(2 * day).UnixMilli()); err != nil {
		t.Error(err)
	}
	if err := k.RotateKEK(nil); err != nil {
		t.Error(err)
	}
	if err := k.Reload(); err != nil {
		t.Error(err)
	}
	if d != domainAt(t, k, "analytics", now) {
		t.Error("the domain changed")
	}
	other, err := Ephemeral("example", []string{"analytics"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if sample(d) == sample(domainAt(t, other, "analytics", now)) {
		t.Error("two ephemeral keyrings share keys")
	}
}

func TestNothingPrintsKeys(t *testing.T) {
	dir, k := makeKeyring(t)
	d := domainAt(t, k, "partner", now)
	q, err := k.QuarantineAt(now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	field, err := d.FieldKey([]byte("salt"))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := k.SecretPRF("", "eml")
	signer, err := k.Signer(RoleAudit)
	if err != nil {
		t.Fatal(err)
	}
	reveal, err := OpenReveal(filepath.Join(dir, revealName), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{
		k, d, d.TypePRF("acc"), p, q, field, Secret{1}, &Secret{1}, struct{ S Secret }{}, k.kek, &k.file,
		k.LookupPRF(), k.StoreEpoch(), k.ControlMAC(), signer, reveal,
		KMS{Token: "secret"}, RevealOptions{Passphrase: []byte("secret")}, InitOptions{Passphrase: []byte("secret")}, OpenOptions{Passphrase: []byte("secret")},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); !strings.Contains(got, hidden) || len(got) > 40 {
				t.Errorf("%T with %s: got %q", v, verb, got)
			}
		}
	}
	if got, err := json.Marshal(Secret{1}); err != nil || string(got) != `"[secret]"` {
		t.Errorf("JSON: got %s, %v", got, err)
	}
}
