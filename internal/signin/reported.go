package signin

import "github.com/countersign/countersign/internal/database"

// EndOf ends the sign-in of one browser session in one workspace, in the transaction that finds out that it must not go on. A session that is
// signed in nowhere is nothing to end.
func (s *Service) EndOf(tx database.Tx, workspace string, session []byte) error {
	return s.end(tx, Browser{}, "s.session_hash = ? AND s.workspace_id = ?", session, workspace)
}
