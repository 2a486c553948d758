//go:build !linux

package python

import "syscall"

// endWithParent does nothing: other systems have no such thing.
func endWithParent(*syscall.SysProcAttr) {}
