package audit

import (
	"fmt"
	"slices"
	"strings"
)

// when is the place of the time in Columns.
const when = 2

// Item is the FROM item e of a statement on Postgres that writes events together, at a time that the statement knows itself: what goes into Columns,
// and the item. Its arguments, Texts, are numbered from first on.
func Item(at string, first int) (values, item string) {
	names := strings.Split(Columns, ", ")
	names = slices.Delete(names, when, when+1)
	kinds := make([]string, len(names))
	for n := range names {
		kinds[n] = fmt.Sprintf("(SELECT $%d::text[])", first+n)
	}
	item = "unnest(" + strings.Join(kinds, ", ") + ") AS e (" + strings.Join(names, ", ") + ")"
	return "e.id, e.workspace_id, " + at + ", e.event, e.actor_kind, e.actor_id, e.actor_name, e.subject, e.ip, e.user_agent, e.detail::jsonb", item
}

// Texts are events, each a Row, as the arguments of Item.
func Texts(rows [][]any) (args []any) {
	if len(rows) == 0 {
		return nil
	}
	for n := range rows[0] {
		if n == when {
			continue
		}
		texts := make([]string, len(rows))
		for i, r := range rows {
			texts[i], _ = r[n].(string)
		}
		args = append(args, texts)
	}
	return args
}
