// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

// underRace: see race_on_test.go.
const underRace = false
