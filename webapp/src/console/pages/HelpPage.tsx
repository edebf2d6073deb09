// Colleagues who lost their phone and ask the person signed in.

import { useT } from '../i18n'
import { Helping } from '../recovery/Helping'
import { useTitle } from '../shell/title'
import { PageHead } from '../ui/parts'

export function HelpPage() {
  const { t } = useT()
  useTitle(t('console.help.title'))
  return (
    <>
      <PageHead title={t('console.help.title')} />
      <Helping />
    </>
  )
}
