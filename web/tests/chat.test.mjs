// What the chat page makes of the activities that reach it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const { statusIn } = await load('../chat/status.ts');
const { signInLink } = await load('../chat/link.ts');
const OURS = new URL('https://usher.example/sign-in/');

test('a status is read from our event only', () => {
  const expires = new Date('2026-01-02T03:04:05Z');
  const value = { typing: 'blocked', signed_in: true, account: 'ann@people.example', prompt: { expires_at: expires.toJSON(), title: 'Acme' } };
  assert.deepEqual(statusIn({ type: 'event', name: 'usher/status', value }),
    { typing: 'blocked', signedIn: true, account: 'ann@people.example', prompt: { expires, title: 'Acme' } });
  for (const activity of [null, 'x', {}, { type: 'message', name: 'usher/status', value }, { type: 'event', name: 'other', value }]) {
    assert.equal(statusIn(activity), null);
  }
});

test('of a status that cannot be read the harmless half counts', () => {
  const harmless = { typing: 'open', signedIn: false, account: null, prompt: null };
  for (const value of [undefined, null, 7, [], { typing: 'locked', signed_in: 'yes', account: 7, prompt: { expires_at: 'soon' } }]) {
    assert.deepEqual(statusIn({ type: 'event', name: 'usher/status', value }), harmless);
  }
});

// Proves in part: WID-4 (the link that the bar repeats; the card's own button is Web Chat's)
test('the bar repeats a link to our own sign-in page only', () => {
  const good = 'https://usher.example/sign-in/AbC_123';
  assert.equal(signInLink(card('cancel', good), OURS), good);
  for (const value of [
    'https://evil.example/sign-in/AbC_123', 'https://usher.example.evil.example/sign-in/x', 'http://usher.example/sign-in/x',
    'https://usher.example:444/sign-in/x', 'https://usher.example/sign-in', 'https://usher.example/sign-in/../chat',
    'https://usher.example@evil.example/sign-in/x', 'javascript:alert(1)//usher.example/sign-in/', '/sign-in/x', '', null, 7, {},
  ]) {
    assert.equal(signInLink(card('cancel', value), OURS), null, String(value));
  }
  for (const activity of [null, {}, { attachments: {} }, { attachments: [null, { content: { buttons: 'x' } }] }]) {
    assert.equal(signInLink(activity, OURS), null);
  }
});

function card(...values) {
  return { type: 'message', attachments: [{ content: { buttons: values.map((value) => ({ value })) } }] };
}

async function load(path) {
  const entry = fileURLToPath(new URL(path, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
