package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is `usagereport serve` in a process of its own.
type server struct {
	cmd     *exec.Cmd
	logged  *bufio.Reader
	url     string
	keys    []string
	started time.Duration
}

const configFile = `lake: { bucket: %q }
admin:
  listen: 127.0.0.1:0
  keys: %q
  trusted_proxies: [127.0.0.0/8]
`

// start builds the program, makes a key for each of many people and starts the server.
func start(ctx context.Context, dir string, o options) (*server, error) {
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o750); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "usagereport")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/usagereport").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	config := filepath.Join(dir, "serve.yaml")
	text := fmt.Sprintf(configFile, o.lake, "file://"+filepath.ToSlash(filepath.Join(dir, "keys")))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s := &server{}
	people := max(4*o.clients, o.requests/100) // so that none of them asks more often than the limit allows
	for i := range people {
		cmd := exec.CommandContext(ctx, program, "key", "create", "--config", config, "--name", fmt.Sprint("bench ", i),
			"--role", "Administrator", "--permission", "Server Management: Read", "--workspace", "*", "--expires", "1d")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
		}
		s.keys = append(s.keys, strings.TrimSpace(string(out)))
	}
	return s, s.start(ctx, program, config)
}

func (s *server) start(ctx context.Context, program, config string) error {
	s.cmd = exec.CommandContext(ctx, program, "serve", "--config", config)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.logged = bufio.NewReader(stderr)
	for {
		line, err := s.logged.ReadBytes('\n')
		if err != nil {
			return errors.Join(fmt.Errorf("the server ended: %s", line), s.cmd.Wait())
		}
		var entry struct{ Msg, URL string }
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("the server says %q: %w", line, err)
		}
		switch entry.Msg {
		case "listening":
			s.url = entry.URL
		case "serving":
			s.started = time.Since(began)
			go func() { _, _ = io.Copy(io.Discard, s.logged) }() // its log is not wanted
			return nil
		}
	}
}

// peak returns the most memory that the server had at any time.
func (s *server) peak() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("this system tells no peak memory of a process")
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}
