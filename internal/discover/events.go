// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"maps"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/policy"
)

// Discriminator is the field that tells one kind of event from another.
type Discriminator struct {
	Path    string   `json:"path,omitempty"`
	Words   []string `json:"words,omitempty"`   // of the format; each an event
	Members []string `json:"members,omitempty"` // without a Path: members of which one is present in each payload
}

// kindWords are the names that discriminators go by, the best first.
var kindWords = []string{"event type", "type", "typ", "event", "kind", "object type", "action", "op", "operation", "verb", "trigger type", "lifecycle", "subtype", "topic", "method"}

// discriminator finds the field whose few constants tell the events apart; failing that, members of which every payload has one.
func (in *inference) discriminator() Discriminator {
	var best *node
	var most float64
	for _, n := range in.leaves {
		s := n.leaf
		coverage := float64(s.strings) / float64(max(1, in.d.samples))
		if n.document() != nil || in.repeated(n) || !s.constants() || len(s.words) < 2 || s.strings != s.present() || coverage < 0.5 || in.verdicts[n].class != policy.Plain {
			continue
		}
		depth := float64(len(n.path()))
		score := coverage - 0.15*depth - 0.01*float64(len(s.words))
		m := mean(n.label())
		if i := slices.Index(kindWords, strings.Join(m.words, " ")); i >= 0 {
			score += 1 - 0.05*float64(i)
		} else if m.says != isWord || !slices.Contains(kindWords, m.matched) {
			continue
		}
		if best == nil || score > most {
			best, most = n, score
		}
	}
	if best != nil && most > 0.6 {
		if words := frequentWords(best.leaf); len(words) > 1 {
			return Discriminator{Path: best.spelled(), Words: words}
		}
	}
	return Discriminator{Members: in.exclusive()}
}

// repeated tells whether a place can occur more than once in a payload.
func (in *inference) repeated(n *node) bool {
	for at := n; at != nil; at = at.parent {
		if at.step == eachStep || at.step == membersStep {
			return true
		}
	}
	return false
}

// rare is how often a constant must have been seen to be written down, where formats do not use its words everywhere.
const rare = 3

// frequentWords gives the constants of a place that may be written down: the spelling of constants, and seen often or common to formats.
func frequentWords(s *stats) []string {
	var out []string
	for _, w := range slices.Sorted(maps.Keys(s.words)) {
		if len(w) <= 32 && constantSpelling(w) && (s.words[w] >= rare || commonWord(w)) {
			out = append(out, w)
		}
	}
	return out
}

// exclusive finds members of the payload of which each sample has about one: updates of several kinds.
func (in *inference) exclusive() []string {
	var sum uint64
	var out []string
	for _, c := range in.d.root.sorted() {
		if c.objects > 0 && c.seen*20 <= in.d.samples*19 {
			sum += c.seen
			out = append(out, c.name)
		}
	}
	if len(out) < 2 || sum*20 > in.d.samples*21 || sum*5 < in.d.samples*4 {
		return nil
	}
	return out
}

// candidate is a path with what speaks for it.
type candidate struct {
	path   string
	score  float64
	object *node // whose field it is
}

// least is the score of a candidate that is worth naming.
const least = 0.2

// ranked gives the paths that most speaks for, one of each object.
func ranked(all []candidate, most int) []string {
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(a.path, b.path)
	})
	var out []string
	seen := map[*node]bool{}
	for _, c := range all {
		if len(out) < most && c.score > least && !(c.object != nil && seen[c.object]) {
			seen[c.object] = true
			out = append(out, c.path)
		}
	}
	return out
}

// actors are words of names that say who acts, and how clearly.
var actors = map[string]float64{
	"actor": 1, "author": 1, "sender": 1, "user": 0.9, "from": 0.9, "creator": 0.8, "account": 0.7, "owner": 0.6, "customer": 0.8, "member": 0.7, "visitor": 0.7, "subscriber": 0.7,
	"person": 0.6, "contact": 0.6, "anonymous": 0.5, "by": 0.6, "distinct": 0.6, "client": 0.4, "profile": 0.4, "pusher": 0.5, "player": 0.7, "external": 0.3, "uid": 0.6, "did": 0.7, "repo": 0.3, "attributed": 0.8,
}

// others are words of names that say that somebody else is meant.
var others = []string{"to", "recipient", "mention", "target", "reply", "parent", "quoted", "retweeted", "reblog", "quote", "previous", "follower", "friend", "invitee", "assignee", "reviewer", "participant", "cc", "bcc", "referenced", "bot", "team", "org", "root", "host", "moderator", "approver"}

// subjects ranks the places that name the acting person.
func (in *inference) subjects() []string {
	var all []candidate
	for _, n := range in.leaves {
		v := in.verdicts[n]
		score := map[policy.Class]float64{policy.Account: 1, policy.Email: 0.5, policy.Cookie: 0.45, policy.Phone: 0.5, policy.Handle: 0.4, policy.Device: 0.2}[v.class]
		if score == 0 || n.document() != nil || n.leaf.present() == 0 || n.leaf.strings > n.leaf.empty && v.class == policy.Device && n.leaf.share(agent) > 0 {
			continue
		}
		path := n.path()
		for _, seg := range path {
			for _, w := range tokens(seg.Name) {
				score += actors[singular(w)] / float64(len(path))
				if slices.Contains(others, singular(w)) {
					score -= 0.6
				}
			}
		}
		if in.repeated(n) {
			score -= 0.5
		}
		score += 0.8*float64(n.leaf.present())/float64(max(1, in.d.samples)) - 0.2*float64(len(path))
		object := n.around()
		if object == in.d.root {
			object = nil
		}
		all = append(all, candidate{n.spelled(), score * v.confidence, object})
	}
	return ranked(all, 4)
}

// moments are words of names that say when an event was, and how clearly.
var moments = map[string]float64{"timestamp": 1, "event": 0.6, "created": 0.9, "at": 0.3, "time": 0.6, "ts": 0.8, "date": 0.5, "original": 0.5, "published": 0.8, "occurred": 1, "sent": 0.5, "received": 0.3, "indexed": 0.3, "updated": 0.1}

// times ranks the places that tell when the event was.
func (in *inference) times() []string {
	var all []candidate
	for _, n := range in.leaves {
		s := n.leaf
		if in.verdicts[n].class != policy.Times || n.document() != nil || in.repeated(n) || s.share(moment, rubyDate, webDate, day, epoch) < 0.9 {
			continue
		}
		path := n.path()
		score := 1.5*float64(s.present())/float64(max(1, in.d.samples)) - 0.3*float64(len(path)) - s.share(day)
		for _, w := range tokens(n.label()) {
			score += moments[w]
			if slices.Contains([]string{"expire", "expires", "expiry", "expiration", "start", "end", "due", "joined", "birth", "last", "deleted"}, w) {
				score--
			}
		}
		all = append(all, candidate{n.spelled(), score * in.verdicts[n].confidence, nil})
	}
	return ranked(all, 4)
}
