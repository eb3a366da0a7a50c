package testservice

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Python returns an interpreter that has the modules: the one that USAGEREPORT_TEST_PYTHON names, else python3. Without one
// it skips the test, and fails it where USAGEREPORT_TEST_REQUIRE=1.
func Python(tb testing.TB, modules ...string) string {
	tb.Helper()
	name := os.Getenv(envPython)
	if name == "" {
		name = "python3"
	}
	out, err := exec.CommandContext(tb.Context(), name, "-c", "import "+strings.Join(modules, ", ")).CombinedOutput()
	if err == nil {
		return name
	}
	reason := fmt.Sprintf("%s cannot import %s (%v): name one that can in %s\n%s", name, strings.Join(modules, " and "), err, envPython, out)
	if required() {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
	return ""
}
