/**
 * The newest sign-in link that the agent has sent.
 *
 * The card's own button is reached by keyboard only after the transcript has been entered, which few
 * people know. So the bar offers the same link again, one Tab away.
 */
import { field } from './field';

/** The link of a card's button, if the activity has one that leads below `ours`, our sign-in page. */
export function signInLink(activity: unknown, ours: URL): string | null {
  const cards = list(field(activity, 'attachments'));
  const buttons = cards.flatMap((card) => list(field(field(card, 'content'), 'buttons')));
  const link = buttons.map((button) => field(button, 'value')).find((value) => leadsBelow(value, ours));
  return typeof link === 'string' ? link : null;
}

function leadsBelow(value: unknown, ours: URL): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const url = new URL(value);
  return url.origin === ours.origin && url.pathname.startsWith(ours.pathname);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
