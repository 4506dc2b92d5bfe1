// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Setup is a folder with what instances of one group share: the policy, the keys and the way to the brokers.
type Setup struct {
	Dir     string
	Binary  string
	Brokers []string
	Policy  string // text of the policy file
	Group   string
	Kafka   string // more lines below kafka:, indented by two
}

// ClientID is how an instance calls itself towards the brokers.
func ClientID(instance string) string { return "nymstream-" + instance }

// Keys writes the policy and fresh keys for its recipients.
func (s *Setup) Keys() error {
	if err := os.WriteFile(filepath.Join(s.Dir, "policy.yaml"), []byte(s.Policy), 0o600); err != nil {
		return err
	}
	file, err := s.Config("keys", "")
	if err != nil {
		return err
	}
	cmd := exec.Command(s.Binary, "keys", "init", "-c", file)
	cmd.Env = os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("keys init: %w: %s", err, out)
	}
	return nil
}

// Config writes the configuration of one instance, with more lines at the end, and gives its file.
func (s *Setup) Config(instance, more string) (string, error) {
	text := fmt.Sprintf(`tenant: test
policy: policy.yaml
keyring: {dir: keys}
kafka:
  brokers: ["%s"]
  client_id: %s
%sgroup: %s
instance: %s
assume_consent: true
http: {listen: "127.0.0.1:0"}
`, strings.Join(s.Brokers, `", "`), ClientID(instance), s.Kafka, s.Group, instance) + more
	file := filepath.Join(s.Dir, instance+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// Start configures an instance and starts it; its log is <Dir>/<instance>.log.
func (s *Setup) Start(instance, more string, env ...string) (*Instance, error) {
	file, err := s.Config(instance, more)
	if err != nil {
		return nil, err
	}
	return StartInstance(instance, s.Binary, file, filepath.Join(s.Dir, instance+".log"), env...)
}
