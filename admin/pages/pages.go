package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// Pages writes pages and serves what they refer to. It is safe for concurrent use.
type Pages struct {
	assets  *assets
	pages   map[string]*template.Template // by file
	buffers sync.Pool
}

// New parses the templates and takes in the assets.
func New() (*Pages, error) {
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	p := &Pages{assets: a, pages: map[string]*template.Template{}, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	base, err := template.New("layout.html").Option("missingkey=error").Funcs(p.funcs()).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("templates of pages: %w", err)
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("templates of pages: %w", err)
	}
	for _, f := range files {
		if f.Name() == "layout.html" || f.Name() == "parts.html" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, path.Join("templates", f.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", f.Name(), err)
		}
		p.pages[f.Name()] = t
	}
	return p, nil
}

// content is what templates get.
type content struct {
	Frame Frame
	View  any
}

// write writes a page, all of it or, when the template fails, nothing.
func (p *Pages) write(w io.Writer, name string, f Frame, view any) error {
	b := p.buffers.Get().(*bytes.Buffer)
	defer p.buffers.Put(b)
	b.Reset()
	if err := p.pages[name].ExecuteTemplate(b, "layout.html", content{f, view}); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	return nil
}
