package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
)

func (a *app) topCommand() *cobra.Command {
	once, every := false, 2*time.Second
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the farm: workers and what they build, queues, runs",
		Long: `On a terminal the page is drawn anew every two seconds; the arrow and page keys move it, q ends. A narrow one shows fewer columns.
Where the output is no terminal or a dumb one, with --once and with --json it is printed once.

"for" is how long this attempt takes already, "usual" how long the recipe took the last time.`,
		Example: "  wasmill top\n  wasmill top --once\n  wasmill top --json | jq '.queues'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return fault.Errorf(fault.Invalid, "--every %s is too often: a tenth of a second is the least", every)
			}
			farm, err := a.running()
			if err != nil {
				return err
			}
			in, out, onTerminal := terminals(cmd.InOrStdin(), a.out)
			if once || a.json || !onTerminal {
				top, err := farm.Top(cmd.Context())
				if err != nil {
					return err
				}
				return a.print(top, func(w io.Writer) error {
					_, err := io.WriteString(w, strings.Join(topPage(top, 0), "\n")+"\n")
					return err
				})
			}
			return watch(cmd.Context(), farm, in, out, every)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "print the page once")
	cmd.Flags().DurationVar(&every, "every", every, "how often the page is drawn anew")
	return cmd
}

// terminals are input and output as such, where both are and can be told where to write.
func terminals(in io.Reader, out io.Writer) (from, to *os.File, ok bool) {
	from, okIn := in.(*os.File)
	to, okOut := out.(*os.File)
	return from, to, okIn && okOut && os.Getenv("TERM") != "dumb" && xterm.IsTerminal(int(from.Fd())) && xterm.IsTerminal(int(to.Fd())) //nolint:gosec // a file descriptor is small
}

// What a terminal is told (ECMA-48): another screen and no cursor while the page is shown, and to begin at the top.
const (
	enter = "\x1b[?1049h\x1b[?25l"
	leave = "\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	clear = "\x1b[K" // the rest of a line
	below = "\x1b[J" // the rest of the screen
)

// resized is how often the size of the terminal is looked at. It costs one system call, works on all systems, and needs no signal.
const resized = 200 * time.Millisecond

// watch draws the page until a key or ctx ends it.
func watch(ctx context.Context, farm api.Farm, in, out *os.File, every time.Duration) error {
	before, err := xterm.MakeRaw(int(in.Fd())) //nolint:gosec // as above
	if err != nil {
		return fault.Errorf(fault.Unavailable, "preparing the terminal: %w", err)
	}
	fmt.Fprint(out, enter)
	defer func() {
		fmt.Fprint(out, leave)
		_ = xterm.Restore(int(in.Fd()), before) //nolint:gosec // as above
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys := make(chan string)
	go readKeys(ctx, in, keys)
	looks := make(chan look)
	go lookOften(ctx, farm, every, looks)

	size := time.NewTicker(resized)
	defer size.Stop()
	var (
		now           look
		width, height int
		scroll        int
	)
	draw := func() {
		if now.top == nil {
			return
		}
		var lines []string
		lines, scroll = screen(topPage(*now.top, width), width, height, scroll, now.note)
		fmt.Fprint(out, home+strings.Join(lines, clear+"\r\n")+clear+below)
	}
	for {
		if w, h, err := xterm.GetSize(int(out.Fd())); err == nil && (w != width || h != height) { //nolint:gosec // as above
			width, height = w, h
			draw()
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-looks:
			if now.top == nil {
				return now.err
			}
			draw()
		case key := <-keys:
			switch key {
			case "q", "\x03", "": // Ctrl-C comes as a key; "" is the end of the input
				return nil
			case "up":
				scroll--
			case "down":
				scroll++
			case "page up":
				scroll -= max(height-3, 1)
			case "page down":
				scroll += max(height-3, 1)
			case "begin":
				scroll = 0
			case "end":
				scroll = 1 << 20
			default:
				continue
			}
			draw()
		case <-size.C:
		}
	}
}

// readKeys gives keys by name; "" is the end of the input.
func readKeys(ctx context.Context, in io.Reader, keys chan<- string) {
	buf := make([]byte, 256)
	for {
		n, err := in.Read(buf)
		names := keyNames(string(buf[:n]))
		if err != nil {
			names = append(names, "")
		}
		for _, name := range names {
			select {
			case keys <- name:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// sequences are how terminals send keys (xterm's two modes, VT220, the Linux console).
var sequences = map[string]string{
	"\x1b[A": "up", "\x1bOA": "up", "k": "up", "\x1b[B": "down", "\x1bOB": "down", "j": "down",
	"\x1b[5~": "page up", "\x1b[6~": "page down", " ": "page down",
	"\x1b[H": "begin", "\x1bOH": "begin", "\x1b[1~": "begin", "\x1b[7~": "begin", "g": "begin",
	"\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end", "\x1b[8~": "end", "G": "end",
}

// keyNames are the keys in what was read at once: more than one where somebody holds a key down.
func keyNames(text string) (names []string) {
	for len(text) > 0 {
		key := text[:1]
		if strings.HasPrefix(text, "\x1b[") || strings.HasPrefix(text, "\x1bO") {
			end := 2
			for end < len(text) && (text[end] < '@' || text[end] > '~') {
				end++
			}
			key = text[:min(end+1, len(text))]
		}
		text = text[len(key):]
		names = append(names, cmp.Or(sequences[key], key))
	}
	return names
}

// look is what the farm answered; without a snapshot the first answer was an error.
type look struct {
	top  *api.Top
	note string
	err  error
}

// lookOften asks the farm again and again. One that does not answer leaves the last page, with a note.
func lookOften(ctx context.Context, farm api.Farm, every time.Duration, looks chan<- look) {
	var last look
	var answered time.Time
	for {
		asking, cancel := context.WithTimeout(ctx, max(every, 5*time.Second))
		top, err := farm.Top(asking)
		cancel()
		if err == nil {
			last, answered = look{top: &top}, time.Now()
		} else {
			last.err = err
			if last.top != nil {
				last.note = stale(answered, time.Now(), err)
			}
		}
		select {
		case looks <- last:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
	}
}
