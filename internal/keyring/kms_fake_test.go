// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// state is what a fake KMS does with its key.
type state int

const (
	serving state = iota
	disabled
	denied
	missing
)

// fakeKMS is one key of a KMS in this process.
type fakeKMS struct {
	mu    sync.Mutex
	aead  cipher.AEAD
	state state
	calls int
}

func newFakeKMS(t *testing.T) *fakeKMS {
	t.Helper()
	var key [32]byte
	_, _ = rand.Read(key[:])
	return &fakeKMS{aead: aeadOf(t, key)}
}

// zeroKey is the key of testdata's keyring-kms.
func zeroKey(t *testing.T) cipher.AEAD {
	t.Helper()
	return aeadOf(t, [32]byte{})
}

func aeadOf(t *testing.T, key [32]byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key[:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

func (d *fakeKMS) set(s state) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
}

// asked counts a call and tells the state.
func (d *fakeKMS) asked() state {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	return d.state
}

func (d *fakeKMS) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// fakeAWS speaks the JSON protocol of AWS KMS.
func fakeAWS(t *testing.T) (*fakeKMS, string) {
	d := newFakeKMS(t)
	refuse := func(w http.ResponseWriter, code string) {
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "said so"})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyId                     string
			Plaintext, CiphertextBlob []byte
			EncryptionContext         map[string]string
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil {
			return // the wire was cut
		}
		switch d.asked() {
		case disabled:
			refuse(w, "DisabledException")
			return
		case denied:
			refuse(w, "AccessDeniedException")
			return
		case missing:
			refuse(w, "NotFoundException")
			return
		}
		if _, legacy := in.EncryptionContext["additionalData"]; legacy {
			t.Error("the encryption context has the name of old keysets")
		}
		ad, err := json.Marshal(in.EncryptionContext)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if r.Header.Get("X-Amz-Target") == "TrentService.Encrypt" {
			_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": in.KeyId, "CiphertextBlob": d.aead.Seal(nil, nil, in.Plaintext, ad)})
			return
		}
		plaintext, err := d.aead.Open(nil, nil, in.CiphertextBlob, ad)
		if err != nil {
			refuse(w, "InvalidCiphertextException")
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": in.KeyId, "Plaintext": plaintext})
	}))
	t.Cleanup(s.Close)
	return d, s.Listener.Addr().String()
}

// fakeVault speaks the transit engine's protocol.
func fakeVault(t *testing.T) (*fakeKMS, string) {
	d := newFakeKMS(t)
	refuse := func(w http.ResponseWriter, code int, why string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{why}})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := d.asked()
		if r.Header.Get("X-Vault-Token") != "token" {
			state = denied
		}
		switch state {
		case disabled:
			refuse(w, http.StatusBadRequest, "ciphertext or signature version is disallowed by policy (too old)")
			return
		case denied:
			refuse(w, http.StatusForbidden, "permission denied")
			return
		case missing:
			refuse(w, http.StatusBadRequest, "encryption key not found")
			return
		}
		var in struct {
			Plaintext      []byte `json:"plaintext"`
			Ciphertext     string `json:"ciphertext"`
			AssociatedData []byte `json:"associated_data"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil {
			return // the wire was cut
		}
		const prefix = "vault:v1:"
		switch r.URL.Path {
		case "/v1/transit/encrypt/nymstream":
			sealed := base64.StdEncoding.EncodeToString(d.aead.Seal(nil, nil, in.Plaintext, in.AssociatedData))
			_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]string{"ciphertext": prefix + sealed}})
		case "/v1/transit/decrypt/nymstream":
			sealed, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Ciphertext, prefix))
			plaintext, err := d.aead.Open(nil, nil, sealed, in.AssociatedData)
			if err != nil {
				refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string][]byte{"plaintext": plaintext}})
		default:
			refuse(w, http.StatusNotFound, "no handler for route")
		}
	}))
	t.Cleanup(s.Close)
	return d, s.Listener.Addr().String()
}

// fakeGCP speaks Cloud KMS over gRPC.
type fakeGCP struct {
	kmspb.UnimplementedKeyManagementServiceServer
	*fakeKMS
}

func newFakeGCP(t *testing.T) (*fakeKMS, string) {
	d := newFakeKMS(t)
	s := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(s, fakeGCP{fakeKMS: d})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); served.Wait() })
	return d, l.Addr().String()
}

func (g fakeGCP) refusal() error {
	switch g.asked() {
	case disabled:
		return status.Error(codes.FailedPrecondition, "is not enabled, current state is: DISABLED")
	case denied:
		return status.Error(codes.PermissionDenied, "denied")
	case missing:
		return status.Error(codes.NotFound, "not found")
	}
	return nil
}

func crc(b []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))))
}

func (g fakeGCP) Encrypt(_ context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	if err := g.refusal(); err != nil {
		return nil, err
	}
	sealed := g.aead.Seal(nil, nil, r.Plaintext, r.AdditionalAuthenticatedData)
	return &kmspb.EncryptResponse{
		Name: r.Name + "/cryptoKeyVersions/1", Ciphertext: sealed, CiphertextCrc32C: crc(sealed),
		VerifiedPlaintextCrc32C: true, VerifiedAdditionalAuthenticatedDataCrc32C: true,
	}, nil
}

func (g fakeGCP) Decrypt(_ context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	if err := g.refusal(); err != nil {
		return nil, err
	}
	plaintext, err := g.aead.Open(nil, nil, r.Ciphertext, r.AdditionalAuthenticatedData)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "decryption failed")
	}
	return &kmspb.DecryptResponse{Plaintext: plaintext, PlaintextCrc32C: crc(plaintext)}, nil
}

// wire stands between a client and a KMS: it can be cut, and slow.
type wire struct {
	t       *testing.T
	to      string
	address string
	mu      sync.Mutex
	delay   time.Duration
	l       net.Listener
	conns   []net.Conn
	running sync.WaitGroup
}

func newWire(t *testing.T, to string) *wire {
	w := &wire{t: t, to: to, address: "127.0.0.1:0"}
	w.up()
	w.address = w.l.Addr().String()
	t.Cleanup(func() { w.down(); w.running.Wait() })
	return w
}

func (w *wire) up() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.l = l
	w.mu.Unlock()
	w.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.join(c)
		}
	})
}

func (w *wire) down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.l.Close()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *wire) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = d
}

func (w *wire) join(c net.Conn) {
	s, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = c.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, c, s)
	w.mu.Unlock()
	for _, p := range [][2]net.Conn{{c, s}, {s, c}} {
		w.running.Go(func() {
			defer p[0].Close()
			defer p[1].Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := p[0].Read(buf)
				w.mu.Lock()
				delay := w.delay
				w.mu.Unlock()
				time.Sleep(delay)
				if _, wrong := p[1].Write(buf[:n]); wrong != nil || err != nil {
					return
				}
			}
		})
	}
}

// awsCredentials writes what the SDK signs its calls with.
func awsCredentials(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	awsARN  = "arn:aws:kms:eu-central-1:123456789012:key/0f7b3c9e-0000-4000-8000-000000000001"
	gcpName = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/nymstream"
)

// kmsCase is a KMS under test. fake is nil for a real one.
type kmsCase struct {
	fake *fakeKMS
	wire *wire
	kms  KMS
}

func fakes(t *testing.T) map[string]func(*testing.T) kmsCase {
	t.Helper()
	return map[string]func(*testing.T) kmsCase{
		"awskms": func(t *testing.T) kmsCase {
			d, to := fakeAWS(t)
			w := newWire(t, to)
			return kmsCase{d, w, KMS{URI: "awskms:" + awsARN, Endpoint: "http://" + w.address, Credentials: awsCredentials(t), Timeout: 2 * time.Second}}
		},
		"gcpkms": func(t *testing.T) kmsCase {
			d, to := newFakeGCP(t)
			w := newWire(t, to)
			return kmsCase{d, w, KMS{URI: "gcpkms:" + gcpName, Endpoint: "http://" + w.address, Timeout: 2 * time.Second}}
		},
		"vault": func(t *testing.T) kmsCase {
			d, to := fakeVault(t)
			w := newWire(t, to)
			return kmsCase{d, w, KMS{URI: "vault:http://" + w.address + "/transit/keys/nymstream", Token: "token", Timeout: 2 * time.Second}}
		},
	}
}

// send makes a call of a KMS's own API, for what nymstream never does.
func send(t *testing.T, method, url string, header map[string]string, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, url, a.Status, data)
	}
	var out map[string]any
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return out
}
