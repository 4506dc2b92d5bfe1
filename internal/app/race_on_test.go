// SPDX-License-Identifier: Apache-2.0

//go:build race

package app

// underRace: what one goroutine does alone is not run ten times slower to find out that it is alone.
const underRace = true
