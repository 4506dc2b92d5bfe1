// SPDX-License-Identifier: Apache-2.0

// Package config reads the strict process configuration and resolves its secret references.
package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Config is everything one process is told. Load fills and checks it whole; it does not change afterwards.
// Paths are already resolved against the folder of the configuration file.
// config/nymstream.yaml says of every option what it does, its unit and its default.
type Config struct {
	Tenant string `yaml:"tenant"`
	Policy string `yaml:"policy" path:"file"`
	// PolicyWatch is how soon changed files of the policy are noticed; 0: only by SIGHUP.
	PolicyWatch time.Duration `yaml:"policy_watch"`
	Keyring     Keyring       `yaml:"keyring"`
	Kafka       Kafka         `yaml:"kafka"`

	SchemaRegistry SchemaRegistry `yaml:"schema_registry"`

	Group    string `yaml:"group"`
	Instance string `yaml:"instance"` // default: the host name
	Workers  int    `yaml:"workers"`  // default: GOMAXPROCS
	Start    string `yaml:"start"`    // earliest, latest

	Quarantine Quarantine `yaml:"quarantine"`

	Store   Store   `yaml:"store"`
	Signals Signals `yaml:"signals"`
	Control Topic   `yaml:"control"`
	Ledger  Topic   `yaml:"ledger"`
	Audit   Audit   `yaml:"audit"`

	CommitInterval     time.Duration `yaml:"commit_interval"`
	TransactionTimeout time.Duration `yaml:"transaction_timeout"`
	SessionTimeout     time.Duration `yaml:"session_timeout"`
	RebalanceTimeout   time.Duration `yaml:"rebalance_timeout"`
	DrainTimeout       time.Duration `yaml:"drain_timeout"`

	Fetch  Fetch  `yaml:"fetch"`
	Limits Limits `yaml:"limits"`
	Output Output `yaml:"output"`

	AssumeConsent bool `yaml:"assume_consent"`
	Log           Log  `yaml:"log"`
	HTTP          HTTP `yaml:"http"`

	Webhooks Webhooks `yaml:"webhooks"`

	MemoryLimit Bytes `yaml:"memory_limit"` // 0: GOMEMLIMIT, or none
}

// Keyring says where the wrapped keysets lie and what unwraps them.
type Keyring struct {
	Dir string `yaml:"dir" path:"dir"`
	KEK KEK    `yaml:"kek"`
}

// KEK is the key-encryption key: a file, optionally sealed with a passphrase, or a key of a KMS.
type KEK struct {
	File       string `yaml:"file" path:"file"` // "": the file kek in the keyring's folder
	Passphrase Secret `yaml:"passphrase"`

	URI         string        `yaml:"uri"` // awskms:arn…, gcpkms:projects/…, vault:https://host:8200/transit/keys/NAME; "": a file
	Token       Secret        `yaml:"token"`
	TokenFile   string        `yaml:"token_file" path:"file"` // read again for each request
	Namespace   string        `yaml:"namespace"`
	CA          string        `yaml:"ca" path:"file"`
	Credentials string        `yaml:"credentials" path:"file"`
	Endpoint    string        `yaml:"endpoint"`
	Timeout     time.Duration `yaml:"timeout"`
	Grace       time.Duration `yaml:"grace"` // how long the flow goes on while the KMS cannot be reached
}

// Kafka is the one cluster that all flows of the process are on.
type Kafka struct {
	Brokers  []string `yaml:"brokers"`
	ClientID string   `yaml:"client_id"`
	TLS      TLS      `yaml:"tls"`
	SASL     SASL     `yaml:"sasl"`
}

// SchemaRegistry is where schemas of avro, protobuf and json-schema are; none while URLs is empty. TLS as under kafka; https needs
// no word of it unless it has roots of its own.
type SchemaRegistry struct {
	URLs     []string      `yaml:"urls"`
	Username string        `yaml:"username"`
	Password Secret        `yaml:"password"`
	Token    Secret        `yaml:"token"`
	TLS      TLS           `yaml:"tls"`
	Timeout  time.Duration `yaml:"timeout"`
}

// TLS files are PEM. CA replaces the system's roots.
type TLS struct {
	Enabled    bool   `yaml:"enabled"`
	CA         string `yaml:"ca" path:"file"`
	Cert       string `yaml:"cert" path:"file"`
	Key        string `yaml:"key" path:"file"`
	ServerName string `yaml:"server_name"`
}

// SASL is off while Mechanism is "".
type SASL struct {
	Mechanism string `yaml:"mechanism"` // plain, scram-sha-256, scram-sha-512
	Username  string `yaml:"username"`
	Password  Secret `yaml:"password"`
}

// Quarantine is where records go that cannot be sanitized, each sealed with the key of its day.
type Quarantine struct {
	Topic string `yaml:"topic"`
}

// Store is where people's secrets and standings are kept. With none, secrets are derived from identifiers.
type Store struct {
	Kind        string `yaml:"kind"` // none, embedded, postgres
	Dir         string `yaml:"dir" path:"dir"`
	URL         Secret `yaml:"url"`
	Connections int    `yaml:"connections"` // to PostgreSQL
	Cache       int    `yaml:"cache"`       // people in memory
	// Inactive is after how long people who are not seen any more expire; 0: never.
	Inactive time.Duration `yaml:"inactive"`
	// DeletionsWithin is over what time deletion events of one person are spread.
	DeletionsWithin time.Duration `yaml:"deletions_within"`
}

// Kept tells whether there is a store.
func (s *Store) Kept() bool { return s.Kind != "none" }

// Signals are what is said about people: consent, objections, erasure.
type Signals struct {
	Topic      string `yaml:"topic"`
	FromEvents bool   `yaml:"from_events"` // what source events say of accounts is a signal too
}

// Topic names a topic.
type Topic struct {
	Topic string `yaml:"topic"`
}

// Audit is where the audit log of this instance lies; "": none is written.
type Audit struct {
	Dir string `yaml:"dir" path:"dir"`
}

// Fetch bounds what is read ahead.
type Fetch struct {
	Budget Bytes `yaml:"budget"`
}

// Limits bound one record; what is above goes to quarantine.
type Limits struct {
	Record       Bytes `yaml:"record"`
	Depth        int   `yaml:"depth"`
	Decompressed Bytes `yaml:"decompressed"`
}

// Output says how sanitized batches are written.
type Output struct {
	Compression string `yaml:"compression"` // none, snappy, lz4, zstd
}

// Log goes to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // json, console
}

// HTTP serves /healthz, /readyz and /metrics.
type HTTP struct {
	Listen string `yaml:"listen"`
	Pprof  bool   `yaml:"pprof"`
	// PolicyToken lets its bearer replace the policy by POST /v1/policy; none: nobody can.
	PolicyToken Secret `yaml:"policy_token"`
	// Admins may send commands about people, keys and the store, one a line: name, roles, token. None: nobody can.
	Admins Secret `yaml:"admins"`
}

// Webhooks are the doors by which platforms and agents bring what people ask for; none while Listen is "".
type Webhooks struct {
	Listen string `yaml:"listen"`
	URL    string `yaml:"url"` // by which others reach Listen, through a proxy that speaks TLS
	Doors  []Door `yaml:"doors"`
}

// Door takes requests of one sender. Secret is what proves it: Meta's app secret, or a bearer token.
type Door struct {
	Kind     string `yaml:"kind"` // meta, opendsr, drp
	Path     string `yaml:"path"`
	Instance string `yaml:"instance"` // of the policy's sources, whose accounts the sender names
	Secret   Secret `yaml:"secret"`

	Controller string `yaml:"controller"`       // of opendsr: the sender's controller_id
	Domain     string `yaml:"domain"`           // of opendsr: of the certificate that Sign belongs to
	Sign       string `yaml:"sign" path:"file"` // of opendsr: RSA key, PEM, that answers are signed with; "": they are not
	Agent      string `yaml:"agent"`            // of drp: agent-id
	Key        string `yaml:"key"`              // of drp: the agent's verify_key, base64
	Business   string `yaml:"business"`         // of drp: our business-id
}

// Default gives the defaults of all options that do not depend on the machine.
func Default() Config {
	return Config{
		Keyring:            Keyring{KEK: KEK{Timeout: 10 * time.Second, Grace: time.Minute}},
		Kafka:              Kafka{ClientID: "nymstream"},
		Group:              "nymstream",
		Start:              "earliest",
		Quarantine:         Quarantine{Topic: "nymstream.quarantine"},
		Store:              Store{Kind: "none", Connections: 8, Cache: 1 << 20, DeletionsWithin: 10 * time.Minute},
		Signals:            Signals{Topic: "nymstream.signals", FromEvents: true},
		Control:            Topic{Topic: "nymstream.control"},
		Ledger:             Topic{Topic: "nymstream.ledger"},
		CommitInterval:     100 * time.Millisecond,
		TransactionTimeout: 15 * time.Second,
		SessionTimeout:     10 * time.Second,
		RebalanceTimeout:   30 * time.Second,
		DrainTimeout:       20 * time.Second,
		Fetch:              Fetch{Budget: 64 * MiB},
		Limits:             Limits{Record: 10 * MiB, Depth: 128, Decompressed: 64 * MiB},
		Output:             Output{Compression: "snappy"},
		Log:                Log{Level: "info", Format: "json"},
		SchemaRegistry:     SchemaRegistry{Timeout: 5 * time.Second},
		PolicyWatch:        5 * time.Second,
		HTTP:               HTTP{Listen: "127.0.0.1:9464"},
	}
}

// maxFile bounds the configuration file; a larger one is something else by mistake.
const maxFile = 1 << 20

// Load reads the file, resolves ${env:NAME} by lookup and ${file:PATH}, fills in defaults and checks the whole.
// Faults of the content are returned together as Problems. Loading again rereads the secrets.
func Load(path string, lookup func(name string) (string, bool)) (*Config, error) {
	src, err := readBounded(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c := Default()
	d := &decoder{file: path, dir: filepath.Dir(path), lookup: lookup, at: map[string]position{"": {1, 1}}, faulty: map[string]bool{}}
	d.decode(src, &c)
	if err := machineDefaults(&c); err != nil {
		return nil, err
	}
	c.validate(d.reportAt)
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	return &c, nil
}

func machineDefaults(c *Config) error {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Instance != "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("instance: the host name is unknown, so set it: %w", err)
	}
	c.Instance = host
	return nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return b, nil
}
