// The attack that matters most: a sign-in link in the hands of somebody else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { codeOn } from '../harness/chat.mjs';
import { askedToSignIn, choose, SCENES } from '../harness/scenes.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const { name, open } of SCENES) {
  // Proves in part: PHI-1 (a web chat's link in a browser without a chat, proven by the code)
  // Proves in part: PHI-5 (what the page says; not hostile names), PHI-8 (right code and a wrong one)
  test(`a link opened in another browser asks first and then needs its code in the chat (${name})`, async (t) => {
    const scene = await open(t);
    const atDesk = await visitor(t, browser);
    const onPhone = await visitor(t, browser, { viewport: { width: 390, height: 844 } });
    const chat = await askedToSignIn(scene, atDesk);

    await onPhone.page.goto(await chat.link());
    await assertAsks(onPhone.page);
    await onPhone.page.getByRole('button', { name: /^Continue/ }).click();
    await choose(onPhone.page, /Ann Archer/);
    const code = await codeOn(onPhone.page);
    assert.match(code, /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
    await onPhone.page.getByText('only in the chat where you asked').waitFor();

    await chat.codeField.waitFor();
    assert.equal(await chat.said('you have').count(), 0);
    const before = await chat.bubbles.count();
    await chat.typeCode(wrong(code));
    await chat.bubbles.nth(before).or(chat.codeTrouble).first().waitFor();
    assert.equal(await chat.shield.isVisible(), false);
    await chat.typeCode(`${code.slice(0, 4).toLowerCase()} ${code.slice(4)}`);
    await chat.says('Ann, you have 2 trips');
    await chat.shield.waitFor();
    assert.equal(await chat.said(code).count(), 0);
    assert.deepEqual([...atDesk.complaints, ...onPhone.complaints], []);
  });

  // Proves in part: PHI-1 (the victim signs in and types no code; web chat only)
  test(`whoever forwards a link gets nothing of the one who signs in (${name})`, async (t) => {
    const scene = await open(t);
    const attacker = await visitor(t, browser);
    const victim = await visitor(t, browser);
    const chat = await askedToSignIn(scene, attacker);
    await victim.page.goto(await chat.link());
    await victim.page.getByRole('button', { name: /^Continue/ }).click();
    await choose(victim.page, /Ann Archer/);
    await codeOn(victim.page);

    await chat.codeField.waitFor();
    await assertNothing(chat);
    await attacker.page.reload();
    await chat.codeField.waitFor();
    await assertNothing(chat);
    await chat.bar.getByRole('button', { name: 'Cancel' }).click();
    await chat.codeField.waitFor({ state: 'hidden' });
    await assertNothing(chat);
  });

  // Proves in part: PHI-1 (a victim with a chat of their own with the same agent)
  test(`a link forwarded to someone with a chat of their own is not theirs either (${name})`, async (t) => {
    const scene = await open(t);
    const attacker = await visitor(t, browser);
    const victim = await visitor(t, browser);
    const chat = await askedToSignIn(scene, attacker);
    await askedToSignIn(scene, victim);
    await victim.page.goto(await chat.link());
    await assertAsks(victim.page);
    await assertNothing(chat);
  });

  // Proves in part: PHI-5 (the report; its record in the audit log is not looked at)
  test(`the one who did not ask can stop it (${name})`, async (t) => {
    const scene = await open(t);
    const attacker = await visitor(t, browser);
    const victim = await visitor(t, browser);
    const chat = await askedToSignIn(scene, attacker);
    const link = await chat.link();
    await victim.page.goto(link);
    await victim.page.getByRole('button', { name: 'I did not ask for this' }).click();
    await chat.waiting.waitFor({ state: 'hidden' });
    const again = await victim.page.goto(link);
    assert.ok(again.status() >= 400, `the dead link answered ${again.status()}`);
    await assertNothing(chat);
  });
}

async function assertAsks(page) {
  for (const name of [/^Continue/, 'Cancel', 'I did not ask for this']) {
    await page.getByRole('button', { name }).waitFor();
  }
  await page.getByText('Continue only if you asked for this in that chat').waitFor();
}

async function assertNothing(chat) {
  assert.equal(await chat.said('you have').count(), 0);
  assert.equal(await chat.said('ann@').count(), 0);
  assert.equal(await chat.shield.isVisible(), false);
}

function wrong(code) {
  return (code[0] === 'B' ? 'C' : 'B') + code.slice(1);
}
