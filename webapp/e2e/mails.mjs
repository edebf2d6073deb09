// The service finds a mail server, and a newcomer comes in by mail: nobody sees the link but they.
import { must, same } from './kit/check.mjs'

export async function mails(world, person) {
  const { desk } = person
  const { page } = desk
  const iris = { email: 'iris@acme.test', name: 'Iris Letter', password: 'correct horse battery staple Iris' }
  await world.step('mail: the operator names a mail server', () => world.meant([{ network: true }], async () => {
    await world.mailOn()
    await desk.goto('/settings/workspace/notifications')
    await page.getByText('Mails come from no-reply@acme.test.', { exact: false }).waitFor()
    await desk.look('S21 notifications with mail')
    await desk.button('Send test').click()
    await page.getByText(`The mail server took a mail to ${person.email}.`).first().waitFor()
    const { items } = await world.control.ask('mails', { email: person.email, least: 1 })
    must(items.some((mail) => /Test mail/.test(mail.subject)), `the mails: ${items.map((mail) => mail.subject)}`)
  }))
  await world.step('mail: a newcomer sets a password by the link', async () => {
    await desk.goto('/members')
    await desk.button('Add person').click()
    const dialog = desk.dialog('Add person')
    await dialog.getByLabel('Name').fill(iris.name)
    await dialog.getByLabel('E-mail').first().fill(iris.email)
    must(await dialog.getByRole('checkbox', { name: /^Send the link by e-mail/ }).isChecked(), 'the link is not sent by mail by itself')
    await desk.look('S14 add person by mail')
    await dialog.getByRole('button', { name: 'Add person', exact: true }).click()
    const added = desk.dialog('Person added')
    await added.getByText(`A link was sent to ${iris.email}. It is shown to nobody else.`).first().waitFor()
    same(await added.getByRole('textbox', { name: 'One-time link' }).count(), 0, 'links on the screen')
    await desk.look('S14 link sent')
    await added.getByRole('button', { name: 'Done', exact: true }).click()
    const { items } = await world.control.ask('mails', { email: iris.email, least: 1 })
    const link = /https?:\/\/\S+\/set-password#\S+/.exec(items[0].text)?.[0]
    must(link?.startsWith(`${world.told.console}/w/acme/set-password#`), `no link in the mail: ${items[0].subject}`)
    const other = await world.desk('Iris')
    await other.page.goto(link)
    await other.heading('Set your password').waitFor()
    await other.page.getByLabel('New password', { exact: true }).fill(iris.password)
    await other.page.getByLabel('New password again').fill(iris.password)
    await other.button('Set password').click()
    await other.heading('Password set').waitFor()
    await other.signIn(iris)
    // A link works once.
    await world.meant([{ status: 404, call: /session\/password$/ }, { status: 410, call: /session\/password$/ }, { status: 422, call: /session\/password$/ }, { status: 409, call: /session\/password$/ }], async () => {
      const again = await fetch(`${world.told.console}/v1/session/password`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: new URL(link).hash.slice(1), password: iris.password }) })
      must(again.status >= 400, 'the link works twice')
    })
  })
}
