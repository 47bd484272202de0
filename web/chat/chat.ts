/**
 * The chat page: the stock Web Chat on our Direct Line, with what sign-in needs around it.
 *
 * Web Chat does the talking. We open the conversation, read the server's `usher/status` events and
 * show the bar. Web Chat's own `disabled` would disable the sign-in card as well, so while typing is
 * blocked its send box is hidden and the bar takes the place (SGN-5).
 */
import { part } from '../shared/page';
import { Bar } from './bar';
import { openConversation, type Conversation, type Place } from './conversation';
import { field } from './field';
import { signInLink } from './link';
import { onSchemeChange, styleOptions } from './look';
import { AT_FIRST, statusIn } from './status';
import { Trouble, Watch } from './trouble';

/** Set before a reload that shall begin a new conversation; of this tab only. */
const FRESH = 'usher-fresh';

const root = part('chat', HTMLElement);
const trouble = new Trouble();
const watch = new Watch(trouble);
offerStartOver();
start().catch(() => watch.fail('unreachable'));

async function start(): Promise<void> {
  const place = readPlace();
  const fresh = takeFresh(place);
  show(await openConversation(place, fresh), place);
}

function show({ directLine: options, userId, skew }: Conversation, { base }: Place): void {
  if (!WebChat) throw new Error('Web Chat did not load');
  const { createDirectLine, createStore, renderWebChat } = WebChat;
  const directLine = createDirectLine(options);
  let status = AT_FIRST;
  let link: string | null = null;
  const ours = new URL(`${base}/sign-in/`, window.location.origin);
  const store = createStore({}, watchActivities((activity) => {
    status = statusIn(activity) ?? status;
    link = signInLink(activity, ours) ?? link;
    drawSoon();
  }));
  const bar = new Bar({
    cancel: () => store.dispatch(message('cancel')),
    sendCode: (code) => post(directLine, userId, code),
  });
  const draw = (): void => {
    renderWebChat({
      directLine,
      store,
      userID: userId,
      locale: 'en-US',
      nonce: root.dataset['nonce'] ?? '',
      role: 'main',
      styleOptions: styleOptions(status.typing !== 'open'),
    }, part('web-chat', HTMLElement));
    bar.show(status, link, skew);
    root.dataset['typing'] = status.typing;
    root.setAttribute('aria-busy', 'false');
  };
  const drawSoon = once(draw);
  onSchemeChange(draw);
  draw();
  watch.follow(directLine);
}

/** A middleware of Web Chat's store that shows us each activity and lets everything pass. */
function watchActivities(take: (activity: unknown) => void): WebChatMiddleware {
  return () => (next) => (action) => {
    if (action.type === 'DIRECT_LINE/INCOMING_ACTIVITY') take(field(action.payload, 'activity'));
    return next(action);
  };
}

/** A replay brings many activities in a row; only the state after the last is worth drawing. */
function once(draw: () => void): () => void {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    window.setTimeout(() => {
      pending = false;
      draw();
    }, 30);
  };
}

function message(text: string): WebChatAction {
  return { type: 'WEB_CHAT/SEND_MESSAGE', payload: { method: 'keyboard', text } };
}

/**
 * Posts the code past Web Chat's store, so that it never shows in the transcript (PHI-12).
 *
 * Direct Line tells a passing fault by the value `retry`, which nobody repeats by itself.
 */
function post(directLine: DirectLine, userId: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    directLine.postActivity({ type: 'message', text, from: { id: userId, role: 'user' } }).subscribe(
      (id) => (id === 'retry' ? reject(new Error('not taken')) : resolve()),
      reject,
    );
  });
}

function readPlace(): Place {
  const { base = '', organization = '', agent = '' } = root.dataset;
  return { base, organization, agent };
}

function offerStartOver(): void {
  const dialog = part('start-over-dialog', HTMLDialogElement);
  part('start-over', HTMLButtonElement).addEventListener('click', () => dialog.showModal());
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'yes') startOver();
  });
}

/** A reload is the one way to leave nothing of the old conversation behind in the page. */
function startOver(): void {
  const { organization, agent } = readPlace();
  window.sessionStorage.setItem(FRESH, `${organization}/${agent}`);
  window.location.reload();
}

function takeFresh({ organization, agent }: Place): boolean {
  const fresh = window.sessionStorage.getItem(FRESH) === `${organization}/${agent}`;
  if (fresh) window.sessionStorage.removeItem(FRESH);
  return fresh;
}
