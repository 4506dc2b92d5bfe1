// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate and its key and gives their paths.
func selfSigned(t *testing.T, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pk}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSOffIsNil(t *testing.T) {
	c, err := TLS{}.ClientConfig()
	if c != nil || err != nil {
		t.Errorf("want nil, got %v, %v", c, err)
	}
}

func TestTLSRereadsTheClientCertificate(t *testing.T) {
	cert, key := selfSigned(t, 1)
	c, err := TLS{Enabled: true, CA: cert, Cert: cert, Key: key, ServerName: "kafka"}.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	if c.ServerName != "kafka" || c.RootCAs == nil || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("want the server's name, roots and TLS 1.2, got %q, %v, %x", c.ServerName, c.RootCAs, c.MinVersion)
	}
	newCert, newKey := selfSigned(t, 2)
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := c.GetClientCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := leaf.SerialNumber.Int64(); got != 2 {
		t.Errorf("want the renewed certificate 2, got %d", got)
	}
}

func TestTLSFaults(t *testing.T) {
	cert, key := selfSigned(t, 1)
	for _, c := range []struct {
		name string
		tls  TLS
		want string
	}{
		{"no ca", TLS{Enabled: true, CA: cert + "x"}, "kafka.tls.ca: open"},
		{"ca without certificate", TLS{Enabled: true, CA: key}, "kafka.tls.ca: holds no PEM certificate"},
		{"no key", TLS{Enabled: true, Cert: cert, Key: key + "x"}, "kafka.tls.cert: open"},
	} {
		if _, err := c.tls.ClientConfig(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
}
