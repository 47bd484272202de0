// The server dies without a word while somebody is about to sign in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { askedToSignIn, choose, SCENES } from '../harness/scenes.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const { name, open } of SCENES) {
  // Proves in part: SGN-16 (the prompt outlives the server; no variable set before the prompt)
  test(`a sign-in outlives the server (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    await scene.kill();
    await scene.start();

    const signIn = await chat.signIn();
    await choose(signIn, /Ann Archer/);
    await signIn.getByRole('heading', { name: 'You are signed in' }).waitFor();
    // Direct Line's own client waits up to 15 s before it comes back, and 20 s more if it came too early.
    await chat.said('Ann, you have 2 trips').first().waitFor({ timeout: 60_000 });
    await chat.shield.waitFor();
    assert.equal(await chat.said('Ann, you have 2 trips').count(), 1);
    assert.deepEqual(person.complaints, []);
  });

  test(`a chat whose server is away says so and comes back (${name})`, async (t) => {
    const scene = await open(t);
    const person = await visitor(t, browser);
    const chat = await askedToSignIn(scene, person);
    await scene.kill();
    await chat.trouble.getByText('The connection was lost').waitFor();

    await scene.start();
    await chat.trouble.getByRole('button', { name: 'Try again' }).click();
    await chat.button('Sign In').waitFor();
    await chat.waiting.waitFor();
    await chat.trouble.waitFor({ state: 'hidden' });
  });
}
