package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func readBytes(b []byte) (*Contents, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestReadSample(t *testing.T) {
	b, written := write(t, sampleOptions(), sampleSheets()...)
	read, err := readBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, written) {
		t.Errorf("found %+v, expected %+v", read, written)
	}
	if n, ok := read.Number("Total Entities Synced"); n != 60_321 || !ok {
		t.Errorf("Total Entities Synced: %d, %t", n, ok)
	}
	if _, ok := read.Number("Total"); ok {
		t.Error("there is no Total")
	}
	if s := read.Sheet("Generation Log"); s.Rows != 3000 || s.Column("content_generations").Sum != 2999*3000*5999/6 || s.Column("grid_id").Cells != 0 {
		t.Errorf("%+v", s)
	}
	if read.Sheet("Summary") != nil || read.Sheet("Generation Log").Column("none") != nil {
		t.Error("found what is not there")
	}
}

// A file that is cut off, or in which a byte of a part is another one, is an error, wherever it is.
func TestDamage(t *testing.T) {
	s := sheet{def: kinds, rows: kindRows}
	o := Options{Summary: &Summary{Title: "T", Figures: []Figure{{"a", 1, 0}}}}
	b, _ := write(t, o, s)
	for n := 0; n < len(b); n += 7 {
		if _, err := readBytes(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are no error", n, len(b))
		}
	}
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		from, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < from+int64(f.CompressedSize64); i += 17 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 0x10
			if _, err := readBytes(damaged); err == nil && !sameContent(damaged, b) { // some bits of a deflate stream mean nothing
				t.Fatalf("%s: byte %d of %d changed is no error", f.Name, i-from, f.CompressedSize64)
			}
		}
	}
}

// sameContent reports whether two archives have the same parts, byte for byte.
func sameContent(a, b []byte) bool {
	return reflect.DeepEqual(content(a), content(b))
}

func content(archive []byte) map[string]string {
	parts := map[string]string{}
	zr, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil
	}
	for _, f := range zr.File {
		if r, err := f.Open(); err == nil {
			b, err := io.ReadAll(r)
			if err != nil {
				b = append(b, err.Error()...)
			}
			parts[f.Name] = string(b)
		}
	}
	return parts
}

// replace returns the workbook with a part changed, its checksum being right.
func replace(t testing.TB, b []byte, part, from, to string) []byte {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == part {
			if !bytes.Contains(content, []byte(from)) {
				t.Fatalf("%s: no %q", part, from)
			}
			content = bytes.Replace(content, []byte(from), []byte(to), 1)
		}
		w, err := zw.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What does not look as this package writes it is refused, with the place.
func TestReadRefuses(t *testing.T) {
	b, _ := write(t, Options{}, sheet{def: kinds, rows: kindRows})
	const part = "xl/worksheets/sheet1.xml"
	for _, c := range []struct{ part, from, to, want string }{
		{part, `<row r="3">`, `<row r="2">`, "row"},
		{part, `<row r="3">`, `<row r="4">`, "row"},
		{part, `<row r="3"></row>`, ``, "found row 4, expected row 3"},
		{part, `<row r="3">`, `<row>`, `found row ""`},
		{part, `<row r="3">`, `<column>`, "expected a row"},
		{part, `<c r="A2"`, `<c r="A3"`, "row 2: found cell \"A3\""},
		{part, `<c r="B2"`, `<c r="A2"`, "row 2: found cell \"A2\""},
		{part, `<c r="A2"`, `<c r="Z2"`, "row 2: column Z: found a cell beyond the header"},
		{part, `<c r="A2"`, `<d r="A2"`, "expected a cell"},
		{part, `<v>1234567</v>`, `<v>12x</v>`, `row 2: column E: found "12x", expected a number`},
		{part, `<v>1234567</v>`, `<v>1.5.5</v>`, `expected a time`},
		{part, `<v>1234567</v>`, `<v>1</w>`, `expected </v>`},
		{part, `t="b"><v>1`, `t="b"><v>2`, "expected 0 or 1"},
		{part, `t="b"><v>1`, `t="s"><v>1`, `found a cell of type "s"`},
		{part, `t="inlineStr"><is><t>plain`, `t="inlineStr"><t>plain`, "expected <is>"},
		{part, `<row r="1"`, `<row r="7"`, "row"},
		{part, `<c r="B1"`, `<c r="C1"`, "one header after the other"},
		{part, `</sheetData>`, ``, "row"},
		{part, `</worksheet>`, ``, "unexpected EOF"},
		{part, `</worksheet>`, `</worksheet><row>`, "after the end"},
		{part, `<sheetData>`, ``, "unexpected EOF"},
		{"xl/workbook.xml", `name="All Kinds"`, `name="Summary"`, ""},
		{"xl/workbook.xml", `<sheet name`, `<sheat name`, "xl/workbook.xml"},
		{"xl/workbook.xml", `<sheets>`, `<sheets><sheet name="Twice" r:id="rId1"></sheet>`, "twice"},
		{"xl/_rels/workbook.xml.rels", `worksheets/sheet1.xml`, `worksheets/sheet2.xml`, "no part xl/worksheets/sheet2.xml"},
	} {
		_, err := readBytes(replace(t, b, c.part, c.from, c.to))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s → %s: %v", c.from, c.to, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "workbook: read: ") {
			t.Errorf("%s → %s: found %v, expected %s", c.from, c.to, err, c.want)
		}
	}
	var none bytes.Buffer
	if err := zip.NewWriter(&none).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readBytes(none.Bytes()); err == nil || !strings.Contains(err.Error(), "not a workbook") {
		t.Errorf("an empty zip: %v", err)
	}
	if _, err := Read(iotestReaderAt{}, 1000); err == nil {
		t.Error("a reader that fails is no error")
	}
}

type iotestReaderAt struct{}

func (iotestReaderAt) ReadAt(p []byte, _ int64) (int, error) {
	return iotest.ErrReader(errFull).Read(p)
}

// Every difference is named.
func TestDiff(t *testing.T) {
	b, _ := write(t, sampleOptions(), sampleSheets()...)
	for name, change := range map[string]func(*Contents){
		"a number":             func(c *Contents) { c.Summary[0].N++ },
		"a label":              func(c *Contents) { c.Summary[1].Label += "x" },
		"a number less":        func(c *Contents) { c.Summary = c.Summary[1:] },
		"a sheet less":         func(c *Contents) { c.Sheets = c.Sheets[1:] },
		"another name":         func(c *Contents) { c.Sheets[0].Name = "x" },
		"a row more":           func(c *Contents) { c.Sheets[0].Rows++ },
		"other parts":          func(c *Contents) { c.Sheets[0].Parts = []int64{1, 2} },
		"a column less":        func(c *Contents) { c.Sheets[0].Columns = c.Sheets[0].Columns[1:] },
		"another header":       func(c *Contents) { c.Sheets[5].Columns[3].Name = "x" },
		"a cell less":          func(c *Contents) { c.Sheets[5].Columns[3].Cells-- },
		"another sum":          func(c *Contents) { c.Sheets[5].Columns[18].Sum++ },
		"nothing but the rest": func(*Contents) {},
	} {
		expected, err := readBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		found, err := readBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		change(found)
		if d := found.Diff(expected); (d == "") != (name == "nothing but the rest") {
			t.Errorf("%s: %q", name, d)
		}
	}
}

// Texts end anywhere in what a reader hands over.
func TestScanOneByte(t *testing.T) {
	b, written := write(t, Options{}, sheet{def: kinds, rows: kindRows})
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := zr.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	xml, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{"one byte": iotest.OneByteReader(bytes.NewReader(xml)), "half": iotest.HalfReader(bytes.NewReader(xml)),
		"data and error": iotest.DataErrReader(bytes.NewReader(xml))} {
		s := &SheetContents{}
		header := true
		err := scan(r, scanRows{cell: func(c *cell) error { return s.addCell(c, header) }, row: func(int) error { header = false; return nil }})
		if err != nil || !reflect.DeepEqual(s.Columns, written.Sheets[0].Columns) {
			t.Errorf("%s: %v, %+v", name, err, s.Columns)
		}
	}
	ignore := scanRows{cell: func(*cell) error { return nil }, row: func(int) error { return nil }}
	if err := scan(iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(xml))), ignore); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader that fails: %v", err)
	}
	long := "<sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>" + strings.Repeat("x", 2*maxBuffer)
	if err := scan(strings.NewReader(long), ignore); err == nil || !strings.Contains(err.Error(), "longer than any cell") {
		t.Errorf("an endless text: %v", err)
	}
}

// FuzzRead is about the parts that say what is where, with checksums that are right.
func FuzzRead(f *testing.F) {
	const book, relations, first = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"
	b, _ := write(f, Options{Summary: &Summary{Title: "T", Figures: []Figure{{"a", 1, 0}}}}, sheet{def: kinds, rows: kindRows})
	parts := content(b)
	f.Add([]byte(parts[book]), []byte(parts[relations]), []byte(parts[first]))
	f.Fuzz(func(t *testing.T, x, y, z []byte) {
		var b bytes.Buffer
		zw := zip.NewWriter(&b)
		for name, part := range map[string][]byte{book: x, relations: y, first: z} {
			w, err := zw.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		if c, err := readBytes(b.Bytes()); err == nil && len(c.Sheets) > 0 && len(c.Sheets[0].Columns) == 0 {
			t.Error("a sheet without a header is no error")
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`<worksheet><sheetData><row r="1" ht="21"><c r="A1" s="6" t="inlineStr"><is><t>A &amp; _x0041_</t></is></c><c r="B1" t="inlineStr"><is><t xml:space="preserve"> B</t></is></c></row>` +
		`<row r="2"><c r="A2"><v>12</v></c><c r="B2" t="b"><v>1</v></c></row><row r="3"/><row r="4"><c r="A4"/><c r="B4" t="n"><v>46347.25</v></c></row></sheetData><autoFilter ref="$A$1:$B$2"></autoFilter></worksheet>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &SheetContents{}
		header := true
		last := 0
		_ = scan(bytes.NewReader(b), scanRows{
			cell: func(c *cell) error { return s.addCell(c, header) },
			row: func(n int) error {
				if n <= last || n > maxRows {
					t.Fatalf("row %d after row %d", n, last)
				}
				last, header = n, false
				return nil
			},
		})
	})
}
