// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	topicPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
)

// validate checks every option and every pair that must fit, and reports all faults by dotted path.
func (c *Config) validate(report func(path, what, fix string)) {
	v := checker{report}
	v.name("tenant", c.Tenant)
	v.name("group", c.Group)
	v.name("instance", c.Instance)
	v.present("policy", c.Policy)
	v.present("keyring.dir", c.Keyring.Dir)
	v.whole("workers", c.Workers, 1, 256)
	v.oneOf("start", c.Start, "earliest", "latest")
	v.topic("quarantine.topic", c.Quarantine.Topic)
	v.oneOf("output.compression", c.Output.Compression, "none", "snappy", "lz4", "zstd")
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "json", "console")
	c.validateKEK(v)
	c.validateKafka(v)
	c.validateRegistry(v)
	c.validatePeople(v)
	c.validateTimes(v)
	c.validateSizes(v)
	c.validateHTTP(v)
	c.validateWebhooks(v)
}

func (c *Config) validateKEK(v checker) {
	k := c.Keyring.KEK
	v.between("keyring.kek.timeout", k.Timeout, 100*time.Millisecond, time.Minute)
	v.between("keyring.kek.grace", k.Grace, 0, time.Hour)
	switch {
	case k.URI != "" && (k.File != "" || !k.Passphrase.IsZero()):
		v.report("keyring.kek", "is a key of a KMS and a file", "give one of uri and file")
	case k.URI == "" && (!k.Token.IsZero() || k.TokenFile != "" || k.Namespace != "" || k.CA != "" || k.Credentials != "" || k.Endpoint != ""):
		v.report("keyring.kek", "has options of a KMS and no uri", "add uri, or remove them")
	case !k.Token.IsZero() && k.TokenFile != "":
		v.report("keyring.kek", "has a token and a file of it", "give one")
	}
}

func (c *Config) validateKafka(v checker) {
	k := c.Kafka
	if len(k.Brokers) == 0 {
		v.report("kafka.brokers", "is missing", "write [host:9092]")
	}
	for i, b := range k.Brokers {
		v.address("kafka.brokers["+strconv.Itoa(i)+"]", b, false)
	}
	v.present("kafka.client_id", k.ClientID)
	if !k.TLS.Enabled && (k.TLS.CA != "" || k.TLS.Cert != "" || k.TLS.Key != "" || k.TLS.ServerName != "") {
		v.report("kafka.tls", "has options but is off", "add `enabled: true`, or remove them")
	}
	if (k.TLS.Cert == "") != (k.TLS.Key == "") {
		v.report("kafka.tls", "has one of cert and key", "give both, or neither")
	}
	s := k.SASL
	if s.Mechanism == "" {
		if s.Username != "" || !s.Password.IsZero() {
			v.report("kafka.sasl", "has a user but no mechanism", "add `mechanism: scram-sha-512`")
		}
		return
	}
	v.oneOf("kafka.sasl.mechanism", s.Mechanism, "plain", "scram-sha-256", "scram-sha-512")
	v.present("kafka.sasl.username", s.Username)
	if s.Password.IsZero() {
		v.report("kafka.sasl.password", "is missing", "write ${file:PATH} or ${env:NAME}")
	}
	if s.Mechanism == "plain" && !k.TLS.Enabled {
		v.report("kafka.sasl.mechanism", "plain sends the password in clear without TLS", "enable kafka.tls, or use scram-sha-512")
	}
}

// validatePeople checks where people are kept, and the topics that carry what is said about them.
func (c *Config) validatePeople(v checker) {
	s := c.Store
	v.oneOf("store.kind", s.Kind, "none", "embedded", "postgres")
	v.whole("store.cache", s.Cache, 1<<12, 1<<27)
	if s.Inactive != 0 {
		v.between("store.inactive", s.Inactive, 14*24*time.Hour, 20*366*24*time.Hour)
	}
	v.between("store.deletions_within", s.DeletionsWithin, 0, 24*time.Hour)
	v.whole("store.connections", s.Connections, 1, 256)
	switch {
	case s.Kind == "embedded" && s.Dir == "":
		v.report("store.dir", "is missing", "say where the embedded store lies")
	case s.Kind == "postgres" && s.URL.IsZero():
		v.report("store.url", "is missing", "write ${file:PATH} or ${env:NAME} with postgres://…")
	}
	if s.Kept() && c.Audit.Dir == "" {
		v.report("audit.dir", "is missing", "with a store, say where this instance's audit log lies")
	}
	v.topic("signals.topic", c.Signals.Topic)
	v.topic("control.topic", c.Control.Topic)
	v.topic("ledger.topic", c.Ledger.Topic)
	named := map[string]string{}
	for _, t := range []struct{ path, name string }{
		{"quarantine.topic", c.Quarantine.Topic}, {"signals.topic", c.Signals.Topic}, {"control.topic", c.Control.Topic}, {"ledger.topic", c.Ledger.Topic},
	} {
		if other, twice := named[t.name]; twice {
			v.report(t.path, "is the topic of "+other+" too", "give each its own")
		}
		named[t.name] = t.path
	}
}

func (c *Config) validateRegistry(v checker) {
	r := c.SchemaRegistry
	for i, raw := range r.URLs {
		path := "schema_registry.urls[" + strconv.Itoa(i) + "]"
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			v.report(path, "no URL", "write https://host:8081")
		case u.User != nil:
			v.report(path, "holds a user or password", "write them as username and password")
		case u.Scheme == "http" && (!r.Password.IsZero() || !r.Token.IsZero()):
			v.report(path, "would send the password in clear", "write https://")
		}
	}
	if (r.Username == "") != r.Password.IsZero() {
		v.report("schema_registry", "has one of username and password", "give both, or neither")
	}
	v.between("schema_registry.timeout", r.Timeout, 100*time.Millisecond, time.Minute)
}

func (c *Config) validateTimes(v checker) {
	if c.PolicyWatch != 0 {
		v.between("policy_watch", c.PolicyWatch, time.Second, time.Hour)
	}
	v.between("commit_interval", c.CommitInterval, time.Millisecond, time.Minute)
	v.between("transaction_timeout", c.TransactionTimeout, time.Second, 15*time.Minute)
	v.between("session_timeout", c.SessionTimeout, time.Second, 30*time.Minute)
	v.between("rebalance_timeout", c.RebalanceTimeout, time.Second, 30*time.Minute)
	v.between("drain_timeout", c.DrainTimeout, time.Second, 10*time.Minute)
	// A transaction that is open for half its timeout is aborted, so commits must come well before.
	if c.CommitInterval > c.TransactionTimeout/4 {
		v.report("commit_interval", fmt.Sprintf("more than a quarter of transaction_timeout (%s)", short(c.TransactionTimeout)), "shorten it, or lengthen transaction_timeout")
	}
	// A rebalance waits for the transaction that is open when it begins.
	if c.RebalanceTimeout < c.TransactionTimeout/2 {
		v.report("rebalance_timeout", fmt.Sprintf("less than half of transaction_timeout (%s)", short(c.TransactionTimeout)), "lengthen it")
	}
	if c.DrainTimeout < c.CommitInterval {
		v.report("drain_timeout", fmt.Sprintf("less than commit_interval (%s)", short(c.CommitInterval)), "lengthen it")
	}
}

func (c *Config) validateSizes(v checker) {
	v.size("fetch.budget", c.Fetch.Budget, MiB, 64*GiB)
	v.size("limits.record", c.Limits.Record, KiB, GiB)
	v.size("limits.decompressed", c.Limits.Decompressed, MiB, 16*GiB)
	v.whole("limits.depth", c.Limits.Depth, 1, 1024)
	if c.Limits.Decompressed < c.Limits.Record {
		v.report("limits.decompressed", fmt.Sprintf("less than limits.record (%s)", c.Limits.Record), "enlarge it")
	}
	if need := c.Fetch.Budget + 32*MiB; c.MemoryLimit != 0 && c.MemoryLimit < need {
		v.report("memory_limit", fmt.Sprintf("less than fetch.budget and 32MiB (%s)", need), "enlarge it, or make fetch.budget smaller")
	}
}

func (c *Config) validateHTTP(v checker) {
	host, ok := v.address("http.listen", c.HTTP.Listen, true)
	if ip := net.ParseIP(host); !ok || host == "localhost" || ip != nil && ip.IsLoopback() {
		return
	}
	if c.HTTP.Pprof {
		v.report("http.pprof", "a profiler on an address others can reach", "listen on 127.0.0.1, or leave it off")
	}
	if !c.HTTP.PolicyToken.IsZero() {
		v.report("http.policy_token", "the token would cross the network in clear", "listen on 127.0.0.1, behind a proxy that speaks TLS")
	}
	if !c.HTTP.Admins.IsZero() {
		v.report("http.admins", "the tokens would cross the network in clear", "listen on 127.0.0.1, behind a proxy that speaks TLS")
	}
}

// checker holds the checks that several options share.
type checker struct {
	report func(path, what, fix string)
}

func (v checker) present(path, s string) {
	if s == "" {
		v.report(path, "is missing", "add it")
	}
}

func (v checker) name(path, s string) {
	switch {
	case s == "":
		v.report(path, "is missing", "add it")
	case !namePattern.MatchString(s):
		v.report(path, "no name", "use 1 to 128 of A-Z a-z 0-9 . _ -, beginning with a letter or digit")
	}
}

func (v checker) topic(path, s string) {
	if s == "." || s == ".." || !topicPattern.MatchString(s) {
		v.report(path, "no topic name", "use 1 to 249 of A-Z a-z 0-9 . _ -")
	}
}

func (v checker) oneOf(path, s string, known ...string) {
	if !slices.Contains(known, s) {
		v.report(path, "unknown word `"+s+"`", suggest(s, known))
	}
}

func (v checker) whole(path string, n, low, high int) {
	if n < low || n > high {
		v.report(path, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("from %d to %d", low, high))
	}
}

func (v checker) between(path string, d, low, high time.Duration) {
	if d < low || d > high {
		v.report(path, short(d)+" is out of range", "from "+short(low)+" to "+short(high))
	}
}

func (v checker) size(path string, b, low, high Bytes) {
	if b < low || b > high {
		v.report(path, b.String()+" is out of range", "from "+low.String()+" to "+high.String())
	}
}

// address checks host:port and gives the host. A server may listen on every host ("") and on port 0; a broker has both.
func (v checker) address(path, s string, server bool) (string, bool) {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || (!server && (host == "" || n == 0)) {
		v.report(path, "no host:port", "write it like 127.0.0.1:9092")
		return "", false
	}
	return host, true
}
