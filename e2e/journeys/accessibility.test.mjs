// Every page of ours against the rules of WCAG 2.2, levels A and AA, in both colour schemes.
//
// What stands inside the stock Web Chat is its makers' business and is left out.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { codeOn } from '../harness/chat.mjs';
import { askedToSignIn, choose, SCENES } from '../harness/scenes.mjs';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const [demo] = SCENES;

let axe;
let browser;
before(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  browser = await launch();
});
after(() => browser.close());

for (const colorScheme of ['light', 'dark']) {
  test(`our pages can be used by everybody (${colorScheme})`, async (t) => {
    const scene = await demo.open(t);
    const atDesk = await visitor(t, browser, { colorScheme });
    const onPhone = await visitor(t, browser, { colorScheme, viewport: { width: 390, height: 844 } });
    const chat = await askedToSignIn(scene, atDesk);
    await assertUsable(chat.page, 'the chat that waits');
    await chat.page.getByRole('button', { name: 'Start over' }).click();
    await assertUsable(chat.page, 'the question before starting over');
    await chat.page.getByRole('button', { name: 'Stay here' }).click();

    await onPhone.page.goto(await chat.link());
    await assertUsable(onPhone.page, 'the confirmation');
    await onPhone.page.getByRole('button', { name: /^Continue/ }).click();
    await choose(onPhone.page, /Ann Archer/);
    const code = await codeOn(onPhone.page);
    await assertUsable(onPhone.page, 'the code');
    await chat.codeField.waitFor();
    await assertUsable(chat.page, 'the chat that wants the code');
    await chat.typeCode(code);
    await chat.shield.waitFor();
    await assertUsable(chat.page, 'the chat of someone signed in');

    await chat.page.getByRole('button', { name: 'Start over' }).click();
    await chat.page.getByRole('dialog').getByRole('button', { name: 'Start over' }).click();
    await chat.waiting.waitFor();
    const signIn = await chat.signIn();
    await choose(signIn, /Ann Archer/);
    await signIn.getByRole('heading', { name: 'You are signed in' }).waitFor();
    await assertUsable(signIn, 'the finished page');
    await onPhone.page.goto(`${scene.origin}/sign-in/unknown`);
    await assertUsable(onPhone.page, 'the page of a problem');
    await onPhone.page.goto(scene.origin);
    await assertUsable(onPhone.page, 'the start page');
  });
}

async function assertUsable(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (values) => window.axe.run({ exclude: [['#web-chat']] }, { runOnly: { type: 'tag', values } }), RULES);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(found, [], what);
}
