// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/workload"
)

// Variant is the benchmark's policy and pack with more in them. The zero value is the policy as it is.
type Variant struct {
	Rules      int // paths that the pack names beyond those of the event; every second one has a rule of its own in the policy
	Recipients int // of the one source, each with a domain and a topic of its own; 0: one

	Text string // the rule for what people write; "": it is sealed
}

// Rules for texts that are compared: as it is, and searched for personal data without and with names.
const (
	TextKept     = "{keep: {type: string, max: 100000}, clear: measured}"
	TextSearched = "{text: {names: none}, clear: measured}"
	TextNames    = "text"
)

// Policy gives the text of the policy.
func (v Variant) Policy() (string, error) {
	head, recipient, ok := strings.Cut(workload.Policy(), "recipients:\n")
	if !ok {
		return "", errors.New("the policy has no line recipients:")
	}
	name, rest, ok := strings.Cut(recipient, ":\n")
	if !ok || strings.Count(rest, workload.CleanTopic) != 1 {
		return "", errors.New("the policy has not one recipient with one topic")
	}
	if v.Text != "" {
		const sealed = "      text: seal\n"
		if !strings.Contains(rest, sealed) {
			return "", errors.New("the recipient has no rule text: seal")
		}
		rest = strings.Replace(rest, sealed, "      text: "+v.Text+"\n", 1)
	}
	if v.Rules > 1 {
		rest += "    paths:\n      bench:\n"
		for i := 1; i < v.Rules; i += 2 {
			rest += fmt.Sprintf("        %s: keep\n", further(i))
		}
	}
	text := head + "recipients:\n" + name + ":\n" + rest
	for i := 2; i <= v.Recipients; i++ {
		text += fmt.Sprintf("%s-%d:\n%s", name, i, strings.Replace(rest, workload.CleanTopic, fmt.Sprintf("%s.%d", workload.CleanTopic, i), 1))
	}
	return text, nil
}

// Pack gives the text of the pack.
func (v Variant) Pack() string {
	var text strings.Builder
	text.WriteString(workload.Pack())
	for i := range v.Rules {
		fmt.Fprintf(&text, "      %s: {plain: integer}\n", further(i))
	}
	return text.String()
}

// further names the i-th path that the event does not have: beside its own fields, on top and inside, and in objects it lacks.
func further(i int) string {
	switch i / 2 % 3 {
	case 0:
		return fmt.Sprintf("$.context.further_%d", i)
	case 1:
		return fmt.Sprintf("$.further_%d", i)
	}
	return fmt.Sprintf("$.missing_%d.value_%d", i%50, i)
}

// Write puts policy and pack into a folder and gives the policy's path.
func (v Variant) Write(dir string) (string, error) {
	text, err := v.Policy()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "policy.yaml")
	return file, errors.Join(os.WriteFile(file, []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "pack.yaml"), []byte(v.Pack()), 0o600))
}

// GrowDropped makes an event of about the size by fields that no policy names: texts, numbers and nested objects.
func GrowDropped(value []byte, size int) ([]byte, error) {
	body, ok := bytes.CutSuffix(value, []byte("}"))
	if !ok {
		return nil, errors.New("the event is no object")
	}
	grown := append(make([]byte, 0, size+256), body...)
	for i := 0; len(grown) < size; i++ {
		grown = fmt.Appendf(grown, `,"unnamed_%d":{"id":"f_%d","text":"water made people \"look\" 🔥 who could see it first and find more time","score":0.%04d,"seen":[%d,%d,true]}`,
			i, i*7919, i%10_000, i, i*3)
	}
	return append(grown, '}'), nil
}

// GrowKept makes an event of about the size by hashtags, which the policy keeps after a check of each.
func GrowKept(value []byte, size int) ([]byte, error) {
	const list = `"hashtags":[`
	at := bytes.Index(value, []byte(list))
	if at < 0 {
		return nil, errors.New("the event has no hashtags")
	}
	at += len(list)
	grown := append(make([]byte, 0, size+64), value[:at]...)
	for i := 0; len(grown)+len(value)-at < size; i++ {
		grown = append(strconv.AppendInt(append(grown, `"water_people_`...), int64(i%1000), 10), `",`...)
	}
	return append(grown, value[at:]...), nil
}
