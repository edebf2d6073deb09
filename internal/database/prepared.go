package database

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// A connection to SQLite keeps the statements it has prepared: left to itself the driver compiles each anew whenever it runs, which took a third
// of the time of a change. SQLite compiles a kept one again by itself when the schema has changed.
const (
	keptMost   = 256  // statements of a connection; one more, and all begin anew
	keptLength = 4096 // bytes of the longest that is kept; longer ones are rarely the same again
)

// keeping opens connections that keep their statements.
type keeping struct{ driver.Connector }

// newKeeping is a connector to the database of a DSN of modernc's driver.
func newKeeping(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return keeping{c}, err
}

// Connect is driver.Connector.
func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := c.(liteConn)
	if !ok {
		return c, nil
	}
	return &keepingConn{liteConn: whole, kept: map[string]*keptStatement{}}, nil
}

// liteConn is what modernc's connections offer.
type liteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// liteStatement is what modernc's statements offer.
type liteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// liteRows is what modernc's rows offer.
type liteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// keepingConn is a connection with its statements. database/sql never uses one from two goroutines at once.
type keepingConn struct {
	liteConn
	kept map[string]*keptStatement
}

type keptStatement struct {
	liteStatement
	busy bool // rows of it are being read
}

// statement is a kept one that is not in use, prepared if it has to be; nil where the driver may do it in its own way.
func (c *keepingConn) statement(ctx context.Context, query string) *keptStatement {
	if s := c.kept[query]; s != nil {
		if s.busy {
			return nil
		}
		return s
	}
	if len(query) > keptLength {
		return nil
	}
	p, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil // it is run, and says what is wrong
	}
	s, ok := p.(liteStatement)
	if !ok {
		_ = p.Close()
		return nil
	}
	if len(c.kept) >= keptMost {
		c.forget()
	}
	c.kept[query] = &keptStatement{liteStatement: s}
	return c.kept[query]
}

// forget closes the statements that are not in use.
func (c *keepingConn) forget() {
	for query, s := range c.kept {
		if !s.busy {
			_ = s.Close()
			delete(c.kept, query)
		}
	}
}

// ExecContext is driver.ExecerContext.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if s := c.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args)
	}
	return c.liteConn.ExecContext(ctx, query, args)
}

// QueryContext is driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s := c.statement(ctx, query)
	if s == nil {
		return c.liteConn.QueryContext(ctx, query, args)
	}
	found, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	rows, ok := found.(liteRows)
	if !ok {
		return found, nil
	}
	s.busy = true
	return &keptRows{liteRows: rows, of: s}, nil
}

// Close is driver.Conn.
func (c *keepingConn) Close() error {
	for _, s := range c.kept {
		_ = s.Close()
	}
	c.kept = nil
	return c.liteConn.Close()
}

// keptRows give their statement back when they have been read.
type keptRows struct {
	liteRows
	of *keptStatement
}

// Close is driver.Rows.
func (r *keptRows) Close() error {
	r.of.busy = false
	return r.liteRows.Close()
}
