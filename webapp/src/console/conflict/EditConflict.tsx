// Somebody else has changed what is being edited here: both versions, field by field, and which of them shall hold.

import { Button } from '../ui/button'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { useWords } from './words'

/** A field that is not the same in both. */
export interface Difference { name: string; mine: string | boolean; theirs: string | boolean }

interface EditConflictProps { what: string; rows: readonly Difference[]; busy?: boolean; failure?: string | null; mine: () => void; theirs: () => void; leave: () => void }

/** `leave` goes back without a decision: nothing was changed. */
export default function EditConflict({ what, rows, busy = false, failure, mine, theirs, leave }: EditConflictProps) {
  const say = useWords()
  const value = (one: string | boolean) => (typeof one === 'string' ? one : say(one ? 'edit.on' : 'edit.off'))
  const head = 'py-2 pe-4 align-bottom font-medium text-muted'
  const cell = 'py-2 pe-4 align-top whitespace-pre-line [overflow-wrap:anywhere]'
  return (
    <Modal title={say('edit.title')} onCancel={leave} wide>
      <p className="mt-3 [overflow-wrap:anywhere]">{say('edit.text', { what })}</p>
      <table className="mt-5 w-full table-fixed text-left text-sm" aria-label={say('edit.both')}>
        <thead><tr><th scope="col" className={head}>{say('edit.field')}</th><th scope="col" className={head}>{say('edit.mine')}</th><th scope="col" className={head}>{say('edit.theirs')}</th></tr></thead>
        <tbody className="divide-y divide-line border-y border-line">
          {rows.map((row) => <tr key={row.name}><th scope="row" className={`${cell} font-medium`}>{row.name}</th><td className={cell}>{value(row.mine)}</td><td className={cell}>{value(row.theirs)}</td></tr>)}
        </tbody>
      </table>
      {failure && <Notice tone="bad" alert className="mt-5">{failure}</Notice>}
      <ModalActions>
        <Button onClick={theirs}>{say('edit.keep_theirs')}</Button>
        <Button busy={busy} onClick={mine}>{say('edit.save_mine')}</Button>
        <Button look="quiet" onClick={leave}>{say('edit.back')}</Button>
      </ModalActions>
    </Modal>
  )
}
