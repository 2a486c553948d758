package wasi_test

import "syscall"

// umask is the mask of the process that the tests run in.
func umask() int {
	m := syscall.Umask(0)
	syscall.Umask(m)
	return m
}
