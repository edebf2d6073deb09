import { Outlet } from '@tanstack/react-router'
import { LiveRegions } from '../ui/announce'
import { DialogHost } from '../ui/dialogs'
import { SessionExpired } from './SessionExpired'

/** What every page stands in: the page's live regions, dialogs, the end of a session. */
export function Root() {
  return (
    <LiveRegions>
      <DialogHost>
        <Outlet />
        <SessionExpired />
      </DialogHost>
    </LiveRegions>
  )
}
