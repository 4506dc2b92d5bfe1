// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// tuning tells whether the rules may be improved by what a platform shows. The others are held out: looked at only at the end.
func tuning(platform string) bool {
	h := fnv.New32a()
	h.Write([]byte(platform))
	return h.Sum32()%2 == 1
}

func platforms(t *testing.T) []string {
	t.Helper()
	dirs, err := os.ReadDir(corpus(t, "corpus/events"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range dirs {
		if d.IsDir() {
			out = append(out, d.Name())
		}
	}
	return out
}

func payloads(t *testing.T, platform string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus(t, "corpus/events"), platform, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Split(bytes.TrimSpace(data), []byte("\n"))...)
	}
	return out
}

func discovered(t *testing.T, platform string) *Proposal {
	t.Helper()
	d, err := New(Options{Name: platform})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads(t, platform) {
		if err := d.Add(p); err != nil {
			t.Logf("%s: %v", platform, err)
		}
	}
	return d.Proposal()
}

// labeledPath is a line of gold_pii_paths.tsv.
type labeledPath struct{ path, class string }

func labels(t *testing.T) map[string][]labeledPath {
	t.Helper()
	data, err := os.ReadFile(corpus(t, "corpus/gold_pii_paths.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]labeledPath{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if f := strings.Split(line, "\t"); i > 0 {
			out[f[0]] = append(out[f[0]], labeledPath{f[1], f[2]})
		}
	}
	return out
}

// agreeing are the classes that say the same as a label; see the README of the corpus.
var agreeing = map[string][]policy.Class{
	"subject_id": {policy.Account}, "handle": {policy.Handle}, "hashed_identifier": {policy.Hashed}, "display_name": {policy.PersonName}, "full_name": {policy.PersonName},
	"geo_precise": {policy.Geo}, "geo_coarse": {policy.Geo, policy.Locale, policy.PlaceID}, "device_id": {policy.Device, policy.Cookie}, "user_agent": {policy.Device},
	"birth_age": {policy.Birth, policy.Age}, "address": {policy.Postal}, "avatar_url": {policy.Avatar}, "email": {policy.Email}, "phone": {policy.Phone}, "ip": {policy.IP},
	"credential": {policy.Credential}, "gender": {policy.Gender}, "free_text": {policy.Text, policy.Free}, "content_url": {policy.URL, policy.Media}, "profile_url": {policy.URL},
	"embedded_identifier": {policy.URL, policy.ObjectID, policy.Account, policy.Handle, policy.Avatar, policy.Media},
}

// place is one concrete leaf path of a platform's payloads.
type place struct {
	path    event.Path
	spelled string // as the labels spell paths
	alike   string // with * for names that are no words
	null    bool   // nothing but null was seen
}

func places(t *testing.T, platform string) []place {
	t.Helper()
	found := map[string]*place{}
	for _, payload := range payloads(t, platform) {
		var v any
		d := json.NewDecoder(bytes.NewReader(payload))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		collect(found, nil, "$", "$", v)
	}
	var out []place
	for _, p := range found {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b place) int { return strings.Compare(a.spelled, b.spelled) })
	return out
}

func collect(found map[string]*place, path event.Path, spelled, alike string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			star := name
			if strings.HasPrefix(name, "@") || isDigits(name) || strings.ContainsAny(name, "/@") {
				star = "*"
			}
			collect(found, append(slices.Clip(path), event.Segment{Name: name}), spelled+"."+name, alike+"."+star, inner)
		}
	case []any:
		for _, inner := range v {
			collect(found, append(slices.Clip(path), event.Segment{Kind: event.Each}), spelled+"[*]", alike+"[*]", inner)
		}
	default:
		p := found[spelled]
		if p == nil {
			p = &place{path: path, spelled: spelled, alike: alike, null: true}
			found[spelled] = p
		}
		p.null = p.null && v == nil
	}
}

// score counts how a proposal meets the labels.
type score struct {
	labels, recalled, exact, credentials, credentialsFound int
	proposed, inGold, inEither                             int
	judged                                                 bool // a built-in pack exists
}

func (s *score) add(o score) {
	s.labels += o.labels
	s.recalled += o.recalled
	s.exact += o.exact
	s.credentials += o.credentials
	s.credentialsFound += o.credentialsFound
	s.proposed += o.proposed
	s.inGold += o.inGold
	s.inEither += o.inEither
}

func part(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

func (s score) String() string {
	return fmt.Sprintf("labels %4d  recall %6.2f%%  exact %6.2f%%  credentials %d/%d  proposed %4d  precision: labels alone %6.2f%%, labels or pack %6.2f%%",
		s.labels, 100*part(s.recalled, s.labels), 100*part(s.exact, s.labels), s.credentialsFound, s.credentials, s.proposed, 100*part(s.inGold, s.proposed), 100*part(s.inEither, s.proposed))
}

func measure(t *testing.T, platform string, gold []labeledPath, verbose bool) score {
	t.Helper()
	p := discovered(t, platform)
	all := places(t, platform)
	byName := map[string][]place{}
	for _, pl := range all {
		byName[pl.spelled] = append(byName[pl.spelled], pl)
		if pl.alike != pl.spelled {
			byName[pl.alike] = append(byName[pl.alike], pl)
		}
	}
	var s score
	labeled := map[string]bool{}
	for _, g := range gold {
		at := byName[g.path]
		if len(at) == 0 {
			t.Errorf("%s: no leaf at the labeled path %s", platform, g.path)
		}
		recalled, exact := true, len(at) > 0
		for _, pl := range at {
			labeled[pl.spelled] = true
			f, ok := p.Find(pl.path)
			found := ok && Personal(f.Class) || g.class == "dynamic_key" && p.keyed(pl.path)
			recalled = recalled && found
			exact = exact && ok && (slices.Contains(agreeing[g.class], f.Class) || g.class == "dynamic_key" && found)
			if verbose && !found {
				t.Logf("MISSED %s %s %s: %s %v", platform, g.path, g.class, f.Class, f.Evidence)
			} else if verbose && g.class != "dynamic_key" && !slices.Contains(agreeing[g.class], f.Class) {
				t.Logf("OTHER %s %s %s: %s %v", platform, g.path, g.class, f.Class, f.Evidence)
			}
			if g.class == "credential" && f.Class != policy.Credential {
				exact, recalled = false, false
			}
		}
		s.labels++
		s.recalled += count(recalled)
		s.exact += count(exact)
		if g.class == "credential" {
			s.credentials++
			s.credentialsFound += count(recalled)
		}
	}
	pack := packEvents(t, platform)
	s.judged = pack != nil
	for _, pl := range all {
		f, ok := p.Find(pl.path)
		if pl.null || !ok || !Personal(f.Class) {
			continue
		}
		inPack := slices.ContainsFunc(pack, func(v view) bool { return Personal(v.class(pl.path)) })
		s.proposed++
		s.inGold += count(labeled[pl.spelled])
		s.inEither += count(labeled[pl.spelled] || inPack)
		if verbose && !labeled[pl.spelled] && !inPack {
			t.Logf("EXTRA %s %s: %s %v", platform, pl.spelled, f.Class, f.Evidence)
		}
	}
	return s
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// keyed tells whether a member on the way to a path is one whose name is data.
func (p *Proposal) keyed(path event.Path) bool {
	at := p.in.d.root
	for _, seg := range path {
		switch {
		case at == nil:
			return false
		case seg.Kind == event.Name && at.members[seg.Name] == nil:
			return at.values != nil
		case seg.Kind == event.Name:
			at = at.members[seg.Name]
		default:
			at = at.each
		}
	}
	return false
}

// packEvents gives a view of each event of the platform's built-in packs; nil without a pack.
func packEvents(t *testing.T, platform string) []view {
	t.Helper()
	packs, err := policy.ListPacks(policy.Packs())
	if err != nil {
		t.Log(err) // a pack in the making
	}
	names := packNames[platform]
	if names == nil {
		names = []string{platform}
	}
	var out []view
	for _, name := range names {
		i := slices.IndexFunc(packs, func(p policy.PackInfo) bool { return p.Name == name })
		if i < 0 {
			continue
		}
		plan, err := loadPack(fmt.Sprintf("%s@%d", name, packs[i].Version), policy.Packs())
		if err != nil {
			t.Logf("the built-in pack %s does not load: %.200v", name, err)
			continue
		}
		for _, e := range plan.Sources[0].Events {
			out = append(out, viewOf(e.Leaves))
		}
	}
	return out
}

// packNames are the packs of platforms that are called otherwise in the corpus.
var packNames = map[string][]string{
	"vendor_amplitude": {"amplitude"}, "webhook_auth0": {"auth0"}, "vendor_customerio_api": {"customerio"}, "vendor_ga4_mp": {"ga4"}, "vendor_meta_capi": {"meta_capi"},
	"vendor_segment_out": {"segment_out"}, "vendor_sendgrid": {"sendgrid"}, "vendor_tiktok_events_api": {"tiktok_events"}, "facebook": {"facebook", "messenger"},
}

// What the issue asks for.
const (
	leastRecall    = 0.97
	leastPrecision = 0.80
)

// TestCorpus measures proposals by the labels of the corpus and by the built-in packs, which a Discoverer does not see.
// The labels are incomplete (an object's id or a group's name has none), so that precision by the labels alone says little:
// what the pack of the platform, which people wrote, calls personal counts too. The rules were improved by half of the
// platforms only; the others are reported by themselves. DISCOVER_PLATFORM=name tells what was missed.
func TestCorpus(t *testing.T) {
	gold := labels(t)
	only := os.Getenv("DISCOVER_PLATFORM")
	var tuned, out score
	for _, platform := range platforms(t) {
		if only != "" && only != platform {
			continue
		}
		s := measure(t, platform, gold[platform], only != "")
		half, sum := "held out", &out
		if tuning(platform) {
			half, sum = "tuned", &tuned
		}
		t.Logf("%-25s %-8s %s", platform, half, s)
		sum.add(s)
		if recall := part(s.recalled, s.labels); recall < leastRecall {
			t.Errorf("%s: want a recall of %.2f, got %.3f", platform, leastRecall, recall)
		}
		if s.credentialsFound < s.credentials {
			t.Errorf("%s: want every credential, got %d of %d", platform, s.credentialsFound, s.credentials)
		}
		if precision := part(s.inEither, s.proposed); s.judged && precision < leastPrecision {
			t.Errorf("%s: want a precision of %.2f, got %.3f", platform, leastPrecision, precision)
		}
	}
	t.Logf("%-25s %-8s %s", "all", "tuned", tuned)
	t.Logf("%-25s %-8s %s", "all", "held out", out)
}

// TestProposedPacks: every proposal is a pack that loads, covers what was seen, and calls nothing plain that the proposal calls personal.
func TestProposedPacks(t *testing.T) {
	for _, platform := range platforms(t) {
		p := discovered(t, platform)
		var out bytes.Buffer
		if err := p.WritePack(&out); err != nil {
			t.Errorf("%s: %v", platform, err)
			continue
		}
		if dir := os.Getenv("DISCOVER_OUT"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, platform+".yaml"), out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		plan, err := LoadPack(platform, out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		leaves := plan.Sources[0].Events[len(plan.Sources[0].Events)-1].Leaves
		v := viewOf(leaves)
		seen, covered := 0, 0
		for _, pl := range places(t, platform) {
			f, ok := p.Find(pl.path)
			if pl.null || !ok {
				continue
			}
			seen++
			inside := f.node.inner != nil && slices.ContainsFunc(leaves, func(l policy.Leaf) bool {
				return len(l.Path) > len(pl.path) && l.Path[len(pl.path)].Kind == event.Decoded && l.Path[:len(pl.path)].Matches(pl.path)
			})
			class := v.class(pl.path)
			covered += count(inside || class != "")
			if class != "" && !Personal(class) && Personal(f.Class) {
				t.Errorf("%s: %s is %s in the proposal and %s in the pack", platform, pl.spelled, f.Class, class)
			}
		}
		t.Logf("%-25s %6d bytes, %d events, classes for %d of %d leaves", platform, out.Len(), len(plan.Sources[0].Events), covered, seen)
		if platform != "slack" && covered*100 < seen*97 { // Slack's messages inside messages are cut: the language bounds a pack's size
			t.Errorf("%s: want classes for 97 %% of the leaves in the pack, got %d of %d", platform, covered, seen)
		}
	}
}

// view finds the class of a path among the leaves of an event.
type view struct {
	exact map[string]policy.Class
	wild  []policy.Leaf // with names that are data
}

func viewOf(leaves []policy.Leaf) view {
	v := view{exact: map[string]policy.Class{}}
	for _, l := range leaves {
		if slices.ContainsFunc(l.Path, func(s event.Segment) bool { return s.Kind == event.Members || s.Kind == event.Descend }) {
			v.wild = append(v.wild, l)
		} else {
			v.exact[l.Path.String()] = l.Class
		}
	}
	return v
}

// class is that of the leaf with the most names, where several match; "" where none does.
func (v view) class(path event.Path) policy.Class {
	if class, ok := v.exact[path.String()]; ok {
		return class
	}
	var class policy.Class
	fewest := len(path) + 1
	for i := range v.wild {
		members := 0
		for _, seg := range v.wild[i].Path {
			members += count(seg.Kind == event.Members)
		}
		if members < fewest && v.wild[i].Path.Matches(path) {
			class, fewest = v.wild[i].Class, members
		}
	}
	return class
}

// corpus finds a file of the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func corpus(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", filepath.FromSlash(strings.TrimPrefix(name, "shared/")))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return path
}
