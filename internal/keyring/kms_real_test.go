// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/nymstream/nymstream/internal/event"
)

// realKMS skips without the services of scripts/with-kms.sh, and gives the address of one of them.
func realKMS(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv("NYMSTREAM_KMS") != "1" {
		t.Skip("no KMS; run it with: scripts/with-kms.sh go test ./internal/keyring")
	}
	return os.Getenv("NYMSTREAM_KMS_" + name)
}

// bao is the API of a real OpenBao, as its administrator uses it.
type bao struct {
	t             *testing.T
	address, root string
}

func (b bao) do(method, path, body string) map[string]any {
	b.t.Helper()
	return send(b.t, method, b.address+"/v1/"+path, map[string]string{"X-Vault-Token": b.root}, body)
}

// token makes one that may encrypt and decrypt with a key, and nothing else.
func (b bao) token(key string) string {
	b.t.Helper()
	b.do("PUT", "sys/policies/acl/"+key, `{"policy":"path \"transit/encrypt/`+key+`\" {capabilities=[\"update\"]} path \"transit/decrypt/`+key+`\" {capabilities=[\"update\"]}"}`)
	auth := b.do("POST", "auth/token/create", `{"policies":["`+key+`"],"no_default_policy":true}`)["auth"].(map[string]any)
	return auth["client_token"].(string)
}

func openBao(t *testing.T) (bao, kmsCase) {
	t.Helper()
	b := bao{t, realKMS(t, "BAO"), os.Getenv("NYMSTREAM_KMS_BAO_TOKEN")}
	if _, mounted := b.do("GET", "sys/mounts", "")["transit/"]; !mounted {
		b.do("POST", "sys/mounts/transit", `{"type":"transit"}`)
	}
	key := "key-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	b.do("POST", "transit/keys/"+key, `{}`)
	w := newWire(t, strings.TrimPrefix(b.address, "http://"))
	return b, kmsCase{wire: w, kms: KMS{URI: "vault:http://" + w.address + "/transit/keys/" + key, Token: b.token(key), Timeout: 2 * time.Second}}
}

func keyName(o KMS) string { return o.URI[strings.LastIndex(o.URI, "/")+1:] }

func TestOpenBaoBindsPlaces(t *testing.T) {
	_, c := openBao(t)
	checkBinding(t, c.kms)
}

func TestOpenBaoUnreachable(t *testing.T) {
	_, c := openBao(t)
	dir, k := kmsKeyring(t, c.kms)
	checkUnreachable(t, c, dir, k)
}

func TestOpenBaoRevoked(t *testing.T) {
	b, c := openBao(t)
	dir, k := kmsKeyring(t, c.kms)
	key := keyName(c.kms)
	check := func(name string, kms KMS) {
		t.Helper()
		_, err := Open(dir, OpenOptions{KMS: kms})
		for what, err := range map[string]error{"probe": k.Probe(t.Context()), "open": err} {
			if !errors.Is(err, ErrKEKRevoked) || errors.Is(err, event.ErrTransient) || strings.Contains(err.Error(), kms.Token) {
				t.Errorf("%s, %s: got %v, want ErrKEKRevoked", name, what, err)
			}
		}
	}
	policy := b.do("GET", "sys/policies/acl/"+key, "")["data"].(map[string]any)["policy"].(string)
	b.do("PUT", "sys/policies/acl/"+key, `{"policy":"path \"transit/none\" {capabilities=[\"update\"]}"}`)
	check("policy withdrawn", c.kms)
	b.do("PUT", "sys/policies/acl/"+key, `{"policy":"`+strings.ReplaceAll(policy, `"`, `\"`)+`"}`)
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("policy given back: %v", err)
	}

	b.do("POST", "transit/keys/"+key+"/rotate", `{}`)
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("key rotated: %v", err)
	}
	old := k.current.Load().raw
	if err := k.RotateKEK(nil); err != nil {
		t.Fatal(err)
	}
	b.do("POST", "transit/keys/"+key+"/config", `{"min_decryption_version":2}`)
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("old version withdrawn after a rotation: %v", err)
	}
	rotated, err := Open(dir, OpenOptions{KMS: c.kms})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(rotated.path(), old); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, OpenOptions{KMS: c.kms}); !errors.Is(err, ErrKEKRevoked) {
		t.Errorf("an old copy of the keyring: got %v, want ErrKEKRevoked", err)
	}
	if err := writeFile(rotated.path(), rotated.current.Load().raw); err != nil {
		t.Fatal(err)
	}

	b.do("POST", "auth/token/revoke", `{"token":"`+c.kms.Token+`"}`)
	check("token revoked", c.kms)
	c.kms.Token = b.token(key)
	if _, err := Open(dir, OpenOptions{KMS: c.kms}); err != nil {
		t.Errorf("a new token: %v", err)
	}

	b.do("POST", "transit/keys/"+key+"/config", `{"deletion_allowed":true}`)
	b.do("DELETE", "transit/keys/"+key, "")
	check("key deleted", c.kms)
	b.do("POST", "transit/keys/"+key, `{}`)
	if _, err := Open(dir, OpenOptions{KMS: c.kms}); !errors.Is(err, ErrWrongKEK) && !errors.Is(err, ErrKEKRevoked) {
		t.Errorf("another key of that name: got %v, want ErrWrongKEK or ErrKEKRevoked", err)
	}
}

// A token of least rights cannot make a key by misspelling its name.
func TestOpenBaoUnknownKey(t *testing.T) {
	_, c := openBao(t)
	c.kms.URI += "x"
	if err := Init(t.TempDir(), InitOptions{Tenant: "example", Now: now, KMS: c.kms}); !errors.Is(err, ErrKEKRevoked) {
		t.Errorf("got %v, want ErrKEKRevoked", err)
	}
}

func TestMoto(t *testing.T) {
	address := realKMS(t, "AWS")
	w := newWire(t, strings.TrimPrefix(address, "http://"))
	o := KMS{Endpoint: "http://" + w.address, Credentials: awsCredentials(t), Timeout: 5 * time.Second}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"), config.WithSharedCredentialsFiles([]string{o.Credentials}))
	if err != nil {
		t.Fatal(err)
	}
	admin := kms.NewFromConfig(cfg, func(k *kms.Options) { k.BaseEndpoint = &address })
	made, err := admin.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	o.URI = "awskms:" + *made.KeyMetadata.Arn
	t.Run("binds places", func(t *testing.T) { checkBinding(t, o) })
	t.Run("unreachable", func(t *testing.T) {
		dir, k := kmsKeyring(t, o)
		checkUnreachable(t, kmsCase{wire: w, kms: o}, dir, k)
	})
	t.Run("unknown key", func(t *testing.T) {
		unknown := o
		unknown.URI = "awskms:" + awsARN
		if err := Init(t.TempDir(), InitOptions{Tenant: "example", Now: now, KMS: unknown}); !errors.Is(err, ErrKEKRevoked) {
			t.Errorf("got %v, want ErrKEKRevoked", err)
		}
	})
	t.Run("key gone", func(t *testing.T) { // moto goes on with a disabled key; TestKMSRevoked has that
		dir, k := kmsKeyring(t, o)
		send(t, "POST", address+"/moto-api/reset", nil, "")
		_, err := Open(dir, OpenOptions{KMS: o})
		for what, err := range map[string]error{"probe": k.Probe(t.Context()), "open": err} {
			if !errors.Is(err, ErrKEKRevoked) {
				t.Errorf("%s: got %v, want ErrKEKRevoked", what, err)
			}
		}
	})
}
