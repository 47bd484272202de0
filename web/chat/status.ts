/** What the server says about the conversation's sign-in: the newest `usher/status` event. */
import { instant } from '../shared/countdown';
import { field } from './field';

export interface Status {
  readonly typing: 'open' | 'blocked' | 'code';
  readonly signedIn: boolean;
  /** How the provider calls the account; `null` while nobody is signed in, or if it told no name. */
  readonly account: string | null;
  readonly prompt: Prompt | null;
}

export interface Prompt {
  readonly expires: Date;
  readonly title: string;
}

export const AT_FIRST: Status = { typing: 'open', signedIn: false, account: null, prompt: null };

/** Nothing, unless the activity is an event of ours. Of a value we cannot read, the harmless half counts. */
export function statusIn(activity: unknown): Status | null {
  if (field(activity, 'type') !== 'event' || field(activity, 'name') !== 'usher/status') return null;
  const value = field(activity, 'value');
  const typing = field(value, 'typing');
  return {
    typing: typing === 'blocked' || typing === 'code' ? typing : 'open',
    signedIn: field(value, 'signed_in') === true,
    account: text(field(value, 'account')),
    prompt: prompt(field(value, 'prompt')),
  };
}

function prompt(value: unknown): Prompt | null {
  const expires = instant(text(field(value, 'expires_at')));
  return expires && { expires, title: text(field(value, 'title')) ?? 'Sign-in' };
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
