// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The two recipients: analytics may have public and unlisted posts, partner public ones only.
const (
	analytics = "analytics"
	partner   = "partner"
)

// subjects is how many authors there are: few, so that keys repeat all the time.
const subjects = 700

// sample is one input record, wholly determined by its number.
type sample struct {
	subject string // account id
	value   []byte
	want    map[string]Outcome
}

// sampleAt makes the record with the given number: of 200, two are poison, 20 unlisted and one of a type that no pack knows.
// The number stands where the policy keeps it: favourites_count.
func sampleAt(number int64) sample {
	author := strconv.FormatInt(109_000_000_000_000_000+(number*2654435761)%subjects, 10)
	s := sample{subject: author, want: map[string]Outcome{analytics: Forward, partner: Forward}}
	switch place := number % 200; {
	case place == 50 || place == 150:
		s.value = poison(author, number)
		s.want = map[string]Outcome{analytics: Quarantine, partner: Quarantine}
	case place%10 == 7:
		s.value = status(author, number, "unlisted")
		s.want[partner] = Withhold
	case place == 99:
		s.value = fmt.Appendf(nil, `{"kind":"heartbeat","n":%d}`, number)
		s.want = map[string]Outcome{analytics: Withhold, partner: Withhold}
	default:
		s.value = status(author, number, "public")
	}
	return s
}

func status(author string, number int64, visibility string) []byte {
	id := 113_000_000_000_000_000 + number
	name := "reader" + author[len(author)-3:]
	return fmt.Appendf(nil, `{"id":"%[1]d","created_at":"2026-10-15T19:11:02.164Z","in_reply_to_id":null,"in_reply_to_account_id":null,`+
		`"sensitive":false,"spoiler_text":"","visibility":"%[2]s","language":"en","uri":"https://social.example/users/%[3]s/statuses/%[1]d",`+
		`"url":"https://social.example/@%[3]s/%[1]d","replies_count":0,"reblogs_count":1,"favourites_count":%[4]d,"edited_at":null,`+
		`"content":"<p>Number %[4]d was written by @%[3]s, who can be reached at %[3]s@mail.example.</p>","reblog":null,`+
		`"application":{"name":"Web","website":null},"account":{"id":"%[5]s","username":"%[3]s","acct":"%[3]s","display_name":"Reader %[5]s",`+
		`"locked":false,"bot":false,"created_at":"2023-03-01T00:00:00.000Z","note":"<p>I read.</p>","url":"https://social.example/@%[3]s",`+
		`"avatar":"https://social.example/avatars/%[5]s.png","followers_count":12,"following_count":34,"statuses_count":56,"emojis":[],"fields":[]},`+
		`"media_attachments":[],"mentions":[],"tags":[],"emojis":[],"card":null,"poll":null}`, id, visibility, name, number, author)
}

// poison makes records that no recipient may get, in turn: cut short, not UTF-8, an id given twice, nested too deep, no object.
func poison(author string, number int64) []byte {
	whole := string(status(author, number, "public"))
	switch number / 100 % 5 {
	case 0:
		return []byte(whole[:len(whole)/2])
	case 1:
		return []byte(strings.Replace(whole, "Number", "\xff\xfe", 1))
	case 2:
		return []byte(strings.Replace(whole, `{"id"`, `{"id":"1","id"`, 1))
	case 3:
		return []byte(strings.Replace(whole, `"card":null`, `"card":`+strings.Repeat("[", 4000)+strings.Repeat("]", 4000), 1))
	default:
		return []byte("[" + whole + "]")
	}
}

// numberOf finds the number in a sanitized record; a record without one has a number that never was.
func numberOf(value []byte) int64 {
	var post struct {
		Number *int64 `json:"favourites_count"`
	}
	if err := json.Unmarshal(value, &post); err != nil || post.Number == nil {
		return -1
	}
	return *post.Number
}
