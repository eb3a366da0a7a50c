//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// build makes the program, with files of it replaced as the overlay says, which may be empty.
func build(ctx context.Context, to, overlay string) error {
	args := []string{"build", "-o", to}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/usagereport/usagereport/cmd/usagereport")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// process is one run of the program.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{} // closed at its end
	temp string

	mu   sync.Mutex // signals go to a process that still exists
	over bool
}

// start runs the program with its arguments and the lake in its environment. Its temporary files are its own.
func (h *harness) start(l *place, endpoint string, args []string) (*process, error) {
	temp, err := os.MkdirTemp(h.work, "tmp-")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(h.program, args...), done: make(chan struct{}), temp: temp} //nolint:noctx // the harness decides when it dies
	p.cmd.Env = append(os.Environ(), "TMPDIR="+temp, "CHAOS_BUCKET="+l.urlAt(endpoint), "CHAOS_PREFIX="+l.prefix)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // its state says it
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// signal sends a signal to the process, unless it is over.
func (p *process) signal(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.over && p.cmd.Process.Signal(s) == nil
}

// wait returns how the process ended: its exit code, or that it was killed.
func (p *process) wait(ctx context.Context) (code int, killed bool, err error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.done
		return 0, false, ctx.Err()
	}
	if err := os.RemoveAll(p.temp); err != nil {
		return 0, false, err
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return 0, false, errors.New("the system does not tell how a process ended")
	}
	return status.ExitStatus(), status.Signaled() && status.Signal() == syscall.SIGKILL, nil
}

// said is the end of what the process printed.
func (p *process) said() string {
	text := strings.TrimSpace(p.out.String())
	if len(text) > 3000 {
		text = "…" + text[len(text)-3000:]
	}
	return text
}

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("look for go.mod: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
