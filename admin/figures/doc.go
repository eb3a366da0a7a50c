// Package figures reads what the pages and exports of administrators show from the newest published snapshot: usage
// figures, workspaces, the audit log, runs and reports (contract §12). It never writes to the bucket and never asks who
// may see what: its caller says which workspaces a question is about.
//
// Whoever asks gets whole snapshots only: a new one is loaded beside the old one, which goes on answering meanwhile.
// While the bucket is away, what is loaded goes on answering too; Snapshot.Seen says since when it is on its own.
package figures
