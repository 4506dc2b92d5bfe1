// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package app

import "time"

func cpuTime() (time.Duration, bool) { return 0, false }

func peakMemory() int64 { return 0 }
