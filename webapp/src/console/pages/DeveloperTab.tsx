// The tab "Developer": what programs of the organization work with.

import { KeysCard } from '../developer/KeysCard'
import { WebhooksCard } from '../notifications/WebhooksCard'

export function DeveloperTab() {
  return (
    <div className="space-y-10">
      <KeysCard />
      <WebhooksCard />
    </div>
  )
}
