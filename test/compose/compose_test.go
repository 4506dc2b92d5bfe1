// SPDX-License-Identifier: Apache-2.0

// Package compose_test holds docker-compose.yml and what it mounts against the rules that this repository sets itself.
// It starts nothing: whether the images run is seen only where Docker is.
package compose_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
)

const root = "../.."

func load(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServices(t *testing.T) {
	want := []string{"grafana", "kafka", "keys", "nymstream", "postgres", "prometheus", "topics"}
	if got := load(t).ServiceNames(); !slices.Equal(want, got) {
		t.Errorf("want %v, got %v", want, got)
	}
}

// TestHardened: no root, no capabilities, no new ones; and nothing to write to but volumes, except in Kafka's image.
func TestHardened(t *testing.T) {
	for name, s := range load(t).Services {
		user, _, _ := strings.Cut(s.User, ":")
		if user == "" || user == "root" || user == "0" {
			t.Errorf("%s: want a user that is not root, got %q", name, s.User)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("%s: want no capabilities, got drop %v, add %v, privileged %v", name, s.CapDrop, s.CapAdd, s.Privileged)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: want no-new-privileges, got %v", name, s.SecurityOpt)
		}
		if !s.ReadOnly && !strings.HasPrefix(s.Image, "apache/kafka:") { // its start script writes the broker's settings
			t.Errorf("%s: want a read-only root file system", name)
		}
		if s.NetworkMode == "host" || s.Pid == "host" || s.Ipc == "host" {
			t.Errorf("%s: shares a namespace with the machine", name)
		}
	}
}

// PostgreSQL's versions have two numbers.
var pinned = regexp.MustCompile(`^([a-z0-9/._-]+:v?[0-9]+\.[0-9]+\.[0-9]+|postgres:[0-9]+\.[0-9]+)$`)

func TestImagesArePinned(t *testing.T) {
	for name, s := range load(t).Services {
		if !pinned.MatchString(s.Image) {
			t.Errorf("%s: want an image with its whole version, got %q", name, s.Image)
		}
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(read(t, "Dockerfile"), -1)
	if len(from) == 0 {
		t.Error("Dockerfile: want FROM, got none")
	}
	for _, f := range from {
		if f[1] != "scratch" && !regexp.MustCompile(`:[0-9]+\.[0-9]+\.[0-9]+(-[a-z]+)?$`).MatchString(f[1]) {
			t.Errorf("Dockerfile: want an image with its whole version, got %q", f[1])
		}
	}
}

func TestKafkaIsTheTestedVersion(t *testing.T) {
	m := regexp.MustCompile(`(?m)^KAFKA_VERSION=(\S+)$`).FindStringSubmatch(read(t, "scripts/versions.env"))
	if m == nil {
		t.Fatal("scripts/versions.env: want KAFKA_VERSION, got none")
	}
	p := load(t)
	for _, name := range []string{"kafka", "topics"} {
		if want, got := "apache/kafka:"+m[1], p.Services[name].Image; want != got {
			t.Errorf("%s: want %s, got %s", name, want, got)
		}
	}
}

func TestPortsAreOnLoopback(t *testing.T) {
	for name, s := range load(t).Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published on %q", name, p.Published, p.HostIP)
			}
		}
	}
}

func TestMountsExist(t *testing.T) {
	p := load(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !v.ReadOnly {
					t.Errorf("%s: %s is mounted for writing", name, v.Target)
				}
			case types.VolumeTypeVolume:
				if _, ok := p.Volumes[v.Source]; !ok {
					t.Errorf("%s: no volume %s", name, v.Source)
				}
			}
		}
	}
}

// TestSecretsAreFilesThatGitIgnores, made by secrets.sh, and stand in no environment variable.
func TestSecretsAreFilesThatGitIgnores(t *testing.T) {
	p := load(t)
	script := read(t, "config/compose/secrets.sh")
	for name, s := range p.Secrets {
		if filepath.Base(filepath.Dir(s.File)) != "secrets" || filepath.Base(s.File) != name {
			t.Errorf("%s: want the file secrets/%s, got %s", name, name, s.File)
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(script) {
			t.Errorf("%s: secrets.sh does not make it", name)
		}
	}
	if got := read(t, "config/compose/secrets/.gitignore"); got != "*\n!.gitignore\n" {
		t.Errorf("want everything ignored, got %q", got)
	}
	for name, s := range p.Services {
		for key, value := range s.Environment {
			secret := regexp.MustCompile(`(?i)passw|secret|token`).MatchString(key)
			if secret && !strings.HasSuffix(key, "_FILE") && value != nil {
				t.Errorf("%s: %s stands in the environment", name, key)
			}
			if strings.HasSuffix(key, "_FILE") && value != nil && !mounts(s, *value) {
				t.Errorf("%s: %s names %s, which is no secret of the service", name, key, *value)
			}
		}
	}
}

// mounts tells whether a path is that of a secret of the service.
func mounts(s types.ServiceConfig, path string) bool {
	return slices.ContainsFunc(s.Secrets, func(one types.ServiceSecretConfig) bool { return path == "/run/secrets/"+one.Source })
}

func TestDependenciesAreWaitedFor(t *testing.T) {
	p := load(t)
	needs := p.Services["nymstream"].DependsOn
	for _, name := range []string{"kafka", "postgres"} {
		if p.Services[name].HealthCheck == nil {
			t.Errorf("%s: want a health check, got none", name)
		}
		if got := needs[name].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("nymstream: want %s healthy first, got %q", name, got)
		}
	}
	if got := needs["topics"].Condition; got != types.ServiceConditionCompletedSuccessfully {
		t.Errorf("nymstream: want topics made first, got %q", got)
	}
}

// processConfig is what this test needs of config/compose/nymstream.yaml; internal/config reads it whole in a test of its own.
type processConfig struct {
	Policy string
	Kafka  struct{ Brokers []string }
	HTTP   struct{ Listen string }
	Store  struct{ Kind, URL string }
	Audit  struct{ Dir string }
}

// policy is what this test needs of a policy.
type policy struct {
	Sources    map[string]struct{ Topics []string }
	Recipients map[string]struct{ Topic, Retention string }
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestTopicsAreThoseOfThePolicy, each with the retention that the policy says.
func TestTopicsAreThoseOfThePolicy(t *testing.T) {
	var c processConfig
	parse(t, "config/compose/nymstream.yaml", &c)
	var p policy
	parse(t, filepath.Join("config", c.Policy), &p)
	// The last two have one partition; of those who were erased nothing is forgotten.
	want := []string{"nymstream.quarantine 7", "nymstream.signals 3", "nymstream.control 1 1", "nymstream.ledger -1 1"}
	for _, s := range p.Sources {
		for _, topic := range s.Topics {
			want = append(want, topic+" 1")
		}
	}
	for _, r := range p.Recipients {
		want = append(want, r.Topic+" "+strings.TrimSuffix(r.Retention, "d"))
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^topic (\S+ -?\d+(?: \d+)?)$`).FindAllStringSubmatch(read(t, "config/compose/topics.sh"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("want %v\ngot  %v", want, got)
	}
}

// TestAddressesMeet: what listens inside the stack is what the others ask.
func TestAddressesMeet(t *testing.T) {
	var c processConfig
	parse(t, "config/compose/nymstream.yaml", &c)
	p := load(t)
	listeners := *p.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]
	for _, b := range c.Kafka.Brokers {
		if !strings.Contains(listeners, "://"+b) {
			t.Errorf("want a listener for %s, got %s", b, listeners)
		}
	}
	_, port, _ := strings.Cut(c.HTTP.Listen, ":")
	if want := fmt.Sprintf("nymstream:%s", port); !strings.Contains(read(t, "config/prometheus/prometheus.yml"), want) {
		t.Errorf("prometheus.yml: want the target %s, got none", want)
	}
	if !strings.Contains(read(t, "config/grafana/provisioning/datasources/prometheus.yml"), "http://prometheus:9090") {
		t.Error("grafana: want the data source http://prometheus:9090, got none")
	}
	dashboards := regexp.MustCompile(`path: (\S+)`).FindStringSubmatch(read(t, "config/grafana/provisioning/dashboards/nymstream.yml"))
	mounted := slices.ContainsFunc(p.Services["grafana"].Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == dashboards[1] })
	if !mounted {
		t.Errorf("grafana: want a mount at %s, got none", dashboards[1])
	}
}

// TestStoreIsThePostgresOfTheStack: user, password, database and address are those that Compose sets, and nobody else reaches it.
func TestStoreIsThePostgresOfTheStack(t *testing.T) {
	var c processConfig
	parse(t, "config/compose/nymstream.yaml", &c)
	p := load(t)
	db := p.Services["postgres"]
	env := func(key string) string {
		if v := db.Environment[key]; v != nil {
			return *v
		}
		return ""
	}
	want := fmt.Sprintf("postgres://%s:${file:%s}@postgres:5432/%s?sslmode=disable", env("POSTGRES_USER"), env("POSTGRES_PASSWORD_FILE"), env("POSTGRES_DB"))
	if c.Store.Kind != "postgres" || c.Store.URL != want {
		t.Errorf("want the store %s, got %s %s", want, c.Store.Kind, c.Store.URL)
	}
	if !mounts(p.Services["nymstream"], env("POSTGRES_PASSWORD_FILE")) {
		t.Error("nymstream: the password's file is not mounted")
	}
	if len(db.Ports) > 0 {
		t.Errorf("postgres: want no published ports, got %v", db.Ports)
	}
	for name, s := range p.Services {
		if _, reaches := s.Networks["people"]; reaches != (name == "postgres" || name == "nymstream") {
			t.Errorf("%s: in the network people: %v", name, reaches)
		}
	}
	if len(db.Networks) != 1 || !p.Networks["people"].Internal {
		t.Errorf("postgres: want the network people alone, closed to the outside, got %v", db.Networks)
	}
	if !keeps(db, "/var/lib/postgresql/data") || !keeps(p.Services["nymstream"], c.Audit.Dir) {
		t.Error("want the database and the audit log in volumes")
	}
}

// keeps tells whether a path lies in a volume of the service.
func keeps(s types.ServiceConfig, path string) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && (path == v.Target || strings.HasPrefix(path, v.Target+"/"))
	})
}

// TestImageRunsTheMountedConfiguration: the Dockerfile's command reads what Compose mounts, where its volume begins.
func TestImageRunsTheMountedConfiguration(t *testing.T) {
	docker := read(t, "Dockerfile")
	s := load(t).Services["nymstream"]
	if want := "USER " + s.User; !strings.Contains(docker, want+"\n") {
		t.Errorf("Dockerfile: want %q, got none", want)
	}
	for _, v := range s.Volumes {
		if v.Target == "/etc/nymstream/policies" {
			continue // named by the configuration, relative to it
		}
		if !strings.Contains(docker, v.Target) {
			t.Errorf("Dockerfile: want %s, got none", v.Target)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([a-z/]+) `).FindAllStringSubmatch(docker, -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Errorf("Dockerfile: %v", err)
		}
		if !strings.Contains(read(t, ".dockerignore"), "!"+m[1]+"\n") {
			t.Errorf(".dockerignore: want !%s, got none", m[1])
		}
	}
}
