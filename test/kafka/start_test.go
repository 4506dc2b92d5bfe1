// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const oneSource = `language: 1
controller: {name: Test, contact: test@example.org}
purposes:
  study: {basis: consent, description: Can it start?}
sources:
  mastodon: {topics: [PREFIX.raw], pack: mastodon@1}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: PREFIX.clean
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {mastodon: {}}
    classes: {account: pseudonym, object-id: pseudonym, plain: keep}
`

func TestCheckNamesTheMissingTopic(t *testing.T) {
	for _, missing := range []string{"raw", "clean", "quarantine"} {
		t.Run(missing, func(t *testing.T) {
			p := newPlace(t, oneSource)
			p.keys()
			for _, name := range []string{"raw", "clean", "quarantine"} {
				if name != missing {
					p.create(1, name)
				}
			}
			code, said := p.check()
			if code == 0 || !strings.Contains(said, p.topic(missing)) {
				t.Errorf("want a refusal that names %s, got exit code %d:\n%s", p.topic(missing), code, said)
			}
			if topics, err := p.admin.ListTopics(t.Context(), p.topic(missing)); err != nil || topics.Has(p.topic(missing)) {
				t.Errorf("the missing topic was created, or cannot be asked for: %v", err)
			}
		})
	}
}

func TestCheckSaysThatNobodyAnswers(t *testing.T) {
	p := newPlace(t, oneSource)
	p.keys()
	p.setup.Brokers = []string{"127.0.0.1:1"}
	code, said := p.check()
	if code != 3 || !strings.Contains(said, "127.0.0.1:1") {
		t.Errorf("want exit code 3 and the address, got %d:\n%s", code, said)
	}
}

// secure sends the instance over SASL_SSL, as a user that may do nothing yet.
func secure(t *testing.T, p *place, mechanism string) {
	t.Helper()
	if p.cluster.SASL == nil {
		t.Fatal("this cluster has no security; start it with kafka-up.sh -s")
	}
	t.Setenv("KAFKA_TEST_PASSWORD", p.cluster.Password)
	p.setup.Brokers = p.cluster.SASL
	p.setup.Kafka = fmt.Sprintf("  tls: {enabled: true, ca: %q}\n  sasl: {mechanism: %s, username: %s, password: \"${env:KAFKA_TEST_PASSWORD}\"}\n",
		p.cluster.CA, mechanism, p.cluster.User)
}

// rights are those that the operations manual lists, by what is refused without them.
func (p *place) rights() map[string]*kadm.ACLBuilder {
	grant := func() *kadm.ACLBuilder {
		return kadm.NewACLs().Allow("User:" + p.cluster.User).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	}
	return map[string]*kadm.ACLBuilder{
		p.topic("raw"):        grant().Topics(p.topic("raw")).Operations(kadm.OpRead, kadm.OpDescribe),
		p.topic("clean"):      grant().Topics(p.topic("clean")).Operations(kadm.OpWrite, kadm.OpDescribe, kadm.OpDescribeConfigs),
		p.topic("quarantine"): grant().Topics(p.topic("quarantine")).Operations(kadm.OpWrite, kadm.OpDescribe, kadm.OpDescribeConfigs),
		p.topic("group"):      grant().Groups(p.topic("group")).Operations(kadm.OpRead),
		"transactional id": kadm.NewACLs().Allow("User:"+p.cluster.User).AllowHosts("*").ResourcePatternType(kadm.ACLPatternPrefixed).
			TransactionalIDs(p.topic("group")).Operations(kadm.OpWrite, kadm.OpDescribe),
	}
}

func (p *place) grant(rights map[string]*kadm.ACLBuilder, but string) {
	p.t.Helper()
	for name, right := range rights {
		if name == but {
			continue
		}
		results, err := p.admin.CreateACLs(p.t.Context(), right)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				p.t.Fatal(r.Err)
			}
		}
	}
}

func TestCheckNamesTheMissingRight(t *testing.T) {
	for _, missing := range []string{"raw", "clean", "quarantine", "group", "transactional id"} {
		t.Run(strings.ReplaceAll(missing, " ", "-"), func(t *testing.T) {
			p := newPlace(t, oneSource)
			secure(t, p, "scram-sha-512")
			p.keys()
			p.create(1, "raw", "clean", "quarantine")
			but := missing
			if missing != "transactional id" {
				but = p.topic(missing)
			}
			p.grant(p.rights(), but)
			code, said := p.check()
			if code == 0 || !strings.Contains(said, but) {
				t.Errorf("want a refusal that names `%s`, got exit code %d:\n%s", but, code, said)
			}
			if strings.Contains(said, p.cluster.Password) {
				t.Error("the password was printed")
			}
		})
	}
}

func TestSanitizesOverSASLAndTLS(t *testing.T) {
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			p := newPlace(t, oneSource)
			secure(t, p, mechanism)
			p.keys()
			p.create(2, "raw", "clean", "quarantine")
			p.grant(p.rights(), "")
			if code, said := p.check(); code != 0 {
				t.Fatalf("want a check that passes, got exit code %d:\n%s", code, said)
			}
			lines := events(t, "mastodon")
			records := make([]*kgo.Record, len(lines))
			for i := range lines {
				records[i] = &kgo.Record{Value: lines[i]}
			}
			p.produce("raw", records...)
			shown, _ := p.sanitize("mastodon", lines)
			p.run("raw")
			if got := p.read("clean"); len(got) != len(shown) || len(got) == 0 {
				t.Errorf("want %d records, got %d", len(shown), len(got))
			}
		})
	}
}

func TestWrongPasswordIsRefusedInWords(t *testing.T) {
	p := newPlace(t, oneSource)
	secure(t, p, "scram-sha-512")
	t.Setenv("KAFKA_TEST_PASSWORD", "not-the-password")
	p.keys()
	p.create(1, "raw", "clean", "quarantine")
	code, said := p.check()
	if code == 0 || !strings.Contains(strings.ToLower(said), "sasl") {
		t.Errorf("want a refusal that speaks of SASL, got exit code %d:\n%s", code, said)
	}
	if strings.Contains(said, "not-the-password") {
		t.Error("the password was printed")
	}
}
