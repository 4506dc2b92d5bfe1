// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime gives the CPU time that do takes: other work on the machine does not count.
func cpuTime(do func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() int64 {
		var used unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used) // it fails for unknown clocks only
		return used.Nano()
	}
	began := now()
	do()
	return time.Duration(now() - began)
}
