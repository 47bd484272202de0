// The sign-ins that do not succeed: cancelled, refused.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { askedToSignIn, choose, SCENES } from '../harness/scenes.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const { name, open } of SCENES) {
  // Proves in part: SGN-5 (switched on only)
  // Proves in part: CRD-3 (by the card's button; not within a measured second)
  test(`typing waits for the sign-in until the cancel button of the card ends it (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const posted = person.page.waitForRequest(isDirectLine);
    const chat = await askedToSignIn(scene, person);
    assert.equal(await chat.sendBox.isVisible(), false);
    const refusal = await postMessage(await posted, chat, 'let me in');
    assert.equal(refusal.status, 409);
    assert.match((await refusal.json()).error.code, /^\w+$/);

    const link = await chat.link();
    await chat.button('Cancel').click();
    await chat.waiting.waitFor({ state: 'hidden' });
    await assertDead(person, link);
    assert.equal(await chat.shield.isVisible(), false);
    assert.deepEqual(person.complaints, []);
  });

  // Proves in part: SGN-5 (switched on only: the cancel control beside the card)
  // Proves in part: TMO-7 (an open link after cancel; not a provider answer)
  test(`the cancel button of the bar ends the wait as well (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    const link = await chat.link();
    await chat.waiting.getByRole('button', { name: 'Cancel' }).click();
    await chat.waiting.waitFor({ state: 'hidden' });
    await assertDead(person, link);
  });

  // Proves in part: TMO-5 (a refusal takes the failure route; the general handling is not seen)
  // Proves in part: PAG-6 (the words of the provider's refusal reach no page)
  test(`someone who says no reaches the failure route (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    const before = await chat.bubbles.count();
    const signIn = await chat.signIn();
    await choose(signIn, /Carol Cooper/);
    await chat.waiting.waitFor({ state: 'hidden' });
    await signIn.locator('main.card h1').waitFor();
    assert.equal(new URL(signIn.url()).origin, scene.origin);
    assert.doesNotMatch(await signIn.locator('body').innerText(), /access_denied/);
    await chat.bubbles.nth(before).waitFor();
    assert.equal(await chat.said('you have').count(), 0);
    assert.equal(await chat.shield.isVisible(), false);
    assert.deepEqual(person.complaints, []);
  });
}

function isDirectLine(request) {
  return /\/v3\/directline\/conversations/.test(request.url()) && Boolean(request.headers().authorization);
}

/** Posts past the page, as a client that does not care for the hidden send box would. */
async function postMessage(request, { page }, text) {
  const { authorization } = request.headers();
  const { conversationId } = await (await request.response()).json();
  const url = new URL(`/v3/directline/conversations/${conversationId}/activities`, page.url());
  return fetch(url, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', origin: url.origin },
    body: JSON.stringify({ type: 'message', text }),
  });
}

async function assertDead({ context }, link) {
  const page = await context.newPage();
  const response = await page.goto(link);
  assert.ok(response.status() >= 400, `the dead link answered ${response.status()}`);
  assert.equal(await page.locator('form').count(), 0);
}
