package lake

import (
	"context"
	"errors"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
)

// isAzure says whether the bucket is one of Azure's, whose writer needs azureWriter.
func isAzure(b *blob.Bucket) bool {
	var client *container.Client
	return b.As(&client)
}

// azureWriter writes through blob.Upload, since Close of an Azure blob.Writer panics when the write has failed
// (gocloud.dev v0.47). It is for Azure only: on a file bucket Upload publishes what it has when the disk is full.
type azureWriter struct {
	ctx    func() error // says whether the write is cancelled
	pipe   *io.PipeWriter
	result chan error // what Upload returned; buffered, sent once
}

func newAzureWriter(ctx context.Context, b *blob.Bucket, key string, opts *blob.WriterOptions) *azureWriter {
	r, pipe := io.Pipe()
	w := &azureWriter{ctx: ctx.Err, pipe: pipe, result: make(chan error, 1)}
	// A cancelled upload must not wait for bytes that nobody writes any more.
	stop := context.AfterFunc(ctx, func() { pipe.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		err := b.Upload(ctx, key, r, opts)
		r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // nor a writer for a reader that is gone
		w.result <- err
	}()
	return w
}

func (w *azureWriter) Write(p []byte) (int, error) { return w.pipe.Write(p) }

// Close publishes the object, unless the context is cancelled.
func (w *azureWriter) Close() error {
	w.pipe.CloseWithError(w.ctx()) // nil means the good end
	return <-w.result
}
