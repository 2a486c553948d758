// Command helper is what runs inside the containers of the engine's contract suite. It is the only file of its image.
//
//	helper exit STATUS           end with a status
//	helper print N               write N numbered lines, in turn to standard output and standard error
//	helper sleep                 announce itself with "sleeping", then do nothing until killed
//	helper eat BYTES             take memory and touch it
//	helper child ARG…            run itself with ARG…, and clear up for a moment when that has failed, like a real build
//	helper threads N             have N processes at a time
//	helper orphans N             leave N dead processes behind, one after the other
//	helper dial ADDRESS          open a TCP connection
//	helper write PATH            create a file
//	helper status                print uid, capabilities and NoNewPrivs as the kernel sees them
//	helper env NAME              print a variable
//	helper run PATH              run a program
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	switch verb {
	case "exit":
		os.Exit(number(args[0]))
	case "print":
		for i := range number(args[0]) {
			fmt.Fprintf([]*os.File{os.Stdout, os.Stderr}[i%2], "line %d\n", i)
		}
	case "sleep":
		fmt.Println("sleeping")
		time.Sleep(time.Hour)
	case "eat":
		held := make([]byte, number(args[0]))
		for i := 0; i < len(held); i += 4096 {
			held[i] = 1
		}
		fmt.Println("ate", len(held))
	case "child":
		if err := self(args...).Run(); err != nil {
			time.Sleep(time.Second / 2)
			return err
		}
	case "threads":
		for range number(args[0]) {
			if err := self("sleep").Start(); err != nil {
				return err
			}
		}
	case "orphans":
		return orphans(number(args[0]))
	case "dial":
		conn, err := net.DialTimeout("tcp", args[0], 5*time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	case "write":
		return os.WriteFile(args[0], []byte("written"), 0o644)
	case "status":
		return status()
	case "env":
		fmt.Println(os.Getenv(args[0]))
	case "run":
		return exec.Command(args[0]).Run()
	}
	return nil
}

// orphans starts processes whose parent ends at once, and waits for each to be dead.
func orphans(n int) error {
	for range n {
		if err := self("orphan").Run(); err != nil {
			return err
		}
	}
	return nil
}

func init() {
	if len(os.Args) > 1 && os.Args[1] == "orphan" {
		if err := self("exit", "0").Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func status() error {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Uid", "CapEff", "CapBnd", "NoNewPrivs":
			fmt.Print(line)
		}
	}
	return nil
}

func self(args ...string) *exec.Cmd {
	cmd := exec.Command("/helper", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
