// Someone chats, signs in when asked, and the conversation goes on by itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { askedToSignIn, choose, SCENES } from '../harness/scenes.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const { name, open } of SCENES) {
  // Proves: CRD-4
  // Proves in part: SGN-16 (no restart, no variable set before the prompt), UIX-1 (not after sign-out, no host-page token)
  // Proves in part: SGN-7 (the subject that the API saw is shown by the real provider only)
  // Proves in part: PAG-1 (zero reports of the policy; not the header of every route)
  // Proves in part: OPS-6 (a sign-in is counted; no dashboard yet)
  test(`a person signs in and the chat goes on by itself (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    assert.equal(await chat.shield.isVisible(), false);

    const signIn = await chat.signIn();
    await choose(signIn, /Ann Archer/);
    await signIn.getByRole('heading', { name: 'You are signed in' }).waitFor();
    await chat.says('Ann, you have 2 trips');
    await chat.shield.waitFor();
    assert.match(await chat.shield.getAttribute('aria-label'), /^Signed in as .*ann/i);
    await chat.sendBox.waitFor();
    assert.equal(await chat.said('Ann, you have 2 trips').count(), 1);

    await person.page.reload();
    await chat.says('Ann, you have 2 trips');
    await chat.shield.waitFor();
    assert.deepEqual(person.complaints, []);
    const metrics = await (await fetch(`${scene.origin}/metrics`)).text();
    assert.match(metrics, /^usher_sign_ins_total\{ending="released"\} 1$/m);
  });

  // Proves: CRD-5
  // Proves in part: PAG-3 (history and address; not the headers)
  // Proves in part: PHI-3 (the transcript of one chat)
  test(`the link leads through our page to the provider and leaves nothing in the address (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    const asked = [];
    person.context.on('request', (request) => request.isNavigationRequest() && asked.push(new URL(request.url())));
    const signIn = await chat.signIn();
    await choose(signIn, /Ann Archer/);
    await signIn.getByRole('heading', { name: 'You are signed in' }).waitFor();

    assert.equal(asked[0].origin, scene.origin);
    assert.match(asked[0].pathname, /^\/sign-in\/[A-Za-z0-9_-]{22,}$/);
    assert.equal(asked[0].search, '');
    const authorization = asked.find(({ origin }) => origin === scene.providerOrigin);
    assert.ok(authorization.searchParams.get('client_id'), `no client id in ${authorization.pathname}`);
    assert.doesNotMatch(signIn.url(), /code=|state=/);
    assert.doesNotMatch(await chat.page.content(), /client_id=/);
  });

  // Proves in part: UIX-1 (only that it goes with the conversation)
  test(`starting over begins a conversation without the old one (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    await choose(await chat.signIn(), /Ann Archer/);
    await chat.says('Ann, you have 2 trips');

    await person.page.getByRole('button', { name: 'Start over' }).click();
    await person.page.getByRole('dialog').getByRole('button', { name: 'Start over' }).click();
    await chat.waiting.waitFor();
    assert.equal(await chat.said('Ann, you have 2 trips').count(), 0);
    assert.equal(await chat.shield.isVisible(), false);
  });
}
