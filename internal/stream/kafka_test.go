// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// realBroker is what NYMSTREAM_KAFKA or NYMSTREAM_KAFKA_BROKERS names: host:port of a real Kafka.
func realBroker(t testing.TB) []string {
	t.Helper()
	for _, name := range []string{"NYMSTREAM_KAFKA", "NYMSTREAM_KAFKA_BROKERS"} {
		if addrs := os.Getenv(name); addrs != "" {
			return strings.Split(addrs, ",")
		}
	}
	missing(t, "NYMSTREAM_KAFKA names no broker; start this test with `make test-kafka`")
	return nil
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("NYMSTREAM_KAFKA_REQUIRED") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// secureCluster reads how the cluster of scripts/kafka-up.sh -s is reached.
func secureCluster(t *testing.T) map[string]string {
	t.Helper()
	dir := os.Getenv("NYMSTREAM_KAFKA_DIR")
	if dir == "" {
		missing(t, "NYMSTREAM_KAFKA_DIR names no cluster; start this test with `make test-kafka`")
	}
	text, err := os.ReadFile(filepath.Join(dir, "cluster.env"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[key] = strings.Trim(value, `"'`)
	}
	if found["KAFKA_SASL_SSL_BOOTSTRAP"] == "" {
		missing(t, "the cluster has no secure listener; start it with kafka-up.sh -s")
	}
	return found
}

// TestKafkaSecure works over TLS and every SASL mechanism, as a user with exactly the rights that docs/OPERATIONS.md
// lists; and says which right is missing before they are granted.
func TestKafkaSecure(t *testing.T) {
	env := secureCluster(t)
	pem, err := os.ReadFile(env["KAFKA_CA"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			b := newBed(t, strings.Split(env["KAFKA_BOOTSTRAP"], ","), 2, nil)
			login, err := SASL(mechanism, env["KAFKA_USER"], env["KAFKA_PASSWORD"])
			if err != nil {
				t.Fatal(err)
			}
			o := b.options("a")
			o.Connection = Connection{Brokers: []string{env["KAFKA_SASL_SSL_BOOTSTRAP"]}, SASL: login, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
			check := func() error {
				s, err := New(o, func(int) (Processor, error) { return &passThrough{}, nil })
				if err != nil {
					t.Fatal(err)
				}
				defer s.cluster.close()
				_, err = s.Check(context.Background())
				return err
			}
			wrong, err := SASL(mechanism, env["KAFKA_USER"], "guess")
			if err != nil {
				t.Fatal(err)
			}
			o.SASL = wrong
			if err := check(); err == nil || !strings.Contains(err.Error(), "SASL Authentication Failed") || strings.Contains(err.Error(), "guess") {
				t.Errorf("Check with a wrong password: got %v", err)
			}
			o.SASL = login
			if err := check(); err == nil || !strings.Contains(err.Error(), "grant READ and DESCRIBE on topic "+b.in) {
				t.Errorf("Check without rights: got %v", err)
			}
			user := "User:" + env["KAFKA_USER"]
			grant := func(rights *kadm.ACLBuilder) {
				t.Helper()
				if _, err := b.admin.CreateACLs(context.Background(), rights.Allow(user)); err != nil {
					t.Fatal(err)
				}
			}
			grant(kadm.NewACLs().Topics(b.in).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead, kadm.OpDescribe))
			grant(kadm.NewACLs().Topics(b.out, b.quar).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
			if err := check(); err == nil || !strings.Contains(err.Error(), "grant READ on group "+b.group) || !strings.Contains(err.Error(), "transactional id "+b.group) {
				t.Errorf("Check with the topics' rights: got %v", err)
			}
			grant(kadm.NewACLs().Groups(b.group).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead))
			grant(kadm.NewACLs().TransactionalIDs(b.group+"-").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpWrite, kadm.OpDescribe))
			eventually(t, "the rights take effect", 10*time.Second, func() bool { return check() == nil })
			b.numbered(0, 100)
			r := b.run(o, nil)
			b.exactlyOnce(100, 20*time.Second)
			r.stop()
		})
	}
}

func TestKafka(t *testing.T) {
	addrs := realBroker(t)
	all := scenarios()
	all["fenced by a second process"] = fenced // kfake lets a fenced producer take its id back
	for name, run := range all {
		t.Run(name, func(t *testing.T) { run(t, addrs) })
	}
}

// TestKafkaOutlivedTransaction holds a worker beyond its transaction's timeout. Whether the broker lets it go on or
// fences it, nothing may be lost or doubled.
func TestKafkaOutlivedTransaction(t *testing.T) {
	b := newBed(t, realBroker(t), 1, nil)
	b.numbered(0, 20)
	o := b.options("a")
	o.TransactionTimeout = 2 * time.Second
	again := o
	holding, release := holdAt(t, &o, PointBeforeEnd)
	r := b.run(o, nil)
	<-holding
	time.Sleep(14 * time.Second) // brokers look for outlived transactions every 10 s
	release()
	select {
	case <-r.done:
		if !errors.Is(r.err, ErrFenced) {
			t.Errorf("Run: %v", r.err)
		}
		t.Log("the broker fenced it")
		r = b.run(again, nil)
	case <-time.After(3 * time.Second):
		t.Log("the broker let it go on")
	}
	b.exactlyOnce(20, 20*time.Second)
	r.stop()
}
