// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const folder = "../../config"

func TestShippedFilesLoad(t *testing.T) {
	for _, name := range []string{"nymstream.yaml", "nymstream.minimal.yaml"} {
		c, err := Load(filepath.Join(folder, name), noEnv)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := filepath.Join(folder, "policies/social.yaml"); c.Policy != want {
			t.Errorf("%s: want policy %s, got %s", name, want, c.Policy)
		}
	}
}

// TestComposeFileLoads, with the secrets that Compose would mount.
func TestComposeFileLoads(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "kek_passphrase")
	if err := os.WriteFile(secret, []byte("s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`/run/secrets/[a-z_]+`).ReplaceAllString(mustRead(t, filepath.Join(folder, "compose", "nymstream.yaml")), secret)
	c, err := Load(write(t, text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Keyring.KEK.Passphrase.Reveal() != "s" || !strings.HasPrefix(c.Store.URL.Reveal(), "postgres://nymstream:s@") || c.AssumeConsent || c.HTTP.Pprof {
		t.Errorf("want the passphrase, no assumed consent, no profiler, got %+v", *c)
	}
}

// option is a line `name: value  # [default] …`, or the same commented out.
var option = regexp.MustCompile(`^( *)(?:# )?([a-z_]+):(?: .*?)?(?:\s+# (?:\[([^\]]*)\].*|.*))?$`)

// TestReferenceTellsTheDefaults compares the brackets of config/nymstream.yaml with the code, option by option.
func TestReferenceTellsTheDefaults(t *testing.T) {
	want := map[string]string{}
	leaves("", reflect.ValueOf(Default()), want)
	for _, required := range []string{"tenant", "policy", "keyring.dir", "kafka.brokers"} {
		want[required] = "required"
	}
	want["instance"], want["workers"] = "hostname", "cpus"
	want["keyring.kek.file"] = "DIR/kek"

	got := map[string]string{}
	var stack []string
	for i, line := range strings.Split(mustRead(t, filepath.Join(folder, "nymstream.yaml")), "\n") {
		m := option.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		depth := len(m[1]) / 2
		if depth > len(stack) {
			continue // prose
		}
		stack = append(stack[:depth], m[2])
		path := strings.Join(stack, ".")
		if _, known := want[path]; !known {
			continue // a group of options; Load has refused unknown ones
		}
		if _, twice := got[path]; twice {
			t.Errorf("line %d: %s stands twice", i+1, path)
		}
		got[path] = m[3]
	}
	for path, w := range want {
		if g, ok := got[path]; !ok {
			t.Errorf("%s: want a line with [%s], got none", path, w)
		} else if g != w {
			t.Errorf("%s: want [%s], got [%s]", path, w, g)
		}
	}
}

func leaves(path string, v reflect.Value, out map[string]string) {
	for i := range v.NumField() {
		name := strings.TrimPrefix(path+"."+v.Type().Field(i).Tag.Get("yaml"), ".")
		switch x := v.Field(i).Interface().(type) {
		case time.Duration:
			out[name] = short(x)
		case Bytes:
			out[name] = x.String()
		case bool:
			out[name] = strconv.FormatBool(x)
		case int:
			out[name] = strconv.Itoa(x)
		case string:
			out[name] = x
			if x == "" {
				out[name] = "none"
			}
		case Secret, []string, []Door:
			out[name] = "none"
		default:
			leaves(name, v.Field(i), out)
		}
	}
}

func TestCommentedOptionsAreKnown(t *testing.T) {
	text := regexp.MustCompile(`(?m)^( *)# ([a-z_]+: .*# \[)`).ReplaceAllString(mustRead(t, filepath.Join(folder, "nymstream.yaml")), "$1$2")
	text = regexp.MustCompile(`(?m)^    (file|passphrase|token_file): .*\n`).ReplaceAllString(text, "") // a KEK is a file or of a KMS, not both
	text = strings.NewReplacer("enabled: false", "enabled: true", "kind: none", "kind: embedded").Replace(text)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`/run/secrets/[a-z_]+`).ReplaceAllString(text, secret)
	if got := problems(t, text); len(got) > 0 {
		t.Errorf("want none, got\n%s", strings.Join(got, "\n"))
	}
	if want := "server_name: kafka.example.org     # ["; !strings.Contains(text, "\n    "+want) {
		t.Errorf("want %q uncommented, got\n%s", want, text)
	}
}
