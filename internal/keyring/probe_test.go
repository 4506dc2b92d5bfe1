// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

func TestWipe(t *testing.T) {
	d, to := fakeVault(t)
	kms := KMS{URI: "vault:http://" + to + "/transit/keys/nymstream", Token: "token"}
	kmsDir, byKMS := kmsKeyring(t, kms)
	fileDir, byFile := makeKeyring(t)
	memory, err := Ephemeral("example", []string{"partner"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Keyring{"KMS": byKMS, "file": byFile, "memory": memory} {
		id := k.ID()
		k.Wipe()
		k.Wipe()
		ms := now.UnixMilli()
		for what, ask := range map[string]func() error{
			"domain":     func() error { _, err := k.DomainAt("partner", 0, ms, ms); return err },
			"latest":     func() error { _, err := k.LatestDomain("partner", ms); return err },
			"epoch":      func() error { _, err := k.EpochDomain("partner", 1); return err },
			"quarantine": func() error { _, err := k.QuarantineAt(ms); return err },
			"store":      func() error { _, err := k.StoreKeyOf(1); return err },
			"signer":     func() error { _, err := k.Signer(RoleAudit); return err },
			"probe":      func() error { return k.Probe(t.Context()) },
			"extend":     func() error { return k.Extend(now) },
			"rotate":     func() error { return k.RotateKEK(nil) },
			"add":        func() error { return k.AddRecipient(Recipient{Name: "x"}, now) },
		} {
			if err := ask(); !errors.Is(err, ErrNoKey) || !errors.Is(err, event.ErrFatal) {
				t.Errorf("%s, %s: got %v, want ErrNoKey", name, what, err)
			}
		}
		if k != memory && !errors.Is(k.Reload(), ErrNoKey) {
			t.Errorf("%s: a reload brought the keys back", name)
		}
		if k.StoreEpoch() != nil || k.ControlMAC() != nil || k.LookupPRF() != nil || k.RevealPublic() != nil || len(k.List(now)) != 0 {
			t.Errorf("%s: it still lends keys", name)
		}
		k.SecretPRF("", "acc")
		if k.ID() != id || k.Tenant() != "example" {
			t.Errorf("%s: it forgot its name", name)
		}
		if k.kek != nil || k.file.passphrase != nil {
			t.Errorf("%s: the KEK is still there", name)
		}
	}
	open(t, fileDir)
	if _, err := Open(kmsDir, OpenOptions{KMS: kms}); err != nil {
		t.Error(err)
	}
	d.set(denied)
}

// A wipe during a change wins.
func TestWipeDuringAChange(t *testing.T) {
	d, to := fakeVault(t)
	w := newWire(t, to)
	_, k := kmsKeyring(t, KMS{URI: "vault:http://" + w.address + "/transit/keys/nymstream", Token: "token"})
	calls := d.count()
	w.slow(100 * time.Millisecond)
	done := make(chan error, 1)
	go func() { done <- k.AddRecipient(Recipient{Name: "third"}, now) }()
	for d.count() == calls {
		time.Sleep(time.Millisecond)
	}
	wiped := make(chan struct{})
	go func() { k.Wipe(); close(wiped) }()
	for !k.isWiped.Load() {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("the change ended before the wipe: %v", err)
	default:
	}
	if _, err := k.LatestDomain("partner", now.UnixMilli()); !errors.Is(err, ErrNoKey) {
		t.Errorf("while the change waits for the KMS: got %v, want ErrNoKey", err)
	}
	if err := <-done; !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	<-wiped
	if _, err := k.LatestDomain("third", now.UnixMilli()); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
}

func TestProbeOfAKEKFile(t *testing.T) {
	dir, k := makeKeyring(t)
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
	kek := filepath.Join(dir, kekName)
	if err := os.Rename(kek, kek+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := k.Probe(t.Context()); !errors.Is(err, ErrKEKRevoked) {
		t.Errorf("got %v, want ErrKEKRevoked", err)
	}
	if err := os.Rename(kek+"-away", kek); err != nil {
		t.Fatal(err)
	}
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
	memory, err := Ephemeral("example", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := memory.Probe(t.Context()); err != nil {
		t.Errorf("in memory: %v", err)
	}
}
