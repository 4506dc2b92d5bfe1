// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"cmp"
	"strings"
)

// mark is what signals of one kind and purpose came to. Times are positive, and 0 where there is none.
// Either there is no present allow (allowed <= denied, since = lapsed = 0), or lapsed, denied < since <= allowed.
type mark struct {
	kind    Kind
	purpose Purpose
	allowed int64 // the newest allow
	since   int64 // begin of the present unbroken allow
	expires int64 // end of the newest allow
	lapsed  int64 // up to here an allow is known to have ended before the next came; 0 where denied is later
	denied  int64 // the newest deny
	source  name  // of the newest allow
	notice  name  // of the newest allow
	refusal name  // source of the newest deny
}

func (m mark) with(s *Signal) mark {
	if s.Verdict == Deny {
		return m.deny(max(1, s.At), intern(s.Source))
	}
	expires := s.Expires
	if expires < 0 {
		expires = 1 // long ago; 0 would be never
	}
	return m.allow(s.At, expires, intern(s.Source), intern(s.Notice))
}

// deny ends the present allow if that began before. Whether there was an allow between the two is no longer known: then it is
// taken to begin with the newest.
func (m mark) deny(at int64, source name) mark {
	if at < m.denied {
		return m
	}
	if at > m.denied || compareNames(source, m.refusal) < 0 {
		m.denied, m.refusal = at, source
	}
	if m.since <= m.denied {
		m.since = 0
		if m.allowed > m.denied {
			m.since = m.allowed
		}
	}
	if m.lapsed <= m.denied {
		m.lapsed = 0
	}
	return m
}

// allow moves the beginning, and the newest allow if this is newer. Of two of the same time the one that ends sooner counts.
func (m mark) allow(at, expires int64, source, notice name) mark {
	if at > m.denied {
		m.since, m.lapsed = m.begin(at, expires)
	}
	same := at == m.allowed && cmp.Or(compareEnds(expires, m.expires), compareNames(source, m.source), compareNames(notice, m.notice)) < 0
	if at > m.allowed || same {
		m.allowed, m.expires, m.source, m.notice = at, expires, source, notice
	}
	return m
}

// begin gives since and lapsed after an allow that is newer than the newest deny. An older allow that ended before the newest may
// have left a gap, or another may have filled it: only the newest is then certain.
func (m mark) begin(at, expires int64) (since, lapsed int64) {
	switch {
	case m.since == 0:
		return at, 0
	case at > m.allowed && m.expires != 0 && m.expires < at:
		return at, max(m.allowed, m.expires)
	case at < m.allowed && expires != 0 && expires < m.allowed:
		lapsed = max(m.lapsed, at, expires)
		if m.since <= lapsed {
			return m.allowed, lapsed
		}
		return m.since, lapsed
	case at > m.lapsed && at < m.since:
		return at, m.lapsed
	}
	return m.since, m.lapsed
}

// refused tells whether a deny is in force: it is the newest word, or what allowed it again has ended.
func (m *mark) refused(now int64) bool {
	return m.denied != 0 && (m.allowed <= m.denied || ended(m.expires, now))
}

// granted tells whether the newest word is an allow that has not ended.
func (m *mark) granted(now int64) bool {
	return m.allowed > m.denied && !ended(m.expires, now)
}

func ended(expires, now int64) bool { return expires != 0 && expires <= now }

// compareEnds orders ends of allows: 0 never ends.
func compareEnds(a, b int64) int { return cmp.Compare(uint64(a)-1, uint64(b)-1) }

func compareNames(a, b name) int { return strings.Compare(a.String(), b.String()) }
