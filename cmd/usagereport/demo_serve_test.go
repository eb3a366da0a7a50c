package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// visit runs the program in this process until it says where its server is and with which key, hands both to the visitor,
// and interrupts it.
func visit(t *testing.T, visitor func(url, key string), args ...string) invocation {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	errors := capture(t)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, errors
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	ended := make(chan int, 1)
	go func() {
		code := run(args)
		_ = w.Close() // the reader sees the end
		ended <- code
	}()
	var all strings.Builder
	url := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		all.WriteString(line + "\n")
		if _, after, ok := strings.Cut(line, "The admin server is at "); ok {
			url, _, _ = strings.Cut(after, " ")
			continue
		}
		if url != "" && strings.HasPrefix(line, "urk_") {
			visitor(url, line)
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	return invocation{<-ended, all.String(), content(t, errors)}
}

// get fetches a path with a key.
func get(t *testing.T, url, key string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", key)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
