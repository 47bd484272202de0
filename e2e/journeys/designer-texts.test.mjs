// Whoever designs a flow writes text. Nothing of it may run, load, or lead where we do not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { Chat } from '../harness/chat.mjs';
import { folder, write } from '../harness/folder.mjs';
import { provider } from '../harness/provider.mjs';
import { apply, serve } from '../harness/usher.mjs';
import { workspace } from '../harness/workspace.mjs';

const HOSTILE = [
  '<script>window.ran = 1</script>',
  '<img src=x onerror="window.ran = 2">',
  '<a href="https://evil.example/a">tag</a>',
  '[markdown](https://evil.example/b)',
  '![picture](https://evil.example/c.png)',
  '[script](javascript:window.ran=3)',
  '<iframe src="https://evil.example/d"></iframe>',
];

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// Proves: TPL-5
test('texts of a designer are shown as they are written and do nothing', async (t) => {
  const chatUrl = await publish(t);
  const person = await visitor(t, browser);
  const elsewhere = [];
  person.page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(chatUrl).origin) elsewhere.push(request.url());
  });
  const chat = await Chat.open(person.page, chatUrl);
  await chat.button('Sign In').waitFor();
  const transcript = person.page.locator('#web-chat');

  // Web Chat curls the quotes of a card.
  const shown = (await chat.bubbles.allInnerTexts()).map((text) => text.replace(/[“”]/g, '"'));
  for (const text of HOSTILE) {
    assert.equal(shown.filter((bubble) => bubble.includes(text)).length, 2, `not literal in message and card: ${text}`);
  }
  const made = await transcript.evaluate((root) => ({
    links: [...root.querySelectorAll('a[href]')].map((link) => link.getAttribute('href')),
    parts: root.querySelectorAll('iframe, script, img[src*="evil"], img[src="x"]').length,
    ran: window.ran,
  }));
  assert.deepEqual(made, { links: [], parts: 0, ran: undefined });

  // A button whose value is no link of ours says its words; it opens nothing. Something said first:
  // then the chat is connected, and nothing is drawn anew under the pointer.
  await chat.type('hello');
  await chat.says('hello');
  const opened = [];
  person.context.on('page', (page) => opened.push(page.url()));
  await chat.button('script:').click();
  await chat.says('javascript:window.ran=4');
  assert.equal(await person.page.evaluate(() => window.ran), undefined);
  assert.deepEqual([opened, elsewhere, person.complaints], [[], [], []]);
});

async function publish(t) {
  const server = await serve(t);
  const { announced } = await provider(t, ['--redirect', `${server.url}/oauth-callback/acme/corp`]);
  await server.start();
  const directory = await folder(t);
  const flow = 'organizations/acme/agents/travel/flows/main.yaml';
  await write(directory, { ...workspace(announced), [flow]: hostileFlow() });
  await apply(t, server, directory, { CORP_CLIENT_SECRET: announced.client_secret });
  return `${server.url}/chat/acme/travel`;
}

function hostileFlow() {
  const text = JSON.stringify(HOSTILE.join('\n'));
  return `flow: main
starts: chat
steps:
  - id: say
    message: ${text}
  - id: sign_in
    sign_in:
      connection: corp
      card:
        text: ${text}
        buttons:
          - { title: Sign In, value: "[[ChatUser]].OauthAccessURL" }
          - { title: "script: <b>bold</b>", value: "javascript:window.ran=4" }
          - { title: Cancel, value: cancel }
`;
}
