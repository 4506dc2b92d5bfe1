// SPDX-License-Identifier: Apache-2.0

package rig

import "syscall"

// HangUp sends SIGHUP: the process reads its policy again. It must have said that it is started; before, the signal would end it.
func (i *Instance) HangUp() error { return i.signal(syscall.SIGHUP) }
