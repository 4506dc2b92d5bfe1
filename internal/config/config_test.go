// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const minimal = `tenant: t
policy: p.yaml
keyring: {dir: keys, kek: {file: kek}}
kafka: {brokers: ['b:9092']}
`

func noEnv(string) (string, bool) { return "", false }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// problems loads the text and gives its faults without the file's name.
func problems(t *testing.T, text string) []string {
	t.Helper()
	path := write(t, text)
	_, err := Load(path, noEnv)
	var ps Problems
	if err != nil && !errors.As(err, &ps) {
		t.Fatalf("want Problems, got %T: %v", err, err)
	}
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = strings.TrimPrefix(p.Error(), path+":")
	}
	return out
}

func TestMinimalHasTheDefaults(t *testing.T) {
	path := write(t, minimal)
	got, err := Load(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	want := Default()
	want.Tenant, want.Policy = "t", filepath.Join(dir, "p.yaml")
	want.Keyring.Dir, want.Keyring.KEK.File = filepath.Join(dir, "keys"), filepath.Join(dir, "kek")
	want.Kafka.Brokers = []string{"b:9092"}
	want.Instance, _ = os.Hostname()
	want.Workers = runtime.GOMAXPROCS(0)
	if w, g := fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", *got); w != g {
		t.Errorf("want %s\ngot  %s", w, g)
	}
}

func TestValues(t *testing.T) {
	got, err := Load(write(t, minimal+`
log:
  # level: debug
instance: i-1
commit_interval: 20ms
fetch: {budget: 1GiB}
limits: {record: 2000000B}
memory_limit: 2GiB
assume_consent: true
workers: 3
http: {listen: ":0"}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want, got any }{
		{"instance", "i-1", got.Instance},
		{"commit_interval", 20 * time.Millisecond, got.CommitInterval},
		{"fetch.budget", GiB, got.Fetch.Budget},
		{"limits.decompressed", 64 * MiB, got.Limits.Decompressed},
		{"limits.record", Bytes(2000000), got.Limits.Record},
		{"assume_consent", true, got.AssumeConsent},
		{"workers", 3, got.Workers},
	} {
		if c.want != c.got {
			t.Errorf("%s: want %v, got %v", c.name, c.want, c.got)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown at top", minimal + "comit_interval: 1s\n", "5:1: unknown option `comit_interval`; did you mean `commit_interval`?"},
		{"unknown below", minimal + "fetch:\n  budgte: 1MiB\n", "6:3: unknown option `budgte` below `fetch`; did you mean `budget`?"},
		{"unknown, none near", minimal + "log:\n  colour: red\n", "6:3: unknown option `colour` below `log`; one of level, format"},
		{"twice", minimal + "group: a\ngroup: b\n", "6:1: `group` stands twice; it already stands at line 5"},
		{"second document", minimal + "---\ngroup: a\n", "6:6: a second document; one file holds one configuration"},
		{"empty", "# nothing\n", "1:1: the file is empty; start from config/nymstream.minimal.yaml"},
		{"a list at the root", "- a\n", "1:1: the file holds a list where it should hold options; write `name: value` lines, indented below it"},
		{"bare number as duration", minimal + "commit_interval: 100\n", "5:18: commit_interval takes a duration, not such a number; write it with its unit: 100ms, 15s, 2m"},
		{"negative duration", minimal + "commit_interval: -1s\n", "5:18: commit_interval: `-1s` is no duration; write it with its unit: 100ms, 15s, 2m"},
		{"bare number as size", minimal + "memory_limit: 67108864\n", "5:15: memory_limit takes a size, not such a number; write it with its unit: 512KiB, 64MiB, 1GiB"},
		{"decimal unit", minimal + "memory_limit: 64MB\n", "5:15: memory_limit: `64MB` is no size; write it with its unit: 512KiB, 64MiB, 1GiB"},
		{"size overflow", minimal + "memory_limit: 99999999999GiB\n", "5:15: memory_limit: `99999999999GiB` is no size; write it with its unit: 512KiB, 64MiB, 1GiB"},
		{"number as text", minimal + "group: 010\n", "5:8: group takes text, not such a number; write it in quotes"},
		{"yes as text", minimal + "group: yes\n", "5:8: group takes text, not a word that others read as true or false; write it in quotes"},
		{"yes as boolean", minimal + "assume_consent: yes\n", "5:17: assume_consent takes true or false, not a word that others read as true or false; write true or false"},
		{"octal number", minimal + "workers: 010\n", "5:10: workers takes a whole number in decimal digits, not such a number; write it like 7, unquoted"},
		{"quoted number", minimal + "workers: '2'\n", "5:10: workers takes a whole number in decimal digits, not text; write it like 7, unquoted"},
		{"empty option", minimal + "group:\n", "5:8: group is empty; give it a value, or remove the line to have the default"},
		{"anchor", minimal + "group: &g x\n", "5:8: group takes text, not an anchor or alias; write it in quotes"},
		{"tag", minimal + "group: !!str x\n", "5:8: group takes text, not a tag; write it in quotes"},
		{"word", minimal + "output: {compression: snapy}\n", "5:23: output.compression: unknown word `snapy`; did you mean `snappy`?"},
		{"range", minimal + "limits: {depth: 2000}\n", "5:17: limits.depth: 2000 is out of range; from 1 to 1024"},
		{"duration range", minimal + "drain_timeout: 11m\n", "5:16: drain_timeout: 11m is out of range; from 1s to 10m"},
		{"pair", minimal + "commit_interval: 5s\n", "5:18: commit_interval: more than a quarter of transaction_timeout (15s); shorten it, or lengthen transaction_timeout"},
		{"memory", minimal + "memory_limit: 80MiB\n", "5:15: memory_limit: less than fetch.budget and 32MiB (96MiB); enlarge it, or make fetch.budget smaller"},
		{"topic", minimal + "quarantine: {topic: 'a b'}\n", "5:21: quarantine.topic: no topic name; use 1 to 249 of A-Z a-z 0-9 . _ -"},
		{"listen", minimal + "http: {listen: '9464'}\n", "5:16: http.listen: no host:port; write it like 127.0.0.1:9092"},
		{"pprof", minimal + "http: {listen: '0.0.0.0:9464', pprof: true}\n", "5:39: http.pprof: a profiler on an address others can reach; listen on 127.0.0.1, or leave it off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(t, c.text)
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("\nwant %s\ngot  %s", c.want, strings.Join(got, "\n     "))
			}
		})
	}
}

func TestKafkaRefusals(t *testing.T) {
	const head = "tenant: t\npolicy: p\nkeyring: {dir: k, kek: {file: f}}\nkafka:\n"
	for _, c := range []struct{ name, text, want string }{
		{"no brokers", "  client_id: x\n", "4:1: kafka.brokers: is missing; write [host:9092]"},
		{"broker without port", "  brokers: [b]\n", "5:13: kafka.brokers[0]: no host:port; write it like 127.0.0.1:9092"},
		{"brokers as text", "  brokers: b:9092\n", "5:12: kafka.brokers takes a list, not text; write [first, second]"},
		{"tls off", "  brokers: [b:1]\n  tls: {ca: x}\n", "6:3: kafka.tls: has options but is off; add `enabled: true`, or remove them"},
		{"half a pair", "  brokers: [b:1]\n  tls: {enabled: true, cert: x}\n", "6:3: kafka.tls: has one of cert and key; give both, or neither"},
		{"mechanism", "  brokers: [b:1]\n  sasl: {mechanism: SCRAM-SHA-512, username: u, password: '${file:n.yaml}'}\n", "6:21: kafka.sasl.mechanism: unknown word `SCRAM-SHA-512`; did you mean `scram-sha-512`?"},
		{"plain without tls", "  brokers: [b:1]\n  sasl: {mechanism: plain, username: u, password: '${file:n.yaml}'}\n", "6:21: kafka.sasl.mechanism: plain sends the password in clear without TLS; enable kafka.tls, or use scram-sha-512"},
		{"no password", "  brokers: [b:1]\n  sasl: {mechanism: scram-sha-256, username: u}\n", "6:3: kafka.sasl.password: is missing; write ${file:PATH} or ${env:NAME}"},
		{"secret in clear", "  brokers: [b:1]\n  sasl: {mechanism: scram-sha-256, username: u, password: hunter2}\n", "6:59: kafka.sasl.password: a secret stands in the file in clear; write ${file:PATH} or ${env:NAME}"},
		{"secret as number", "  brokers: [b:1]\n  sasl: {mechanism: scram-sha-256, username: u, password: 12345678}\n", "6:59: kafka.sasl.password takes a reference, not such a number; write ${file:PATH} or ${env:NAME}"},
		{"missing env", "  brokers: [b:1]\n  sasl: {mechanism: scram-sha-256, username: u, password: '${env:PW}'}\n", "6:59: kafka.sasl.password: the environment variable PW is not set; write ${file:PATH} or ${env:NAME}"},
		{"unknown reference", "  brokers: ['${vault:x}']\n", "5:13: kafka.brokers[0]: `${vault:x}` is no reference; references are ${env:NAME} and ${file:PATH}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(t, head+c.text)
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("\nwant %s\ngot  %s", c.want, strings.Join(got, "\n     "))
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	got := problems(t, "polcy: x\nstart: now\nlog: {level: loud}\nworkers: 0x10\n")
	var places []string
	for _, p := range got {
		places = append(places, p[:strings.Index(p, ";")])
	}
	want := []string{
		"1:1: tenant: is missing", "1:1: policy: is missing", "1:1: keyring.dir: is missing", "1:1: kafka.brokers: is missing",
		"1:1: unknown option `polcy`", "2:8: start: unknown word `now`", "3:14: log.level: unknown word `loud`", "4:10: workers takes a whole number in decimal digits, not such a number",
	}
	for _, w := range want {
		found := false
		for _, g := range places {
			found = found || g == w
		}
		if !found {
			t.Errorf("want %q, got\n%s", w, strings.Join(places, "\n"))
		}
	}
	if len(places) != len(want) {
		t.Errorf("want %d faults, got %d:\n%s", len(want), len(places), strings.Join(places, "\n"))
	}
}

func TestReferences(t *testing.T) {
	path := write(t, strings.Replace(minimal, "kek}", "kek, passphrase: '${file:pass}'}", 1)+"group: '${env:TEAM}-nym'\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "pass"), []byte(" correct horse \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, func(name string) (string, bool) { return "blue", name == "TEAM" })
	if err != nil {
		t.Fatal(err)
	}
	if want := "blue-nym"; c.Group != want {
		t.Errorf("want %q, got %q", want, c.Group)
	}
	if want := " correct horse "; c.Keyring.KEK.Passphrase.Reveal() != want {
		t.Errorf("want the file's content without its line break, got %d bytes", len(c.Keyring.KEK.Passphrase.Reveal()))
	}
}

func TestEscapedReference(t *testing.T) {
	d := &decoder{lookup: noEnv}
	got, refs, err := d.expand("a $${env:X} b")
	if want := "a ${env:X} b"; err != nil || refs || got != want {
		t.Errorf("want %q without references, got %q, %v, %v", want, got, refs, err)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSecretNeverPrints(t *testing.T) {
	const value = "hunter2-open-sesame"
	c := Default()
	bare := value
	secret := Secret{&bare}
	c.Kafka.SASL.Password = secret
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%w", "%20s"} {
		fmt.Fprintf(&out, verb, c.Kafka.SASL.Password)
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, &c)
		fmt.Fprintf(&out, verb, []Secret{secret})
		fmt.Fprintf(&out, verb, map[Secret]Secret{secret: secret})
	}
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	y, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(y)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c, "s", c.Kafka.SASL.Password)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "c", c, "s", c.Kafka.SASL.Password)
	for _, leak := range []string{value, fmt.Sprintf("%x", value), strings.ToUpper(fmt.Sprintf("%x", value)), "104 117 110"} {
		if strings.Contains(out.String(), leak) {
			i := strings.Index(out.String(), leak)
			t.Errorf("a secret printed itself: … %s", out.String()[max(0, i-60):i+len(leak)])
		}
	}
	if !strings.Contains(out.String(), hidden) {
		t.Error("want [secret] in its place, got nothing")
	}
}

// A fault of syntax must not quote the source: the library's own message would show the line.
func TestSyntaxErrorsQuoteNothing(t *testing.T) {
	got := problems(t, "kafka:\n  sasl: {password: hunter2, mechanism: [\n")
	if len(got) != 1 || strings.Contains(got[0], "hunter2") || !strings.Contains(got[0], "no YAML") {
		t.Errorf("want one fault that quotes nothing, got %q", got)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), noEnv)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want os.ErrNotExist, got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"nymstream.yaml", "nymstream.minimal.yaml"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "config", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("a: &x {b: *x}\n<<: *x\n? c\n: d\n--- \n- e"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c := Default()
		d := &decoder{file: "f", dir: t.TempDir(), lookup: noEnv, at: map[string]position{"": {1, 1}}, faulty: map[string]bool{}}
		d.decode(src, &c)
		c.validate(d.reportAt)
		for _, p := range d.problems {
			if p.Line < 1 || p.Col < 1 || p.What == "" {
				t.Errorf("a fault without place or words: %+v", p)
			}
		}
	})
}
