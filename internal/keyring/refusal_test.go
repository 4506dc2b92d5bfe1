// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// edit changes a file of a keyring.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// editJSON changes the object in keyring.json.
func editJSON(t *testing.T, dir string, change func(map[string]any)) {
	t.Helper()
	edit(t, filepath.Join(dir, fileName), func(data []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	})
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
}

func TestOpenRefuses(t *testing.T) {
	otherKEK := func(t *testing.T, dir string) {
		k, err := newKEK()
		if err != nil {
			t.Fatal(err)
		}
		if err := (&kekFile{path: filepath.Join(dir, kekName)}).write(k); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	change := func(name string, with func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) { edit(t, filepath.Join(dir, name), with) }
	}
	object := func(with func(map[string]any)) func(*testing.T, string) {
		return func(t *testing.T, dir string) { editJSON(t, dir, with) }
	}
	mode := func(m os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, kekName), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, string)
		want  error
		mend  string
	}{
		{"no keyring", remove(fileName), ErrMissing, "nymstream keys init"},
		{"no kek", remove(kekName), ErrMissing, "restore it"},
		{"kek for the group", mode(0o640), ErrExposed, "chmod 600"},
		{"kek for all", mode(0o604), ErrExposed, "chmod 600"},
		{"kek of another keyring", otherKEK, ErrWrongKEK, "use the kek file"},
		{"kek truncated", change(kekName, half), ErrCorrupt, "restore it"},
		{"kek empty", change(kekName, func([]byte) []byte { return nil }), ErrCorrupt, "restore it"},
		{"keyring truncated", change(fileName, half), ErrCorrupt, "restore it"},
		{"keyring empty", change(fileName, func([]byte) []byte { return nil }), ErrCorrupt, "restore it"},
		{"keyring twice", change(fileName, func(b []byte) []byte { return append(b, b...) }), ErrCorrupt, "restore it"},
		{"unknown field", object(func(m map[string]any) { m["extra"] = 1 }), ErrCorrupt, "restore it"},
		{"format 2", object(func(m map[string]any) { m["format"], m["extra"] = 2, 1 }), ErrFormat, "release"},
		{"no format", object(func(m map[string]any) { delete(m, "format") }), ErrFormat, "release"},
		{"canonicalization 2", object(func(m map[string]any) { m["canonicalization"] = 2 }), ErrFormat, "newer release"},
		{"canonicalization 0", object(func(m map[string]any) { m["canonicalization"] = 0 }), ErrFormat, "newer release"},
		{"another tenant", object(func(m map[string]any) { m["tenant"] = "someone" }), ErrTenant, `"someone"`},
		{"a date moved", change(fileName, replace("2027-02-22", "2027-02-23")), ErrCorrupt, "another program"},
		{"a recipient renamed", change(fileName, replace(`"partner"`, `"partnar"`)), ErrCorrupt, "another program"},
		{"renewal changed", change(fileName, replace(`2160h`, `2161h`)), ErrCorrupt, "another program"},
		{"an epoch removed", object(func(m map[string]any) {
			r := m["recipients"].([]any)[0].(map[string]any)
			r["epochs"] = r["epochs"].([]any)[:1]
		}), ErrCorrupt, "another program"},
		{"no proof", object(func(m map[string]any) { delete(m, "proof") }), ErrCorrupt, "another program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, k := makeKeyring(t)
			secrets := secretTexts(t, k)
			c.spoil(t, dir)
			_, err := Open(dir, OpenOptions{Tenant: "example"})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.mend) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, want the mend %q and the file", err, c.mend)
			}
			for _, s := range secrets {
				if strings.Contains(err.Error(), s) {
					t.Errorf("the error tells the kek: %v", err)
				}
			}
		})
	}
}

// secretTexts are pieces of the kek file that no message may hold.
func secretTexts(t *testing.T, k *Keyring) []string {
	t.Helper()
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.kek.handle, keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	var ks struct {
		Key []struct {
			KeyData struct{ Value string }
		}
	}
	if err := json.Unmarshal(b.Bytes(), &ks); err != nil || len(ks.Key) != 1 {
		t.Fatalf("%v: %d keys", err, len(ks.Key))
	}
	v := ks.Key[0].KeyData.Value
	return []string{v, v[4:16], v[16:28]}
}

// Entries are bound to their place: a keyset moved to another epoch or recipient does not open, proof or not.
func TestMovedKeysets(t *testing.T) {
	_, k := makeKeyring(t)
	c := k.current.Load().contents
	a, p := &c.recipient("analytics").Epochs[0], &c.recipient("partner").Epochs[0]
	moves := map[string]func(){
		"domain of another recipient": func() { a.Domain = p.Domain },
		"kek of another recipient":    func() { a.KEK = p.KEK },
		"epoch of another recipient":  func() { *a = *p },
		"field as domain":             func() { a.Domain = a.Field },
		"kek of another epoch":        func() { a.KEK = c.recipient("analytics").Epochs[1].KEK },
		"day moved":                   func() { c.Quarantine[0].KEK, c.Quarantine[0].Keyset = c.Quarantine[1].KEK, c.Quarantine[1].Keyset },
	}
	raw := k.current.Load().raw
	for name, move := range moves {
		fresh, err := parseContents(raw, "")
		if err != nil {
			t.Fatal(err)
		}
		*c = *fresh
		a, p = &c.recipient("analytics").Epochs[0], &c.recipient("partner").Epochs[0]
		move()
		if err := c.prove(k.kek); err != nil {
			t.Fatal(err)
		}
		if _, err := c.open(k.kek, nil, ""); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	pass := []byte("correct horse battery staple")
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, Recipients: []Recipient{{Name: "partner"}}, Passphrase: pass, scryptWork: 10}); err != nil {
		t.Fatal(err)
	}
	k, err := Open(dir, OpenOptions{Passphrase: pass})
	if err != nil {
		t.Fatal(err)
	}
	want := sample(domainAt(t, k, "partner", now))
	for name, c := range map[string]struct {
		pass []byte
		want string
	}{"none": {nil, "needed"}, "wrong": {[]byte("incorrect horse"), "wrong"}} {
		_, err := Open(dir, OpenOptions{Passphrase: c.pass})
		if !errors.Is(err, ErrPassphrase) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error tells the passphrase", name)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, kekName))
	if err != nil || !encrypted(data) {
		t.Errorf("the kek file is not encrypted: %v", err)
	}

	k.file.work = 10
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(dir, OpenOptions{Passphrase: pass}); err != nil {
		t.Fatalf("rotation without a new passphrase changed the old one: %v", err)
	}
	k.file.work = 10
	if err := k.RotateKEK([]byte("another")); err != nil {
		t.Fatal(err)
	}
	if _, err = Open(dir, OpenOptions{Passphrase: pass}); !errors.Is(err, ErrPassphrase) {
		t.Errorf("old passphrase: got %v, want ErrPassphrase", err)
	}
	if k, err = Open(dir, OpenOptions{Passphrase: []byte("another")}); err != nil {
		t.Fatal(err)
	}
	if got := sample(domainAt(t, k, "partner", now)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPassphraseFileTruncated(t *testing.T) {
	dir := t.TempDir()
	pass := []byte("pass")
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, Passphrase: pass, scryptWork: 10}); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, kekName), func(b []byte) []byte { return b[:len(b)-80] })
	if _, err := Open(dir, OpenOptions{Passphrase: pass}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestKEKFileElsewhere(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "my.kek")
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, KEKFile: file}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, kekName)); err == nil {
		t.Error("a kek file was made beside the keyring too")
	}
	if _, err := Open(dir, OpenOptions{KEKFile: file}); err != nil {
		t.Error(err)
	}
	if _, err := Open(dir, OpenOptions{}); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	dir, k := makeKeyring(t)
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names[e.Name()] = true
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if len(names) != 5 || !names[fileName] || !names[kekName] || !names[lockName] || !names[revealName] || !names["reveal.kek"] {
		t.Errorf("got %v, want keyring, kek, lock, and the reveal key with its kek", names)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	dir, k := makeKeyring(t)
	release, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.AddRecipient(Recipient{Name: "third"}, now); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	release()
	if err := k.AddRecipient(Recipient{Name: "third"}, now); err != nil {
		t.Errorf("after the other writer: %v", err)
	}
}
