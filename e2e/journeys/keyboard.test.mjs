// The whole way without a mouse.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { codeOn } from '../harness/chat.mjs';
import { askedToSignIn, SCENES } from '../harness/scenes.mjs';

/** More stops than any of our pages has. */
const STOPS = 40;

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const { name, open } of SCENES) {
  test(`a person signs in with the keyboard alone (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    await tabTo(chat.page, 'Sign in', '#waiting a');
    const opened = person.context.waitForEvent('page');
    await chat.page.keyboard.press('Enter');
    const signIn = await opened;
    await signIn.getByRole('button', { name: /Ann Archer/ }).waitFor();
    await tabTo(signIn, 'Ann Archer');
    await signIn.keyboard.press('Enter');
    await chat.says('Ann, you have 2 trips');
    await tabTo(chat.page, '', '[data-id="webchat-sendbox-input"]');
  });

  test(`the card itself can be used with the keyboard alone (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    await tabTo(chat.page, '', '.webchat__basic-transcript');
    await chat.page.keyboard.press('Enter');
    const opened = person.context.waitForEvent('page');
    await chat.page.keyboard.press('Enter');
    await (await opened).getByRole('button', { name: /Ann Archer/ }).waitFor();
  });

  test(`a person cancels with the keyboard alone (${name})`, async (t) => {
    const scene = await open(t);
    const chat = await askedToSignIn(scene, await visitor(t, browser));
    await tabTo(chat.page, 'Cancel', '#waiting button');
    await chat.page.keyboard.press('Enter');
    await chat.waiting.waitFor({ state: 'hidden' });
  });

  test(`the code field takes the focus when a code is due (${name})`, async (t) => {
    const scene = await open(t);
    const atDesk = await visitor(t, browser);
    const onPhone = await visitor(t, browser);
    const chat = await askedToSignIn(scene, atDesk);
    await onPhone.page.goto(await chat.link());
    await tabTo(onPhone.page, 'Continue');
    await onPhone.page.keyboard.press('Enter');
    await onPhone.page.getByRole('button', { name: /Ann Archer/ }).waitFor();
    await tabTo(onPhone.page, 'Ann Archer');
    await onPhone.page.keyboard.press('Enter');
    const code = await codeOn(onPhone.page);
    await chat.codeField.waitFor();
    assert.equal(await chat.codeField.evaluate((field) => field === document.activeElement), true);
    await chat.page.keyboard.type(code);
    await chat.page.keyboard.press('Enter');
    await chat.says('Ann, you have 2 trips');
  });
}

/** Presses Tab until the focus, which must be visible, stands on what is wanted. */
async function tabTo(page, text, selector = 'button') {
  const seen = [];
  for (let stop = 0; stop < STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    const [found, label] = await page.evaluate(describeFocus, [text, selector]);
    if (found) return;
    seen.push(label);
  }
  assert.fail(`no "${text || selector}" within reach of the Tab key; met ${seen.join(' | ')}`);
}

function describeFocus([text, selector]) {
  const focused = document.activeElement;
  const shown = focused.getClientRects().length > 0;
  return [shown && focused.matches(selector) && focused.textContent.includes(text),
    `${focused.tagName} ${focused.textContent.trim().slice(0, 30)}`];
}
