package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs/schedule"
)

// processArgs names the variable that makes this test binary the program: its arguments, one a line.
const processArgs = "USAGEREPORT_TEST_PROCESS_ARGS"

// TestProcess is no test: it is the program, in a process of its own, for tests of signals.
func TestProcess(t *testing.T) {
	args := os.Getenv(processArgs)
	if args == "" {
		t.Skip("is run by other tests")
	}
	os.Exit(run(strings.Split(args, "\n")))
}

// hanging is the scheduler in a process of its own, in a run that waits for a database which never answers.
type hanging struct {
	*exec.Cmd
	log    *bufio.Scanner
	status string
}

func startHanging(t *testing.T, settings string) *hanging {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, and nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	dir := t.TempDir()
	path := filepath.Join(dir, "usagereport.yaml")
	text := strings.ReplaceAll(unreachableAt("status_file: status.json, "+settings), "127.0.0.1:1/", silent.Addr().String()+"/")
	write(t, path, strings.ReplaceAll(text, "connect_timeout=5", "connect_timeout=600"))
	h := &hanging{Cmd: exec.Command(os.Args[0], "-test.run=^TestProcess$"), status: filepath.Join(dir, "status.json")}
	h.Env = append(os.Environ(), processArgs+"="+strings.Join([]string{"schedule", "--config", path}, "\n"))
	out, err := h.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.log = bufio.NewScanner(out)
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Process.Kill() })
	h.says(t, "run began")
	return h
}

// says reads the log until a line has the text.
func (h *hanging) says(t *testing.T, text string) {
	t.Helper()
	var all []string
	for h.log.Scan() {
		all = append(all, h.log.Text())
		if strings.Contains(h.log.Text(), text) {
			return
		}
	}
	t.Fatalf("the log ends without %q:\n%s", text, strings.Join(all, "\n"))
}

func (h *hanging) signal(t *testing.T) {
	t.Helper()
	if err := h.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func TestScheduleIsToldToStop(t *testing.T) {
	t.Run("a run that cannot end is abandoned", func(t *testing.T) {
		h := startHanging(t, "grace_period: 10ms")
		h.signal(t)
		h.says(t, "told to stop")
		h.says(t, "run abandoned")
		h.says(t, "schedule ended")
		if err := h.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		data, err := os.ReadFile(h.status)
		if err != nil {
			t.Fatal(err)
		}
		var s schedule.Status
		if err := json.Unmarshal(data, &s); err != nil || s.State != "stopped" || s.LastRun == nil || s.LastRun.Result != "abandoned" {
			t.Errorf("the status file: %v\n%s", err, data)
		}
	})
	t.Run("a second signal ends it at once", func(t *testing.T) {
		h := startHanging(t, "grace_period: 24h")
		h.signal(t)
		h.says(t, "told to stop")
		// Again if need be: the program stops catching signals in a goroutine of its own, maybe after this one.
		go func() {
			for h.Process.Signal(syscall.SIGTERM) == nil {
				<-time.After(time.Second)
			}
		}()
		err := h.Wait()
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			t.Fatalf("it ended with %v", err)
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
			t.Errorf("it ended with %v", err)
		}
	})
}
