// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// markdown takes emphasis and escapes out of the text. Discord's has mentions in angle brackets and spoilers, too.
func (v *view) markdown(discord bool) {
	t, from := v.orig, 0
	for i := 0; i < len(t); {
		size, s := 0, ""
		switch t[i] {
		case '\\':
			if next := at(t, i+1); next > ' ' && next < 0x7f && class[next]&alnum == 0 {
				size = 1
			}
		case '*', '~', '|', '`':
			size = v.emphasis(i, discord)
		case '_':
			size = v.underline(i)
		case '<':
			if discord {
				var name Piece
				if size, name = discordTag(t[i:]); size > 0 {
					s = " "
					v.note(i+name.Start, i+name.End)
				}
			}
		}
		if size == 0 {
			i++
			continue
		}
		if s == "" && t[i] == '\\' {
			v.plainOrEntities(from, i)
			v.put(i, i+1, true, "")
			from, i = i+1, i+2 // the escaped character is none of markup
			continue
		}
		v.plainOrEntities(from, i)
		v.put(i, i+size, true, s)
		i += size
		from = i
	}
	v.plainOrEntities(from, len(t))
}

// emphasis gives the size of a run of marks at i that touches a word; 0 for one that stands alone.
func (v *view) emphasis(i int, discord bool) int {
	t, end := v.orig, i
	for end < len(t) && t[end] == t[i] && end < i+8 {
		end++
	}
	n := end - i
	switch {
	case t[i] == '|' && (!discord || n != 2), t[i] == '~' && n != 2, t[i] == '*' && n > 3:
		return 0
	case at(t, i-1) <= ' ' && at(t, end) <= ' ':
		return 0
	case t[i] == '*' && isIn(t, i-1, digit) && isIn(t, end, digit): // 2*3
		return 0
	}
	return n
}

// underline gives the size of a run of underscores at the edge of a word that is no handle.
func (v *view) underline(i int) int {
	t, end := v.orig, i
	for end < len(t) && t[end] == '_' && end < i+3 {
		end++
	}
	before, after := isIn(t, i-1, alnum|high), isIn(t, end, alnum|high)
	if before == after {
		return 0
	}
	word := i
	if before { // the end of a word: it is markup where the word began with it
		for word > max(0, i-200) && t[word-1] != '_' && t[word-1] != '\n' {
			word--
		}
		if at(t, word-1) != '_' || isIn(t, word-2, alnum|high) || at(t, word-2) == '@' || at(t, word-2) == '/' {
			return 0
		}
		return end - i
	}
	if c := at(t, i-1); c == '@' || c == '/' || c == '#' || c == '=' {
		return 0
	}
	close := bytes.IndexByte(t[end:min(len(t), end+200)], '_')
	if close <= 0 || isIn(t, end+close+1, alnum) {
		return 0
	}
	return end - i
}

// discordTag gives the size of a mention, a date or an emoji that b begins with, and the part of it that holds a name. What is none of
// them is text, and so is the mention of a user, <@1> or <@!1>: only the brackets go.
func discordTag(b []byte) (size int, name Piece) {
	end := bytes.IndexByte(b[:min(len(b), 80)], '>')
	if end < 3 {
		return 0, name
	}
	switch in := b[1:end]; {
	case in[0] == '@' && in[1] == '&' && isSnowflake(in[2:]), in[0] == '#' && isSnowflake(in[1:]):
		return end + 1, name
	case in[0] == 't' && in[1] == ':':
		stop := run(in, 2, digit, 10) // until the year 2286
		if style := in[stop:]; stop > 2 && (len(style) == 0 || len(style) == 2 && style[0] == ':' && class[style[1]]&letter != 0) {
			return end + 1, name
		}
	case in[0] == ':' || in[0] == '/' || in[0] == 'a' && in[1] == ':':
		from := bytes.IndexAny(in, ":/") + 1
		if colon := bytes.LastIndexByte(in, ':'); colon > from && isSnowflake(in[colon+1:]) {
			return end + 1, Piece{1 + from, 1 + colon}
		}
	}
	return 0, name
}

// isSnowflake reports a number of Discord: longer than telephone numbers may be.
func isSnowflake(b []byte) bool {
	return len(b) >= 16 && len(b) <= 20 && run(b, 0, digit, len(b)) == len(b)
}

// slack reads mrkdwn: what angle brackets hold is a mention, a channel or a link with an optional text behind a bar.
func (v *view) slack() {
	t, from, i := v.orig, 0, 0
	for i < len(t) {
		n := bytes.IndexByte(t[i:], '<')
		if n < 0 {
			break
		}
		i += n
		limit := min(len(t), i+4096)
		end := bytes.IndexAny(t[i+1:limit], "<>")
		if end < 2 || t[i+1+end] != '>' || t[i+1] == ' ' {
			i++
			continue
		}
		end += i + 1
		v.plainOrEntities(from, i)
		v.slackTag(i, end)
		i = end + 1
		from = i
	}
	v.plainOrEntities(from, len(t))
}

// slackTag reads <...> from i to end, where '>' is.
func (v *view) slackTag(i, end int) {
	bar := bytes.IndexByte(v.orig[i:end], '|')
	if bar >= 0 {
		bar += i
	}
	switch c := v.orig[i+1]; {
	case c == '@': // a user, with a name behind the bar
		v.put(i, i+1, true, " ")
		from := len(v.room)
		v.plainOrEntities(i+1, end)
		v.copyTo(end)
		v.mentions = append(v.mentions, Piece{from, len(v.room)})
		v.put(end, end+1, true, " ")
	case c == '#' || c == '!':
		stop := end
		if bar >= 0 {
			stop = bar
		}
		if !isSlackID(v.orig[i+1 : stop]) {
			v.note(i+2, stop)
		}
		if bar < 0 {
			v.put(i, end+1, true, " ")
			return
		}
		v.put(i, bar+1, true, " ")
		v.plainOrEntities(bar+1, end)
		v.put(end, end+1, true, " ")
	case bar < 0:
		v.put(i, i+1, true, " ")
		v.plainOrEntities(i+1, end)
		v.put(end, end+1, true, " ")
	default:
		v.attrs = append(v.attrs, Piece{i + 1, bar})
		v.put(i, bar+1, true, "")
		v.plainOrEntities(bar+1, end)
		v.put(end, end+1, true, "")
	}
}

// isSlackID reports what names a channel, or all people of one.
func isSlackID(b []byte) bool {
	switch string(b) {
	case "!here", "!channel", "!everyone":
		return true
	}
	return len(b) >= 9 && len(b) <= 12 && (b[1] == 'C' || b[1] == 'G') && run(b, 1, upper|digit, len(b)) == len(b)
}
