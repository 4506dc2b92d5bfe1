// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/nymstream/nymstream/internal/event"
)

// transit is a key of the transit engine of OpenBao or Vault. Its type must take associated data (aes256-gcm96, the default),
// and it must not be derived.
type transit struct {
	opaque
	client    *api.Client
	path      string // /MOUNT/keys/NAME
	token     string
	tokenFile string
	namespace string
}

func openVault(address string, o KMS) (tink.AEADWithContext, func(error) error, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, nil, errors.New("write vault:https://HOST:PORT/transit/keys/NAME")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, nil, errors.New("use https: the token would be readable on its way")
	}
	if (o.Token == "") == (o.TokenFile == "") {
		return nil, nil, errors.New("give a token or the file of a token")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = tlsOf(o.CAFile); err != nil {
		return nil, nil, err
	}
	client, err := api.NewClient(&api.Config{
		Address: u.Scheme + "://" + u.Host,
		HttpClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // as the client's own does
		},
		MinRetryWait: 100 * time.Millisecond, MaxRetryWait: time.Second, MaxRetries: 2,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	t := &transit{client: client, path: strings.TrimPrefix(u.EscapedPath(), "/v1"), token: o.Token, tokenFile: o.TokenFile, namespace: o.Namespace}
	if _, err := hcvault.NewAEAD(t.path, client.Logical()); err != nil {
		return nil, nil, errors.New("write the path of a key, such as /transit/keys/NAME")
	}
	return t, classVault, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func tlsOf(caFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", caFile)
	}
	return c, nil
}

// at gives Tink's AEAD for one call: it knows no context, so that its client keeps the deadline.
func (t *transit) at(ctx context.Context) (tink.AEAD, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	token := t.token
	if t.tokenFile != "" {
		data, err := os.ReadFile(t.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	c, err := t.client.Clone()
	if err != nil {
		return nil, err
	}
	c.SetToken(token)
	c.ClearNamespace()
	if t.namespace != "" {
		c.SetNamespace(t.namespace)
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.SetClientTimeout(time.Until(deadline))
	}
	return hcvault.NewAEAD(t.path, c.Logical())
}

func (t *transit) EncryptWithContext(ctx context.Context, plaintext, ad []byte) ([]byte, error) {
	a, err := t.at(ctx)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plaintext, ad)
}

func (t *transit) DecryptWithContext(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	a, err := t.at(ctx)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(sealed, ad)
}

// classVault reads a status. 400 says both that a key or its version is gone and that a ciphertext is not the key's.
func classVault(err error) error {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return event.ErrTransient
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return ErrKEKRevoked
	case http.StatusBadRequest:
		said := strings.Join(answer.Errors, " ")
		for _, gone := range []string{"key not found", "disallowed by policy", "soft deleted", "soft-deleted"} {
			if strings.Contains(said, gone) {
				return ErrKEKRevoked
			}
		}
		return errRefused
	}
	return event.ErrTransient
}
