// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package detect

import "time"

// cpuTime gives the time that do takes: there is no clock of CPU time that Go reads.
func cpuTime(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}
