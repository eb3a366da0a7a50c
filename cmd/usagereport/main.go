// Command usagereport makes a company's usage reports every night. It wires the packages together and is the only part
// that reads the environment and the clock; what a run does is decided in jobs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	// The zones of the world, for images without them.
	_ "time/tzdata"

	// The kinds of bucket, database and secret that a config can name.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"
	_ "gocloud.dev/mysql/awsmysql"
	_ "gocloud.dev/mysql/azuremysql"
	_ "gocloud.dev/mysql/gcpmysql"
	_ "gocloud.dev/postgres/awspostgres"
	_ "gocloud.dev/postgres/gcppostgres"
	_ "gocloud.dev/runtimevar/awsparamstore"
	_ "gocloud.dev/runtimevar/awssecretsmanager"
	_ "gocloud.dev/runtimevar/blobvar"
	_ "gocloud.dev/runtimevar/constantvar"
	_ "gocloud.dev/runtimevar/filevar"
	_ "gocloud.dev/runtimevar/gcpsecretmanager"
	_ "gocloud.dev/runtimevar/httpvar"

	"github.com/usagereport/usagereport/jobs"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	// A second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	cmd := newRoot()
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return jobs.ExitDone
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "usagereport: "+err.Error())
	}
	if errors.Is(err, errUsage) {
		return jobs.ExitConfig
	}
	return jobs.ExitCode(err)
}
