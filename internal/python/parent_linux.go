package python

import "syscall"

// endWithParent has the system kill a process when the one that started it ends.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
