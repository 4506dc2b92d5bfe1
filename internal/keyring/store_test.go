// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"pgregory.net/rapid"
)

// tinkStore gives Tink's own AEAD of a store epoch's keyset.
func tinkStore(t *testing.T, k *Keyring, epoch int) tink.AEAD {
	t.Helper()
	c := k.current.Load().contents
	e := c.storeEpoch(epoch)
	own, err := c.openOwnKEK(e.KEK, k.kek, "", storePlace(epoch))
	if err != nil {
		t.Fatal(err)
	}
	h, err := unwrap(e.Keyset, own.aead, wrapLabel("example", RoleStore, "", epochPlace(epoch)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStoreKeyEqualsTink(t *testing.T) {
	_, k := makeKeyring(t)
	ours, tinks := k.StoreEpoch(), tinkStore(t, k, 1)
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "plaintext")
		ad := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "ad")
		sealed := ours.Seal([]byte("before"), plaintext, ad)[len("before"):]
		if len(sealed) != len(plaintext)+SealOverhead {
			t.Fatalf("got %d bytes for %d", len(sealed), len(plaintext))
		}
		if got, err := tinks.Decrypt(sealed, ad); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Tink: got %x, %v, want %x", got, err, plaintext)
		}
		sealed, err := tinks.Encrypt(plaintext, ad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ours.Open([]byte("before"), sealed, ad); err != nil || !bytes.Equal(got, append([]byte("before"), plaintext...)) {
			t.Fatalf("got %x, %v, want %x", got, err, plaintext)
		}
	})
}

func TestStoreKeyRefuses(t *testing.T) {
	_, k := makeKeyring(t)
	key := k.StoreEpoch()
	ad := []byte("key ‖ generation")
	sealed := key.Seal(nil, []byte("secret"), ad)
	changed := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	for name, c := range map[string]struct{ sealed, ad []byte }{
		"another place": {sealed, []byte("another")},
		"no place":      {sealed, nil},
		"cut":           {sealed[:len(sealed)-1], ad},
		"nothing":       {nil, ad},
		"prefix":        {changed(0), ad},
		"key id":        {changed(4), ad},
		"nonce":         {changed(5), ad},
		"ciphertext":    {changed(17), ad},
		"tag":           {changed(len(sealed) - 1), ad},
	} {
		if got, err := key.Open(nil, c.sealed, c.ad); err == nil {
			t.Errorf("%s: opened as %q", name, got)
		}
	}
	if bytes.Equal(sealed, key.Seal(nil, []byte("secret"), ad)) {
		t.Error("two seals share a nonce")
	}
}

func TestStoreKeyAllocatesNothing(t *testing.T) {
	_, k := makeKeyring(t)
	plaintext, ad := make([]byte, 32), make([]byte, 20)
	sealed, opened := make([]byte, 0, 128), make([]byte, 0, 128)
	n := testing.AllocsPerRun(100, func() {
		sealed = k.StoreEpoch().Seal(sealed[:0], plaintext, ad)
		key, err := k.StoreKeyOf(1)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err = key.Open(opened[:0], sealed, ad); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func BenchmarkStoreKey(b *testing.B) {
	_, k := makeKeyring(b)
	key := k.StoreEpoch()
	plaintext, ad := make([]byte, 32), make([]byte, 20)
	sealed, opened := make([]byte, 0, 128), make([]byte, 0, 128)
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sealed = key.Seal(sealed[:0], plaintext, ad)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			opened, _ = key.Open(opened[:0], sealed, ad)
		}
	})
}

// A new epoch seals only after every instance has had time to learn of it, and the old one goes only after that.
func TestStoreEpochs(t *testing.T) {
	dir, k := makeKeyring(t)
	other := open(t, dir)
	first := k.StoreEpoch()
	sealed := first.Seal(nil, []byte("secret"), nil)
	if first.Epoch() != 1 {
		t.Fatalf("got epoch %d, want 1", first.Epoch())
	}
	if err := k.DestroyStoreEpoch(1, now); !errors.Is(err, ErrInUse) {
		t.Errorf("the epoch in use: got %v, want ErrInUse", err)
	}
	if err := k.Rotate(RoleStore, now); err != nil {
		t.Fatal(err)
	}
	if err := k.NewStoreEpoch(now); err == nil {
		t.Error("a third epoch was made before the second served")
	}
	if err := k.Extend(now.Add(Notice - time.Millisecond)); err != nil || k.StoreEpoch() != first {
		t.Errorf("before its time: got epoch %d, %v, want the first key", k.StoreEpoch().Epoch(), err)
	}
	if err := other.Reload(); err != nil {
		t.Fatal(err)
	}
	if other.StoreEpoch().Epoch() != 1 {
		t.Error("another instance seals in the new epoch at once")
	}
	if _, err := other.StoreKeyOf(2); err != nil {
		t.Errorf("another instance does not open the new epoch: %v", err)
	}
	at := now.Add(Notice)
	if err := k.Extend(at); err != nil || k.StoreEpoch().Epoch() != 2 {
		t.Fatalf("in its time: got epoch %d, %v, want 2", k.StoreEpoch().Epoch(), err)
	}
	if got, err := first.Open(nil, sealed, nil); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := k.StoreEpoch().Open(nil, sealed, nil); err == nil {
		t.Error("the second epoch opens what the first sealed")
	}
	if err := k.DestroyStoreEpoch(1, at.Add(Notice-time.Second)); !errors.Is(err, ErrInUse) {
		t.Errorf("too early: got %v, want ErrInUse", err)
	}
	checkGone(t, dir, storeBytes(k, 1), func() error { return k.DestroyStoreEpoch(1, at.Add(Notice)) })
	for name, k := range map[string]*Keyring{"running": k, "opened anew": open(t, dir)} {
		if _, err := k.StoreKeyOf(1); !errors.Is(err, ErrDestroyed) {
			t.Errorf("%s: got %v, want ErrDestroyed", name, err)
		}
		if _, err := k.StoreKeyOf(3); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: got %v, want ErrNoKey", name, err)
		}
		if k.StoreEpoch().Epoch() != 2 {
			t.Errorf("%s: got epoch %d, want 2", name, k.StoreEpoch().Epoch())
		}
	}
	if err := k.DestroyStoreEpoch(1, at.Add(day)); !errors.Is(err, ErrDestroyed) {
		t.Errorf("again: got %v, want ErrDestroyed", err)
	}
	if err := k.DestroyStoreEpoch(7, at); err == nil {
		t.Error("an unknown epoch was destroyed")
	}
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	if open(t, dir).StoreEpoch().Epoch() != 2 {
		t.Error("the epoch changed with the KEK")
	}
}

func storeBytes(k *Keyring, epoch int) [][]byte {
	e := k.current.Load().contents.storeEpoch(epoch)
	return [][]byte{e.KEK, e.Keyset}
}

// checkGone destroys, and wants the wrapped keys in keyring.json before and in no file after.
func checkGone(t *testing.T, dir string, wrapped [][]byte, destroy func() error) {
	t.Helper()
	for _, w := range wrapped {
		if len(w) == 0 || !inFiles(t, dir, w) {
			t.Fatal("the wrapped key is not in the file in the first place")
		}
	}
	if err := destroy(); err != nil {
		t.Fatal(err)
	}
	for _, w := range wrapped {
		if inFiles(t, dir, w) {
			t.Error("the wrapped key is still in the file")
		}
	}
}

// inFiles tells whether a file of the directory has the ciphertext of a wrapped keyset, as bytes or in base64.
func inFiles(t *testing.T, dir string, wrapped []byte) bool {
	t.Helper()
	ks, err := keyset.NewBinaryReader(bytes.NewReader(wrapped)).ReadEncrypted()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, base64Of(wrapped)) || bytes.Contains(data, ks.GetEncryptedKeyset()) {
			return true
		}
	}
	return false
}
