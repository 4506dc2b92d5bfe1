// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nymstream/nymstream/internal/event"
)

var twoRecipients = []Recipient{{"analytics", 90 * day}, {"partner", 0}}

// kmsKeyring makes a keyring that the KMS wraps.
func kmsKeyring(t *testing.T, kms KMS) (dir string, k *Keyring) {
	t.Helper()
	dir = t.TempDir()
	if err := Init(dir, InitOptions{Tenant: "example", Now: now, Recipients: twoRecipients, KMS: kms}); err != nil {
		t.Fatal(err)
	}
	k, err := Open(dir, OpenOptions{KMS: kms})
	if err != nil {
		t.Fatal(err)
	}
	return dir, k
}

// ownKeys is how many KEKs of epochs and days a keyring has.
func ownKeys(k *Keyring) int { return len(k.current.Load().contents.owns()) }

func eachFake(t *testing.T, test func(*testing.T, kmsCase)) {
	for name, start := range fakes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func TestKMSKeyring(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		dir, k := kmsKeyring(t, c.kms)
		if _, err := os.Stat(filepath.Join(dir, kekName)); err == nil {
			t.Error("a kek file was made too")
		}
		want := sample(domainAt(t, k, "partner", now))
		before := c.fake.count()
		again, err := Open(dir, OpenOptions{KMS: c.kms})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.fake.count()-before, ownKeys(k)+1; got != want {
			t.Errorf("opening took %d calls, want %d", got, want)
		}
		if got := sample(domainAt(t, again, "partner", now)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}

		before = c.fake.count()
		if err := again.AddRecipient(Recipient{Name: "third"}, now); err != nil {
			t.Fatal(err)
		}
		if err := k.Reload(); err != nil {
			t.Fatal(err)
		}
		if got := c.fake.count() - before; got != 3 { // one to wrap, one each to unwrap
			t.Errorf("a new recipient took %d calls, want 3", got)
		}
		if err := again.RotateKEK(nil); err != nil {
			t.Fatal(err)
		}
		before = c.fake.count()
		if err := k.Reload(); err != nil {
			t.Fatal(err)
		}
		if got := c.fake.count() - before; got != 1 {
			t.Errorf("following a rotation took %d calls, want 1", got)
		}
		if got := sample(domainAt(t, k, "partner", now)); got != want {
			t.Errorf("after the rotation: got %s, want %s", got, want)
		}
		if err := k.Probe(t.Context()); err != nil {
			t.Errorf("probe: %v", err)
		}
	})
}

func TestKMSBindsPlaces(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) { checkBinding(t, c.kms) })
}

// checkBinding wants what is wrapped for one place not to open in another.
func checkBinding(t *testing.T, kms KMS) {
	t.Helper()
	key, err := kms.open()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Encrypt([]byte("text"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Decrypt(sealed, []byte("place")); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v", got, err)
	}
	for name, ad := range map[string]string{"another place": "another", "no place": ""} {
		if got, err := key.Decrypt(sealed, []byte(ad)); !errors.Is(err, errRefused) {
			t.Errorf("%s: got %q, %v, want errRefused", name, got, err)
		}
	}
	_, k := kmsKeyring(t, kms)
	fresh, err := parseContents(k.current.Load().raw, "")
	if err != nil {
		t.Fatal(err)
	}
	a, p := &fresh.recipient("analytics").Epochs[0], &fresh.recipient("partner").Epochs[0]
	a.KEK, a.Domain, a.Field, a.Seal = p.KEK, p.Domain, p.Field, p.Seal
	if err := fresh.prove(k.kek); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.open(k.kek, nil, "x"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a moved epoch: got %v, want ErrCorrupt", err)
	}
}

func TestKMSRevoked(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		dir, k := kmsKeyring(t, c.kms)
		for name, s := range map[string]state{"disabled": disabled, "denied": denied, "missing": missing} {
			c.fake.set(s)
			_, err := Open(dir, OpenOptions{KMS: c.kms})
			for what, err := range map[string]error{"probe": k.Probe(t.Context()), "open": err, "extend": k.Extend(now.Add(2 * day))} {
				if !errors.Is(err, ErrKEKRevoked) || !errors.Is(err, event.ErrFatal) || errors.Is(err, event.ErrTransient) || strings.Contains(fmt.Sprint(err), "\n") {
					t.Errorf("%s, %s: got %v, want ErrKEKRevoked", name, what, err)
				}
			}
			if err := Init(t.TempDir(), InitOptions{Tenant: "example", Now: now, KMS: c.kms}); !errors.Is(err, ErrKEKRevoked) {
				t.Errorf("%s, init: got %v, want ErrKEKRevoked", name, err)
			}
		}
		c.fake.set(serving)
		if err := k.Probe(t.Context()); err != nil {
			t.Errorf("probe after recovery: %v", err)
		}
		if _, err := Open(dir, OpenOptions{KMS: c.kms}); err != nil {
			t.Errorf("open after recovery: %v", err)
		}
	})
}

func TestKMSUnreachable(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		c.kms.Timeout = 500 * time.Millisecond
		dir, k := kmsKeyring(t, c.kms)
		checkUnreachable(t, c, dir, k)
	})
}

func checkUnreachable(t *testing.T, c kmsCase, dir string, k *Keyring) {
	t.Helper()
	check := func(name string) {
		t.Helper()
		began := time.Now()
		_, err := Open(dir, OpenOptions{KMS: c.kms})
		for what, err := range map[string]error{"probe": k.Probe(t.Context()), "open": err} {
			if !errors.Is(err, event.ErrTransient) || errors.Is(err, event.ErrFatal) {
				t.Errorf("%s, %s: got %v, want event.ErrTransient", name, what, err)
			}
		}
		if took := time.Since(began); took > 2*c.kms.Timeout+time.Second {
			t.Errorf("%s: took %s with a limit of %s for each of two calls", name, took, c.kms.Timeout)
		}
		domainAt(t, k, "partner", now) // the keys in memory go on
	}
	c.wire.down()
	check("down")
	c.wire.up()
	c.wire.slow(2 * c.kms.Timeout)
	check("slow")
	c.wire.slow(0)
	if _, err := Open(dir, OpenOptions{KMS: c.kms}); err != nil {
		t.Errorf("open after recovery: %v", err)
	}
	var err error
	for range 20 { // a client waits before it connects again
		if err = k.Probe(t.Context()); err == nil {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("probe after recovery: %v", err)
	}
}

// Another key under the same name opens nothing: a probe says so, and opening names the mend.
func TestKMSKeyReplaced(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		dir, k := kmsKeyring(t, c.kms)
		c.fake.mu.Lock()
		c.fake.aead = newFakeKMS(t).aead
		c.fake.mu.Unlock()
		if err := k.Probe(t.Context()); !errors.Is(err, ErrKEKRevoked) {
			t.Errorf("probe: got %v, want ErrKEKRevoked", err)
		}
		if _, err := Open(dir, OpenOptions{KMS: c.kms}); !errors.Is(err, ErrWrongKEK) || !strings.Contains(err.Error(), c.kms.URI) {
			t.Errorf("open: got %v, want ErrWrongKEK", err)
		}
	})
}

func TestProbeCanceled(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		_, k := kmsKeyring(t, c.kms)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := k.Probe(ctx); !errors.Is(err, event.ErrTransient) {
			t.Errorf("got %v, want event.ErrTransient", err)
		}
	})
}

func TestMoveKEK(t *testing.T) {
	d, to := fakeVault(t)
	kms := KMS{URI: "vault:http://" + to + "/transit/keys/nymstream", Token: "token"}
	dir, k := makeKeyring(t)
	want := sample(domainAt(t, k, "partner", now))
	sealed := k.StoreEpoch().Seal(nil, []byte("secret"), nil)
	check := func(name string, k *Keyring) {
		t.Helper()
		if got := sample(domainAt(t, k, "partner", now)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if got, err := k.StoreEpoch().Open(nil, sealed, nil); err != nil || string(got) != "secret" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	d.set(denied)
	if err := k.MoveKEK(OpenOptions{KMS: kms}); !errors.Is(err, ErrKEKRevoked) {
		t.Errorf("to a key that is denied: got %v, want ErrKEKRevoked", err)
	}
	if err := k.AddRecipient(Recipient{Name: "third"}, now); err != nil {
		t.Errorf("after a move that failed: %v", err)
	}
	check("not moved", open(t, dir))
	d.set(serving)

	if err := k.MoveKEK(OpenOptions{KMS: kms}); err != nil {
		t.Fatal(err)
	}
	check("moved to the KMS", k)
	if _, err := Open(dir, OpenOptions{}); !errors.Is(err, ErrWrongKEK) || !strings.Contains(err.Error(), kms.URI) {
		t.Errorf("with the old kek file: got %v, want ErrWrongKEK and the key's URI", err)
	}
	if err := os.Remove(filepath.Join(dir, kekName)); err != nil {
		t.Fatal(err)
	}
	moved, err := Open(dir, OpenOptions{KMS: kms})
	if err != nil {
		t.Fatal(err)
	}
	check("opened by the KMS", moved)

	file := filepath.Join(t.TempDir(), "kek")
	if err := moved.MoveKEK(OpenOptions{KEKFile: file}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, OpenOptions{KMS: kms}); !errors.Is(err, ErrWrongKEK) {
		t.Errorf("by the KMS again: got %v, want ErrWrongKEK", err)
	}
	back, err := Open(dir, OpenOptions{KEKFile: file})
	if err != nil {
		t.Fatal(err)
	}
	check("back in a file", back)
	if err := back.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
}

// Nothing of the KEK that the KMS wraps is in the directory, and a destroyed epoch's KEK is gone from it too.
func TestKMSDestroyedEpochIsGone(t *testing.T) {
	eachFake(t, func(t *testing.T, c kmsCase) {
		dir, k := kmsKeyring(t, c.kms)
		e := k.current.Load().contents.recipient("analytics").Epochs[0]
		checkGone(t, dir, [][]byte{e.KEK, e.Domain, e.Field, e.Seal}, func() error { return k.DestroyEpoch("analytics", 1, 0, e.To) })
		before := c.fake.count()
		again, err := Open(dir, OpenOptions{KMS: c.kms})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.fake.count()-before, ownKeys(again)+1; got != want {
			t.Errorf("opening took %d calls, want %d", got, want)
		}
	})
}

func TestKMSOptionsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for uri, o := range map[string]KMS{
		"awskms:alias/x":                                {},
		"awskms:arn:aws:s3:::bucket":                    {},
		"gcpkms:projects/p":                             {},
		"vault:https://bao.example:8200/transit/x":      {Token: "t"},
		"vault:https://bao.example:8200/transit/keys/x": {},
		"vault:https://bao.example/transit/keys/x":      {Token: "t", TokenFile: "f"},
		"vault:http://bao.example/transit/keys/x":       {Token: "t"},
		"vault:https://me@bao.example/transit/keys/x":   {Token: "t"},
		"vault:https://bao.example/v1/transit/keys/x":   {Token: "t", CAFile: empty},
		"azure:https://vault.example/keys/x":            {},
		"nonsense":                                      {},
	} {
		o.URI = uri
		if _, err := Open(t.TempDir(), OpenOptions{KMS: o}); err == nil || !strings.Contains(err.Error(), uri) {
			t.Errorf("%s: got %v, want a refusal that names it", uri, err)
		}
	}
	o := KMS{URI: "vault:https://bao.example/v1/transit/keys/x", Token: "s.secret-token"}
	if _, err := o.open(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(got, "secret-token") {
		t.Errorf("got %s", got)
	}
}

func TestGCPClasses(t *testing.T) {
	for code, want := range map[codes.Code]error{
		codes.InvalidArgument: errRefused, codes.PermissionDenied: ErrKEKRevoked, codes.NotFound: ErrKEKRevoked, codes.FailedPrecondition: ErrKEKRevoked,
		codes.Unauthenticated: ErrKEKRevoked, codes.Unavailable: event.ErrTransient, codes.ResourceExhausted: event.ErrTransient, codes.Internal: event.ErrTransient,
	} {
		if got := classGCP(status.Error(code, "said so")); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", code, got, want)
		}
	}
	if got := classGCP(status.Error(codes.Unauthenticated, "transport: per-RPC creds failed due to error: no route")); !errors.Is(got, event.ErrTransient) {
		t.Errorf("no token: got %v, want event.ErrTransient", got)
	}
}

func TestAWSClasses(t *testing.T) {
	of := func(code string, httpStatus int) error {
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: httpStatus}},
			Err:      &smithy.GenericAPIError{Code: code},
		}
	}
	for name, c := range map[string]struct{ err, want error }{
		"disabled":         {of("DisabledException", 400), ErrKEKRevoked},
		"to be deleted":    {of("KMSInvalidStateException", 400), ErrKEKRevoked},
		"denied":           {of("AccessDeniedException", 400), ErrKEKRevoked},
		"denied by STS":    {of("AccessDenied", 403), ErrKEKRevoked},
		"ciphertext":       {&types.InvalidCiphertextException{}, errRefused},
		"another key's":    {&types.IncorrectKeyException{}, errRefused},
		"throttled":        {of("ThrottlingException", 400), event.ErrTransient},
		"internal":         {of("KMSInternalException", 500), event.ErrTransient},
		"timeout":          {of("DependencyTimeoutException", 503), event.ErrTransient},
		"no credentials":   {errors.New("no EC2 IMDS role found"), event.ErrTransient},
		"connection reset": {&net.OpError{Op: "read", Err: errors.New("reset")}, event.ErrTransient},
	} {
		if got := classAWS(c.err); !errors.Is(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A token file is read before each call.
func TestVaultTokenFile(t *testing.T) {
	_, to := fakeVault(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, k := kmsKeyring(t, KMS{URI: "vault:http://" + to + "/transit/keys/nymstream", TokenFile: file})
	edit(t, file, func([]byte) []byte { return []byte("expired") })
	if err := k.Probe(t.Context()); !errors.Is(err, ErrKEKRevoked) || strings.Contains(err.Error(), "expired") {
		t.Errorf("got %v, want ErrKEKRevoked", err)
	}
	edit(t, file, func([]byte) []byte { return []byte("token") })
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("with a good token again: %v", err)
	}
}

// What was wrapped before a rotation opens no more: old copies of the file are of no use once the old version is destroyed.
func TestKMSRotationWrapsEverythingAnew(t *testing.T) {
	d, to := fakeVault(t)
	kms := KMS{URI: "vault:http://" + to + "/transit/keys/nymstream", Token: "token"}
	_, k := kmsKeyring(t, kms)
	var old [][]byte
	c := k.current.Load().contents
	for _, o := range c.owns() {
		old = append(old, *o.kek)
	}
	for _, w := range c.singles() {
		old = append(old, *w)
	}
	old = append(old, c.KMS.KEK, c.KMS.Probe)
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range old {
		if bytes.Contains(k.current.Load().raw, base64Of(w)) {
			t.Error("something is still wrapped as it was")
		}
	}
	if d.count() == 0 {
		t.Error("the KMS was not asked")
	}
}
