// SPDX-License-Identifier: Apache-2.0

// Package examples carries real events of four platforms, for the demo and for tests. events/NOTICE names where each comes from.
package examples

import "embed"

// Events holds one file of JSON Lines for each platform: events/mastodon.jsonl and so on.
//
//go:embed events/*.jsonl
var Events embed.FS
