// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cluster is a running Apache Kafka that scripts/kafka-up.sh made. Broker ids count from 1.
type Cluster struct {
	Dir      string
	Version  string
	Brokers  []string // addresses of the plain listeners: the administrator
	SASL     []string // addresses of the SASL_SSL listeners; nil without security
	CA       string   // certificate file
	User     string
	Password string

	scripts string
}

// ClusterOptions says what to start; the zero value is one broker of the newest version without security.
type ClusterOptions struct {
	Version string
	Brokers int // 1 or 3
	Secure  bool
}

// errUnavailable says that Java, Maven or the artifacts cannot be had: exit code 3 of the scripts.
var errUnavailable = errors.New("kafka cannot be had")

// StartCluster starts brokers that end with the test. It ends the test with Missing when there is no Kafka to be had.
func StartCluster(t testing.TB, o ClusterOptions) *Cluster {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	scripts := filepath.Join(root, "scripts")
	dir := t.TempDir()
	args := []string{"-p", "0", "-d", dir, "-n", strconv.Itoa(max(o.Brokers, 1))}
	if o.Version != "" {
		args = append(args, "-v", o.Version)
	}
	if o.Secure {
		args = append(args, "-s")
	}
	t.Cleanup(func() {
		if err := run(scripts, "kafka-down.sh", dir); err != nil {
			t.Logf("brokers were not stopped: %v", err)
		}
	})
	if err := run(scripts, "kafka-up.sh", args...); errors.Is(err, errUnavailable) {
		Missing(t, "%v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	c, err := openCluster(dir, scripts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// CurrentCluster is the cluster that scripts/with-kafka.sh runs this test against; without one it ends the test with Missing.
func CurrentCluster(t testing.TB) *Cluster {
	t.Helper()
	dir := os.Getenv("NYMSTREAM_KAFKA_DIR")
	if dir == "" {
		Missing(t, "NYMSTREAM_KAFKA_DIR names no cluster; start this test with `make test-kafka`")
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCluster(dir, filepath.Join(root, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openCluster(dir, scripts string) (*Cluster, error) {
	f, err := os.Open(filepath.Join(dir, "cluster.env"))
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	defer f.Close()
	set := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		set[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &Cluster{
		Dir: dir, Version: set["KAFKA_RUN_VERSION"], Brokers: strings.Split(set["KAFKA_BOOTSTRAP"], ","),
		CA: set["KAFKA_CA"], User: set["KAFKA_USER"], Password: set["KAFKA_PASSWORD"], scripts: scripts,
	}
	if s := set["KAFKA_SASL_SSL_BOOTSTRAP"]; s != "" {
		c.SASL = strings.Split(s, ",")
	}
	return c, nil
}

// Kill sends kill -9 to one broker.
func (c *Cluster) Kill(id int32) error { return c.broker("kill", id) }

// Start starts one broker again and waits until it serves.
func (c *Cluster) Start(id int32) error { return c.broker("start", id) }

func (c *Cluster) broker(action string, id int32) error {
	return run(c.scripts, "kafka-broker.sh", "-d", c.Dir, action, strconv.Itoa(int(id)))
}

// run runs a script to its end. Artifacts of Kafka may have to be fetched first, hence the patience.
func run(scripts, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(scripts, name), args...)
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		return fmt.Errorf("%w: %s", errUnavailable, strings.TrimSpace(said.String()))
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said.String()))
	}
	return nil
}
