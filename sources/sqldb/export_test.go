package sqldb

import "context"

// OpenCloudPostgres opens a postgres:// URL the way that the cloud schemes are opened: through database/sql.
func OpenCloudPostgres(ctx context.Context, rawURL string, o Options) (*DB, error) {
	b, err := openCloudPostgres(ctx, rawURL, o)
	if err != nil {
		return nil, err
	}
	b.(*sqlBackend).options.BatchRows = max(o.BatchRows, 0)
	if o.BatchRows == 0 {
		b.(*sqlBackend).options.BatchRows = defaultBatchRows
	}
	return &DB{kind: cloudPostgresKind, backend: b, redact: redactorFor(rawURL)}, nil
}
