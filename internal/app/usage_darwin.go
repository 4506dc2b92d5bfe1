// SPDX-License-Identifier: Apache-2.0

package app

import (
	"syscall"
	"time"
)

// cpuTime gives the user and system time of the process so far; false where the system does not tell.
func cpuTime() (time.Duration, bool) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, false
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), true
}

// peakMemory gives the greatest resident size so far in bytes; 0: not known. macOS, unlike others, counts bytes.
func peakMemory() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return used.Maxrss
}
