// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/telemetry"
)

var metricName = regexp.MustCompile(`\bnymstream_[a-z_]+[a-z]\b`)

// base takes off what Prometheus adds to a histogram's name.
func base(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if b, ok := strings.CutSuffix(name, suffix); ok && strings.HasSuffix(b, "_seconds") {
			return b
		}
	}
	return name
}

// outside are metrics of other programs that dashboard and alarms may name.
var outside = regexp.MustCompile(`^(go|process)_[a-z_]+$`)

// unknownMetrics lists the metrics of a PromQL expression that nobody exports.
func unknownMetrics(expr string) []string {
	bare := regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)`).ReplaceAllString(expr, " ")
	var unknown []string
	for _, name := range regexp.MustCompile(`\b[a-z][a-z0-9_]*_[a-z0-9_]+\b`).FindAllString(bare, -1) {
		function := regexp.MustCompile(`\b` + name + ` *\(`).MatchString(bare)
		if !function && !outside.MatchString(name) && !slices.Contains(telemetry.Names(), base(name)) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func TestUnknownMetricsAreFound(t *testing.T) {
	got := unknownMetrics(`histogram_quantile(0.99, sum by (le) (rate(nymstream_rewrite_seconds_bucket{job="x_y"}[5m]))) / nymstream_made_up_total + up_since`)
	if want := []string{"nymstream_made_up_total", "up_since"}; !slices.Equal(want, got) {
		t.Errorf("want %v, got %v", want, got)
	}
}

type panel struct {
	Title   string
	Type    string
	Targets []struct{ Expr string }
	Panels  []panel
}

// TestDashboardAsksForMetricsThatExist, and leaves none of ours out.
func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	b, err := os.ReadFile("../../config/grafana/dashboards/nymstream.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	queries := 0
	for i := 0; i < len(board.Panels); i++ {
		p := board.Panels[i]
		board.Panels = append(board.Panels, p.Panels...)
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries++
			if u := unknownMetrics(target.Expr); len(u) > 0 {
				t.Errorf("panel %q: nobody exports %v", p.Title, u)
			}
			for _, n := range metricName.FindAllString(target.Expr, -1) {
				shown[base(n)] = true
			}
		}
	}
	for _, n := range telemetry.Names() {
		if !shown[n] {
			t.Errorf("no panel shows %s", n)
		}
	}
	if queries == 0 {
		t.Error("want queries, got none")
	}
}

// TestAlarmsAskForMetricsThatExist, and docs/OPERATIONS.md says of each what to do.
func TestAlarmsAskForMetricsThatExist(t *testing.T) {
	b, err := os.ReadFile("../../config/prometheus/alarms.yml")
	if err != nil {
		t.Fatal(err)
	}
	runbook, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			alarms++
			if u := unknownMetrics(r.Expr); len(u) > 0 {
				t.Errorf("alarm %s: nobody exports %v", r.Alert, u)
			}
			if r.Annotations["summary"] == "" {
				t.Errorf("alarm %s says nothing", r.Alert)
			}
			if !strings.Contains(string(runbook), "### "+r.Alert+"\n") {
				t.Errorf("docs/OPERATIONS.md says nothing of the alarm %s", r.Alert)
			}
		}
	}
	if alarms == 0 {
		t.Error("want alarms, got none")
	}
}

// TestCodeUsesKnownMetrics: whoever registers a metric of ours uses a name of the list.
func TestCodeUsesKnownMetrics(t *testing.T) {
	eachSource(t, func(path string, file *ast.File, set *token.FileSet) {
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err == nil && metricName.FindString(s) == s && s != "" && !slices.Contains(telemetry.Names(), s) {
				t.Errorf("%s: %q is in no list", set.Position(lit.Pos()), s)
			}
			return true
		})
	})
}

// recorder notes what is registered.
type recorder struct {
	prometheus.Registerer
	names []string
}

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (r *recorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() { c.Describe(descs); close(descs) }()
	for d := range descs {
		r.names = append(r.names, fqName.FindStringSubmatch(d.String())[1])
	}
	return nil
}

// TestRoomsRegisterKnownMetrics: stream and control may not import this package, so they spell the names themselves.
func TestRoomsRegisterKnownMetrics(t *testing.T) {
	var r recorder
	enough := errors.New("the metrics are registered")
	_, err := stream.New(stream.Options{
		Connection: stream.Connection{Brokers: []string{"127.0.0.1:1"}}, Group: "g", Instance: "i", Sources: []string{"raw"},
		Recipients: []stream.Recipient{{Name: "r", Topic: "clean"}}, Quarantine: "q", Registerer: &r,
	}, func(int) (stream.Processor, error) { return nil, enough })
	if !errors.Is(err, enough) || len(r.names) == 0 {
		t.Fatalf("want metrics, got %d and %v", len(r.names), err)
	}
	_, err = control.New(control.Options{
		Log: &stream.Log{}, MAC: func() control.MAC { return nil }, Evictions: &subject.Directory{}, Tenant: "t", Keyring: "k", Instance: "i", Registerer: &r,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range r.names {
		if !slices.Contains(telemetry.Names(), n) {
			t.Errorf("%s is in no list", n)
		}
	}
	byOthers := []string{telemetry.BuildInfo, telemetry.RewriteSeconds, telemetry.LeavesDropped, telemetry.PolicyReloads, telemetry.PolicySince, telemetry.Drift, telemetry.SignalsRefused}
	for _, n := range telemetry.Names() {
		if !slices.Contains(r.names, n) && !slices.Contains(byOthers, n) {
			t.Errorf("nobody registers %s", n)
		}
	}
}

func TestRegistryTellsTheBuild(t *testing.T) {
	families, err := telemetry.NewRegistry("1.2.3").Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
		if f.GetName() != telemetry.BuildInfo {
			continue
		}
		labels := map[string]string{}
		for _, l := range f.Metric[0].Label {
			labels[l.GetName()] = l.GetValue()
		}
		if labels[telemetry.LabelVersion] != "1.2.3" || labels[telemetry.LabelGo] == "" {
			t.Errorf("want version and go, got %v", labels)
		}
	}
	for _, want := range []string{telemetry.BuildInfo, "go_goroutines", "process_resident_memory_bytes"} {
		if !slices.Contains(names, want) {
			t.Errorf("want %s, got %v", want, names)
		}
	}
}
