// Command soak kills the parts of a farm, one after the other and again and again, while it builds, and demands that every
// run ends as one that was left alone. What is killed (with SIGKILL, and started again after a moment) are the
// orchestrator, with it the database and the Temporal server that it embeds; a worker; the container engine; the registry; and
// PostgreSQL, which with --postgres is the database of every other farm.
//
//	go run ./test/soak                    five minutes
//	go run ./test/soak --minutes 60
//	go run ./test/soak --seed 7           the kills of an earlier soak, in their order
//	go run ./test/soak --only engine      kill nothing else
//	go run ./test/soak --postgres /usr/lib/postgresql/15/bin
//
// After each run it looks at everything a farm leaves behind: artifacts are those of the undisturbed run, byte for byte;
// each build has its record, its logs and its report; each file is on the index once, with the bytes that the index says;
// no container, no work folder and no open attempt is left; and the next run finds nothing to do.
//
// It needs root (for a container engine of its own, which has nothing to do with the machine's), the programs of bin/, a
// data folder in which the toolchain is baked, and the package index that sources come from.
//
// Exit status: 0 if all went well, 1 if something was not as it has to be, 3 if the soak itself could not go on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == registryCommand {
		os.Exit(serveRegistry(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &soak{began: time.Now()}
	s.flags()
	err := s.run(ctx)
	stop()
	var wrong *differs
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(3)
	}
}

// soak is one call of the command.
type soak struct {
	bin, data, folder, toolchain, scratch, only string
	postgres                                    string
	minutes                                     float64
	seed                                        uint64
	kept                                        bool
	names                                       []string

	began  time.Time
	random *rand.Rand
	farm   *farm
	db     *cluster       // nil without --postgres
	want   outcome        // of the undisturbed run
	count  map[string]int // kills by victim and phase
}

func (s *soak) flags() {
	flag.StringVar(&s.bin, "bin", "bin", "folder of the programs")
	flag.StringVar(&s.data, "data", defaultData(), "data folder in which the toolchain is baked")
	flag.StringVar(&s.folder, "recipes", "recipes", "folder of recipes")
	flag.StringVar(&s.toolchain, "toolchain", "pyemscripten_2026_5", "toolchain to build with")
	flag.StringVar(&s.only, "only", "", "kill only these, with commas between them: "+strings.Join(victimNames(), ", "))
	flag.StringVar(&s.postgres, "postgres", "", "folder of PostgreSQL's programs: the first run that is disturbed and every other after it has its database there")
	flag.Float64Var(&s.minutes, "minutes", 5, "begin no further run after this time; one is always made")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "what decides which part is killed when")
	flag.BoolVar(&s.kept, "keep", false, "leave the farm's folders where they are")
	flag.Parse()
	s.names = flag.Args()
	if len(s.names) == 0 {
		s.names = []string{"toolz", "cytoolz", "markupsafe", "xxhash", "ujson", "wrapt", "tqdm", "simplejson"}
	}
}

func (s *soak) run(ctx context.Context) (err error) {
	s.random, s.count = rand.New(rand.NewPCG(s.seed, 0)), map[string]int{}
	s.say("seed %d", s.seed)
	victims, err := s.victims()
	if err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.clear()) }()
	if s.want, err = s.undisturbed(ctx); err != nil {
		return fmt.Errorf("a run without kills: %w", err)
	}
	runs := 0
	for runs == 0 || time.Since(s.began).Minutes() < s.minutes {
		runs++
		if err := s.disturbed(ctx, runs, victims); err != nil {
			return fmt.Errorf("run %d (seed %d): %w", runs, s.seed, err)
		}
	}
	s.summary(runs)
	return nil
}

// say tells of progress.
func (s *soak) say(format string, args ...any) {
	fmt.Printf("[%6.1fs] %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}
