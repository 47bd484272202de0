// Typing while a sign-in is pending: the step decides, in the page and in the API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from '../harness/browser.mjs';
import { Chat } from '../harness/chat.mjs';
import { folder, write } from '../harness/folder.mjs';
import { provider } from '../harness/provider.mjs';
import { apply, serve } from '../harness/usher.mjs';
import { workspace } from '../harness/workspace.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// Proves: SGN-5
test('a step that blocks typing blocks it in page and API, and one that does not lets words through', async (t) => {
  const origin = await publish(t);

  const blocked = await visitor(t, browser);
  const waiting = await Chat.open(blocked.page, `${origin}/chat/acme/blocked`);
  await waiting.waiting.waitFor();
  assert.equal(await waiting.sendBox.count(), 0);
  const refusal = await post(origin, blocked.page, 'blocked', 'hello');
  assert.deepEqual([refusal.status, refusal.code], [409, 'sign_in_pending']);
  await waiting.button('Cancel').click();
  await waiting.says('You cancelled.');
  await waiting.sendBox.waitFor();

  const open = await visitor(t, browser);
  const talking = await Chat.open(open.page, `${origin}/chat/acme/open`);
  await talking.button('Sign In').waitFor();
  await talking.type('hello meanwhile');
  await talking.says('hello meanwhile');
  const taken = await post(origin, open.page, 'open', 'hello again');
  assert.deepEqual([taken.status, taken.code], [200, undefined]);
  await talking.says('hello again');
  assert.equal(await open.page.getByText('Send failed').count(), 0);
  await talking.button('Sign In').waitFor();
});

/** Posts a message past the page, with the page's own cookie and a token for its conversation. */
async function post(origin, page, agent, text) {
  return page.evaluate(async ({ origin, agent, text }) => {
    const json = { 'content-type': 'application/json' };
    const opened = await fetch(`/chat/acme/${agent}/conversation`, {
      method: 'POST', headers: { ...json, 'x-usher': '1' }, body: '{"fresh":false}',
    });
    const { token, conversation_id: id } = await opened.json();
    const answer = await fetch(`${origin}/v3/directline/conversations/${id}/activities`, {
      method: 'POST', headers: { ...json, authorization: `Bearer ${token}` },
      body: JSON.stringify({ type: 'message', text }),
    });
    return { status: answer.status, code: (await answer.json()).error?.code };
  }, { origin, agent, text });
}

async function publish(t) {
  const server = await serve(t);
  const { announced } = await provider(t, ['--redirect', `${server.url}/oauth-callback/acme/corp`]);
  await server.start();
  const directory = await folder(t);
  await write(directory, { ...workspace(announced), ...agent('blocked', true), ...agent('open', false) });
  await apply(t, server, directory, { CORP_CLIENT_SECRET: announced.client_secret });
  return server.url;
}

function agent(name, blocks) {
  const at = `organizations/acme/agents/${name}`;
  return {
    [`${at}/agent.yaml`]: `agent: ${name}
title: Agent ${name}
security:
  sign_in: { connection: corp }
start: main
`,
    [`${at}/flows/main.yaml`]: `flow: main
starts: chat
steps:
  - id: sign_in
    sign_in: { connection: corp, block_user_input: ${blocks} }
    on_exception:
      - { goto: cancelled }
  - id: done
    message: Signed in.
    next: end
  - id: cancelled
    message: You cancelled.
    next: end
`,
  };
}
