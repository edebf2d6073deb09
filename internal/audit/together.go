package audit

import (
	"fmt"
	"time"

	"github.com/countersign/countersign/internal/database"
)

// Many are events, each a Row, as the FROM item e of a statement that writes them together on Postgres: what goes into Columns, the item, and its
// arguments, which are numbered from first on.
func Many(rows [][]any, first int) (values, item string, args []any) {
	at := make([]time.Time, len(rows))
	var texts [11][]string
	for i, r := range rows {
		r = database.Args(r...)
		for n, v := range r {
			if n == 2 {
				at[i], _ = v.(time.Time)
				continue
			}
			text, _ := v.(string)
			texts[n] = append(texts[n], text)
		}
	}
	kinds := ""
	for n := range texts {
		kind, comma := "text", ", "
		if n == 0 {
			comma = ""
		}
		if n == 2 {
			kind, args = "timestamptz", append(args, at)
		} else {
			args = append(args, texts[n])
		}
		kinds += fmt.Sprintf("%s$%d::%s[]", comma, first+n, kind)
	}
	return "e.id, e.workspace_id, e.at, e.event, e.actor_kind, e.actor_id, e.actor_name, e.subject, e.ip, e.user_agent, e.detail::jsonb",
		"unnest(" + kinds + ") AS e (" + Columns + ")", args
}
