// Command gen writes the rendered dictionary to the page of the documentation and to the files that the tests
// compare with. It is run by go generate and is no part of the product.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/usagereport/usagereport/dictionary/render"
)

func main() {
	docs := flag.String("docs", "", "`file` to write the Markdown page to")
	testdata := flag.String("testdata", "", "`folder` to write dictionary.json and dictionary.sql to")
	flag.Parse()
	if *docs == "" || *testdata == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	for path, write := range map[string]func(io.Writer) error{
		*docs: render.Markdown,
		filepath.Join(*testdata, "dictionary.json"): render.JSON,
		filepath.Join(*testdata, "dictionary.sql"):  render.SQL,
	} {
		if err := update(path, write); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

func update(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
