// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

// testTime is when policy tests happen.
var testTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// TestReport is what policy tests found.
type TestReport struct {
	Cases     []TestCase
	Rules     int      // rules of the policy that decide anything
	Unreached []string // those that no forwarded event of a test reached, in the order of the file
}

// TestCase is one test for one recipient. Failures begin with the file and line of what was expected.
type TestCase struct {
	File      string
	Line      int
	Name      string
	Recipient string
	Failures  []string
	Took      time.Duration
}

// Failed counts the cases that failed.
func (r *TestReport) Failed() int {
	n := 0
	for i := range r.Cases {
		if len(r.Cases[i].Failures) > 0 {
			n++
		}
	}
	return n
}

// TestPolicy sends the tests' events through the real pipeline, with fresh keys at a fixed time.
func TestPolicy(plan *policy.Plan, tests []policy.Test) (*TestReport, error) {
	var names []string
	for i := range plan.Recipients {
		names = append(names, plan.Recipients[i].Name)
	}
	keys, err := keyring.Ephemeral("test", names, testTime)
	if err != nil {
		return nil, err
	}
	t := &tester{plan: plan, pipelines: map[string]*pipeline.Pipeline{}, reached: map[string]bool{}, names: newNaming()}
	for _, consent := range []string{policy.ConsentNone, policy.ConsentAssumed} {
		o := pipeline.Options{AssumeConsent: consent == policy.ConsentAssumed, Now: func() time.Time { return testTime }}
		if t.pipelines[consent], err = pipeline.New(plan, keys, o); err != nil {
			return nil, err
		}
	}
	report := &TestReport{}
	for i := range tests {
		for _, recipient := range tests[i].Recipients {
			began := time.Now()
			failures, err := t.run(&tests[i], recipient)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", tests[i].File, tests[i].Line, err)
			}
			report.Cases = append(report.Cases, TestCase{tests[i].File, tests[i].Line, tests[i].Name, recipient, failures, time.Since(began)})
		}
	}
	report.Rules, report.Unreached = t.coverage()
	return report, nil
}

type tester struct {
	plan      *policy.Plan
	pipelines map[string]*pipeline.Pipeline // by consent
	reached   map[string]bool               // file:line of rules
	names     *naming
}

func (t *tester) run(test *policy.Test, recipient string) (failures []string, err error) {
	fail := func(line int, format string, args ...any) {
		failures = append(failures, fmt.Sprintf("%s:%d: ", test.File, line)+fmt.Sprintf(format, args...))
	}
	source, err := findSource(t.plan, test.Source)
	if err != nil {
		fail(test.Line, "%v", err)
		return failures, nil
	}
	to, err := findRecipient(t.plan, recipient)
	if err == nil && !joined(t.plan, source, to) {
		err = fmt.Errorf("recipient %s gets nothing from source %s: its from: does not name it", recipient, test.Source)
	}
	if err != nil {
		fail(test.Line, "%v", err)
		return failures, nil
	}
	p := t.pipelines[test.Consent]
	sink := &testSink{}
	record := event.Record{Topic: t.plan.Sources[source].Topics[0], Time: -1, Key: test.Key, Value: test.Payload, Headers: test.Headers}
	if err := p.For([]int{to}).Process([]event.Record{record}, sink); err != nil {
		return nil, err
	}
	if len(sink.ends) != len(test.Expect) {
		fail(test.Line, "want %d events, got %d", len(test.Expect), len(sink.ends))
	}
	for i := range min(len(sink.ends), len(test.Expect)) {
		c := expectationCheck{fail: fail, names: t.names, recipient: recipient}
		c.check(test.Expect[i], &sink.ends[i])
	}
	return failures, t.reach(p, test, source, to, sink)
}

// testEnd is what became of one event.
type testEnd struct {
	outcome, reason string
	key, value      []byte
	headers         []event.Header
}

type testSink struct{ ends []testEnd }

func (s *testSink) Forward(_ int, _ *event.Record, out *event.Output) error {
	end := testEnd{outcome: "forward", key: slices.Clone(out.Key), value: slices.Clone(out.Value)}
	for _, h := range out.Headers {
		end.headers = append(end.headers, event.Header{Key: slices.Clone(h.Key), Value: slices.Clone(h.Value)})
	}
	s.ends = append(s.ends, end)
	return nil
}

func (s *testSink) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	s.ends = append(s.ends, testEnd{outcome: "withhold", reason: reason.String()})
	return nil
}

func (s *testSink) Quarantine(q *event.Quarantined) error {
	s.ends = append(s.ends, testEnd{outcome: "quarantine", reason: q.Reason.String()})
	return nil
}

// reach notes the rules that decided what is in a forwarded event.
func (t *tester) reach(p *pipeline.Pipeline, test *policy.Test, source, recipient int, sink *testSink) error {
	forwarded := slices.ContainsFunc(sink.ends, func(e testEnd) bool { return e.outcome == "forward" })
	if !forwarded {
		return nil
	}
	events, err := p.Explain(source, []int{recipient}, test.Payload)
	if err != nil {
		return err
	}
	for _, x := range events {
		if len(x.Ends) == 0 || x.Ends[0].Outcome != "forward" {
			continue
		}
		for i := range x.Leaves {
			for _, f := range x.Leaves[i].Fates {
				t.reached[ruleLine(f.Rule)] = true
			}
		}
	}
	for i := range t.plan.Flows {
		f := &t.plan.Flows[i]
		if f.Source != source || f.Recipient != recipient {
			continue
		}
		for j, h := range t.plan.Sources[source].Headers {
			if slices.ContainsFunc(test.Headers, func(x event.Header) bool { return string(x.Key) == h.Name }) {
				t.reached[ruleLine(f.Headers[j].Rule)] = true
			}
		}
	}
	return nil
}

// deciding finds file, line and name in what a decision says of its rule.
var deciding = regexp.MustCompile(`^(.+?:(\d+)) (.+?)(?:: .*| stands for all of it.*)?$`)

func ruleLine(rule string) string {
	if m := deciding.FindStringSubmatch(rule); m != nil {
		return m[1]
	}
	return ""
}

// coverage counts the rules that decide anything, and lists those that no test reached.
func (t *tester) coverage() (rules int, unreached []string) {
	type line struct {
		number int
		name   string
	}
	all := map[string]line{}
	note := func(rule string) {
		if m := deciding.FindStringSubmatch(rule); m != nil {
			number, _ := strconv.Atoi(m[2]) // the pattern takes digits only
			all[m[1]] = line{number, m[1] + " " + m[3]}
		}
	}
	for i := range t.plan.Flows {
		f := &t.plan.Flows[i]
		for j := range f.Headers {
			note(f.Headers[j].Rule)
		}
		for j := range f.Events {
			for k := range f.Events[j].Decisions {
				note(f.Events[j].Decisions[k].Rule)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Compare(all[a].number, all[b].number) }) {
		if !t.reached[key] {
			unreached = append(unreached, all[key].name)
		}
	}
	return len(all), unreached
}

// PrintTests writes a report for a person.
func PrintTests(out io.Writer, r *TestReport, coverage bool) {
	for i := range r.Cases {
		c := &r.Cases[i]
		if len(c.Failures) == 0 {
			continue
		}
		fmt.Fprintf(out, "FAIL  %s:%d %s (%s)\n", filepath.Base(c.File), c.Line, c.Name, c.Recipient)
		for _, f := range c.Failures {
			fmt.Fprintf(out, "      %s\n", strings.ReplaceAll(f, "\n", "\n        "))
		}
	}
	if failed := r.Failed(); failed > 0 {
		fmt.Fprintf(out, "%d of %d tests failed\n", failed, len(r.Cases))
	} else {
		fmt.Fprintf(out, "ok: %d tests\n", len(r.Cases))
	}
	if !coverage {
		return
	}
	reached := r.Rules - len(r.Unreached)
	fmt.Fprintf(out, "rules reached: %d of %d (%d %%)\n", reached, r.Rules, 100*reached/max(r.Rules, 1))
	for _, rule := range r.Unreached {
		fmt.Fprintf(out, "  not reached: %s\n", rule)
	}
}

// The parts of JUnit's XML that its readers agree on.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a report as JUnit XML: a suite for each file.
func WriteJUnit(out io.Writer, r *TestReport) error {
	all := junitSuites{Tests: len(r.Cases), Failures: r.Failed()}
	took := map[string]time.Duration{}
	for i := range r.Cases {
		c := &r.Cases[i]
		at := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == c.File })
		if at < 0 {
			at = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: c.File})
		}
		s := &all.Suites[at]
		j := junitCase{Name: c.Name, Class: c.Recipient, File: c.File, Line: c.Line, Time: seconds(c.Took)}
		s.Tests++
		if len(c.Failures) > 0 {
			s.Failures++
			j.Failure = &junitFailure{Message: c.Failures[0], Text: strings.Join(c.Failures, "\n")}
		}
		took[s.Name] += c.Took
		s.Time = seconds(took[s.Name])
		s.Cases = append(s.Cases, j)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(out)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
