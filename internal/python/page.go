package python

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// browserPatience is how long a browser may take to begin with its job. A machine with much else to do needs some of it.
var browserPatience = 90 * time.Second

// runChromium has a page of a headless Chromium do a job. What the page needs of this machine it asks a server that only it can find.
func runChromium(ctx context.Context, program, scripts string, j job) (int, error) {
	secret := strings.ToLower(rand.Text())
	host := newBrowserHost(secret, j.Runtime, scripts)
	j.Runtime = "/" + secret + "/runtime"
	line, err := json.Marshal(j)
	if err != nil {
		return 0, err
	}
	host.job = append(line, '\n')
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fault.Errorf(fault.Exhausted, "starting a server for Chromium: %w", err)
	}
	server := &http.Server{Handler: host, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	signals := make(chan os.Signal, 16)
	for _, s := range passed {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	folder, err := newProfile()
	if err != nil {
		return 0, err
	}
	defer folder.remove()
	b, err := startBrowser(program, folder, fmt.Sprintf("http://%s/%s/boot/browser/page.html", listener.Addr(), secret))
	if err != nil {
		return 0, err
	}
	defer b.stop()
	end := func(s syscall.Signal) int {
		b.stop()
		folder.remove()
		return die(s)
	}
	late := time.NewTimer(browserPatience)
	defer late.Stop()
	for {
		select {
		case s := <-signals:
			number := s.(syscall.Signal)
			if !host.begun.Load() && number != syscall.SIGWINCH { // nobody is there yet who could take it
				return end(number), nil
			}
			host.pass(number)
		case e := <-host.end:
			switch {
			case e.signal != 0:
				return end(e.signal), nil
			case e.words != "":
				return 0, fault.Errorf(fault.Unavailable, "the page of %s ended before the program did: %s", program, e.words)
			}
			return e.status, nil
		case <-b.gone:
			return 0, fault.Errorf(fault.Unavailable, "%s ended before the program did (%s): %s", program, b.cmd.ProcessState, b.said)
		case <-late.C:
			if !host.begun.Load() {
				return 0, fault.Errorf(fault.Unavailable, "%s has not run its page within %s; --chromium names another one. It said: %s", program, browserPatience, b.said)
			}
		}
	}
}

// workInChromium has a page do a job that is not the command itself.
func workInChromium(ctx context.Context, program, scripts string, j job) error {
	status, err := runChromium(ctx, program, scripts, j)
	if err == nil && status != 0 {
		return fmt.Errorf("the page ended with status %d", status)
	}
	return err
}

// pass gives a signal to the page; a read that waits ends once the page has it.
func (b *browserHost) pass(s syscall.Signal) {
	b.signals <- byte(s)
	for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		time.AfterFunc(after, b.input.leave)
	}
}
