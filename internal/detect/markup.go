// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"slices"
)

// Markup is how a text is written.
type Markup uint8

// Markups.
const (
	Plain Markup = iota
	HTML
	Markdown // CommonMark
	Slack    // mrkdwn
	Discord
)

var markups = []string{"plain", "html", "markdown", "slack", "discord"}

// String is the markup's name in a policy.
func (m Markup) String() string { return markups[min(int(m), len(markups)-1)] }

// ParseMarkup gives the markup of a policy's name; the empty name is plain text.
func ParseMarkup(name string) (Markup, error) {
	if name == "" {
		return Plain, nil
	}
	if i := slices.Index(markups, name); i >= 0 {
		return Markup(i), nil
	}
	return Plain, fmt.Errorf("unknown markup %q; want plain, html, markdown, slack or discord", name)
}
